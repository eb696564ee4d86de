"""Files that are moved, linked, deleted or out of reach: what is not there now is no keeper and no duplicate."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgindex
from imgindex.api import ImageIndex, only_new
from imgindex.records import Verdict
from imgindex.results import IndexSummary, Report
from imgindex.runs import presence
from imgindex.runs.report.changes import paths_of
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.store import Store, catalog
from imgindex.ui.as_html import report_html
from imgindex.ui.as_json import report_json
from imgindex.ui.as_text import index_text, news_text, report_text
from tests.embedders import use_embedder
from tests.in_process import work_in_process
from tests.pictures import save, scene


class Counting(FakeEmbedder):
    """Counts the pictures it is given."""

    embedded = 0

    def finish(self, fronts):  # type: ignore[no-untyped-def]
        self.embedded += len(fronts)
        return super().finish(fronts)


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    use_embedder(monkeypatch, counting)
    work_in_process(monkeypatch)
    return counting


@pytest.fixture
def images(tmp_path: Path, embedder: Counting) -> Iterator[ImageIndex]:
    with imgindex.open(tmp_path / "store", jobs=1) as opened:
        yield opened


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    """Three scenes; of the first two a smaller copy, of the third a copy byte for byte."""
    folder = tmp_path / "Pictures"
    for seed in range(3):
        save(scene(seed), folder / f"{seed}.jpg")
    for seed in range(2):
        save(scene(seed), folder / f"{seed}-small.jpg", quality=50)
    shutil.copy(folder / "2.jpg", folder / "2-copied.jpg")
    return folder


def night(images: ImageIndex, *folders: Path, accept_missing: bool = False) -> tuple[IndexSummary, Report]:
    """What `nightly` does: the run, and what is new."""
    summary = images.index(folders, accept_missing=accept_missing)
    full = images.report(similar_per_image=None)
    images.mark_reported(full)
    return summary, only_new(full)


def named(report: Report) -> set[str]:
    """Every path that a report names, and looks at nothing for it."""
    links = {path for names in report.links for path in names}
    return {
        os.fsdecode(p) for p in {*paths_of(report), *links, *(q for pair in report.pairs for q in (pair.a, pair.b))}
    }


def groups(report: Report) -> list[tuple[str, ...]]:
    """The names in each group, the keeper first."""
    return [
        tuple(Path(os.fsdecode(path)).name for path in (group.keeper, *(m.path for m in group.members)))
        for group in report.groups
    ]


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
    assert [root.path for root in images.status().roots] == [os.fsencode(moved)]
    assert (summary.ingest.moved, summary.ingest.unchanged, embedder.embedded) == (6, 0, embedded)
    assert "6 moved" in index_text(summary)
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
    assert [Path(os.fsdecode(m.path)).name for m in images.query(folder / "c.jpg")] == ["c.jpg"]


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


def scene_bytes(seed: int, folder: Path) -> bytes:
    path = save(scene(seed), folder.parent / "aside.jpg")
    return path.read_bytes()


def test_a_skipped_file_moves_with_its_reason(images: ImageIndex, pictures: Path, tmp_path: Path) -> None:
    (pictures / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    (pictures / "other.jpg").write_bytes(b"\xff\xd8\xff no picture either")
    images.index([pictures])
    moved = pictures.rename(tmp_path / "Sorted")
    (moved / "other.jpg").rename(moved / "renamed.jpg")
    images.index([moved])
    assert [Path(os.fsdecode(path)) for path, _ in images.report().skipped] == [
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


def whole_groups(report: Report) -> list[tuple[bytes, ...]]:
    return [(group.keeper, *(member.path for member in group.members)) for group in report.groups]


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
    assert [p.b for p in report.pairs if p.verdict is Verdict.EXACT] == [os.fsencode(pictures / "2.jpg")]
    text = report_text(report)
    assert text.count("also named (hard link)") == 2
    assert "Hard links: 2 further names" in text
    assert '"hard_links"' in report_json(report)
    assert report_html(report, {}, left_out=0).count("hard link") >= 1
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
    for seed in range(2):
        save(scene(seed), disk / f"{seed}-best.jpg", quality=97)
    night(images, pictures, disk)
    whole = images.report()
    assert ("0-best.jpg", "0.jpg", "0-small.jpg") in groups(whole)
    away = unmount(disk)
    _, new = night(images, pictures)
    assert (new.groups, new.resolved) == ((), ())
    report = images.report()
    assert sorted(groups(report)) == [("0.jpg", "0-small.jpg"), ("1.jpg", "1-small.jpg"), ("2.jpg", "2-copied.jpg")]
    assert report.away == ((os.fsencode(disk), 2),)
    for text in (report_text(report), news_text(new), report_html(report, {}, left_out=0)):
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
    assert (report.groups, report.pairs, report.away) == ((), (), ((os.fsencode(pictures), 6),))
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
    assert (report.groups, report.away) == ((), ((os.fsencode(pictures), 6),))
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
