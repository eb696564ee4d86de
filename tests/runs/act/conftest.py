"""A store of photos with copies of every grade, and copies of the two to act on."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image
from send2trash import plat_other

import imgindex
from imgindex.search import embed
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.workers.inline import InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import reduced, save, scene
from tests.runs.act.acted import Tree


@pytest.fixture(autouse=True)
def _embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    use_embedder(monkeypatch, FakeEmbedder())


@pytest.fixture(scope="session")
def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of photos: two with a copy of the same bytes, one with the same pixels in other bytes, one with a copy
    that is half as large, one with a cropped copy, and one alone."""
    photos = tmp_path_factory.mktemp("made") / "photos"
    for seed in range(6):
        save(scene(seed, 480, 360), photos / f"{seed}.jpg")
    (photos / "copies").mkdir()
    for seed in (0, 1):
        shutil.copy2(photos / f"{seed}.jpg", photos / "copies" / f"{seed} copy.jpg")
    (photos / "2.jpg").unlink()
    scene(2, 480, 360).save(photos / "2.png")
    scene(2, 480, 360).save(photos / "copies" / "2.png", compress_level=1)
    save(reduced(photos / "3.jpg", (240, 180)), photos / "copies" / "3-small.jpg", quality=80)
    with Image.open(photos / "4.jpg") as picture:
        save(picture.crop((60, 40, 420, 340)), photos / "copies" / "4-crop.jpg", quality=85)
    return photos


@pytest.fixture
def tree(made: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Tree]:
    """Photos of one's own, indexed, with a trash folder of their own."""
    monkeypatch.setattr(embed, "open_embedder", lambda model, say, device="auto": FakeEmbedder())
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    monkeypatch.setattr(plat_other, "HOMETRASH_B", os.fsencode(tmp_path / "data" / "Trash"))
    photos = Path(shutil.copytree(made, tmp_path / "photos"))
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as images:
        images.index([photos])
        yield Tree(tmp_path, photos, images)
