"""What patterns leave out leaves reports, stays known, and is never taken for missing."""

from __future__ import annotations

import shutil
from pathlib import Path

import imgindex
from imgindex.api import ImageIndex
from imgindex.workers.inline import InlineWorkers
from tests.runs.index.asked import Counting, copies

BOTH = {("1-recompressed.jpg", "1.jpg", "near-duplicate"), ("2-copied.jpg", "2.jpg", "exact")}


def test_an_excluded_folder_leaves_reports_and_comes_back(
    images: ImageIndex, photos_folder: Path, embedder: Counting
) -> None:
    """Prevents an exclusion that holds only for what was never indexed, and one that costs embedding again."""
    images.index([photos_folder])
    out = images.index([photos_folder], exclude=["sub/"])
    assert (out.ingest.left_out_folders, out.ingest.left_out_files, out.ingest.missing) == (1, 0, 0)
    report = images.report()
    assert copies(report) == set()
    assert (report.counts.files, report.counts.missing) == (6, 0)
    status = images.status()
    assert (status.files, status.left_out, status.missing) == (6, 2, 0)
    assert not [m for m in images.query(photos_folder / "1.jpg", k=8) if "/sub/" in str(m.path)]
    assert images.check() == ()
    before = embedder.embedded
    back = images.index([photos_folder])
    assert (back.ingest.unchanged, back.ingest.left_out_folders, embedder.embedded) == (8, 0, before)
    assert copies(images.report()) == BOTH
    assert (images.status().files, images.status().left_out) == (8, 0)


def test_an_ignore_file_does_the_same(images: ImageIndex, photos_folder: Path, embedder: Counting) -> None:
    images.index([photos_folder])
    (photos_folder / ".imgindexignore").write_text("2-COPIED.JPG\n2-copied.JPG\n")
    out = images.index([photos_folder])
    assert (out.ingest.left_out_files, out.ingest.missing) == (1, 0)
    assert copies(images.report()) == {("1-recompressed.jpg", "1.jpg", "near-duplicate")}
    (photos_folder / ".imgindexignore").unlink()
    images.index([photos_folder])
    assert copies(images.report()) == BOTH
    assert embedder.embedded == 7


def test_a_folder_that_is_indexed_while_another_is_left_out_is_as_if_alone(
    images: ImageIndex, photos_folder: Path, tmp_path: Path
) -> None:
    """Prevents pairs that are verified against a file that no report may name, and never against the others."""
    images.index([photos_folder], exclude=["sub/"])
    assert copies(images.report()) == set()
    images.index([photos_folder])
    shutil.copytree(photos_folder / "sub", tmp_path / "more")
    images.index([photos_folder, tmp_path / "more"], exclude=["/sub/"])
    with imgindex.open(tmp_path / "alone", workers=InlineWorkers()) as alone:
        alone.index([photos_folder, tmp_path / "more"], exclude=["/sub/"])
        assert copies(alone.report()) == copies(images.report()) == BOTH


def test_what_is_left_out_is_never_missing(images: ImageIndex, photos_folder: Path, tmp_path: Path) -> None:
    """Prevents a pattern, and a disk that is away below it, from looking like deleted files."""
    images.index([photos_folder])
    (photos_folder / "sub").rename(tmp_path / "away")
    (photos_folder / "sub").mkdir()
    out = images.index([photos_folder], exclude=["sub/"])
    assert (out.ingest.missing, out.ingest.problems) == (0, ())
    assert images.status().left_out == 2
    (photos_folder / "sub").rmdir()
    (tmp_path / "away").rename(photos_folder / "sub")
    assert images.index([photos_folder]).ingest.unchanged == 8
    assert copies(images.report()) == BOTH


def test_leaving_most_out_does_not_look_like_a_loss(images: ImageIndex, photos_folder: Path) -> None:
    """Prevents one deleted file beside an exclusion from being taken for a disk that is not there."""
    images.index([photos_folder])
    (photos_folder / "0.jpg").unlink()
    out = images.index([photos_folder], include=["1.jpg", "2.jpg", "0.jpg"])
    assert (out.ingest.missing, out.ingest.left_out_files, out.ingest.problems) == (1, 5, ())
    assert (images.status().files, images.status().left_out, images.status().missing) == (2, 5, 1)


def test_what_is_gone_once_the_pattern_goes_is_missing_then(images: ImageIndex, photos_folder: Path) -> None:
    images.index([photos_folder])
    images.index([photos_folder], exclude=["0.jpg"])
    (photos_folder / "0.jpg").unlink()
    assert images.index([photos_folder]).ingest.missing == 1
    assert (images.status().left_out, images.status().missing) == (0, 1)


def test_a_hidden_folder_that_was_named_once_stays(images: ImageIndex, photos_folder: Path) -> None:
    """Prevents a nightly run on a folder from dropping the hidden one in it that a person indexed by name."""
    hidden = photos_folder / ".private"
    shutil.copytree(photos_folder / "sub", hidden)
    assert images.index([photos_folder]).ingest.hidden_folders == 1
    assert images.status().files == 8
    images.index([hidden])
    assert images.index([photos_folder]).ingest.unchanged == 10
    assert (images.status().files, images.status().left_out) == (10, 0)
    images.index([photos_folder], exclude=[".private/"])
    assert (images.status().files, images.status().left_out) == (8, 2)


def test_what_is_left_alone_is_listed_with_the_reason(images: ImageIndex, photos_folder: Path) -> None:
    """Prevents a person from wondering why a file is in no report."""
    (photos_folder / "notes.txt").write_text("x")
    (photos_folder / ".hidden").mkdir()
    (photos_folder / "@eaDir").mkdir()
    (photos_folder / "link.jpg").symlink_to(photos_folder / "0.jpg")
    (photos_folder / "sub" / ".imgindexignore").write_text("2*\n")
    images.index([photos_folder])
    found = images.left_alone(exclude=["0.JPG"])
    assert [(str(Path(f.path).relative_to(photos_folder)), f.reason, f.pattern, f.is_folder) for f in found] == [
        (".hidden", "hidden", "", True),
        ("0.jpg", "excluded", "0.JPG", False),
        ("@eaDir", "system", "", True),
        ("link.jpg", "link", "", False),
        ("notes.txt", "no-picture", "", False),
        ("sub/2-copied.jpg", "ignore-file", "2*", False),
    ]
