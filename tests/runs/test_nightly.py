"""Night after night: what is new is said once, and only a report that was given out moves the mark."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgindex
from imgindex.api import ImageIndex, only_new
from imgindex.errors import RootError, UsageError
from imgindex.records import Reach
from imgindex.results import Change, Report
from imgindex.runs.index import ingest
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.store import Store, catalog
from imgindex.workers.inline import InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene


@pytest.fixture
def images(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[ImageIndex]:
    use_embedder(monkeypatch, FakeEmbedder())
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as opened:
        yield opened


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    """Three scenes, of two of which there is a copy."""
    folder = tmp_path / "photos"
    for seed in range(3):
        save(scene(seed), folder / f"{seed}.jpg")
    for seed in range(2):
        save(scene(seed), folder / f"{seed}-small.jpg", quality=50)
    return folder


def night(images: ImageIndex, photos: Path) -> Report:
    images.index([photos])
    full = images.report()
    images.mark_reported(full)
    return only_new(full)


def changes(report: Report) -> list[tuple[str, Change]]:
    return sorted((Path(group.keeper).name, group.change) for group in report.groups)


def test_each_night_says_what_came_since_the_last(images: ImageIndex, photos: Path) -> None:
    assert changes(night(images, photos)) == [("0.jpg", Change.NEW), ("1.jpg", Change.NEW)]
    assert changes(night(images, photos)) == []
    save(scene(2), photos / "2-small.jpg", quality=50)
    shutil.copy(photos / "0-small.jpg", photos / "0-again.jpg")
    (photos / "1-small.jpg").unlink()
    third = night(images, photos)
    assert changes(third) == [("0.jpg", Change.GROWN), ("2.jpg", Change.NEW)]
    assert [Path(gone.keeper).name for gone in third.resolved] == ["1.jpg"]
    assert night(images, photos).resolved == ()


def test_a_moved_folder_is_no_news(images: ImageIndex, photos: Path) -> None:
    night(images, photos)
    moved = photos.rename(photos.with_name("moved"))
    images.index([moved, photos], accept_missing=True)
    assert changes(only_new(images.report())) == []


def test_only_a_report_that_was_given_out_moves_the_mark(images: ImageIndex, photos: Path) -> None:
    """`index` and `report` at noon must not swallow what the night would have said."""
    images.index([photos])
    images.report()
    assert len(only_new(images.report()).groups) == 2


def test_pairs_of_known_groups_are_left_out(images: ImageIndex, photos: Path) -> None:
    night(images, photos)
    save(scene(2), photos / "2-small.jpg", quality=50)
    new = night(images, photos)
    assert {Path(path).name for p in new.pairs for path in (p.a, p.b)} == {"2.jpg", "2-small.jpg"}
    assert (new.counts.groups, new.counts.duplicate_files, new.counts.pairs) == (1, 1, 1)


def test_forgotten_files_are_gone_until_they_are_indexed_again(images: ImageIndex, photos: Path) -> None:
    images.index([photos])
    assert images.forget(photos / "0.jpg") == 1
    assert changes(images.report()) == [("1.jpg", Change.NEW)]
    assert images.forget(photos) == 4
    assert (images.status().files, images.status().images, images.status().roots) == (0, 0, ())
    assert images.index([photos]).ingest.embedded_images == 5
    assert len(images.report().groups) == 2


def test_forgetting_a_folder_leaves_its_namesakes(images: ImageIndex, photos: Path) -> None:
    """`/a/b` is no prefix of `/a/bc/photo.jpg` that counts."""
    for name in ("sub", "sub-2", "sub0"):
        save(scene(9), photos / name / "x.jpg")
    images.index([photos])
    assert images.forget(photos / "sub") == 1
    assert images.status().files == 7


def test_a_backup_is_a_store_and_is_never_written_over(images: ImageIndex, photos: Path, tmp_path: Path) -> None:
    images.index([photos])
    copy = tmp_path / "copy" / "imgindex.db"
    copy.parent.mkdir()
    images.backup(copy)
    with imgindex.open(copy.parent, create=False) as other:
        assert changes(other.report()) == changes(images.report())
    with pytest.raises(UsageError, match="already"):
        images.backup(copy)


def run(*arguments: str | Path, check: int) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imgindex", *map(str, arguments)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == check, done.stderr
    return done


def test_the_command_for_a_timer(photos: Path, tmp_path: Path) -> None:
    """Exit code 1 only where something new was found, and JSON with the fields of a report."""
    options = ("--store", tmp_path / "s", "--model", "sift-vlad", "--fail-on-duplicates")
    first = json.loads(run("nightly", photos, *options, "--format", "json", check=1).stdout)
    assert [group["change"] for group in first["groups"]] == ["new", "new"]
    assert (first["since"], first["index"]["ingest"]["embedded_images"]) == (None, 5)
    second = run("nightly", photos, *options, check=0).stdout
    assert "nothing new" in second
    assert "No duplicates" not in run("report", "--new", "--store", tmp_path / "s", check=0).stdout
    run("report", "--fail-on-duplicates", "--store", tmp_path / "s", check=1)


def test_a_root_that_is_away_is_said_and_changes_nothing(photos: Path, tmp_path: Path) -> None:
    """An unmounted disk at 3 a.m.: exit code 5, no group resolved, nothing missing."""
    options = ("--store", tmp_path / "s", "--model", "sift-vlad")
    run("nightly", photos, *options, check=0)
    photos.rename(tmp_path / "elsewhere")
    photos.mkdir()
    done = run("nightly", photos, *options, check=5)
    assert "nothing new" in done.stdout
    assert "not mounted" in done.stderr
    (photos).rmdir()
    (tmp_path / "elsewhere").rename(photos)
    assert "5 pictures, nothing new" in run("nightly", photos, *options, check=0).stdout


def test_a_report_that_nobody_took_is_said_again(photos: Path, tmp_path: Path) -> None:
    """A mail program that died at 3 a.m. must not swallow the only word on new duplicates."""
    store = tmp_path / "s"
    command = f"{sys.executable} -m imgindex nightly {photos} --store {store} --model sift-vlad | true"
    subprocess.run(["bash", "-c", command], capture_output=True, check=True)
    assert "2 new groups" in run("nightly", photos, "--store", store, check=0).stdout


def test_a_link_is_forgotten_as_what_it_is(images: ImageIndex, photos: Path) -> None:
    images.index([photos])
    (photos / "link.jpg").symlink_to(photos / "0.jpg")
    assert images.forget(photos / "link.jpg") == 0
    assert images.status().files == 5


def test_a_backup_leaves_every_other_file_alone(images: ImageIndex, photos: Path, tmp_path: Path) -> None:
    images.index([photos])
    other = tmp_path / "copy.db.part"
    other.write_bytes(b"somebody's")
    images.backup(tmp_path / "copy.db")
    assert other.read_bytes() == b"somebody's"
    assert not list(tmp_path.glob(".imgindex-*"))


def test_two_files_of_one_content_in_one_batch(
    images: ImageIndex, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A copy that was finished between the scan and the reading is found as a known content only when it is written."""
    monkeypatch.setattr(ingest.Ingest, "_hash", lambda self, doubtful: list(doubtful))
    shutil.copy(photos / "2.jpg", photos / "2-copied.jpg")
    assert images.index([photos]).ingest.embedded_images == 6
    assert (images.status().files, images.status().images) == (6, 5)
    assert images.check() == ()


