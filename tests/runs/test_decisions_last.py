"""What a decision outlives: all but a later one."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

import imgindex
from imgindex.api import ImageIndex
from imgindex.errors import StoreError
from imgindex.records import DecisionKind
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.store import DATABASE_NAME, Store, decisions, schema
from imgindex.store.decisions import Said
from imgindex.workers.inline import InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene

STORES = Path(__file__).resolve().parents[1] / "stores"


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    save(scene(1), folder / "photo.png")
    save(scene(1), folder / "copy.jpg", 70)
    return folder


@pytest.fixture
def images(tmp_path: Path, photos: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageIndex]:
    """A store in which the copy was said to be none."""
    use_embedder(monkeypatch, FakeEmbedder())
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as opened:
        opened.index(photos)
        assert len(opened.report().groups) == 1
        opened.decide(photos / "photo.png", photos / "copy.jpg", kind="not-duplicate")
        assert_it_holds(opened)
        yield opened


def assert_it_holds(images: ImageIndex) -> None:
    report = images.report()
    assert (report.groups, report.pairs, report.counts.decided) == ((), (), 1)
    assert images.check() == ()


def test_it_outlives_another_index(images: ImageIndex, photos: Path) -> None:
    for file in photos.iterdir():
        os.utime(file, (1, 1))
    images.index(photos)
    assert_it_holds(images)


def test_it_outlives_a_renamed_file(images: ImageIndex, photos: Path) -> None:
    (photos / "copy.jpg").rename(photos / "renamed.jpg")
    images.index(photos)
    assert_it_holds(images)


def test_it_outlives_files_that_were_forgotten_and_are_back(images: ImageIndex, photos: Path) -> None:
    """Prevents: a decision that hangs on a row which a vanished disk takes with it."""
    images.forget(photos)
    images.index(photos)
    assert_it_holds(images)


def test_it_holds_for_a_further_file_of_the_same_bytes(images: ImageIndex, photos: Path) -> None:
    shutil.copy(photos / "copy.jpg", photos / "further.jpg")
    images.index(photos)
    assert [Path(g.keeper).name for g in images.report().groups] == ["copy.jpg"]


def test_it_outlives_a_deleted_index_file(images: ImageIndex, photos: Path, tmp_path: Path) -> None:
    cached = list((tmp_path / "store").glob("*.faiss"))
    assert cached
    for file in cached:
        file.unlink()
    assert_it_holds(images)
    images.index(photos)
    assert_it_holds(images)


def test_it_outlives_another_model(
    images: ImageIndex, photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.close()
    use_embedder(monkeypatch, FakeEmbedder("other"))
    with imgindex.open(tmp_path / "store", model="other", rebuild=True, workers=InlineWorkers()) as opened:
        opened.index(photos)
        assert opened.space == "other"
        assert_it_holds(opened)


OLD = sorted(path for path in STORES.glob("*.db.gz") if path.name > "0002")
"""The first schema had no decisions."""


@pytest.mark.parametrize("old", OLD, ids=lambda path: path.name[:4])
def test_it_outlives_an_upgrade(old: Path, tmp_path: Path) -> None:
    database = tmp_path / "store" / DATABASE_NAME
    database.parent.mkdir()
    database.write_bytes(gzip.decompress(old.read_bytes()))
    row = decisions._row(Said(DecisionKind.KEEPER, b"\2" * 32, b"\1" * 32, "the original"), 1_700_000_000)
    with closing(sqlite3.connect(database)) as connection, connection:
        columns = ", ".join(row)
        connection.execute(f"INSERT INTO decision ({columns}) VALUES (?, ?, ?, ?, ?, ?)", list(row.values()))
    with Store.open(database.parent) as store, store.read() as tx:
        assert tx.exec_driver_sql("SELECT version_num FROM alembic_version").scalar() == schema.HEAD_REVISION
        [kept] = decisions.standing_decisions(tx).values()
        assert kept.said == Said(DecisionKind.KEEPER, b"\2" * 32, b"\1" * 32, "the original", 1_700_000_000)


@pytest.mark.parametrize(
    "change", ["kind = 'keeper-low'", "low_sha256 = zeroblob(32)", "note = 'x'", "checksum = zeroblob(8)"]
)
def test_a_decision_that_a_flipped_bit_changed_ends_what_goes_by_it(
    images: ImageIndex, tmp_path: Path, change: str
) -> None:
    """Prevents: a keeper that went because a bit in the log says that the other stays, or that it is about others."""
    with closing(sqlite3.connect(tmp_path / "store" / DATABASE_NAME)) as connection, connection:
        [(trigger,)] = connection.execute("SELECT sql FROM sqlite_master WHERE name = 'decision_no_update'").fetchall()
        connection.execute("DROP TRIGGER decision_no_update")
        connection.execute(f"UPDATE decision SET {change}")
        connection.execute(trigger)
    for verb in (images.report, images.decisions):
        with pytest.raises(StoreError, match="decision 1 is not as it was written"):
            verb()
    assert any("checksum" in finding.sentence for finding in images.check())
    with Store.open(tmp_path / "store") as store, pytest.raises(StoreError, match="append-only"), store.write() as tx:
        tx.exec_driver_sql("UPDATE decision SET kind = 'not-duplicate'")
