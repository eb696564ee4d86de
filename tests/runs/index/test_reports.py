"""What a report says after runs over changing folders."""

from __future__ import annotations

import os
import shutil
from dataclasses import replace
from pathlib import Path

from PIL import Image

from imgindex.api import ImageIndex
from imgindex.records import Verdict, Verification
from imgindex.store import Store, catalog, pairs
from tests.helpers.pictures import save, scene
from tests.runs.index.asked import copies


def test_deleted_files_leave_the_report(images: ImageIndex, photos_folder: Path) -> None:
    images.index([photos_folder])
    (photos_folder / "sub" / "2-copied.jpg").unlink()
    summary = images.index([photos_folder])
    assert summary.ingest.missing == 1
    assert {v for *_, v in copies(images.report())} == {"near-duplicate"}


def test_a_report_of_one_folder_names_no_file_outside_it(images: ImageIndex, photos_folder: Path) -> None:
    images.index([photos_folder])
    report = images.report([photos_folder / "sub"])
    assert report.counts.files == 2
    assert report.pairs == ()


def test_a_report_of_one_folder_leaves_out_files_elsewhere_of_one_content(images: ImageIndex, tmp_path: Path) -> None:
    """Prevents: a person told to keep or delete a file that is not in the folder that was asked about."""
    here, there = tmp_path / "here", tmp_path / "there"
    first = save(scene(7), here / "a.jpg")
    for copy in (here / "z.jpg", there / "a.jpg", there / "b.jpg"):
        copy.parent.mkdir(exist_ok=True)
        shutil.copy(first, copy)
    save(scene(7), there / "smaller.jpg", quality=40)
    images.index([here, there])
    report = images.report([here])
    assert (report.counts.files, report.counts.images, report.counts.duplicate_files) == (2, 1, 1)
    named = (
        {p.a for p in report.pairs} | {p.b for p in report.pairs} | {m.path for g in report.groups for m in g.members}
    )
    assert named | {g.keeper for g in report.groups} == {str(here / "a.jpg"), str(here / "z.jpg")}


def test_a_report_that_asks_for_no_look_alikes_has_none(images: ImageIndex, photos_folder: Path) -> None:
    images.index([photos_folder])
    full, bare = images.report(), images.report(similar_per_image=None)
    assert bare.groups == full.groups
    assert bare.pairs == tuple(p for p in full.pairs if p.verdict.is_copy)
    assert bare.counts.similar_left_out == 0


def test_hard_links_reclaim_nothing(images: ImageIndex, tmp_path: Path) -> None:
    """Two names of one physical file: removing one frees no byte."""
    first = save(scene(7), tmp_path / "links" / "a.jpg")
    os.link(first, tmp_path / "links" / "b.jpg")
    images.index([tmp_path / "links"])
    report = images.report()
    assert (report.groups, report.pairs, report.counts.reclaimable_bytes) == ((), (), 0)
    assert report.links == (tuple(str(tmp_path / "links" / name) for name in ("a.jpg", "b.jpg")),)


def test_a_query_ranks_the_edited_photo_first(images: ImageIndex, photos_folder: Path, tmp_path: Path) -> None:
    images.index([photos_folder])
    for seed in (0, 3, 5):
        edited = save(scene(seed).resize((180, 135)), tmp_path / f"query{seed}.jpg", quality=70)
        matches = images.query(edited, k=3)
        assert Path(matches[0].path).name == f"{seed}.jpg"
        assert matches[0].verdict is Verdict.NEAR_DUPLICATE
        assert all(0 <= m.score <= 100 for m in matches)
    exact = images.query(photos_folder / "2.jpg", k=1)[0]
    assert (exact.verdict, exact.score, len(exact.other_paths)) == (Verdict.EXACT, 100.0, 1)


def test_blank_pictures_are_copies_only_where_their_pixels_are_equal(images: ImageIndex, tmp_path: Path) -> None:
    """A thousand blank scans are nobody's duplicates by resemblance; two files of the same blank pixels are."""
    folder = tmp_path / "blank"
    for level in (0, 100, 255):
        save(Image.new("RGB", (64, 48), (level, level, level)), folder / f"{level}.png")
    Image.new("RGB", (64, 48), (100, 100, 100)).save(folder / "same.png", compress_level=0)
    images.index([folder])
    assert copies(images.report()) == {("100.png", "same.png", "same-pixels")}


def test_a_copy_replaced_by_a_link_leaves_the_report(images: ImageIndex, photos_folder: Path) -> None:
    """The usual last step of removing duplicates must not be reported as one for ever."""
    images.index([photos_folder])
    copy = photos_folder / "sub" / "2-copied.jpg"
    copy.unlink()
    copy.symlink_to(photos_folder / "2.jpg")
    images.index([photos_folder])
    assert "2-copied.jpg" not in {name for pair in copies(images.report()) for name in pair[:2]}


def test_equal_pixels_stay_proven_when_the_first_of_them_is_gone(images: ImageIndex, tmp_path: Path) -> None:
    folder = tmp_path / "blank"
    for level in (1, 6, 9):
        folder.mkdir(exist_ok=True)
        Image.new("RGB", (64, 48), (90, 90, 90)).save(folder / f"{level}.png", compress_level=level)
    Image.new("RGB", (64, 48), (90, 90, 90)).save(folder / "0.png", compress_level=0)
    images.index([folder])
    first = images.report().pairs[0].a
    os.unlink(first)
    images.index([folder])
    assert images.report().groups


def test_files_found_are_all_accounted_for(images: ImageIndex, photos_folder: Path) -> None:
    """The first line that `index` prints: its numbers are the files found, copies of new content included."""
    save(scene(50), photos_folder / "new.jpg")
    for name in ("new-2.jpg", "new-3.jpg"):
        shutil.copy(photos_folder / "new.jpg", photos_folder / name)
    (photos_folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    for left in (2, 0):
        found = images.index([photos_folder]).ingest
        new = (found.embedded_images, found.new_copies, found.known_content)
        assert sum((*new, found.moved, found.unchanged, found.skipped)) == found.seen
        assert found.new_copies >= left
        shutil.copy(photos_folder / "new.jpg", photos_folder / "new-4.jpg")


def test_members_of_one_group_are_not_called_no_copies(images: ImageIndex, photos_folder: Path) -> None:
    """Two crops of one photo may prove nothing of each other, and both are copies of the photo that is kept."""
    save(scene(1), photos_folder / "1-again.jpg", quality=60)
    images.index([photos_folder])
    with Store.open(images._store.directory) as store, store.write() as tx:
        [space_id] = tx.exec_driver_sql("SELECT active_space_id FROM state").one()
        stored = list(pairs.pairs(tx))
        copies = [p for p in stored if p.outcome.verdict.is_copy]
        group = max(images.report().groups, key=lambda group: len(group.members))
        by_path = {os.fsdecode(f.path): f.image_id for f in catalog.known_files(tx)}
        keeper, ends = by_path[group.keeper], {by_path[member.path] for member in group.members}
        ends -= {keeper}
        between = [p for p in copies if {p.a_id, p.b_id} <= ends]
        assert between, "the photos have a group with two members that are copies of each other"
        alike = Verification(Verdict.SIMILAR, 70.0)
        pairs.put_pairs(tx, space_id, [replace(p, outcome=alike) for p in between])
    inside = {group.keeper, *(member.path for member in group.members)}
    pairs_inside = [p.verdict for p in images.report().pairs if {p.a, p.b} <= inside]
    assert len(pairs_inside) == len(copies) - len(between) == 2
    assert Verdict.SIMILAR not in pairs_inside
