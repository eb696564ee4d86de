"""One decoder for each content: the choice, and what keeps Pillow's limits and texts from refusing a picture."""

from __future__ import annotations

import contextlib
import struct
import threading
import warnings
import zlib
from collections.abc import Callable, Iterator
from io import BytesIO

from PIL import Image, ImageFile
from PIL.PngImagePlugin import MAX_TEXT_CHUNK

from imgindex.pictures import jpeg_end, tiff_directories
from imgindex.pictures.camera_raw import open_raw
from imgindex.pictures.jpegxl import held_jpeg, open_jxl

_PNG_SIGNATURE_BYTES = 8
_PNG_TEXT = (b"tEXt", b"zTXt", b"iTXt")


def open_as(decoder: str, data: bytes, max_pixels: int) -> ImageFile.ImageFile:
    """Calls one decoder, so that no other is ever tried on the content and its own words reach the person."""
    match decoder:
        case "HEIF":
            return _open_heif(data)
        case "RAW":
            return open_raw(data)
        case "JXL":
            jpeg = held_jpeg(data, max_pixels)
            return open_jxl(data) if jpeg is None else open_as("JPEG", jpeg, max_pixels)
        case "PNG":
            data = _without_huge_text(data)
        case "JPEG":
            data = jpeg_end.ended(data, max_pixels)
        case "TIFF":
            data = tiff_directories.main_first(data)
    if decoder not in Image.OPEN:
        Image.init()
    return Image.OPEN[decoder][0](BytesIO(data), "")


def _open_heif(data: bytes) -> ImageFile.ImageFile:
    import pillow_heif

    pillow_heif.options.DECODE_THREADS = 1
    make: Callable[[BytesIO], ImageFile.ImageFile] = pillow_heif.HeifImageFile
    return make(BytesIO(data))


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


limits = _Limits()
