"""A folder of pictures, and a store that counts what is embedded."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgindex
from imgindex.api import ImageIndex, InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene
from tests.runs.moves.asked import Counting


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    use_embedder(monkeypatch, counting)
    return counting


@pytest.fixture
def images(tmp_path: Path, embedder: Counting) -> Iterator[ImageIndex]:
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three scenes; of the first two a smaller copy, of the third a copy byte for byte."""
    folder = tmp_path / "Pictures"
    for seed in range(3):
        save(scene(seed), folder / f"{seed}.jpg")
    for seed in range(2):
        save(scene(seed), folder / f"{seed}-small.jpg", quality=50)
    shutil.copy(folder / "2.jpg", folder / "2-copied.jpg")
    return folder
