"""What a file holds, told from its first bytes and, where those are not read, from its name.

Signatures: the specifications of the formats; TIFF-based camera files are told apart by their tags
(`tiff_directories`), Targa files without a footer by their header (`tga`).
"""

from __future__ import annotations

import struct
from enum import Enum

from imgindex.pictures.tga import is_tga
from imgindex.pictures.tiff_directories import is_raw

SNIFF_BYTES = 64
"""How many bytes `sniff` needs to tell a picture; more are used where they are given."""


class Kind(Enum):
    """What becomes of a content: decoded, skipped with a sentence, or ignored."""

    PICTURE = "picture"
    UNDECODED = "undecoded"
    OTHER = "other"


class Format:
    """A recognised content: its `kind`, `name` for a person, and of pictures the `decoder`: Pillow's name of it, or
    one of `extras.EXTRAS`."""

    __slots__ = ("decoder", "kind", "name")

    def __init__(self, kind: Kind, name: str, decoder: str = "") -> None:
        self.kind = kind
        self.name = name
        self.decoder = decoder


def _picture(name: str, decoder: str) -> Format:
    return Format(Kind.PICTURE, name, decoder)


_TIFF = _picture("TIFF", "TIFF")
_RAW = _picture("camera RAW", "RAW")
_JXL = _picture("JPEG XL", "JXL")
_TEXT = Format(Kind.OTHER, "text")
_WEB_PAGE = Format(Kind.OTHER, "a web page")
_SVG = Format(Kind.OTHER, "an SVG drawing")
_UNKNOWN = Format(Kind.OTHER, "no known kind of picture")

_PREFIXES: tuple[tuple[bytes, Format], ...] = (
    (b"\xff\xd8\xff", _picture("JPEG", "JPEG")),
    (b"\x89PNG\r\n\x1a\n", _picture("PNG", "PNG")),
    (b"GIF87a", _picture("GIF", "GIF")),
    (b"GIF89a", _picture("GIF", "GIF")),
    (b"\x00\x00\x00\x0cjP  \r\n\x87\n", _picture("JPEG 2000", "JPEG2000")),
    (b"\xff\x4f\xff\x51\x00", _picture("JPEG 2000", "JPEG2000")),
    (b"8BPS\x00\x01", _picture("Photoshop", "PSD")),
    (b"qoif", _picture("QOI", "QOI")),
    (b"DDS ", _picture("DDS", "DDS")),
    (b"icns", _picture("ICNS", "ICNS")),
    (b"\x01\xda\x00\x01", _picture("SGI", "SGI")),
    (b"\x01\xda\x00\x02", _picture("SGI", "SGI")),
    (b"\x01\xda\x01\x01", _picture("SGI", "SGI")),
    (b"\x01\xda\x01\x02", _picture("SGI", "SGI")),
    (b"FUJIFILMCCD-RAW", _RAW),
    (b"IIRO", _RAW),
    (b"IIRS", _RAW),
    (b"IIU\x00", _RAW),
    (b"\x00MRM", _RAW),
    (b"FOVb", _RAW),
    (b"II\x1a\x00\x00\x00HEAPCCDR", _RAW),
    (b"\xff\x0a", _JXL),
    (b"\x00\x00\x00\x0cJXL \r\n\x87\n", _JXL),
    (b"8BPS\x00\x02", Format(Kind.UNDECODED, "large Photoshop")),
    (b"v/1\x01", Format(Kind.UNDECODED, "OpenEXR")),
    (b"#?RADIANCE", Format(Kind.UNDECODED, "Radiance HDR")),
    (b"%PDF", Format(Kind.OTHER, "a PDF document")),
    (b"%!PS", Format(Kind.OTHER, "a PostScript document")),
    (b"PK\x03\x04", Format(Kind.OTHER, "a zip archive")),
    (b"ID3", Format(Kind.OTHER, "audio")),
    (b"OggS", Format(Kind.OTHER, "audio")),
    (b"fLaC", Format(Kind.OTHER, "audio")),
    (b"\x1aE\xdf\xa3", Format(Kind.OTHER, "video")),
)

_HEIF_BRANDS = frozenset(
    (b"heic", b"heix", b"heim", b"heis", b"hevc", b"hevx", b"hevm", b"hevs", b"mif1", b"mif2", b"msf1")
)
_AVIF_BRANDS = frozenset((b"avif", b"avis"))
_HEIF = _picture("HEIC", "HEIF")
_AVIF = _picture("AVIF", "AVIF")
_WEBP = _picture("WebP", "WEBP")
_BMP = _picture("BMP", "BMP")
_ICO = _picture("ICO", "ICO")
_PNM = _picture("PNM", "PPM")
_TGA = _picture("TGA", "TGA")
_TGA_FOOTER = b"TRUEVISION-XFILE.\x00"