def numbered(store: Path, like: str, device: int) -> None:
    """Let files of such paths have been indexed when their disk had this number."""
    with Store.open(store) as opened, opened.write() as tx:
        where = "CAST(path AS TEXT) LIKE ?"
        tx.exec_driver_sql(f"UPDATE file SET device = ? WHERE {where}", (device.to_bytes(8), like))


def test_a_deleted_photo_is_no_lost_disk_after_a_remount(images: ImageIndex, photos: Path, tmp_path: Path) -> None:
    """Device numbers change with each mount: old rows have the old one, a file that came since has the new one."""
    images.index([photos])
    for like in ("%/1.jpg", "%/2.jpg", "%-small.jpg"):
        numbered(tmp_path / "store", like, 0xFF)
    (photos / "0.jpg").unlink()
    summary = images.index([photos])
    assert (summary.ingest.problems, summary.ingest.missing) == ((), 1)


def test_a_disk_below_a_root_that_is_away_after_a_remount(images: ImageIndex, photos: Path, tmp_path: Path) -> None:
    """Prevents: the photos of a second disk forgotten, because a reboot gave the first another number and left the
    second out. Few are gone, of many."""
    for seed in range(7, 9):
        save(scene(seed), photos / "disk" / f"{seed}.jpg")
    images.index([photos])
    numbered(tmp_path / "store", "%", 0xFE)
    numbered(tmp_path / "store", "%/disk/%", 0xFF)
    (photos / "disk").rename(tmp_path / "away")
    (photos / "disk").mkdir()
    with pytest.raises(RootError, match="2 of the 7 files") as caught:
        images.index([photos])
    assert caught.value.summary is not None
    assert (caught.value.summary.ingest.missing, images.status().files, images.status().missing) == (0, 7, 0)
    assert images.index([photos], accept_missing=True).ingest.missing == 2


