from __future__ import annotations

import re
from pathlib import Path

import pytest

from imgindex.pictures.formats import PICTURE_EXTENSIONS, RAW_EXTENSIONS
from tests.helpers.format_table import ENDINGS, WRITTEN, table

GUIDE = Path(__file__).resolve().parents[2] / "docs" / "guide.md"
BLOCK = re.compile(r"<!-- formats[^>]*-->\n(.*?)\n<!-- /formats -->", re.DOTALL)


def test_the_table_of_formats_is_what_decoding_gives() -> None:
    """Prevents a format that is promised and not read, or read and not told.

    Regenerate with: python -m tests.pictures.test_format_table
    """
    for library in ("rawpy", "imagecodecs"):
        pytest.importorskip(library, reason=f"{library} is not installed: pip install imgindex[all]")
    [written] = BLOCK.findall(GUIDE.read_text())
    assert written == table()


def test_every_ending_is_in_the_table() -> None:
    """Prevents a file that is opened on account of its name, and of which nobody says what becomes of it."""
    assert set(ENDINGS) == set(WRITTEN)
    endings = [ending.encode() for named in ENDINGS.values() for ending in named.split()]
    assert sorted(endings) == sorted(PICTURE_EXTENSIONS | RAW_EXTENSIONS)


if __name__ == "__main__":
    block = f"<!-- formats: generated, a test compares it -->\n{table()}\n<!-- /formats -->"
    GUIDE.write_text(BLOCK.sub(lambda _: block, GUIDE.read_text()))
