"""Weighing: what decides something and no more, whatever stops it, and never a guess where a file cannot be read."""

from __future__ import annotations

import gzip
import os
import shutil
from pathlib import Path

import pytest

import imgindex
from imgindex.api import ImageIndex
from imgindex.errors import StoreError
from imgindex.ports import Silent
from imgindex.proof import decide, loss, rules
from imgindex.records import Grade, Verdict
from imgindex.runs.index import weigh, weigh_tasks
from imgindex.store import DATABASE_NAME, Store, weighed
from imgindex.store.weighed import WeighedPair
from imgindex.workers.inline import InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene
from tests.runs.check.stores import sql
from tests.runs.index.asked import Counting


@pytest.fixture
def crowd(tmp_path: Path) -> Path:
    """A photo, and five lesser encodings of it."""
    folder = tmp_path / "crowd"
    save(scene(3), folder / "photo.png")
    for quality in (90, 80, 70, 60, 50):
        save(scene(3), folder / f"{quality}.jpg", quality)
    return folder


def stored(store: Path) -> list[WeighedPair]:
    with Store.open(store) as opened, opened.read() as tx:
        return list(weighed.weighings(tx, loss.WEIGHER_VERSION, loss.JUDGE_VERSION))


def told(images: ImageIndex) -> set[tuple[str, str, Grade]]:
    """(member, keeper, grade) by names of files."""

    def name(path: bytes) -> str:
        return Path(os.fsdecode(path)).name

    return {(name(m.path), name(g.keeper), m.grade) for g in images.report().groups for m in g.members}


REDUNDANT = {(f"{quality}.jpg", "photo.png", Grade.REDUNDANT) for quality in (90, 80, 70, 60, 50)}


class Never(Exception):
    """A file was read that nobody needed."""


def never(*_: object) -> None:
    raise Never


class StopsAt(Silent):
    """Told to stop once so many pairs are weighed."""

    def __init__(self, pairs: int) -> None:
        self.left = pairs
        self.stage = ""

    def start(self, stage: str, total: int | None) -> None:
        self.stage = stage

    def advance(self, count: int = 1) -> None:
        self.left -= count * (self.stage == "weigh")

    @property
    def stopping(self) -> bool:
        return self.left <= 0


def test_each_image_is_weighed_against_what_could_be_kept_in_its_place(images: ImageIndex, crowd: Path) -> None:
    """Of six files there are 15 pairs; a group of a thousand would have half a million."""
    summary = images.index([crowd])
    assert (summary.weigh.weighed, summary.weigh.unread) == (5, 0)
    assert told(images) == REDUNDANT
    assert images.index([crowd]).weigh.weighed == 0
    assert images.report().counts.not_weighed == 0


def test_a_run_that_was_stopped_goes_on_where_it_was(images: ImageIndex, crowd: Path, tmp_path: Path) -> None:
    first = images.index([crowd], progress=StopsAt(2))
    assert (first.interrupted, first.weigh.weighed, len(stored(tmp_path / "store"))) == (True, 2, 2)
    assert images.check() == ()
    assert images.index([crowd]).weigh.weighed == 3
    assert told(images) == REDUNDANT


