"""One open store, many threads: one model, one index, and a progress for each call."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

import imgindex
from imgindex.errors import StoreLocked
from imgindex.ports import Silent
from imgindex.records import Verdict
from imgindex.runs.index import ingest
from imgindex.search import embed, index_files
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.store import database
from imgindex.workers.inline import InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene

THREADS = 8


class Loads:
    """Counts the models that are loaded, which takes a while."""

    def __init__(self, patch: pytest.MonkeyPatch) -> None:
        self.count = 0
        for name in ("open_embedder", "open_embedder_for"):
            patch.setattr(embed, name, self.load)

    def load(self, model: object, say: Callable[[str], None], device: str = "auto") -> FakeEmbedder:
        time.sleep(0.2)
        self.count += 1
        say("loaded")
        return FakeEmbedder()


class Own(Silent):
    """A progress that one thread only may tell."""

    def __init__(self) -> None:
        self.thread = threading.get_ident()
        self.stages: list[str] = []
        self.said: list[str] = []

    def start(self, stage: str, total: int | None) -> None:
        assert threading.get_ident() == self.thread
        self.stages.append(stage)

    def advance(self, count: int = 1) -> None:
        assert threading.get_ident() == self.thread

    def say(self, sentence: str) -> None:
        assert threading.get_ident() == self.thread
        self.said.append(sentence)


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    for seed in range(4):
        save(scene(seed), tmp_path / "photos" / f"{seed}.jpg")
        save(scene(seed), tmp_path / "photos" / f"{seed}-small.jpg", quality=50)
    return tmp_path / "photos"


@pytest.mark.parametrize("options", [{"workers": InlineWorkers()}, {"jobs": 2}], ids=["inline", "processes"])
def test_many_ask_while_one_indexes(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, options: dict[str, object]
) -> None:
    """Prevents: a model for every thread, an index that one thread swaps under another, and mixed-up answers."""
    loads = Loads(monkeypatch)
    opened: list[int] = []
    real = index_files.open_index

    def counted(*args):  # type: ignore[no-untyped-def]
        index = real(*args)
        opened.append(len(index))
        return index

    monkeypatch.setattr(index_files, "open_index", counted)
    monkeypatch.setattr(ingest, "STORE_BATCH", 2)
    with imgindex.open(tmp_path / "store", **options) as images:  # type: ignore[arg-type]
        first = Own()
        images.index([photos], progress=first)
        assert first.said == ["loaded"] and "index" in first.stages
        images.query(photos / "0.jpg", k=1)
        for seed in range(10, 30):
            save(scene(seed), photos / "later" / f"{seed}.jpg")
        together = threading.Barrier(THREADS + 1)

        def ask(number: int) -> int:
            progress, path = Own(), photos / f"{number % 4}.jpg"
            together.wait()
            asked = 0
            while asked < 5 or not indexed.done():
                found = images.query(path, k=2, progress=progress)
                assert [m.verdict for m in found] == [Verdict.EXACT, Verdict.NEAR_DUPLICATE]
                assert found[0].path == str(path.resolve())
                groups = images.report().groups
                assert len(groups) == 4 and images.status().files >= 8
                asked += 1
            assert progress.said == []
            return asked

        def add() -> int:
            progress = Own()
            together.wait()
            summary = images.index([photos], progress=progress)
            assert "index" in progress.stages
            return summary.ingest.embedded_images

        with ThreadPoolExecutor(THREADS + 1) as pool:
            indexed = pool.submit(add)
            asking = [pool.submit(ask, number) for number in range(THREADS)]
            assert indexed.result() == 20
            assert min(one.result() for one in asking) >= 5
        images.query(photos / "later" / "10.jpg", k=1)
    assert loads.count == 1
    assert opened == sorted(set(opened)), "opened once for each state of the store, and never an older one again"
    assert opened[0] == 8 and opened[-1] == 28


def test_threads_that_ask_first_wait_for_one_model(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: eight times two gigabytes, because eight requests came at once after the start."""
    use_embedder(monkeypatch, FakeEmbedder())
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as images:
        images.index([photos])
    loads = Loads(monkeypatch)
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as images, ThreadPoolExecutor(THREADS) as pool:
        found = list(pool.map(lambda number: images.query(photos / f"{number % 4}.jpg", k=1)[0], range(THREADS)))
        assert {match.verdict for match in found} == {Verdict.EXACT}
        images.index([photos])
    assert loads.count == 1


def test_a_model_that_another_run_changed_is_loaded_once_more(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: a service that answers for ever from the vectors of a model that the store no longer has."""
    use_embedder(monkeypatch, FakeEmbedder("old"))
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as images:
        images.index([photos])
        assert images.query(photos / "0.jpg", k=1)
        use_embedder(monkeypatch, FakeEmbedder("new"))
        rebuilding = imgindex.open(tmp_path / "store", model="new", rebuild=True, workers=InlineWorkers())
        with rebuilding:
            rebuilding.index([photos])
            loaded = rebuilding._loaded
            assert rebuilding.index([photos]).ingest.embedded_images == 0
            assert rebuilding._loaded is loaded, "a rebuild loads its model once"
        assert images.query(photos / "0.jpg", k=1)
        assert images._loaded is not None and images._loaded.space.name == images.space == "new"


def test_one_at_a_time_writes(photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: two threads that index into one store at once; the second is told, as a second process is."""
    use_embedder(monkeypatch, FakeEmbedder())
    monkeypatch.setattr(database, "LOCK_WAIT_S", 0.1)
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as images, ThreadPoolExecutor(1) as pool:
        with images.exclusive(), pytest.raises(StoreLocked):
            pool.submit(images.index, [photos]).result()
        assert pool.submit(images.index, [photos]).result().ingest.embedded_images == 8
