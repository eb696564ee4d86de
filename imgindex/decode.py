"""Untrusted bytes to pixels: oriented, at the size that is needed, or a sentence that says why not.

What a content is, is told from its bytes. Nothing of what is decoded here depends on the file's name.
Colour profiles are kept as a digest and not applied: pictures are compared by their structure, which a
profile leaves alone, and the digest keeps two profiles over the same numbers from being called same pixels.
"""

from __future__ import annotations

import contextlib
import hashlib
import re
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from dataclasses import replace
from importlib import metadata
from io import BytesIO
from typing import Any

import cv2
import numpy as np
from PIL import Image, ImageFile
from PIL.PngImagePlugin import MAX_TEXT_CHUNK

from imgindex.files import Skipped, out_of_memory
from imgindex.flatten import flattened, reduced_rgb
from imgindex.formats import Kind, sniff
from imgindex.records import Luma, Picture, PictureInfo, Rgb, Skip

MAX_PIXELS = 300_000_000
"""Above the largest single shots (200 megapixels) and most stitched panoramas; a PNG of 289 megapixels took
1.2 GB of memory and 5 s to decode, with alpha 2.3 GB and 14 s."""

MAX_RGB_PIXELS = 8_000_000
"""Pictures longer than 40:1 are reduced below the short side asked for, so that no result is above 24 MB."""

FREE_DIGEST_PIXELS = 1_000_000
"""Up to this size the pixel digest comes unasked with a full-resolution decoding: hashing 3 MB takes 2 ms,
decoding again for it, when two pictures of one size meet, 19 ms (JPEG) to 57 ms (PNG)."""

MAX_DIGEST_PIXELS = 2_000_000_000
"""Frames times pixels up to which every frame of an animation is digested."""


OVERSAMPLING = 2
"""A JPEG for `luma` is reduced in its decoder to no less than this many times the size asked for. The SSIM
of such a luma with that of a PNG of the same 12-megapixel pixels, lowest of 8 photos, at 320 / 512 / 768 /
1024 px: 0.998 / 0.999 / 0.999 / 1.000 in 24 / 33 / 37 / 76 ms; with 1 it is 0.986 / 0.997 / 0.995 / 0.999
in 18 / 25 / 21 / 40 ms."""

DECODER_VERSION = 1
"""Raise it where content is read now that was refused before; see `version`."""

