"""The digest of a picture's pixels: equal where every frame is, whatever wraps them."""

from __future__ import annotations

import hashlib

from PIL import Image, ImageFile

from imgindex.pictures.headers import orientation_of, upright
from imgindex.records import PictureInfo, Rgb

MAX_DIGEST_PIXELS = 2_000_000_000
"""Frames times pixels up to which every frame of an animation is digested."""

_STRIP_BYTES = 1 << 22


def digest_of(image: ImageFile.ImageFile, data: bytes, info: PictureInfo) -> bytes:
    """See `pixel_digest`; `image` is loaded in full, on its first frame, and may be on another afterwards."""
    shallow = info.bit_depth > 8 and image.mode not in ("I", "F") and not image.mode.startswith("I;16")
    if shallow or info.pixels * info.frames > MAX_DIGEST_PIXELS:
        return hashlib.sha256(b"encoded" + data).digest()
    sha = hashlib.sha256()
    try:
        for frame in range(info.frames):
            if info.frames > 1:
                image.seek(frame)
                image.load()
            _hash_frame(sha, image, orientation_of(image))
    except (EOFError, OSError, SyntaxError, ValueError):
        return hashlib.sha256(b"encoded" + data).digest()
    return sha.digest()


def digest_of_rgb(rgb: Rgb) -> bytes:
    """What `digest_of` is of the one frame of 8 bits that was decoded to these pixels."""
    sha = hashlib.sha256(_frame_header("RGB", rgb.shape[1], rgb.shape[0]))
    sha.update(rgb.data)
    return sha.digest()


def _frame_header(mode: str, width: int, height: int) -> bytes:
    return f"{mode} {width} {height}\n".encode()


def _hash_frame(sha: hashlib._Hash, image: Image.Image, orientation: int) -> None:
    if image.mode == "P" or (image.mode in ("L", "RGB") and "transparency" in image.info):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image = upright(image, orientation)
    width, height = image.size
    sha.update(_frame_header(image.mode, width, height))
    rows = max(1, _STRIP_BYTES // (4 * width))
    for top in range(0, height, rows):
        sha.update(image.crop((0, top, width, min(top + rows, height))).tobytes())
