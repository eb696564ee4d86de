"""A picture in full, with what its file says beside the pixels: what weighing two copies reads.

What counts as metadata is what a person would miss: capture date, camera, GPS, description, rating.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile, JpegImagePlugin

from imgindex.pictures import decode, headers
from imgindex.pictures.flatten import flattened
from imgindex.records import PictureInfo, Rgb

FEW_COLOURS = 256
"""A palette holds so many at most."""

LEVEL_SHARE = 2_000
"""Fewer pixels of a level are the dither and the rounding between others."""

LOSSY = ("JPEG", "HEIF", "AVIF", "JPEG2000")
"""Formats whose pixels are, as a rule, not those that were given to the coder; WebP says which of the two it is."""

_EXIF_CAMERA = (0x010F, 0x0110)
_EXIF_DESCRIPTION = 0x010E
_EXIF_RATING = 0x4746
_EXIF_IFD, _GPS_IFD = 0x8769, 0x8825
_EXIF_CAPTURED = (0x9003, 0x9004)
_EXIF_EXPOSURE = 0x829A

_GAIN_MAP = re.compile(rb"hdrgm:|HDRGainMap|hdrgainmap|urn:iso:std:iso:ts:21496")
_MOTION = re.compile(rb"MotionPhoto=\"1|MicroVideo=\"1|MotionPhoto>1|MicroVideo>1|MotionPhoto_Data")
_RATING = re.compile(rb"xmp:Rating(?:=\"|>)\s*[1-5]")
_DESCRIPTION = re.compile(rb"<dc:(?:description|title|subject)>")


@dataclass(frozen=True, slots=True)
class Coder:
    """How a JPEG was coded: steps of each table, and Pillow's number of the sampling of colour."""

    tables: tuple[tuple[int, ...], ...]
    sampling: int
    grey: bool


@dataclass(frozen=True, slots=True, eq=False)
class Whole:
    """One decoded picture at its full resolution.

    rgb          uint8[h, w, 3], oriented, the first frame, alpha flattened on white
    table        float32[8, 8] steps of the luma's quantisation in a JPEG, rows vertical frequencies, on stored axes;
                 else None
    coder        what coding it again as JPEG needs: the steps of all tables, and the sampling of colour; None in others
    orientation  EXIF orientation that was applied, 1 to 8: what the stored axes are
    lossy        the coder changed the pixels it was given
    translucent  some pixel is not opaque
    gain_map     a map that widens its range of brightness lies beside the picture
    motion       a short video lies beside the picture
    colours      distinct colours where they are at most FEW_COLOURS, else None
    levels       levels of green that at least one pixel in LEVEL_SHARE has
    metadata     which of "capture date", "camera", "GPS", "description", "rating" the file has
    """

    info: PictureInfo
    rgb: Rgb
    table: NDArray[np.float32] | None
    coder: Coder | None
    orientation: int
    lossy: bool
    translucent: bool
    gain_map: bool
    motion: bool
    colours: int | None
    levels: int
    metadata: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        return self.info.size

    @property
    def nbytes(self) -> int:
        return self.rgb.nbytes


def whole(data: bytes) -> Whole:
    """The picture in `data` and what is beside it. Raises decode.NotAPicture and decode.Undecodable."""
    with decode._opened(data, decode.MAX_PIXELS) as image:
        frames = headers.frame_count(image)
        image.load()
        info = headers.info_of(image, data, image.size, frames)
        orientation = headers.orientation_of(image)
        turned = headers.upright(flattened(image, info.bit_depth), orientation).convert("RGB")
        return Whole(
            info=info,
            rgb=np.ascontiguousarray(np.asarray(turned), np.uint8),
            table=_table(image),
            coder=_coder(image),
            orientation=orientation,
            lossy=info.format in LOSSY or (info.format == "WEBP" and b"VP8 " in data[:64]),
            translucent=_translucent(image),
            gain_map=_GAIN_MAP.search(data) is not None,
            motion=_MOTION.search(data) is not None,
            colours=_colours(image, turned),
            levels=_levels(turned),
            metadata=_metadata(image, data),
        )


def _table(image: ImageFile.ImageFile) -> NDArray[np.float32] | None:
    tables: dict[int, list[int]] = getattr(image, "quantization", None) or {}
    steps = tables.get(0)
    return None if steps is None or len(steps) != 64 else np.array(steps, np.float32).reshape(8, 8)


def _coder(image: ImageFile.ImageFile) -> Coder | None:
    tables: dict[int, list[int]] = getattr(image, "quantization", None) or {}
    if not tables or image.mode not in ("L", "RGB"):
        return None
    sampling = JpegImagePlugin.get_sampling(image)
    return Coder(tuple(tuple(tables[key]) for key in sorted(tables)), sampling, image.mode == "L")


def _translucent(image: Image.Image) -> bool:
    if not image.has_transparency_data:
        return False
    least = image.convert("RGBA").getchannel("A").getextrema()[0]
    return isinstance(least, int) and least < 255


def _colours(image: Image.Image, rgb: Image.Image) -> int | None:
    if image.mode in ("1", "L"):
        return None
    found = rgb.getcolors(FEW_COLOURS)
    return None if found is None else len(found)


def _levels(rgb: Image.Image) -> int:
    counts, pixels = rgb.getchannel("G").histogram(), rgb.width * rgb.height
    return sum(count * LEVEL_SHARE > pixels for count in counts)


def _metadata(image: ImageFile.ImageFile, data: bytes) -> tuple[str, ...]:
    """Broken metadata counts as none."""
    found = []
    try:
        exif = image.getexif()
        inner: dict[int, Any] = exif.get_ifd(_EXIF_IFD)
        if any(inner.get(tag) for tag in _EXIF_CAPTURED):
            found.append("capture date")
        if any(exif.get(tag) for tag in _EXIF_CAMERA) or inner.get(_EXIF_EXPOSURE):
            found.append("camera")
        if len(exif.get_ifd(_GPS_IFD)) > 1:
            found.append("GPS")
        if str(exif.get(_EXIF_DESCRIPTION) or "").strip():
            found.append("description")
        if exif.get(_EXIF_RATING):
            found.append("rating")
    except Exception:
        found = []
    for name, pattern in (("description", _DESCRIPTION), ("rating", _RATING)):
        if name not in found and pattern.search(data):
            found.append(name)
    return tuple(found)
