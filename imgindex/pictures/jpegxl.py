"""JPEG XL: the header is read here, before anything is decoded; pixels and frames come from libjxl, by imagecodecs.

Header fields: ISO/IEC 18181-1, annex D, with libjxl's `SizeHeader` and `ImageMetadata` beside it.
"""

from __future__ import annotations

import hashlib
import struct
from dataclasses import dataclass
from io import BytesIO
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageFile

CONTAINER = b"\x00\x00\x00\x0cJXL \r\n\x87\n"
CODESTREAM = b"\xff\x0a"

_RATIOS = ((1, 1), (6, 5), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
_SIDES = ((9, 1), (13, 1), (18, 1), (30, 1))
_ENUM = ((0, 0), (0, 1), (4, 2), (6, 18))
_SENTINELS = (0x55, 0xAA)


@dataclass(frozen=True, slots=True)
class Header:
    """What a file says of itself before its first frame. `colours` is b"" for sRGB, else what tells it from
    others; `is_linear` where samples are light, not what a screen is given."""

    width: int
    height: int
    orientation: int
    bit_depth: int
    is_animated: bool
    colours: bytes
    is_linear: bool


class JxlImage(ImageFile.ImageFile):
    """A JPEG XL picture, oriented. `info["bit_depth"]` is that of the file; pixels have 8 bits where Pillow has no
    mode for more."""

    format = "JXL"
    format_description = "JPEG XL"

    def _open(self) -> None:
        assert self.fp is not None
        self._content: bytes = self.fp.read()
        header = read_header(self._content)
        turned = header.orientation > 4
        self._size = (header.height, header.width) if turned else (header.width, header.height)
        self._mode = "RGB"
        self._header = header
        self._frame = 0
        self._loaded = -1
        self._frames = 0 if header.is_animated else 1
        self.info["bit_depth"] = header.bit_depth
        if header.colours:
            self.info["icc_profile"] = header.colours

    @property
    def n_frames(self) -> int:
        if not self._frames:
            self._frames = _count_frames(self._content, self._decoded(None))
        return self._frames

    def tell(self) -> int:
        return self._frame

    def seek(self, frame: int) -> None:
        if not 0 <= frame < self.n_frames:
            raise EOFError("no such frame")
        self._frame = frame

    def load(self) -> Any:
        if self._loaded != self._frame:
            picture = _as_picture(self._decoded(self._frame), self._header)
            if picture.size != self._size:
                raise ValueError("the header names another size than the picture has")
            self.im = picture.im
            self._mode = picture.mode
            self._loaded = self._frame
        return Image.Image.load(self)

    def _decoded(self, frame: int | None) -> NDArray[Any]:
        index = (frame or 0) if self._header.is_animated else None
        return _decode(self._content, index)


def open_jxl(data: bytes) -> ImageFile.ImageFile:
    """The picture of `data`, of which only the header is read yet."""
    image: ImageFile.ImageFile = JxlImage(BytesIO(data))
    return image


def read_header(data: bytes) -> Header:
    """Raises EOFError where `data` ends in its header, ValueError where it is none."""
    if data.startswith(CODESTREAM):
        return _Bits(data[2:]).header()
    stream = b"".join(_codestream(data))
    if not stream.startswith(CODESTREAM):
        raise EOFError("no JPEG XL codestream") if len(stream) < 2 else ValueError("no JPEG XL codestream")
    return _Bits(stream[2:]).header()


_HEADER_BYTES = 4096
"""Of the codestream; names of extra channels are the longest in it."""


def _codestream(data: bytes) -> list[bytes]:
    """The beginning of the codestream, from the boxes `jxlc` or `jxlp`."""
    boxes = _boxes(data)
    parts = [data[start : min(end, start + _HEADER_BYTES)] for start, end in boxes.get(b"jxlc", [])]
    return parts + [data[start + 4 : min(end, start + _HEADER_BYTES)] for start, end in boxes.get(b"jxlp", [])]


def _boxes(data: bytes) -> dict[bytes, list[tuple[int, int]]]:
    """Where the bodies of boxes of each kind begin and end (ISO/IEC 18181-2, 9); none of a bare codestream."""
    found: dict[bytes, list[tuple[int, int]]] = {}
    at = 0
    while data.startswith(CONTAINER) and at + 8 <= len(data):
        size, kind = struct.unpack_from(">I4s", data, at)
        start = at + 8
        if size == 1 and at + 16 <= len(data):
            size = struct.unpack_from(">Q", data, start)[0]
            start += 8
        end = len(data) if size == 0 else at + size
        if end < start:
            raise ValueError("a box of negative size")
        found.setdefault(kind, []).append((start, end))
        at = end
    return found


class _Bits:
    """Reads fields of a codestream, lowest bit first."""

    def __init__(self, data: bytes) -> None:
        self._number = int.from_bytes(data[:_HEADER_BYTES], "little")
        self._left = 8 * min(len(data), _HEADER_BYTES)

    def take(self, bits: int) -> int:
        if bits > self._left:
            raise EOFError("the header is not complete")
        value = self._number & ((1 << bits) - 1)
        self._number >>= bits
        self._left -= bits
        return value

    def choice(self, *ways: tuple[int, int]) -> int:
        """U32: one of four ways, each (number of bits, what is added to them)."""
        bits, added = ways[self.take(2)]
        return self.take(bits) + added

    def header(self) -> Header:
        width, height = self._size()
        orientation, bit_depth, is_animated = 1, 8, False
        colours, is_linear = b"", False
        if not self.take(1):
            if self.take(1):
                orientation = self.take(3) + 1
                if self.take(1):
                    self._size()
                if self.take(1):
                    self._preview()
                is_animated = bool(self.take(1))
                if is_animated:
                    self._animation()
            bit_depth = self._depth()
            self.take(1)
            for _ in range(self.choice((0, 0), (0, 1), (4, 2), (12, 1))):
                self._extra_channel()
            self.take(1)
            colours, is_linear = self._colours()
        return Header(width, height, orientation, bit_depth, is_animated, colours, is_linear)

    def _size(self) -> tuple[int, int]:
        small = self.take(1)
        height = 8 * (self.take(5) + 1) if small else self.choice(*_SIDES)
        ratio = self.take(3)
        if ratio:
            over, under = _RATIOS[ratio - 1]
            return height * over // under, height
        return (8 * (self.take(5) + 1) if small else self.choice(*_SIDES)), height

    def _preview(self) -> None:
        ways = ((0, 16), (0, 32), (5, 1), (9, 33)) if self.take(1) else ((6, 1), (8, 65), (10, 321), (12, 1345))
        self.choice(*ways)
        if not self.take(3):
            self.choice(*ways)

    def _animation(self) -> None:
        self.choice((0, 100), (0, 1000), (10, 1), (30, 1))
        self.choice((0, 1), (0, 1001), (8, 1), (10, 1))
        self.choice((0, 0), (3, 0), (16, 0), (32, 0))
        self.take(1)

    def _depth(self) -> int:
        if not self.take(1):
            return self.choice((0, 8), (0, 10), (0, 12), (6, 1))
        bits = self.choice((0, 32), (0, 16), (0, 24), (6, 1))
        self.take(4)
        return bits

    def _extra_channel(self) -> None:
        if self.take(1):
            return
        kind = self.choice(*_ENUM)
        self._depth()
        self.choice((0, 0), (0, 3), (0, 4), (3, 1))
        self.take(8 * self.choice((0, 0), (4, 0), (5, 16), (10, 48)))
        match kind:
            case 0:
                self.take(1)
            case 2:
                self.take(64)
            case 5:
                self.choice((0, 1), (2, 0), (4, 3), (8, 19))

    def _colours(self) -> tuple[bytes, bool]:
        """`colours` and `is_linear` of Header; of a profile, which is compressed here, the bits that begin with it."""
        if self.take(1):
            return b"", False
        if self.take(1):
            return hashlib.sha256(self._number.to_bytes((self._left + 7) // 8 + 1, "little")).digest(), False
        space = self.choice(*_ENUM)
        white = 1 if space == 2 else self.choice(*_ENUM)
        points = [self._point()] if white == 2 else []
        primaries = 1
        if space not in (1, 2):
            primaries = self.choice(*_ENUM)
            points += [self._point() for _ in range(3)] if primaries == 2 else []
        curve = 1 << 24 if space == 2 else self.take(24) << 8 if self.take(1) else self.choice(*_ENUM)
        if (white, primaries, curve) == (1, 1, _SRGB_CURVE) and space in (0, 1):
            return b"", False
        return repr((space, white, primaries, curve, points)).encode(), curve == _LINEAR_CURVE

    def _point(self) -> tuple[int, ...]:
        ways = ((19, 0), (19, 1 << 19), (20, 1 << 20), (21, 1 << 21))
        return self.choice(*ways), self.choice(*ways)


_SRGB_CURVE, _LINEAR_CURVE = 13, 8


def _decode(data: bytes, frame: int | None, out: NDArray[Any] | None = None) -> NDArray[Any]:
    import imagecodecs

    try:
        decoded: NDArray[Any] = imagecodecs.jpegxl_decode(data, index=frame, numthreads=1, out=out)
    except RuntimeError as error:  # JpegxlError is one
        raise _told(error) from error
    return decoded


def _told(error: Exception) -> Exception:
    """What libjxl's words mean: it asks for more, or finds no whole frame."""
    ends_early = "NEED_MORE_INPUT" in str(error) or "frame count" in str(error)
    return EOFError("the picture is not complete") if ends_early else ValueError()


def held_jpeg(data: bytes, max_pixels: int) -> bytes | None:
    """The JPEG file, byte by byte, that `data` was made of without loss; None where none was or it is too large."""
    if b"jbrd" not in _boxes(data):
        return None
    header = read_header(data)
    if header.width * header.height > max_pixels:
        return None
    import imagecodecs

    try:
        return bytes(imagecodecs.jpegxl_decode_jpeg(data, numthreads=1))
    except (RuntimeError, ValueError) as error:
        raise _told(error) from error


def _count_frames(data: bytes, first: NDArray[Any]) -> int:
    """How many frames there are: of a frame that is not there, libjxl leaves the array as it was.

    Whole animations are never decoded at once: 200 frames of a megapixel may be a file of 11 kB.
    """

    def is_there(frame: int) -> bool:
        for byte in _SENTINELS:
            canvas = np.full(first.shape, byte, np.uint8).astype(first.dtype)
            if not (_decode(data, frame, canvas) == byte).all():
                return True
        return False

    known, beyond = 0, 1
    while is_there(beyond):
        known, beyond = beyond, 2 * beyond
    while beyond - known > 1:
        middle = (known + beyond) // 2
        known, beyond = (middle, beyond) if is_there(middle) else (known, middle)
    return known + 1


def _as_picture(pixels: NDArray[Any], header: Header) -> Image.Image:
    """As Pillow has it: deep grey as it is, other deep pictures and floats brought to 8 bits."""
    if pixels.ndim == 3 and pixels.shape[2] not in (2, 3, 4):
        raise NotImplementedError("more channels than colours and alpha are not supported")
    if pixels.ndim == 2 and pixels.dtype in (np.uint16, np.float32):
        return Image.fromarray(pixels)
    if pixels.dtype != np.uint8 or header.bit_depth < 8:
        pixels = _in_8_bits(pixels, header)
    mode = "L" if pixels.ndim == 2 else {2: "LA", 3: "RGB", 4: "RGBA"}[pixels.shape[2]]
    height, width = pixels.shape[:2]
    return Image.frombytes(mode, (width, height), np.ascontiguousarray(pixels).tobytes())


def _in_8_bits(pixels: NDArray[Any], header: Header) -> NDArray[np.uint8]:
    """Integers come in the file's depth: 0 to 1,023 where that is 10 bits."""
    scale = 1.0 if pixels.dtype.kind == "f" else 2.0**header.bit_depth - 1.0
    values = np.clip(np.nan_to_num(pixels.astype(np.float32)) / np.float32(scale), 0.0, 1.0)
    if header.is_linear:
        colours = values if values.ndim == 2 else values[..., : (values.shape[2] - 1) | 1]
        colours[...] = np.where(colours <= 0.0031308, 12.92 * colours, 1.055 * colours ** (1 / 2.4) - 0.055)
    return np.asarray(np.rint(values * 255.0), np.uint8)
