"""A store of every kind of row, and copies of it to damage."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from PIL import Image

from imgindex.records import DecisionKind
from imgindex.search import embed
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.store import Store
from imgindex.store.decisions import Said, add_decisions
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene
from tests.runs.check.stores import index


@pytest.fixture(autouse=True)
def _embedder(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeEmbedder()
    use_embedder(monkeypatch, fake)


@pytest.fixture(scope="session")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with `photos` and a `store` of them: copies of every kind, a skipped file and two decisions."""
    base = tmp_path_factory.mktemp("whole")
    photos = base / "photos"
    for seed in range(4):
        save(scene(seed), photos / f"{seed}.jpg")
    save(scene(0), photos / "0-60.jpg", quality=60)
    save(scene(0), photos / "0-40.jpg", quality=40)
    save(scene(1).resize((180, 135)), photos / "1-small.jpg")
    shutil.copy(photos / "2.jpg", photos / "2-copied.jpg")
    for level in (1, 9):
        Image.new("RGB", (64, 48), (90, 90, 90)).save(photos / f"blank-{level}.png", compress_level=level)
    (photos / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(embed, "open_embedder", lambda model, say, device="auto": FakeEmbedder())
        index(base / "store", photos)
    with Store.open(base / "store") as store, store.write() as tx:
        said = [(DecisionKind.NOT_DUPLICATE, b"b", "müde"), (DecisionKind.KEEP_BOTH, b"c", "")]
        add_decisions(tx, [Said(kind, b"a" * 32, other * 32, note) for kind, other, note in said])
    return base


@pytest.fixture
def photos(whole: Path) -> Path:
    return whole / "photos"


@pytest.fixture
def store(whole: Path, tmp_path: Path) -> Path:
    """The directory of a store of one's own to damage."""
    return Path(shutil.copytree(whole / "store", tmp_path / "store"))
