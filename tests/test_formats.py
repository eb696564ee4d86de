from __future__ import annotations

import io
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from imgindex.pictures.formats import (
    OTHER_EXTENSIONS,
    PICTURE_EXTENSIONS,
    RAW_EXTENSIONS,
    SNIFF_BYTES,
    Kind,
    claims_picture,
    extension,
    sniff,
)

WRITTEN = ["JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "ICO", "ICNS", "PPM", "JPEG2000", "AVIF", "SGI", "DDS", "QOI"]


@pytest.mark.parametrize("kind", WRITTEN)
def test_every_kind_is_told_from_its_first_bytes(kind: str) -> None:
    """Prevents a file with an unknown extension from being ignored though it is a picture."""
    out = io.BytesIO()
    Image.new("RGB", (64, 64), "teal").save(out, kind)
    found = sniff(out.getvalue()[:SNIFF_BYTES])
    assert (found.kind, found.decoder) == (Kind.PICTURE, kind)
    assert sniff(out.getvalue()).decoder == kind


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize(
    ("tag", "value", "raw"),
    [(254, 0, False), (254, 1, False), (262, 2, False), (262, 32803, True), (50706, 1, True), (259, 34713, True)],
)
def test_raw_files_are_told_from_other_tiffs(order: str, tag: int, value: int, raw: bool) -> None:
    """Prevents both a RAW file's thumbnail in the index and a plain TIFF that is skipped as RAW."""
    head = (b"II" if order == "<" else b"MM") + struct.pack(order + "HIHHHIII", 42, 8, 1, tag, 4, 1, value, 0)
    assert sniff(head).decoder == ("RAW" if raw else "TIFF")


@given(
    st.binary(max_size=100),
    st.sampled_from([b"", b"II*\0", b"MM\0*", b"BM", b"\0\0\1\0", b"\0\0\0\x20ftyp", b"RIFF", b"P"]),
)
def test_no_content_breaks_the_sniffer(rest: bytes, start: bytes) -> None:
    """Prevents a short or crafted file from ending the scan."""
    assert sniff(start + rest).name


def test_extensions_say_one_thing() -> None:
    """Prevents an extension that is both opened and ignored."""
    assert not PICTURE_EXTENSIONS & OTHER_EXTENSIONS
    assert not RAW_EXTENSIONS & OTHER_EXTENSIONS
    assert not RAW_EXTENSIONS & PICTURE_EXTENSIONS


@pytest.mark.parametrize(
    ("name", "expected"),
    [(b"a.JPG", b"jpg"), (b"a.b.heic", b"heic"), (b"none", b""), (b".jpg", b""), (b"a.", b""), (b"\xff.png", b"png")],
)
def test_extension(name: bytes, expected: bytes) -> None:
    """Prevents hidden files from passing for bare extensions, and names that are no text from failing."""
    assert extension(name) == expected
    assert claims_picture(name) == bool(expected)
