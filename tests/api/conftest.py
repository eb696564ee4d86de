"""Three scenes, a smaller file of each, and a store of them that is open."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

import imgindex
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.workers.inline import InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import reduced, save, scene


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for seed in range(3):
        whole = save(scene(seed), folder / f"{seed}.jpg", quality=95)
        save(reduced(whole, (120, 90)), folder / f"{seed}-small.jpg")
    return folder


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[imgindex.ImageIndex]:
    use_embedder(monkeypatch, FakeEmbedder())
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as opened:
        yield opened