def sniff(data: bytes) -> Format:
    """What `data` holds: the whole content, or its first SNIFF_BYTES.

    With the first bytes only, a camera's RAW file may be told as TIFF.
    """
    for prefix, content in _PREFIXES:
        if data.startswith(prefix):
            return content
    if data[:4] in (b"II*\x00", b"MM\x00*", b"II+\x00", b"MM\x00+"):
        return _RAW if is_raw(data) else _TIFF
    if data[4:8] == b"ftyp":
        return _sniff_iso_media(data)
    if data[:4] == b"RIFF":
        return _WEBP if data[8:12] == b"WEBP" else Format(Kind.OTHER, "audio or video")
    if data[:2] == b"BM" and struct.unpack_from("<I", data.ljust(18, b"\0"), 14)[0] in (
        12,
        16,
        40,
        52,
        56,
        64,
        108,
        124,
    ):
        return _BMP
    if data[:4] == b"\x00\x00\x01\x00" and len(data) >= 22 and data[4:6] != b"\x00\x00" and data[9] == 0:
        return _ICO
    if data[:1] == b"P" and data[1:2] in b"123456" and data[2:3].isspace():
        return _PNM
    if data.endswith(_TGA_FOOTER) or is_tga(data):
        return _TGA
    if data and _looks_like_text(data[:SNIFF_BYTES]):
        return _sniff_text(data[:1024].lower())
    return _UNKNOWN


def _sniff_iso_media(data: bytes) -> Format:
    size = min(struct.unpack_from(">I", data)[0], SNIFF_BYTES)
    brands = [data[8:12], *(data[i : i + 4] for i in range(16, size - 3, 4))]
    if brands[0] == b"crx ":
        return _RAW
    if not _AVIF_BRANDS.isdisjoint(brands):
        return _AVIF
    if not _HEIF_BRANDS.isdisjoint(brands):
        return _HEIF
    return Format(Kind.OTHER, "video")


def _sniff_text(lower: bytes) -> Format:
    if b"<svg" in lower:
        return _SVG
    return _WEB_PAGE if b"<html" in lower or b"<!doctype html" in lower else _TEXT


def _looks_like_text(head: bytes) -> bool:
    """No control characters but white space, as in any text of an ASCII-based encoding."""
    if head.startswith((b"\xff\xfe", b"\xfe\xff", b"\xef\xbb\xbf")):
        return True
    return all(byte >= 32 or byte in b"\t\n\r\f\x1b" for byte in head)


PICTURE_EXTENSIONS = frozenset(
    b"jpg jpeg jpe jfif jif mpo png apng gif webp tif tiff bmp dib heic heif hif heics heifs avif avifs "
    b"jp2 j2k jpf jpx j2c jpc ppm pgm pbm pnm ico icns psd psb qoi sgi rgb rgba bw tga icb vda vst dds jxl "
    b"exr hdr".split()
)
"""Extensions whose files claim to be pictures that this program decodes, or says that it cannot."""

RAW_EXTENSIONS = frozenset(
    b"3fr ari arw bay cap cr2 cr3 crw dcr dcs dng erf fff gpr iiq k25 kdc mdc mef mos mrw nef nrw orf pef ptx "
    b"pxn r3d raf raw rw2 rwl sr2 srf srw x3f".split()
)

OTHER_EXTENSIONS = frozenset(
    b"txt md rst csv tsv json jsonl yaml yml toml ini cfg conf log xml html htm css js ts py pyc c h cpp hpp rs go "
    b"java sh bat ps1 sql db sqlite sqlite3 lock "
    b"pdf ps eps doc docx xls xlsx ppt pptx odt ods odp rtf epub mobi tex svg svgz ai wmf emf "
    b"mp4 m4v mov avi mkv webm mpg mpeg wmv flv 3gp mts m2ts vob ogv "
    b"mp3 wav flac ogg oga opus m4a aac wma aiff aif mid midi "
    b"zip gz tgz bz2 xz zst 7z rar tar iso dmg exe dll so dylib bin o a class jar apk deb rpm msi whl "
    b"xmp aae thm lrcat lrprev pp3 dop on1 cos npy npz pt pth safetensors onnx parquet pkl h5 faiss "
    b"ttf otf woff woff2 url lnk torrent part tmp bak srt vtt sub".split()
)
"""Extensions whose files are taken for no pictures without opening them."""


def extension(name: bytes) -> bytes:
    """The lower-case extension of a file name without its dot; empty where there is none."""
    stem, dot, ending = name.rpartition(b".")
    return ending.lower() if dot and stem else b""


def claims_picture(name: bytes) -> bool:
    """True where the name alone says that the file is a picture (RAW included)."""
    ending = extension(name)
    return ending in PICTURE_EXTENSIONS or ending in RAW_EXTENSIONS
