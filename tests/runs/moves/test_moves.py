"""Files that are moved, linked, deleted or out of reach: what is not there now is no keeper and no duplicate."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from imgindex.api import ImageIndex
from imgindex.runs.report.changes import paths_of
from imgindex.ui.report_text import report_text
from imgindex.ui.run_text import index_text
from tests.helpers.pictures import save, scene
from tests.runs.moves.asked import Counting, groups, named, night, scene_bytes


def test_a_renamed_folder_is_no_news_whichever_root_is_named(
    images: ImageIndex, pictures: Path, embedder: Counting
) -> None:
    """Prevents: new groups whose keeper is gone, and whose "redundant" member is the only file."""
    night(images, pictures)
    before, embedded = groups(images.report()), embedder.embedded
    moved = pictures.rename(pictures.with_name("Sorted"))
    summary, new = night(images, moved)
    assert (new.groups, new.resolved) == ((), ())
    full = images.report()
    assert groups(full) == before
    assert {Path(path).parent for path in named(full)} == {moved}
    assert (images.status().missing, images.status().files) == (0, 6)
    assert [root.path for root in images.status().roots] == [str(moved)]
    assert (summary.ingest.moved, summary.ingest.unchanged, embedder.embedded) == (6, 0, embedded)
    assert "6 moved" in index_text(summary, 0.0)
    assert images.check() == ()


WAYS = {
    "one by one": lambda a, b: [path.rename(b / path.name) for path in sorted(a.iterdir())],
    "keepers only": lambda a, b: [(a / f"{seed}.jpg").rename(b / f"{seed}.jpg") for seed in range(3)],
    "members only": lambda a, b: [(a / f"{seed}-small.jpg").rename(b / f"{seed}-small.jpg") for seed in range(2)],
    "under other names": lambda a, b: [path.rename(b / f"new {path.name}") for path in sorted(a.iterdir())],
    "as a folder": lambda a, b: a.rename(b / "Pictures") and a.mkdir(),
}


@pytest.mark.parametrize("roots", ["source", "target", "both"])
@pytest.mark.parametrize("way", WAYS)
def test_files_moved_between_roots_are_no_news(
    images: ImageIndex, pictures: Path, tmp_path: Path, way: str, roots: str
) -> None:
    """Prevents: a group of a file that is gone, whichever of the two roots the night was told of."""
    other = tmp_path / "Other"
    save(scene(9), other / "9.jpg")
    night(images, pictures, other)
    count = len(list(pictures.iterdir()))
    WAYS[way](pictures, other)
    target_is_named = roots != "source"
    summary, new = night(images, *{"source": [pictures], "target": [other], "both": [pictures, other]}[roots])
    assert all(os.path.exists(path) for path in named(images.report()))
    assert new.groups == ()
    if target_is_named:
        assert summary.ingest.problems == ()
        assert new.resolved == ()
        assert len(images.report().groups) == 3
        assert images.status().missing == 0
        moved = {"keepers only": 3, "members only": 2}.get(way, count)
        assert summary.ingest.moved == moved


def test_a_file_copied_to_another_disk_and_removed_is_looked_for(
    images: ImageIndex, pictures: Path, tmp_path: Path
) -> None:
    """Prevents: the old path, another inode, kept before or removed after the only file."""
    images.index([pictures])
    before = groups(images.report())
    other = tmp_path / "Other"
    shutil.copytree(pictures, other)
    shutil.rmtree(pictures)
    images.index([other])
    report = images.report()
    assert groups(report) == before
    assert {Path(path).parent for path in named(report)} == {other}


def test_the_next_best_is_kept_where_the_keeper_is_gone(images: ImageIndex, tmp_path: Path) -> None:
    folder = tmp_path / "photos"
    for name in ("a.jpg", "b.jpg", "c.jpg"):
        save(scene(1), folder / name)
    images.index([folder])
    (folder / "a.jpg").unlink()
    report = images.report()
    assert groups(report) == [("b.jpg", "c.jpg")]
    assert (report.counts.outdated, report.counts.away) == (1, 0)
    assert "1 file is gone, or changed" in report_text(report)
    (folder / "b.jpg").unlink()
    assert images.report().groups == ()
    assert [Path(m.path).name for m in images.query(folder / "c.jpg")] == ["c.jpg"]


def test_what_took_a_keepers_place_is_not_kept_for_it(images: ImageIndex, pictures: Path) -> None:
    """Prevents: "keep 0.jpg", where another picture was saved under that name since, or a folder or a link is there."""
    images.index([pictures])
    save(scene(50), pictures / "0.jpg")
    (pictures / "1.jpg").unlink()
    (pictures / "1.jpg").mkdir()
    (pictures / "2-copied.jpg").unlink()
    (pictures / "2-copied.jpg").symlink_to(pictures / "2.jpg")
    report = images.report()
    assert (report.groups, report.counts.outdated) == ((), 3)


def test_what_took_a_keepers_place_and_has_its_size_and_time_is_not_kept_for_it(
    images: ImageIndex, tmp_path: Path
) -> None:
    """Prevents: the last file of a picture redundant beside another one; pictures without compression are of one size,
    and those from one archive of one time."""
    folder = tmp_path / "Scans"
    folder.mkdir()
    for seed, name in enumerate(("a.bmp", "b.bmp")):
        scene(seed).save(folder / name)
    shutil.copy(folder / "a.bmp", folder / "a-copied.bmp")
    for path in folder.iterdir():
        os.utime(path, (1_000_000_000, 1_000_000_000))
    images.index([folder])
    assert groups(images.report()) == [("a.bmp", "a-copied.bmp")]
    (folder / "b.bmp").replace(folder / "a.bmp")
    assert groups(images.report()) == []
    images.index([folder])
    assert groups(images.report()) == []


def test_names_swapped_or_passed_on_follow_their_files(images: ImageIndex, pictures: Path, embedder: Counting) -> None:
    """Prevents: a chain of renames in which each row finds its new path taken."""
    night(images, pictures)
    embedded = embedder.embedded
    for old, new in (("2.jpg", "x"), ("1.jpg", "2.jpg"), ("0.jpg", "1.jpg"), ("x", "0.jpg"), ("0-small.jpg", "y.jpg")):
        (pictures / old).rename(pictures / new)
    summary, new_groups = night(images, pictures)
    assert (summary.ingest.moved, summary.ingest.missing, embedder.embedded) == (4, 0, embedded)
    assert sorted(groups(images.report())) == [("0.jpg", "2-copied.jpg"), ("1.jpg", "y.jpg"), ("2.jpg", "1-small.jpg")]
    assert new_groups.groups == ()
    assert images.check() == ()


def test_a_name_that_was_moved_over_another_file(images: ImageIndex, pictures: Path) -> None:
    """The row of what was overwritten goes, the other follows."""
    night(images, pictures)
    (pictures / "0.jpg").rename(pictures / "1.jpg")
    summary, _ = night(images, pictures)
    assert (summary.ingest.moved, images.status().missing, images.status().files) == (1, 0, 5)
    assert sorted(groups(images.report())) == [("1.jpg", "0-small.jpg"), ("2.jpg", "2-copied.jpg")]
    assert images.check() == ()


def test_an_inode_that_a_new_file_got_is_no_move(images: ImageIndex, pictures: Path) -> None:
    """Prevents: a new photo taken for a deleted one because its file got that one's number, size and time: its content
    decides."""
    images.index([pictures])
    data = (pictures / "0.jpg").read_bytes()
    status = os.stat(pictures / "0.jpg")
    new = pictures / "new.jpg"
    (pictures / "0.jpg").rename(new)
    new.write_bytes(data[:15] + bytes([data[15] ^ 1]) + data[16:])  # its density, in the header
    os.utime(new, ns=(status.st_atime_ns, status.st_mtime_ns))
    summary = images.index([pictures])
    assert (summary.ingest.moved, summary.ingest.missing, summary.ingest.embedded_images) == (0, 1, 1)


def test_a_moved_file_that_was_changed_is_new_content(images: ImageIndex, pictures: Path) -> None:
    images.index([pictures])
    (pictures / "0.jpg").rename(pictures / "edited.jpg")
    with (pictures / "edited.jpg").open("r+b") as file:
        file.write(scene_bytes(30, pictures))
    summary = images.index([pictures])
    assert (summary.ingest.moved, summary.ingest.missing, summary.ingest.embedded_images) == (0, 1, 1)


def test_a_skipped_file_moves_with_its_reason(images: ImageIndex, pictures: Path, tmp_path: Path) -> None:
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (pictures / "other.jpg").write_bytes(b"\xff\xd8\xff no picture either")
    images.index([pictures])
    moved = pictures.rename(tmp_path / "Sorted")
    (moved / "other.jpg").rename(moved / "renamed.jpg")
    images.index([moved])
    assert [Path(path) for path, _ in images.report().skipped] == [
        moved / "broken.jpg",
        moved / "renamed.jpg",
    ]
    assert images.status().missing == 0
    assert images.check() == ()


def test_names_that_are_no_text_move(images: ImageIndex, pictures: Path, tmp_path: Path) -> None:
    odd = os.fsencode(pictures) + b"/\xff\xfe.jpg"
    os.rename(pictures / "0.jpg", odd)
    images.index([pictures])
    moved = pictures.rename(tmp_path / "Sorted")
    assert images.index([moved]).ingest.moved == 6
    assert os.fsencode(moved) + b"/\xff\xfe.jpg" in paths_of(images.report())


def test_a_name_of_which_only_the_case_changed(
    images: ImageIndex, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: two files of one, where the file system finds a file by either spelling; played here by `lstat`."""
    images.index([pictures])
    (pictures / "0.jpg").rename(pictures / "0.JPG")
    real = os.lstat
    either = {os.fsencode(pictures / "0.jpg"): os.fsencode(pictures / "0.JPG")}
    monkeypatch.setattr(os, "lstat", lambda path, **options: real(either.get(path, path), **options))
    summary = images.index([pictures])
    assert (summary.ingest.moved, images.status().files) == (1, 6)
    assert ("0.JPG", "0-small.jpg") in groups(images.report())


def test_what_was_missing_has_moved_once_it_is_seen_again(
    images: ImageIndex, pictures: Path, tmp_path: Path, embedder: Counting
) -> None:
    images.index([pictures])
    embedded = embedder.embedded
    other = tmp_path / "Other"
    other.mkdir()
    (pictures / "0.jpg").rename(other / "0.jpg")
    assert images.index([pictures]).ingest.missing == 1
    assert images.index([other]).ingest.moved == 1
    assert (images.status().missing, images.status().files, embedder.embedded) == (0, 6, embedded)
    assert len(images.report().groups) == 3