def test_the_number_of_a_disk_is_that_of_its_last_scan(images: ImageIndex, photos: Path, tmp_path: Path) -> None:
    """Prevents: a deleted photo taken for a disk that is away, since its row has a number of long ago."""
    images.index([photos])
    numbered(tmp_path / "store", "%/0.jpg", 0xFF)
    images.index([photos])
    with Store.open(tmp_path / "store") as store, store.read() as tx:
        assert {known.stat.device for known in catalog.known_files(tx)} == {photos.stat().st_dev}
    (photos / "0.jpg").unlink()
    summary = images.index([photos])
    assert (summary.ingest.problems, summary.ingest.missing) == ((), 1)


def test_a_root_that_lost_most_of_its_files_changes_nothing(images: ImageIndex, photos: Path) -> None:
    """A disk that fails, or a sync that went wrong, need not take everything."""
    images.index([photos])
    for name in ("0.jpg", "0-small.jpg"):
        (photos / name).unlink()
    assert images.index([photos]).ingest.missing == 2, "less than half is believed"
    for name in ("1.jpg", "1-small.jpg"):
        (photos / name).unlink()
    with pytest.raises(RootError, match="2 of the 3 files") as caught:
        images.index([photos])
    assert caught.value.summary is not None
    assert (caught.value.summary.ingest.missing, images.status().missing) == (0, 2)
    assert images.index([photos], accept_missing=True).ingest.missing == 2


def test_copies_that_a_burst_kept_apart_meet_when_it_is_deleted(
    images: ImageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each was out of the other's reach behind nearer frames; removing those is what reports are for."""
    monkeypatch.setattr(FakeEmbedder, "reach", Reach(1, -1.0, 2.0))
    photos = tmp_path / "photos"
    save(scene(0), photos / "x.jpg", quality=95)
    save(scene(0), photos / "x-near.jpg", quality=94)
    for name in ("y", "y-near"):
        save(scene(0).point(lambda v: v * 3 // 4), photos / f"{name}.jpg", quality=95 if name == "y" else 94)
    images.index([photos])
    (photos / "x-near.jpg").unlink()
    (photos / "y-near.jpg").unlink()
    images.index([photos])
    pairs = {frozenset(Path(path).name for path in (p.a, p.b)) for p in images.report().pairs}
    assert frozenset({"x.jpg", "y.jpg"}) in pairs
