"""A camera's RAW file: its embedded preview where that is large enough, else a development at half the size.

LibRaw, by rawpy, reads the file. The picture has the size and depth of the sensor, for that is what would be lost with
the file: no preview's pixels stand for it.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from io import BytesIO
from typing import Any, TypeVar

from PIL import Image, ImageFile

from imgindex.pictures.jpeg_end import ended
from imgindex.pictures.tiff_directories import is_cut, sensor_bits

PREVIEW_PX = 1600
"""Long side from which an embedded preview is taken. Nothing that compares pictures looks at more than 1,280 px of
them, and the small previews of cameras (Sony's have 1616 x 1080) are above; a smaller one is taken where it has half
of the photo's long side or more, which is what the development gives."""

MAX_PREVIEW_PIXELS = 100_000_000
"""Up to here a preview without an end marker is decoded to see if it is whole: the largest sensors have as many."""

ASPECT_TOLERANCE = 0.05
"""Previews leave out up to 2 % of the sensor's margins; a 16:9 preview of a 3:2 photo shows 16 % less of it."""

SENSOR_BITS = 14
"""Depth of files that do not say it where others do (CR3, RAF): theirs is 12 to 16 bits. What counts is that a file of
8 bits does not hold it."""

_ORIENTATIONS = {0: 1, 1: 2, 3: 3, 2: 4, 4: 5, 6: 6, 7: 7, 5: 8}
"""EXIF orientation of each of LibRaw's `flip` (1: mirrored, 2: upside down, 4: transposed)."""

_TAG_ORIENTATION = 0x0112

T = TypeVar("T")


class RawImage(ImageFile.ImageFile):
    """A RAW file's picture. Its size is the photo's until it is loaded, then that of what was decoded;
    `info["bit_depth"]` is the sensor's, and EXIF says the turn that remains."""

    format = "RAW"
    format_description = "camera RAW"

    def _open(self) -> None:
        assert self.fp is not None
        self._content: bytes = self.fp.read()
        if is_cut(self._content):
            raise EOFError("the sensor data is not complete")
        with _opened(self._content) as raw:
            sizes = raw.sizes
            self._size = int(sizes.width), int(sizes.height)
            self._preview = _preview(raw, self._size)
        self.info["bit_depth"] = sensor_bits(self._content) or SENSOR_BITS
        orientation = _ORIENTATIONS.get(int(sizes.flip), 1)
        if self._preview is not None:
            orientation = _remaining(self._preview, self._size, orientation)
            if _lies(self._preview.size) != _lies(self._size):
                self._size = self._size[::-1]
        self.getexif()[_TAG_ORIENTATION] = orientation
        self._mode = "RGB"
        self._is_loaded = False

    def draft(self, mode: str | None, size: tuple[int, int] | None) -> None:
        """Have a JPEG preview decoded at reduced size, as `JpegImageFile.draft` does."""
        if self._preview is not None:
            self._preview.draft(mode, size)

    def load(self) -> Any:
        if not self._is_loaded:
            picture = self._developed() if self._preview is None else self._preview
            picture.load()
            self.im = picture.im
            self._mode, self._size = picture.mode, picture.size
            self._is_loaded = True
        return Image.Image.load(self)

    def _developed(self) -> Image.Image:
        with _opened(self._content) as raw:
            options = {"half_size": True, "use_camera_wb": True, "output_bps": 8, "user_flip": 0}
            return Image.fromarray(_told(lambda: raw.postprocess(**options)))


def open_raw(data: bytes) -> ImageFile.ImageFile:
    """The picture of `data`, of which nothing but headers is read yet.

    Raises NotImplementedError for a camera that LibRaw does not know, EOFError or ValueError for damaged data.
    """
    image: ImageFile.ImageFile = RawImage(BytesIO(data))
    return image


def _opened(data: bytes) -> Any:
    import rawpy

    return _told(lambda: rawpy.imread(BytesIO(data)))


def _told(call: Callable[[], T]) -> T:
    """What `call` returns; LibRaw's errors, whose words are bytes, as Python's."""
    import rawpy

    try:
        return call()
    except (rawpy.LibRawFileUnsupportedError, rawpy.LibRawNotImplementedError, rawpy.NotSupportedError) as error:
        raise NotImplementedError("camera not supported") from error
    except rawpy.LibRawUnsufficientMemoryError as error:
        raise MemoryError from error
    except rawpy.LibRawIOError as error:
        raise EOFError("the sensor data is not complete") from error
    except rawpy.LibRawError as error:
        raise ValueError("sensor data") from error


def _preview(raw: Any, size: tuple[int, int]) -> Image.Image | None:
    """The largest embedded picture, where it is whole, large enough, and shows all of the photo."""
    import rawpy

    try:
        found = raw.extract_thumb()
        if found.format == rawpy.ThumbFormat.BITMAP:
            picture = Image.fromarray(found.data)
        else:
            picture = Image.open(BytesIO(ended(found.data, MAX_PREVIEW_PIXELS)), formats=["JPEG"])
    except (rawpy.LibRawError, rawpy.NotSupportedError, OSError, EOFError, SyntaxError, ValueError, struct.error):
        return None
    return picture if _is_large_enough(picture.size, size) else None


def _is_large_enough(preview: tuple[int, int], photo: tuple[int, int]) -> bool:
    longest = max(photo)
    aspects = max(preview) / max(1, min(preview)), longest / max(1, min(photo))
    whole = abs(aspects[0] - aspects[1]) <= ASPECT_TOLERANCE * aspects[1]
    return whole and max(preview) >= min(PREVIEW_PX, longest // 2)


def _remaining(preview: Image.Image, photo: tuple[int, int], orientation: int) -> int:
    """How the preview is to be turned: as it says, else as the photo is. Not to its side where it stands already:
    LibRaw writes the photo's orientation into previews that have none, also into those that were turned."""
    try:
        own = preview.getexif().get(_TAG_ORIENTATION, orientation)
    except Exception:
        own = orientation
    turn = own if isinstance(own, int) and 1 <= own <= 8 else orientation
    stands = turn > 4 and _lies(preview.size) != _lies(photo)
    return 1 if stands else turn


def _lies(size: tuple[int, int]) -> bool:
    return size[0] >= size[1]
