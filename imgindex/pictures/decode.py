"""Untrusted bytes to pixels: oriented, at the size that is needed, or a sentence that says why not.

What a content is, is told from its bytes. Nothing of what is decoded here depends on the file's name.
Colour profiles are kept as a digest and not applied: pictures are compared by their structure, which a
profile leaves alone, and the digest keeps two profiles over the same numbers from being called same pixels.
"""

from __future__ import annotations

import contextlib
import re
import zlib
from collections.abc import Iterator
from dataclasses import replace
from importlib import metadata

import cv2
import numpy as np
from PIL import Image, ImageFile

from imgindex.pictures import extras
from imgindex.pictures.decoders import limits, open_as
from imgindex.pictures.digests import digest_of, digest_of_rgb
from imgindex.pictures.flatten import flattened, reduced_rgb
from imgindex.pictures.formats import Format, Kind, sniff
from imgindex.pictures.headers import bit_depth_of, frame_count, info_of, orientation_of, upright
from imgindex.records import Luma, Picture, Rgb
from imgindex.skips import Skip, Skipped, out_of_memory

MAX_PIXELS = 300_000_000
"""Above the largest single shots (200 megapixels) and most stitched panoramas; a PNG of 289 megapixels took
1.2 GB of memory and 5 s to decode, with alpha 2.3 GB and 14 s."""

MAX_PIXELS_OF = {"WEBP": 150_000_000}
"""Where a decoder takes more memory: 16 bytes a pixel. A WebP of 40 bytes that claims 16383 x 16383 took 4.2 GB,
and six of them 85 s."""

MAX_RGB_PIXELS = 8_000_000
"""Pictures longer than 40:1 are reduced below the short side asked for, so that no result is above 24 MB."""

FREE_DIGEST_PIXELS = 1_000_000
"""Up to this size the pixel digest comes unasked with a full-resolution decoding: hashing 3 MB takes 2 ms,
decoding again for it, when two pictures of one size meet, 19 ms (JPEG) to 57 ms (PNG)."""

OVERSAMPLING = 2
"""A JPEG for `luma` is reduced in its decoder to no less than this many times the size asked for. The SSIM
of such a luma with that of a PNG of the same 12-megapixel pixels, lowest of 8 photos, at 320 / 512 / 768 /
1024 px: 0.998 / 0.999 / 0.999 / 1.000 in 24 / 33 / 37 / 76 ms; with 1 it is 0.986 / 0.997 / 0.995 / 0.999
in 18 / 25 / 21 / 40 ms."""

DECODER_VERSION = 2
"""Raise it where content is read now that was refused before; see `version`."""


class Undecodable(Skipped):
    """A picture that cannot be decoded."""


class NotAPicture(Skipped):
    """A content that is no picture: ignored, or skipped with `skip` where the file's name claims a picture."""


def decode(
    data: bytes, *, short_side_px: int, with_pixel_digest: bool = False, max_pixels: int = MAX_PIXELS
) -> Picture:
    """The picture in `data`, oriented, its shorter side in [short_side_px, 2 * short_side_px].

    A smaller picture is left as it is. Reduced by whole factors: first by the JPEG decoder, then by
    averaging boxes; further where it has more than MAX_RGB_PIXELS. Of an animation, the first frame.
    `info.pixel_digest` (see `pixel_digest`) is filled where that costs little, and always with
    `with_pixel_digest`, at the price of decoding in full.

    Raises NotAPicture and Undecodable.
    """
    with _opened(data, max_pixels) as image:
        full, frames = image.size, frame_count(image)
        drafted = not with_pixel_digest and _draft(image, None, (short_side_px, short_side_px))
        image.load()
        info = info_of(image, data, full if drafted or image.format == "RAW" else image.size, frames)
        factor = max(1, min(image.size) // short_side_px)
        while image.width * image.height > MAX_RGB_PIXELS * factor**2:
            factor += 1
        oriented = np.asarray(upright(reduced_rgb(image, factor, info.bit_depth), orientation_of(image)))
        rgb = np.ascontiguousarray(oriented, np.uint8)
        if with_pixel_digest or (not drafted and frames == 1 and info.pixels <= FREE_DIGEST_PIXELS):
            is_plain = image.mode == "RGB" and not image.has_transparency_data and frames == factor == 1
            digest = digest_of_rgb(rgb) if is_plain and info.bit_depth == 8 else digest_of(image, data, info)
            info = replace(info, pixel_digest=digest)
    return Picture(info, rgb)


def version() -> int:
    """A number in [0, 2**31) that changes with DECODER_VERSION and with the libraries that decode."""
    libraries = [metadata.version(name) for name in ("pillow", "pillow-heif")] + extras.versions()
    return zlib.crc32(f"{DECODER_VERSION} {libraries}".encode()) & 0x7FFFFFFF


def pixel_digest(data: bytes, *, max_pixels: int = MAX_PIXELS) -> bytes:
    """32 bytes that are the same for contents with the same oriented full-resolution pixels.

    Every frame counts, with its size and mode, at the depth of the file. Palettes are expanded, so that
    their order does not count. Metadata and colour profile do not count (the profile's digest is in
    PictureInfo). Where the decoder gives fewer bits than the file has, or an animation has more than
    MAX_DIGEST_PIXELS, the digest is of the encoded bytes: it never equals another content's.

    Raises NotAPicture and Undecodable.
    """
    with _opened(data, max_pixels) as image:
        frames = frame_count(image)
        image.load()
        return digest_of(image, data, info_of(image, data, image.size, frames))


def luma(data: bytes, long_side_px: int, *, max_pixels: int = MAX_PIXELS) -> Luma:
    """Oriented luma of the picture in `data`, its longer side at most `long_side_px`, never larger than the picture.

    Reduced by pixel-area averaging, which a JPEG decoder begins where it leaves OVERSAMPLING times as much. What a RAW
    file gives at half its size is enlarged, so that the luma of any two pictures of one size have one size.

    Raises NotAPicture and Undecodable.
    """
    return np.ascontiguousarray(_reduced(data, long_side_px, "L", max_pixels), np.uint8)


def rgb(data: bytes, long_side_px: int, *, max_pixels: int = MAX_PIXELS) -> Rgb:
    """The picture in `data` in colour, at the size of `luma`. Raises NotAPicture and Undecodable."""
    return np.ascontiguousarray(_reduced(data, long_side_px, "RGB", max_pixels), np.uint8)


def _reduced(data: bytes, long_side_px: int, mode: str, max_pixels: int) -> Image.Image:
    with _opened(data, max_pixels) as image:
        size = _fitted(image.size, long_side_px)
        if not _draft(image, mode if mode == "L" else None, (size[0] * OVERSAMPLING, size[1] * OVERSAMPLING)):
            image.load()
            size = size if image.format == "RAW" else _fitted(image.size, long_side_px)
        pixels = np.asarray(flattened(image, bit_depth_of(image, data)).convert(mode))
        if pixels.shape[:2] != size[::-1]:
            way = cv2.INTER_AREA if size[0] <= pixels.shape[1] else cv2.INTER_LINEAR
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=way), np.uint8)
        return upright(Image.fromarray(pixels), orientation_of(image))


