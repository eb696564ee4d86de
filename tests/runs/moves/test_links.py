"""Files of several names: hard links, links to folders, folders that are mounted twice."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from imgindex.api import ImageIndex
from imgindex.records import Verdict
from imgindex.runs import presence
from imgindex.ui.as_html import report_html
from imgindex.ui.as_json import report_json
from imgindex.ui.report_text import report_text
from tests.helpers.pictures import save, scene
from tests.runs.moves.asked import groups, night, whole_groups


def test_files_behind_links_that_were_followed_are_named(images: ImageIndex, pictures: Path, tmp_path: Path) -> None:
    """Prevents: a link that was indexed as the file it leads to taken for one that replaced the file."""
    linked = tmp_path / "Linked"
    linked.mkdir()
    for path in pictures.iterdir():
        (linked / path.name).symlink_to(path)
    images.index([linked], follow_symlinks=True)
    before = groups(images.report())
    assert len(before) == 3
    images.index([pictures])
    report = images.report()
    assert len(report.groups) == 3
    assert all(len({os.stat(path).st_ino for path in names}) == len(names) == 2 for names in whole_groups(report))
    assert report.links == (), "what a link leads to is no further name that can be removed"
    assert all(os.path.realpath(path) == path for names in whole_groups(report) for path in names)
    (pictures / "0.jpg").unlink()
    assert len(images.report().groups) == 2


def test_a_moved_folder_with_a_link_in_its_old_place(images: ImageIndex, pictures: Path, tmp_path: Path) -> None:
    """Prevents: the only file of a picture said to be a hard link, of which one may be removed."""
    night(images, pictures)
    moved = pictures.rename(tmp_path / "Sorted")
    pictures.symlink_to(moved)
    summary, new = night(images, moved)
    assert (new.groups, summary.ingest.moved, images.status().files) == ((), 6, 6)
    report = images.report()
    assert len(report.groups) == 3
    assert report.links == ()
    assert all(len({os.stat(path).st_ino for path in names}) == 2 for names in whole_groups(report))


def test_hard_links_are_one_file_and_said_to_be_that(images: ImageIndex, pictures: Path) -> None:
    """Prevents: a name of one's only file called redundant beside its other name."""
    os.link(pictures / "0.jpg", pictures / "link of 0.jpg")
    lonely = save(scene(7), pictures / "7.jpg")
    os.link(lonely, pictures / "7-link.jpg")
    images.index([pictures])
    report = images.report()
    assert sorted(groups(report)) == [("0.jpg", "0-small.jpg"), ("1.jpg", "1-small.jpg"), ("2.jpg", "2-copied.jpg")]
    assert (report.counts.duplicate_files, report.counts.hard_links) == (3, 2)
    assert report.counts.reclaimable_bytes == sum(
        (pictures / name).stat().st_size for name in ("0-small.jpg", "1-small.jpg", "2-copied.jpg")
    )
    assert [p.b for p in report.pairs if p.verdict is Verdict.EXACT] == [str(pictures / "2.jpg")]
    text = report_text(report)
    assert text.count("also named (hard link)") == 2
    assert "Hard links: 2 further names" in text
    assert '"hard_links"' in report_json(report)
    assert report_html(report, {}, pictures=0).count("hard link") >= 1
    assert [len(m.hard_links) + len(m.other_paths) for m in images.query(lonely, k=1)] == [1]


def test_two_mounts_of_one_folder_are_no_hard_links(
    images: ImageIndex, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: the same; played by hard links, of which the file system then says that there are none."""
    shutil.copytree(pictures, tmp_path / "Mounted", copy_function=os.link)
    images.index([pictures, tmp_path / "Mounted"])
    assert images.report().counts.hard_links == 6
    monkeypatch.setattr(presence, "_link_count", lambda path: 1)
    report = images.report()
    assert (report.links, len(report.groups)) == ((), 3)


def test_a_link_to_a_keeper_is_news_to_nobody(images: ImageIndex, pictures: Path) -> None:
    night(images, pictures)
    os.link(pictures / "0.jpg", pictures / "0-linked.jpg")
    summary, new = night(images, pictures)
    assert (summary.ingest.moved, new.groups) == (0, ())
    (pictures / "0.jpg").unlink()
    assert night(images, pictures)[1].groups == ()