def test_a_file_that_cannot_be_read_makes_nothing_redundant(
    images: ImageIndex, crowd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: a copy called redundant by what nobody looked at; and the next run that looks is not told to."""
    with monkeypatch.context() as away:
        away.setattr(weigh_tasks, "_whole", lambda content: (_ for _ in ()).throw(OSError("the disk is away")))
        summary = images.index([crowd])
    assert summary.weigh.weighed == 0
    assert summary.weigh.unread >= 5
    assert (stored(tmp_path / "store"), told(images)) == ([], set())
    counts = images.report().counts
    assert (counts.duplicate_files, counts.reclaimable_bytes) == (0, 0)
    assert counts.not_weighed
    assert images.index([crowd]).weigh.weighed == 5
    assert told(images) == REDUNDANT


def test_the_pairs_of_a_store_of_before_are_not_weighed_until_the_next_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The program that made it called files redundant that this one may not: it says nothing until it has looked."""
    store = tmp_path / "old"
    store.mkdir()
    fixtures = Path(__file__).parents[2] / "stores"
    (store / DATABASE_NAME).write_bytes(gzip.decompress((fixtures / "0003.db.gz").read_bytes()))
    with imgindex.open(store, create=False, workers=InlineWorkers()) as images:
        assert images.check() == ()
        assert stored(store) == []
        images.index([fixtures / "pictures"])
        assert images.check() == ()
        assert images.report().counts.not_weighed == 0
    assert stored(store)


def test_other_rules_judge_again_from_evidence(
    images: ImageIndex, crowd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.index([crowd])
    before = stored(tmp_path / "store")
    monkeypatch.setattr(weigh, "weigh_tasks", never)
    monkeypatch.setattr(loss, "JUDGE_VERSION", loss.JUDGE_VERSION + 1)
    assert images.index([crowd]).weigh.weighed == 0
    after = stored(tmp_path / "store")
    assert [one.judge_version for one in after] == [loss.JUDGE_VERSION] * len(before)
    assert [(one.key, one.weighing) for one in after] == [(one.key, one.weighing) for one in before]
    assert images.check() == ()


def test_another_weigher_weighs_again(
    images: ImageIndex, crowd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.index([crowd])
    monkeypatch.setattr(loss, "WEIGHER_VERSION", loss.WEIGHER_VERSION + 1)
    assert images.report().counts.duplicate_files == 0
    assert images.index([crowd]).weigh.weighed == 5
    assert sql(tmp_path / "store", "SELECT count(*) FROM weighed") == [(5,)]


def test_changed_rules_make_variants_of_copies_and_forget_what_they_weighed(
    images: ImageIndex, crowd: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A variant is no copy: what would be lost with it is not asked, and it is redundant for nobody."""
    images.index([crowd])
    with monkeypatch.context() as stricter:
        stricter.setattr(decide, "RULES_VERSION", decide.RULES_VERSION + 1)
        stricter.setattr(rules, "is_variant", lambda evidence: True)
        summary = images.index([crowd])
        assert (summary.match.verified, summary.weigh.weighed) == (0, 0)
    report = images.report()
    assert {pair.verdict for pair in report.pairs} == {Verdict.VARIANT}
    assert (report.groups, report.counts.variants, stored(tmp_path / "store")) == ((), 15, [])
    assert images.check() == ()
    monkeypatch.setattr(decide, "RULES_VERSION", decide.RULES_VERSION + 2)
    assert images.index([crowd]).weigh.weighed == 5
    assert told(images) == REDUNDANT


def test_the_order_of_files_changes_nothing(tmp_path: Path, crowd: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Names decide the order of ids, and a folder a run the order of arrival."""
    use_embedder(monkeypatch, Counting())
    for number, order in enumerate((sorted(crowd.iterdir()), sorted(crowd.iterdir(), reverse=True))):
        for at, path in enumerate(order):
            (tmp_path / f"order-{number}" / str(at)).mkdir(parents=True)
            shutil.copy(path, tmp_path / f"order-{number}" / str(at))
        with imgindex.open(tmp_path / f"store-{number}", workers=InlineWorkers()) as images:
            for at in range(len(order)):
                images.index([tmp_path / f"order-{number}" / str(at)])
            assert told(images) == REDUNDANT


def test_what_is_forgotten_is_not_weighed_any_more(images: ImageIndex, crowd: Path, tmp_path: Path) -> None:
    images.index([crowd])
    images.forget(crowd / "photo.png")
    assert images.check() == ()
    assert stored(tmp_path / "store") == []
    images.forget(crowd)
    assert sql(tmp_path / "store", "SELECT count(*) FROM weighed") == [(0,)]


@pytest.mark.parametrize(
    "damage",
    ["said = '{'", "said = '{}'", "said = '[]'", "grade_b = 'redundent'", "grade_a = 7", "checksum = 'x'",
     "grade_b = x'00'", "said = replace(said, 'loss_a', 'loss_c')"],
)  # fmt: skip
def test_a_damaged_row_is_a_sentence_with_the_remedy(
    images: ImageIndex, crowd: Path, tmp_path: Path, damage: str
) -> None:
    images.index([crowd])
    sql(tmp_path / "store", f"UPDATE weighed SET {damage}")
    with pytest.raises(StoreError, match=r"A row of `weighed` in the store is damaged .*check --repair"):
        stored(tmp_path / "store")
    assert {finding.invariant for finding in images.check()} <= {5, 7}
    assert all(finding.repaired for finding in images.check(repair=True))
    assert images.check() == ()
    assert images.index([crowd]).weigh.weighed == 5
    assert told(images) == REDUNDANT


@pytest.mark.parametrize("evidence", ["{", "[1]", "{}"])
def test_damaged_evidence_is_a_sentence_where_it_is_judged_again(
    images: ImageIndex, crowd: Path, tmp_path: Path, evidence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.index([crowd])
    sql(tmp_path / "store", "UPDATE weighed SET evidence = ?", evidence)
    monkeypatch.setattr(loss, "JUDGE_VERSION", loss.JUDGE_VERSION + 1)
    with pytest.raises(StoreError, match=r"A row of `weighed` in the store is damaged"):
        images.index([crowd])
    images.check(repair=True)
    assert images.index([crowd]).weigh.weighed == 5
