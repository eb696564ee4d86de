"""Asking with a picture, and comparing two: files that end their decoder, strangers that are not read, answers."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from PIL import Image

import imgindex
from imgindex import files, records
from imgindex.api import ImageIndex
from imgindex.errors import UsageError
from imgindex.pictures import sources
from imgindex.records import Verdict
from imgindex.results import Match
from imgindex.runs import query
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.workers.inline import InlineWorkers
from imgindex.workers.pool import WorkerProcesses
from tests.helpers import worker_functions as work
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import lit, save, scene


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Six scenes, all in one light: each is a neighbour of every other, and a copy of none."""
    for seed in range(6):
        save(lit(seed), tmp_path / "photos" / f"{seed}.jpg")
    return tmp_path / "photos"


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageIndex]:
    use_embedder(monkeypatch, FakeEmbedder())
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as opened:
        yield opened


@pytest.fixture(scope="module")
def processes() -> Iterator[WorkerProcesses]:
    with WorkerProcesses(1, timeout_s=3) as workers:
        yield workers


def names(found: list[Match]) -> list[str]:
    return [Path(match.path).name for match in found]


@pytest.mark.parametrize(("what", "said"), [("crash", "crashed on it (SIGSEGV)"), ("hang", "not decoded within 3 sec")])
def test_a_file_that_ends_its_decoder_is_one_sentence(
    folder: Path, tmp_path: Path, processes: WorkerProcesses, monkeypatch: pytest.MonkeyPatch, what: str, said: str
) -> None:
    """Prevents: a service that a picture takes down, or stops, because it was asked about."""
    use_embedder(monkeypatch, FakeEmbedder())
    bad = shutil.copy(folder / "0.jpg", tmp_path / f"{what}.jpg")
    with imgindex.open(tmp_path / "store", workers=processes) as images:
        images.index([folder])
        with monkeypatch.context() as patch:
            patch.setattr(query, "prepare_given", work.prepare_or_misbehave)
            for asked in (images.query, lambda path: imgindex.compare(folder / "0.jpg", path, workers=processes)):
                with pytest.raises(UsageError) as raised:
                    asked(bad)
                assert said in str(raised.value) and str(raised.value).startswith(f"{bad}: ")
        assert images.query(bad, k=1)[0].verdict is Verdict.EXACT


def test_strangers_are_told_by_their_sketches(
    images: ImageIndex, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: the files of 26 neighbours read and decoded for one question."""
    images.index([folder])
    asked = save(lit(2), tmp_path / "asked.jpg", quality=60)
    real, read = files.read_stable, list[str]()

    def noted(path: bytes, **limits: int) -> tuple[bytes, records.Seen]:
        read.append(Path(os.fsdecode(path)).name)
        return real(path, **limits)

    monkeypatch.setattr(files, "read_stable", noted)
    found = images.query(asked, k=10)
    assert (found[0].verdict, names(found)[0], len(found)) == (Verdict.NEAR_DUPLICATE, "2.jpg", 6)
    assert not any(match.verdict.is_copy for match in found[1:])
    assert read[0] == "asked.jpg" and "2.jpg" in read and len(set(read)) <= 3


def test_a_blank_picture_has_nothing_but_its_pixels(images: ImageIndex, folder: Path, tmp_path: Path) -> None:
    """Prevents: sketches that refute two blank pictures, which have neither thumbnails nor features to agree."""
    blank = Image.new("RGB", (90, 60), (20, 90, 160))
    blank.save(folder / "blank.png")
    images.index([folder])
    blank.save(tmp_path / "asked.bmp")
    blank.resize((91, 60)).save(tmp_path / "wider.bmp")
    assert [(m.verdict, m.score) for m in images.query(tmp_path / "asked.bmp", k=1)] == [(Verdict.SAME_PIXELS, 100.0)]
    assert not images.query(tmp_path / "wider.bmp", k=1)[0].verdict.is_copy


def test_a_neighbour_that_is_gone_hides_no_other(images: ImageIndex, folder: Path, tmp_path: Path) -> None:
    """Prevents: no answer at all while one disk is away."""
    save(lit(2), folder / "2-small.jpg", quality=50)
    images.index([folder])
    sources._process_cache.cache_clear()
    asked = save(lit(2), tmp_path / "asked.jpg", quality=60)
    (folder / "2.jpg").unlink()
    answers = images.query(asked)
    found = dict(zip(names(answers), (match.verdict for match in answers), strict=True))
    assert found["2-small.jpg"] is Verdict.NEAR_DUPLICATE
    assert "2.jpg" not in found, "a query names no file that is gone"


def test_the_order_of_two_contents_changes_no_answer(images: ImageIndex, folder: Path, tmp_path: Path) -> None:
    """Prevents: a transform told from the stored picture to the one that was asked for, where its sha256 is smaller."""
    save(scene(8, 400, 300), folder / "large.jpg")
    images.index([folder])
    for quality in range(60, 80, 2):
        asked = save(scene(8, 400, 300).resize((200, 150)), tmp_path / "asked.jpg", quality)
        [best] = images.query(asked, k=1)
        assert (best.verdict, best.transform) == (Verdict.NEAR_DUPLICATE, "resized 2.00x")


def test_a_relative_path_is_the_callers(
    folder: Path, tmp_path: Path, processes: WorkerProcesses, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: a path looked up where the program was when its workers were started."""
    list(processes.run(work.same, [b""]))
    monkeypatch.chdir(folder)
    assert imgindex.compare("0.jpg", Path("0.jpg"), workers=processes).outcome.verdict is Verdict.EXACT


def test_a_misspelt_path_is_said_without_a_worker(tmp_path: Path) -> None:
    """Prevents: a process that is started to say that there is no such file."""
    with WorkerProcesses(1) as workers:
        workers.close()
        with pytest.raises(UsageError, match=r"none\.jpg: There is no such file;"):
            imgindex.compare(tmp_path / "none.jpg", tmp_path / "none.jpg", workers=workers)


def test_the_twin_compares_as_processes_do(folder: Path, tmp_path: Path, processes: WorkerProcesses) -> None:
    """Prevents: another answer in a notebook than on the command line."""
    first = save(scene(8, 400, 300), tmp_path / "first.jpg")
    second = save(scene(8, 400, 300).crop((60, 40, 360, 280)), tmp_path / "second.jpg", quality=60)
    ours, theirs = (imgindex.compare(first, second, workers=workers) for workers in (InlineWorkers(), processes))
    assert ours == theirs
    assert ours.outcome.verdict is Verdict.NEAR_DUPLICATE and ours.regions is not None


def test_workers_that_were_given_stay_open_and_have_their_own_number(tmp_path: Path) -> None:
    """Prevents: workers that are closed under whoever shares them, and an option that is accepted and ignored."""
    workers = InlineWorkers()
    imgindex.open(tmp_path / "store", workers=workers).close()
    assert list(workers.run(work.same, [b"x"])) == [(b"x", b"x")]
    with pytest.raises(UsageError, match="jobs"):
        imgindex.open(tmp_path / "store", workers=workers, jobs=2)
