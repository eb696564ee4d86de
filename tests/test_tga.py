from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data as samples

from imgindex.pictures.decode import Undecodable, decode
from imgindex.pictures.formats import SNIFF_BYTES, Kind, sniff
from imgindex.pictures.tga import is_tga

PHOTO = Image.fromarray(samples.astronaut()).resize((96, 64))
MODES = ["RGB", "RGBA", "L", "P"]


def tga(mode: str, **options: Any) -> bytes:
    """As older programs write it: the footer cut off."""
    out = io.BytesIO()
    PHOTO.convert(mode).save(out, "TGA", **options)
    content = out.getvalue()
    return content[:-26] if content.endswith(b"TRUEVISION-XFILE.\0") else content


@pytest.mark.parametrize("options", [{}, {"compression": "tga_rle"}])
@pytest.mark.parametrize("mode", MODES)
def test_a_targa_file_without_footer_is_a_picture(mode: str, options: dict[str, str]) -> None:
    """Prevents "holds no known kind of picture" of what a game or a scanner has written for thirty years."""
    content = tga(mode, **options)
    assert is_tga(content)
    assert sniff(content[:SNIFF_BYTES]).kind is Kind.PICTURE
    found = decode(content, short_side_px=64)
    assert (found.info.format, found.info.size) == ("TGA", (96, 64))
    expected = np.asarray(PHOTO.convert(mode).convert("RGB"), int)
    assert np.abs(found.rgb.astype(int) - expected).mean() < 1


def test_half_a_targa_file_is_truncated() -> None:
    """Prevents a file that was cut from being said to hold nothing."""
    with pytest.raises(Undecodable) as caught:
        decode(tga("RGB")[:5000], short_side_px=64)
    assert caught.value.skip.reason == "truncated"


@pytest.mark.parametrize(
    "content",
    [
        b"\0" * 64,
        b"\0\0\2\0\1\0\x20\x20\0\0\1\0\1\0" + b"\0" * 80,
        b"\0\0\1\xba" + b"\x21" * 80,
        tga("RGB") + b"\0" * 5000,
        tga("RGB")[:16] + b"\x19" + tga("RGB")[17:],
        tga("RGB")[:12] + b"\0\0" + tga("RGB")[14:],
    ],
)
def test_other_files_are_no_targa_pictures(content: bytes) -> None:
    """Prevents cursors, video streams and zeros, which begin alike, from being decoded."""
    assert not is_tga(content)