_STRIP_BYTES = 1 << 22
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
        full, frames = image.size, _frames(image)
        drafted = not with_pixel_digest and _draft(image, None, (short_side_px, short_side_px))
        image.load()
        info = _info(image, data, full if drafted else image.size, frames)
        factor = max(1, min(image.size) // short_side_px)
        while image.width * image.height > MAX_RGB_PIXELS * factor**2:
            factor += 1
        oriented = np.asarray(_oriented(reduced_rgb(image, factor, info.bit_depth), _orientation(image)))
        rgb = np.ascontiguousarray(oriented, np.uint8)
        if with_pixel_digest or (not drafted and frames == 1 and info.pixels <= FREE_DIGEST_PIXELS):
            is_plain = image.mode == "RGB" and not image.has_transparency_data and frames == factor == 1
            digest = _digest_of_rgb(rgb) if is_plain and info.bit_depth == 8 else _digest(image, data, info)
            info = replace(info, pixel_digest=digest)
    return Picture(info, rgb)


def version() -> int:
    """A number in [0, 2**31) that changes with DECODER_VERSION and with the libraries that decode."""
    libraries = [metadata.version(name) for name in ("pillow", "pillow-heif")]
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
        frames = _frames(image)
        image.load()
        return _digest(image, data, _info(image, data, image.size, frames))


def luma(data: bytes, long_side_px: int, *, max_pixels: int = MAX_PIXELS) -> Luma:
    """Oriented luma of the picture in `data`, its longer side at most `long_side_px`, never enlarged.

    Reduced by pixel-area averaging, which a JPEG decoder begins where it leaves OVERSAMPLING times as much.

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
            size = _fitted(image.size, long_side_px)
        pixels = np.asarray(flattened(image, _bit_depth(image, data)).convert(mode))
        if pixels.shape[:2] != size[::-1]:
            pixels = np.asarray(cv2.resize(pixels, size, interpolation=cv2.INTER_AREA), np.uint8)
        return _oriented(Image.fromarray(pixels), _orientation(image))


def _fitted(size: tuple[int, int], long_side_px: int) -> tuple[int, int]:
    scale = min(1.0, long_side_px / max(size))
    return max(1, round(size[0] * scale)), max(1, round(size[1] * scale))


# --- opening ---------------------------------------------------------------------------------------------


@contextlib.contextmanager
def _opened(data: bytes, max_pixels: int) -> Iterator[ImageFile.ImageFile]:
    """The picture of `data`, header read and size checked; what a decoder raises becomes an Undecodable."""
    if not data:
        raise Undecodable(Skip("empty", "The file is empty (0 bytes); copy it again from where it came, or delete it."))
    content = sniff(data)
    name = content.name
    match content.kind:
        case Kind.OTHER:
            raise NotAPicture(
                Skip("not-a-picture", f"It is named like a picture but holds {name}; rename it, or download it again.")
            )
        case Kind.RAW:
            raise Undecodable(
                Skip("raw", "Camera RAW files are not decoded; export it as JPEG, HEIC or TIFF to index the picture.")
            )
        case Kind.UNDECODED:
            raise Undecodable(
                Skip("unsupported", f"{name} files are not decoded; save a copy as JPEG or PNG to index the picture.")
            )
    try:
        with _limits(max_pixels), _open_as(content.decoder, data) as image:
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
        raise Undecodable(_explain(error, name, max_pixels)) from error


def _open_as(decoder: str, data: bytes) -> ImageFile.ImageFile:
    """Calls one decoder, so that no other is ever tried on the content and its own words reach the person."""
    if decoder == "HEIF":
        return _open_heif(data)
    if decoder not in Image.OPEN:
        Image.init()
    if decoder == "PNG":
        data = _without_huge_text(data)
    return Image.OPEN[decoder][0](BytesIO(data), "")


def _open_heif(data: bytes) -> ImageFile.ImageFile:
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1
    make: Callable[[BytesIO], ImageFile.ImageFile] = pillow_heif.HeifImageFile
    return make(BytesIO(data))


_PNG_SIGNATURE_BYTES = 8
_PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt")


def _without_huge_text(png: bytes) -> bytes:
    """`png` without the texts that Pillow refuses a whole picture for (longer than a MiB when unpacked)."""
    kept = [png[:_PNG_SIGNATURE_BYTES]]
    at = _PNG_SIGNATURE_BYTES
    while at + 8 <= len(png):
        end = at + 12 + struct.unpack_from(">I", png, at)[0]
        kind = png[at + 4 : at + 8]
        if kind not in _PNG_TEXT or _unpacked_bytes(kind, png[at + 8 : end - 4]) <= MAX_TEXT_CHUNK:
            kept.append(png[at:end])
        at = end
    kept.append(png[at:])
    return png if sum(map(len, kept)) == len(png) else b"".join(kept)


def _unpacked_bytes(kind: bytes, body: bytes) -> int:
    """Length of a chunk's text (PNG 11.3.3), looked at only as far as needed to see that it is too long."""
    start = body.find(b"\0") + 2
    if kind == b"tEXt" or (kind == b"iTXt" and body[start - 1 : start] != b"\1"):
        return len(body)
    if kind == b"iTXt":
        start = body.find(b"\0", body.find(b"\0", start + 1) + 1) + 1
    try:
        return len(zlib.decompressobj().decompress(body[start:], MAX_TEXT_CHUNK + 1))
    except zlib.error:
        return len(body)


class _Limits:
    """Pillow's limits live in module globals; they are set while any thread decodes and then put back."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._inside = 0
        self._saved: int | None = None
        self._warnings = contextlib.ExitStack()

    @contextlib.contextmanager
    def __call__(self, max_pixels: int) -> Iterator[None]:
        with self._lock:
            self._inside += 1
            if self._inside == 1:
                self._warnings.enter_context(warnings.catch_warnings())
                warnings.simplefilter("ignore")
                self._saved, Image.MAX_IMAGE_PIXELS = Image.MAX_IMAGE_PIXELS, (max_pixels + 1) // 2
        try:
            yield
        finally:
            with self._lock:
                self._inside -= 1
                if self._inside == 0:
                    Image.MAX_IMAGE_PIXELS = self._saved
                    self._warnings.close()


_limits = _Limits()


# --- why not ---------------------------------------------------------------------------------------------

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
    if isinstance(error, EOFError) or _TRUNCATED.search(words):
        return Skip("truncated", f"The {name} file ends before its picture does; copy it again from where it came.")
    cause = error.__cause__ or error
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


# --- what the header says --------------------------------------------------------------------------------


def _info(image: ImageFile.ImageFile, data: bytes, full: tuple[int, int], frames: int) -> PictureInfo:
    """What is known of a loaded picture whose size in its file is `full`."""
    width, height = full[::-1] if _orientation(image) in _TURNED else full
    profile = image.info.get("icc_profile")
    return PictureInfo(
        format="JPEG" if image.format == "MPO" else str(image.format),
        width_px=width,
        height_px=height,
        mode=image.mode,
        bit_depth=_bit_depth(image, data),
        has_alpha=image.has_transparency_data,
        frames=frames,
        icc_digest=hashlib.sha256(profile).digest() if profile else None,
    )


def _frames(image: ImageFile.ImageFile) -> int:
    """Frames or pages, at least 1; a picture whose later frames are damaged counts as one."""
    try:
        return max(1, int(getattr(image, "n_frames", 1)))
    except Exception:
        return 1


def _orientation(image: ImageFile.ImageFile) -> int:
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


def _bit_depth(image: ImageFile.ImageFile, data: bytes) -> int:
    """Bits of one sample in the file: 1 (bilevel), 8 (2 and 4 count as 8), 10, 12, 16 or 32."""
    if image.mode == "1":
        return 1
    depth = 32 if image.mode in ("I", "F") else 16 if image.mode.startswith("I;16") else 8
    match image.format:
        case "PNG":
            depth = data[24]
        case "TIFF":
            depth = max(_bits_per_sample(image), default=depth)
        case "HEIF":
            depth = int(image.info.get("bit_depth", 8))
        case "AVIF":
            depth = _avif_depth(data)
        case "JPEG2000":
            depth = _jpeg2000_depth(data)
        case "PPM" if image.mode == "I":
            depth = 16
        case "SGI":
            depth = 8 * data[3]
    return max(8, depth)


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


# --- pixels ----------------------------------------------------------------------------------------------


def _draft(image: ImageFile.ImageFile, mode: str | None, size: tuple[int, int]) -> bool:
    """Have a JPEG decoded at 1/2, 1/4 or 1/8, both sides still at least `size`; True where it will be."""
    full = image.size
    if image.format in ("JPEG", "MPO"):
        image.draft(mode, size)
    return image.size != full


def _oriented(image: Image.Image, orientation: int) -> Image.Image:
    return image.transpose(_TRANSPOSE[orientation]) if orientation in _TRANSPOSE else image


def _digest(image: ImageFile.ImageFile, data: bytes, info: PictureInfo) -> bytes:
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
            _hash_frame(sha, image, _orientation(image))
    except (EOFError, OSError, SyntaxError, ValueError):
        return hashlib.sha256(b"encoded" + data).digest()
    return sha.digest()


def _digest_of_rgb(rgb: Rgb) -> bytes:
    """What `_digest` is of the one frame of 8 bits that was decoded to these pixels."""
    sha = hashlib.sha256(_frame_header("RGB", rgb.shape[1], rgb.shape[0]))
    sha.update(rgb.data)
    return sha.digest()


def _frame_header(mode: str, width: int, height: int) -> bytes:
    return f"{mode} {width} {height}\n".encode()


def _hash_frame(sha: hashlib._Hash, image: Image.Image, orientation: int) -> None:
    if image.mode == "P" or (image.mode in ("L", "RGB") and "transparency" in image.info):
        image = image.convert("RGBA" if image.has_transparency_data else "RGB")
    image = _oriented(image, orientation)
    width, height = image.size
    sha.update(_frame_header(image.mode, width, height))
    rows = max(1, _STRIP_BYTES // (4 * width))
    for top in range(0, height, rows):
        sha.update(image.crop((0, top, width, min(top + rows, height))).tobytes())
