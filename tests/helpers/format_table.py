"""The guide's table of formats: made of one written file of each, and of what decoding it gives."""

from __future__ import annotations

import io
import struct
from collections.abc import Callable
from typing import Any

import numpy as np
from PIL import Image

from imgindex.pictures.decode import Undecodable, decode
from imgindex.pictures.extras import EXTRAS
from imgindex.pictures.formats import RAW_EXTENSIONS, sniff
from tests.helpers.pictures import scene
from tests.helpers.tiffs import dng

PHOTO = scene(3, 96, 64)
DEEP = np.arange(96 * 64, dtype=np.uint16).reshape(64, 96) * 10
ENDINGS = {
    "JPEG": "jpg jpeg jpe jfif jif mpo",
    "PNG": "png apng",
    "GIF": "gif",
    "WebP": "webp",
    "TIFF": "tif tiff",
    "HEIC": "heic heif hif heics heifs",
    "AVIF": "avif avifs",
    "JPEG XL": "jxl",
    "camera RAW": b" ".join(sorted(RAW_EXTENSIONS)).decode(),
    "JPEG 2000": "jp2 j2k jpf jpx j2c jpc",
    "BMP": "bmp dib",
    "PNM": "ppm pgm pbm pnm",
    "TGA": "tga icb vda vst",
    "Photoshop": "psd",
    "ICO": "ico",
    "ICNS": "icns",
    "SGI": "sgi rgb rgba bw",
    "DDS": "dds",
    "QOI": "qoi",
    "large Photoshop": "psb",
    "OpenEXR": "exr",
    "Radiance HDR": "hdr",
}
LIBRARIES = {"HEIF": "pillow-heif"}


def _in(mode: str) -> Image.Image:
    picture = PHOTO.convert(mode)
    if mode == "RGBA":
        picture.putalpha(PHOTO.convert("L").point(lambda value: 255 * (value > 90)))
    return picture


def _saved(kind: str, mode: str = "RGB", **options: Any) -> bytes:
    out = io.BytesIO()
    _in(mode).save(out, kind, **options)
    return out.getvalue()


def _deep(kind: str, values: Any = DEEP) -> bytes:
    out = io.BytesIO()
    Image.fromarray(values).save(out, kind)
    return out.getvalue()


def _moving(kind: str, mode: str = "RGB") -> bytes:
    return _saved(kind, mode, save_all=True, append_images=[_in(mode).rotate(180)])


def _heic(picture: Image.Image) -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(picture).save(out, quality=90)
    return out.getvalue()


def _photoshop() -> bytes:
    planes = np.asarray(PHOTO).transpose(2, 0, 1).tobytes()
    return b"8BPS\0\1" + bytes(6) + struct.pack(">HIIHH", 3, 64, 96, 8, 3) + bytes(12) + b"\0\0" + planes


def _jxl(*pictures: Any, **options: Any) -> bytes:
    import imagecodecs

    pixels = pictures[0] if len(pictures) == 1 else np.stack(pictures)
    return bytes(imagecodecs.jpegxl_encode(pixels, lossless=True, **options))


def _light() -> Any:
    return np.asarray(PHOTO.convert("L"), np.float32)


WRITTEN: dict[str, Callable[[], list[bytes]]] = {
    "JPEG": lambda: [_saved("JPEG"), _moving("MPO")],
    "PNG": lambda: [_saved("PNG"), _saved("PNG", "1"), _deep("PNG"), _moving("PNG", "RGBA")],
    "GIF": lambda: [_moving("GIF", "P"), _saved("GIF", "RGBA")],
    "WebP": lambda: [_saved("WEBP", "RGBA"), _moving("WEBP")],
    "TIFF": lambda: [
        _saved("TIFF", "1"),
        _saved("TIFF", "RGBA"),
        _deep("TIFF"),
        _deep("TIFF", _light()),
        _moving("TIFF"),
    ],
    "HEIC": lambda: [_heic(PHOTO), _heic(_in("RGBA"))],
    "AVIF": lambda: [_saved("AVIF", "RGBA"), _moving("AVIF")],
    "JPEG XL": lambda: [
        _jxl(np.asarray(_in("RGBA"))),
        _jxl(DEEP),
        _jxl(_light() / 255),
        _jxl(np.asarray(PHOTO), np.asarray(PHOTO)[::-1], photometric="RGB"),
    ],  # fmt: skip
    "camera RAW": lambda: [dng(PHOTO, bits=12), dng(PHOTO, bits=14)],
    "JPEG 2000": lambda: [_saved("JPEG2000", "RGBA"), _deep("JPEG2000")],
    "BMP": lambda: [_saved("BMP"), _saved("BMP", "1")],
    "PNM": lambda: [_saved("PPM"), _saved("PPM", "1"), _deep("PPM")],
    "TGA": lambda: [_saved("TGA", "RGBA"), _saved("TGA")[:-26]],
    "Photoshop": lambda: [_photoshop()],
    "ICO": lambda: [_saved("ICO", "RGBA")],
    "ICNS": lambda: [_saved("ICNS", "RGBA")],
    "SGI": lambda: [_saved("SGI", "RGBA")],
    "DDS": lambda: [_saved("DDS", "RGBA")],
    "QOI": lambda: [_saved("QOI", "RGBA")],
    "large Photoshop": lambda: [b"8BPS\0\2" + bytes(40)],
    "OpenEXR": lambda: [b"v/1\1" + bytes(40)],
    "Radiance HDR": lambda: [b"#?RADIANCE\n" + bytes(40)],
}


def table() -> str:
    """Markdown, a row for each format."""
    rows = ["| format | endings | what is read | with |", "| --- | --- | --- | --- |"]
    rows += [f"| {name} | {ENDINGS[name]} | {' | '.join(_read(name, write()))} |" for name, write in WRITTEN.items()]
    return "\n".join(rows)


def _read(name: str, contents: list[bytes]) -> tuple[str, str]:
    """What decoding the files gives, and what decodes them."""
    told = [sniff(content) for content in contents]
    assert {content.name for content in told} == {name}
    try:
        infos = [decode(content, short_side_px=64).info for content in contents]
    except Undecodable as undecodable:
        assert undecodable.skip.reason == "unsupported"
        return "no: skipped with a sentence", ""
    depths = sorted({info.bit_depth for info in infos})
    words = [", ".join(map(str, depths)) + (" bits" if depths != [1] else " bit")]
    words += ["transparency"] if any(info.has_alpha for info in infos) else []
    words += ["frames"] if any(info.frames > 1 for info in infos) else []
    extra = EXTRAS.get(told[0].decoder)
    return ", ".join(words), f"`imgindex[{extra.name}]`" if extra else LIBRARIES.get(told[0].decoder, "Pillow")
