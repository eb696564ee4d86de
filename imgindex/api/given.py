"""Pictures as a caller gives them: a path, the bytes of a file, a PIL image, an array."""

from __future__ import annotations

import os
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgindex.api.opened import StrPath, named_path
from imgindex.errors import UsageError
from imgindex.pictures import encode
from imgindex.runs.query import Given

PictureLike: TypeAlias = StrPath | bytes | Image.Image | NDArray[np.uint8]
"""A path; the bytes of a picture file; a PIL image; or an array: uint8[height, width], [height, width, 3] in RGB order
(OpenCV has BGR), or [height, width, 4] with alpha."""


def given(picture: PictureLike) -> Given:
    """The picture as the runs take it; UsageError where it is none of these."""
    if isinstance(picture, str | os.PathLike):
        return named_path(picture)
    if isinstance(picture, bytes | bytearray | memoryview):
        return bytes(picture)
    try:
        if isinstance(picture, Image.Image):
            return encode.of_image(picture)
        if isinstance(picture, np.ndarray):
            return encode.of_array(picture)
    except (ValueError, OSError) as error:
        raise UsageError(
            f"The given picture cannot be read: {error}" if isinstance(error, OSError) else str(error)
        ) from error
    raise UsageError(
        f"A value of type {type(picture).__name__} is no picture: give a path, bytes, a PIL image or an array."
    )
