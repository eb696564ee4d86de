"""Paths in results are text that `Path`, `open` and JSON take, whatever bytes a name has."""

from __future__ import annotations

import dataclasses
import json
import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import imgindex

ODD = b"caf\xe9.jpg"
"""A name in Latin-1, as old disks and archives have it."""


def texts(value: Any) -> Iterator[str]:
    """Every text in a result."""
    assert not isinstance(value, bytes), "no result has bytes"
    if isinstance(value, str):
        yield value
    elif dataclasses.is_dataclass(value):
        for field in dataclasses.fields(value):
            yield from texts(getattr(value, field.name))
    elif isinstance(value, tuple | list):
        for one in value:
            yield from texts(one)


def test_no_result_names_a_file_by_bytes(images: imgindex.ImageIndex, photos: Path) -> None:
    """Prevents: `b'...'` in what a person prints, and a TypeError where it meets a path of one's own."""
    shutil.copy(photos / "0.jpg", os.fsencode(photos) + b"/" + ODD)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    os.link(photos / "1.jpg", photos / "1-linked.jpg")
    images.index([photos])
    found = (images.report(), images.query(photos / "0.jpg", k=6), images.status())
    named = {text for text in texts(found) if text.startswith(str(photos) + "/")}
    assert {os.fsencode(os.path.basename(path)) for path in named} >= {ODD, b"0.jpg", b"broken.jpg", b"1-linked.jpg"}
    for path in named:
        assert Path(path).stat().st_size == os.path.getsize(path)
        assert json.loads(json.dumps(path)) == path