def _fitted(size: tuple[int, int], long_side_px: int) -> tuple[int, int]:
    scale = min(1.0, long_side_px / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


@contextlib.contextmanager
def _opened(data: bytes, max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """The picture of `data`, header read and size checked; what a decoder raises becomes an Undecodable."""
    found = _format(data)
    max_pixels = min(max_pixels, MAX_PIXELS_OF.get(found.decoder, max_pixels))
    try:
        with limits(max_pixels), open_as(found.decoder, data, max_pixels) as image:
            if min(image.size) < 1:
                raise ValueError("a side of 0 pixels")
            if image.width * image.height > max_pixels:
                raise Undecodable(_too_many_pixels(image.size, max_pixels))
            yield image
    except Skipped:
        raise
    except MemoryError as error:
        raise Undecodable(out_of_memory()) from error
    except Exception as error:
        raise Undecodable(_explain(error, found.name, max_pixels)) from error


def _format(data: bytes) -> Format:
    """What `data` is told to be, where that is decoded here and now."""
    if not data:
        raise Undecodable(Skip("empty", "The file is empty (0 bytes); copy it again from where it came, or delete it."))
    found = sniff(data)
    if found.kind is Kind.OTHER:
        words = f"It holds {found.name} and is no picture; rename it, or download it again."
        raise NotAPicture(Skip("not-a-picture", words))
    if found.kind is Kind.UNDECODED:
        words = f"{found.name} files are not decoded; save a copy as JPEG or PNG to index the picture."
        raise Undecodable(Skip("unsupported", words))
    missing = extras.missing(found.decoder)
    if missing is not None:
        raise Undecodable(missing)
    return found


_TRUNCATED = re.compile(
    r"truncat|end of file|unexpected eof|too short|not enough|premature|incomplete|not processed|eof", re.I
)
_UNSUPPORTED = re.compile(
    r"unsupported|not supported|unknown|not implemented|unrecognized (?!data)|cannot handle", re.I
)
_SAYS_NOTHING = re.compile(r"^'?\w*'?$|decoder error -?\d+|0x[0-9a-f]{6,}|\bb'|not identified by this driver", re.I)


def _explain(error: Exception, name: str, max_pixels: int) -> Skip:
    words = " ".join(str(error).split()).rstrip(".")
    if isinstance(error, Image.DecompressionBombError):
        return Skip(
            "too-large", f"It claims more than {_mega(max_pixels)}, the limit; save a smaller copy to index it."
        )
    cause = error.__cause__ or error
    if isinstance(error, EOFError) or isinstance(cause, EOFError) or _TRUNCATED.search(words):
        return Skip("truncated", f"The {name} file ends before its picture does; copy it again from where it came.")
    unread = isinstance(cause, KeyError) or (name == "HEIC" and "not identified by this driver" in words)
    said = "" if _SAYS_NOTHING.search(words) else f" ({words[:120]})"
    if unread or isinstance(error, NotImplementedError) or _UNSUPPORTED.search(words):
        return Skip(
            "unsupported", f"This kind of {name} is not decoded{said}; save a copy as JPEG or PNG to index the picture."
        )
    return Skip("corrupt", f"Its {name} data is damaged{said}; restore it from a backup or copy it again.")


def _too_many_pixels(size: tuple[int, int], max_pixels: int) -> Skip:
    width, height = size
    return Skip(
        "too-large",
        f"It claims {width:,} x {height:,} pixels ({_mega(width * height)}), above the limit of "
        f"{_mega(max_pixels)}; save a smaller copy to index it.",
    )


def _mega(pixels: int) -> str:
    return f"{pixels / 1e6:,.0f} megapixels" if pixels >= 10_000_000 else f"{pixels / 1e6:.2g} megapixels"


def _draft(image: ImageFile.ImageFile, mode: str | None, size: tuple[int, int]) -> bool:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, both sides still at least `size`; True where it will be."""
    full = image.size
    if image.format in ("JPEG", "MPO", "RAW"):
        image.draft(mode, size)
    return image.size != full
