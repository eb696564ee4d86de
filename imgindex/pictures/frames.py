"""The frames of an animation and the pages of a scan, each as a picture of its own."""

from __future__ import annotations

from collections.abc import Collection, Iterator
from io import BytesIO

from PIL import Image

from imgindex.pictures import decode, headers
from imgindex.skips import Skip

PNG_LEVEL = 1
"""Of zlib: what is taken out of a file is read once, and forgotten."""


def frames(data: bytes, numbers: Collection[int]) -> Iterator[bytes]:
    """The frames of these numbers (from 0), in their order in the file, each as a PNG of the same pixels, oriented.

    Raises decode.Undecodable at a frame that is damaged, and decode.NotAPicture.
    """
    with decode._opened(data, decode.MAX_PIXELS) as image:
        orientation = headers.orientation_of(image)
        for number in sorted(set(numbers)):
            image.seek(number)
            image.load()
            if image.width * image.height > decode.MAX_PIXELS:
                raise decode.Undecodable(Skip("too-large", f"Frame {number + 1} is too large to be looked at."))
            out = BytesIO()
            headers.upright(_plain(image), orientation).save(out, "PNG", compress_level=PNG_LEVEL)
            yield out.getvalue()


def _plain(image: Image.Image) -> Image.Image:
    """In a mode that PNG has."""
    if image.mode in ("1", "L", "LA", "RGB", "RGBA", "I;16"):
        return image
    return image.convert("RGBA" if image.has_transparency_data else "RGB")
