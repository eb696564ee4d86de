"""Pictures that a program holds in memory, as the bytes of a file: what is asked about is decoded where files are."""

from __future__ import annotations

import io

import numpy as np
from numpy.typing import NDArray
from PIL import Image

KEPT_MODES = frozenset({"1", "L", "LA", "I;16", "P", "RGB", "RGBA"})
"""What PNG holds as it is; anything else becomes RGB."""

FAST = 1
"""Level of compression: these bytes are read once."""


def of_array(pixels: NDArray[np.uint8]) -> bytes:
    """A PNG of uint8[height, width], [height, width, 3] in RGB order or [height, width, 4] with alpha.

    Raises ValueError with a sentence for any other array.
    """
    is_picture = pixels.ndim == 2 or (pixels.ndim == 3 and pixels.shape[2] in (3, 4))
    if pixels.dtype != np.uint8 or not is_picture or not pixels.size:
        raise ValueError(
            f"An array of {pixels.dtype}{list(pixels.shape)} is no picture: give uint8[height, width], "
            "[height, width, 3] in RGB order, or [height, width, 4] with alpha."
        )
    return of_image(Image.fromarray(np.ascontiguousarray(pixels)))


def of_image(image: Image.Image) -> bytes:
    """A PNG of the image as it is now: its first frame, with colour profile and EXIF orientation. Raises OSError where
    its file, which Pillow reads late, is broken."""
    image.load()
    kept = image if image.mode in KEPT_MODES else image.convert("RGB")
    out = io.BytesIO()
    kept.save(out, "PNG", compress_level=FAST, exif=image.getexif().tobytes())
    return out.getvalue()
