"""What the header of a picture says: size, orientation, frames, bits of a sample."""

from __future__ import annotations

import hashlib
from typing import Any

from PIL import Image, ImageFile

from imgindex.records import PictureInfo

MAX_BIT_DEPTH = 32
"""No format that is decoded has more; a damaged header may say so."""

MAX_FRAMES = (1 << 31) - 1
"""Of a header that has 32 bits for it."""

_TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_TURNED = (5, 6, 7, 8)
_TAG_ORIENTATION = 0x0112
_TAG_BITS_PER_SAMPLE = 258


def info_of(image: ImageFile.ImageFile, data: bytes, full: tuple[int, int], frames: int) -> PictureInfo:
    """What is known of a loaded picture whose size in its file is `full`."""
    width, height = full[::-1] if orientation_of(image) in _TURNED else full
    profile = image.info.get("icc_profile")
    return PictureInfo(
        format="JPEG" if image.format == "MPO" else str(image.format),
        width_px=width,
        height_px=height,
        mode=image.mode,
        bit_depth=bit_depth_of(image, data),
        has_alpha=image.has_transparency_data,
        frames=frames,
        icc_digest=hashlib.sha256(profile).digest() if profile else None,
    )


def frame_count(image: ImageFile.ImageFile) -> int:
    """Frames or pages, at least 1; a picture whose later frames are damaged counts as one."""
    try:
        frames = min(max(1, int(getattr(image, "n_frames", 1))), MAX_FRAMES)
        if image.format == "MPO" and frames > 1:
            image.seek(frames - 1)
            image.seek(0)
        return frames
    except Exception:
        return 1


def orientation_of(image: ImageFile.ImageFile) -> int:
    """EXIF orientation that remains to be applied, 1 to 8; 1 where the metadata is broken.

    Pillow applies it to TIFF, and libheif the container's own to HEIC, while they decode.
    """
    if image.format in ("TIFF", "HEIF"):
        return 1
    try:
        value = image.getexif().get(_TAG_ORIENTATION, 1)
    except Exception:
        return 1
    return value if isinstance(value, int) and 1 <= value <= 8 else 1


def bit_depth_of(image: ImageFile.ImageFile, data: bytes) -> int:
    """Bits of one sample in the file: 1 (bilevel), 8 (2 and 4 count as 8), 10, 12, 16, at most MAX_BIT_DEPTH."""
    if image.mode == "1":
        return 1
    depth = 32 if image.mode in ("I", "F") else 16 if image.mode.startswith("I;16") else 8
    match image.format:
        case "PNG":
            depth = data[24]
        case "TIFF":
            depth = max(_bits_per_sample(image), default=depth)
        case "HEIF" | "RAW" | "JXL":
            depth = int(image.info.get("bit_depth", 8))
        case "AVIF":
            depth = _avif_depth(data)
        case "JPEG2000":
            depth = _jpeg2000_depth(data)
        case "PPM" if image.mode == "I":
            depth = 16
        case "SGI":
            depth = 8 * data[3]
    return min(max(8, depth), MAX_BIT_DEPTH)


def _bits_per_sample(image: ImageFile.ImageFile) -> tuple[int, ...]:
    value: Any = getattr(image, "tag_v2", {}).get(_TAG_BITS_PER_SAMPLE, ())
    return tuple(v for v in (value if isinstance(value, tuple) else (value,)) if isinstance(v, int))


def _avif_depth(data: bytes) -> int:
    """From the codec configuration box: AV1-ISOBMFF 2.3.3, bits high_bitdepth and twelve_bit."""
    at = data.find(b"av1C", 0, 1 << 16)
    flags = data[at + 6] if 0 <= at < len(data) - 6 else 0
    return 8 if not flags & 0x40 else 12 if flags & 0x20 else 10


def _jpeg2000_depth(data: bytes) -> int:
    """From the SIZ marker segment: ISO/IEC 15444-1 A.5.1, Ssiz of the first component."""
    at = data.find(b"\xff\x4f\xff\x51")
    return (data[at + 42] & 0x7F) + 1 if 0 <= at < len(data) - 42 else 8


def upright(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else image
