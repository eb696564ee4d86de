"""Disks and folders that are away: nothing is lost, and nothing is redundant beside them."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from imgindex.api import ImageIndex
from imgindex.store import Store, catalog
from imgindex.ui.as_html import report_html
from imgindex.ui.report_text import news_text, report_text
from tests.helpers.pictures import save, scene
from tests.runs.moves.asked import groups, night


def unmount(folder: Path) -> Path:
    """What is left of a disk that is not mounted: an empty folder."""
    away = folder.rename(folder.with_name(folder.name + " away"))
    folder.mkdir()
    return away


def mount(away: Path, folder: Path) -> None:
    folder.rmdir()
    away.rename(folder)


def test_nothing_is_redundant_beside_a_file_that_is_away(images: ImageIndex, pictures: Path, tmp_path: Path) -> None:
    """Prevents: the last file at hand called redundant, because the one to keep was on a disk that is away now."""
    disk = tmp_path / "disk"
    for seed in (1, 2):
        save(scene(seed), disk / f"{seed}-best.jpg", quality=97)
    night(images, pictures, disk)
    whole = images.report()
    assert ("1-best.jpg", "1.jpg", "1-small.jpg") in groups(whole)
    away = unmount(disk)
    _, new = night(images, pictures)
    assert (new.groups, new.resolved) == ((), ())
    report = images.report()
    assert sorted(groups(report)) == [("0.jpg", "0-small.jpg"), ("1.jpg", "1-small.jpg"), ("2.jpg", "2-copied.jpg")]
    assert report.away == ((str(disk), 2),)
    for text in (report_text(report), news_text(new), report_html(report, {}, pictures=0)):
        assert f"2 files are away ({disk} cannot be looked at" in text
    mount(away, disk)
    _, back = night(images, pictures, disk)
    assert (back.groups, back.resolved) == ((), ())
    assert groups(images.report()) == groups(whole)


@pytest.mark.parametrize("how", ["emptied", "absent", "another disk"])
def test_a_disk_that_is_away_changes_nothing_and_is_no_news(
    images: ImageIndex, pictures: Path, tmp_path: Path, how: str
) -> None:
    night(images, pictures)
    before = images.report()
    away = unmount(pictures)
    if how == "absent":
        pictures.rmdir()
    if how == "another disk":
        (pictures / "lost+found").mkdir()
        with Store.open(tmp_path / "store") as store, store.write() as tx:
            tx.exec_driver_sql("UPDATE file SET device = ?", ((0xFF).to_bytes(8),))
    summary, new = night(images, pictures)
    assert len(summary.ingest.problems) == 1
    assert (new.groups, new.resolved) == ((), ())
    report = images.report()
    assert (report.groups, report.pairs, report.away) == ((), (), ((str(pictures), 6),))
    assert (images.status().files, images.status().missing) == (6, 0)
    assert images.query(away / "0.jpg") == []
    shutil.rmtree(pictures, ignore_errors=True)
    away.rename(pictures)
    _, back = night(images, pictures)
    assert (back.groups, back.resolved) == ((), ())
    assert images.report().groups == before.groups


def test_a_folder_that_may_not_be_read_is_away(
    images: ImageIndex, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Permission and broken disks, simulated, since the superuser may read all."""
    night(images, pictures)
    real = os.lstat

    def refused(path, **options):  # type: ignore[no-untyped-def]
        if os.fsencode(path).startswith(os.fsencode(pictures) + b"/"):
            raise PermissionError(13, "Permission denied")
        return real(path, **options)

    monkeypatch.setattr(os, "lstat", refused)
    report = images.report()
    assert (report.groups, report.away) == ((), ((str(pictures), 6),))
    monkeypatch.undo()


def test_a_disk_that_was_given_another_number_is_not_away(images: ImageIndex, pictures: Path, tmp_path: Path) -> None:
    """Device numbers change with each mount: a deleted photo is gone, not away."""
    images.index([pictures])
    with Store.open(tmp_path / "store") as store, store.write() as tx:
        tx.exec_driver_sql("UPDATE file SET device = ?", ((0xFF).to_bytes(8),))
    (pictures / "0.jpg").unlink()
    report = images.report()
    assert (report.counts.outdated, report.counts.away, len(report.groups)) == (1, 0, 2)


def test_moved_files_count_for_no_loss(images: ImageIndex, pictures: Path, tmp_path: Path) -> None:
    """Prevents: "5 of the 6 files are gone at once", where they are in the other root of the same run."""
    other = tmp_path / "Other"
    other.mkdir()
    images.index([pictures, other])
    for path in sorted(pictures.iterdir())[1:]:
        path.rename(other / path.name)
    assert images.index([pictures, other]).ingest.problems == ()
    with Store.open(tmp_path / "store") as store, store.read() as tx:
        rows = [(known.path, known.missing_since_s) for known in catalog.known_files(tx)]
    assert sum(path.startswith(os.fsencode(other)) for path, _ in rows) == 5
    assert all(missing is None for _, missing in rows)
