"""Six scenes with copies, and a store that counts what is embedded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgindex
from imgindex.api import ImageIndex
from imgindex.workers.inline import InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene
from tests.runs.index.asked import Counting


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    use_embedder(monkeypatch, counting)
    return counting


@pytest.fixture
def photos_folder(tmp_path: Path) -> Path:
    """Six scenes, one recompressed, one copied byte for byte."""
    folder = tmp_path / "photos"
    for seed in range(6):
        save(scene(seed), folder / f"{seed}.jpg")
    save(scene(1), folder / "sub" / "1-recompressed.jpg", quality=40)
    shutil.copy(folder / "2.jpg", folder / "sub" / "2-copied.jpg")
    return folder


@pytest.fixture
def images(tmp_path: Path, embedder: Counting) -> Iterator[ImageIndex]:
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as opened:
        yield opened
