"""The pipeline on real files with the small twin of the embedders: only what is new is done, in any order."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image
from skimage import data

import imgindex
from imgindex.api import ImageIndex
from imgindex.errors import ModelError, StoreLocked
from imgindex.pictures import decode, sketch, sources
from imgindex.pictures.sources import ImageSource
from imgindex.records import Verdict, Verification
from imgindex.results import Report
from imgindex.runs.index import match, worker_tasks
from imgindex.runs.index.screening import Screened
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.store import Store, catalog, pairs, sketches, spaces
from imgindex.workers.inline import InlineWorkers
from tests.embedders import use_embedder
from tests.pictures import save, scene


class Counting(FakeEmbedder):
    """Counts the pictures it is given."""

    def __init__(self, name: str = "fake") -> None:
        super().__init__(name)
        self.embedded = 0

    def finish(self, fronts):  # type: ignore[no-untyped-def]
        self.embedded += len(fronts)
        return super().finish(fronts)


@pytest.fixture
def embedder(monkeypatch: pytest.MonkeyPatch) -> Counting:
    counting = Counting()
    use_embedder(monkeypatch, counting)
    return counting


@pytest.fixture
def photos_folder(tmp_path: Path) -> Path:
    """Six scenes, one recompressed, one copied byte for byte."""
    folder = tmp_path / "photos"
    for seed in range(6):
        save(scene(seed), folder / f"{seed}.jpg")
    save(scene(1), folder / "sub" / "1-recompressed.jpg", quality=40)
    shutil.copy(folder / "2.jpg", folder / "sub" / "2-copied.jpg")
    return folder


@pytest.fixture
def images(tmp_path: Path, embedder: Counting) -> Iterator[ImageIndex]:
    with imgindex.open(tmp_path / "store", workers=InlineWorkers()) as opened:
        yield opened


def copies(report: Report) -> set[tuple[str, str, str]]:
    return {
        (*sorted(Path(os.fsdecode(path)).name for path in (p.a, p.b)), p.verdict.value)
        for p in report.pairs
        if p.verdict.is_copy
    }


def test_copies_are_found_and_named(images: ImageIndex, photos_folder: Path) -> None:
    summary = images.index([photos_folder])
    report = images.report()
    assert summary.ingest.embedded_images == 7
    assert copies(report) == {
        ("1-recompressed.jpg", "1.jpg", "near-duplicate"),
        ("2-copied.jpg", "2.jpg", "exact"),
    }
    assert (report.counts.files, report.counts.images, report.counts.groups, report.counts.duplicate_files) == (
        8,
        7,
        2,
        2,
    )
    assert report.counts.reclaimable_bytes == sum(g.reclaimable_bytes for g in report.groups) > 0
    keepers = {Path(os.fsdecode(g.keeper)).name for g in report.groups}
    assert keepers == {"1.jpg", "2.jpg"}, "more bytes first, then the older file or the shorter path"


def test_a_second_run_embeds_and_verifies_nothing(images: ImageIndex, photos_folder: Path, embedder: Counting) -> None:
    images.index([photos_folder])
    before = embedder.embedded
    again = images.index([photos_folder])
    assert embedder.embedded == before == 7
    assert (again.ingest.unchanged, again.match.searched, again.match.verified) == (8, 0, 0)


def test_a_renamed_folder_embeds_nothing(images: ImageIndex, photos_folder: Path, embedder: Counting) -> None:
    images.index([photos_folder])
    before = copies(images.report())
    renamed = photos_folder.rename(photos_folder.with_name("renamed"))
    summary = images.index([renamed.parent / "renamed", renamed.parent])
    assert embedder.embedded == 7
    assert (summary.ingest.moved, summary.ingest.known_content) == (8, 0)
    report = images.report()
    assert copies(report) == before
    assert all(b"/renamed/" in p.a for p in report.pairs)
    assert report.counts.missing == 0


def test_a_touched_file_is_hashed_and_not_embedded(images: ImageIndex, photos_folder: Path, embedder: Counting) -> None:
    images.index([photos_folder])
    os.utime(photos_folder / "3.jpg")
    summary = images.index([photos_folder])
    assert (summary.ingest.unchanged, summary.ingest.known_content) == (7, 1)
    assert embedder.embedded == 7


def test_replaced_content_leaves_no_stale_pair(images: ImageIndex, photos_folder: Path) -> None:
    images.index([photos_folder])
    save(scene(99), photos_folder / "sub" / "1-recompressed.jpg")
    images.index([photos_folder])
    assert copies(images.report()) == {("2-copied.jpg", "2.jpg", "exact")}


def test_deleted_files_leave_the_report(images: ImageIndex, photos_folder: Path) -> None:
    images.index([photos_folder])
    (photos_folder / "sub" / "2-copied.jpg").unlink()
    summary = images.index([photos_folder])
    assert summary.ingest.missing == 1
    assert {v for *_, v in copies(images.report())} == {"near-duplicate"}


def test_an_emptied_root_changes_nothing(images: ImageIndex, photos_folder: Path) -> None:
    """An unmounted disk looks like this: every file would be marked missing."""
    images.index([photos_folder])
    before = images.report()
    elsewhere = photos_folder.rename(photos_folder.with_name("elsewhere"))
    photos_folder.mkdir()
    summary = images.index([photos_folder])
    assert "--accept-missing" in summary.ingest.problems[0]
    while_away = images.report()
    assert (while_away.pairs, while_away.groups) == ((), ())
    assert (while_away.counts.files, while_away.counts.away) == (8, 4), "away are four that groups would name"
    photos_folder.rmdir()
    elsewhere.rename(photos_folder)
    after = images.report()
    assert (after.pairs, after.counts) == (before.pairs, before.counts)
    shutil.move(photos_folder, elsewhere)
    photos_folder.mkdir()
    assert images.index([photos_folder], accept_missing=True).ingest.missing == 8
    assert images.report().counts.files == 0


def test_an_absent_root_is_said_and_changes_nothing(images: ImageIndex, photos_folder: Path) -> None:
    images.index([photos_folder])
    photos_folder.rename(photos_folder.with_name("elsewhere"))
    assert images.index([photos_folder]).ingest.problems
    assert images.report().counts.files == 8


def test_unreadable_candidates_wait_and_are_tried_again(
    images: ImageIndex, photos_folder: Path, tmp_path: Path
) -> None:
    """A disk that is away while its copy is indexed elsewhere: the pair must not be lost for good."""
    away = tmp_path / "disk"
    save(scene(1), away / "early.jpg", quality=75)
    images.index([away])
    away.rename(tmp_path / "unmounted")
    assert images.index([photos_folder]).match.pending >= 1
    (tmp_path / "unmounted").rename(away)
    assert images.index([away]).match.verified >= 1
    names = {n for pair in copies(images.report()) for n in pair[:2]}
    assert "early.jpg" in names


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
    assert named | {g.keeper for g in report.groups} == {os.fsencode(here / "a.jpg"), os.fsencode(here / "z.jpg")}


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
    assert report.links == (tuple(os.fsencode(tmp_path / "links" / name) for name in ("a.jpg", "b.jpg")),)


def test_a_query_ranks_the_edited_photo_first(images: ImageIndex, photos_folder: Path, tmp_path: Path) -> None:
    images.index([photos_folder])
    for seed in (0, 3, 5):
        edited = save(scene(seed).resize((180, 135)), tmp_path / f"query{seed}.jpg", quality=70)
        matches = images.query(edited, k=3)
        assert Path(os.fsdecode(matches[0].path)).name == f"{seed}.jpg"
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


Damage = Callable[[Path], object]
DAMAGES: dict[str, Damage] = {
    "deleted": Path.unlink,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "flipped": lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
    "emptied": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_the_faiss_file_changes_no_answer(
    images: ImageIndex, photos_folder: Path, tmp_path: Path, damage: str
) -> None:
    """FAISS is a cache: whatever happens to it costs time and nothing else."""
    images.index([photos_folder])
    query = photos_folder / "4.jpg"
    before = images.query(query)
    [cache] = (tmp_path / "store").glob("*.faiss")
    DAMAGES[damage](cache)
    assert images.query(query) == before
    save(scene(50), photos_folder / "new.jpg")
    images.index([photos_folder])
    [healed] = (tmp_path / "store").glob("*.faiss")
    assert healed.stat().st_size > 0


def test_a_row_flipped_in_the_middle_of_the_cache_is_noticed(
    images: ImageIndex, photos_folder: Path, tmp_path: Path
) -> None:
    images.index([photos_folder])
    before = images.query(photos_folder / "4.jpg")
    [cache] = (tmp_path / "store").glob("*.faiss")
    data = bytearray(cache.read_bytes())
    data[len(data) // 2] ^= 0x40
    cache.write_bytes(data)
    assert images.query(photos_folder / "4.jpg") == before


def test_another_model_is_refused_with_the_remedy(
    images: ImageIndex, photos_folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images.index([photos_folder])
    with imgindex.open(tmp_path / "store", model="other") as other, pytest.raises(ModelError, match="--rebuild"):
        other.index([photos_folder])
    another = Counting("another")
    use_embedder(monkeypatch, another)
    with imgindex.open(tmp_path / "store") as changed, pytest.raises(ModelError, match="not the model any more"):
        changed.index([photos_folder])
    with imgindex.open(tmp_path / "store", model="another", rebuild=True) as rebuilt:
        rebuilt.index([photos_folder])
        assert rebuilt.space == "another"
        assert another.embedded == 7
        assert len(copies(rebuilt.report())) == 2


def test_two_runs_at_once_are_told_apart(images: ImageIndex, photos_folder: Path, tmp_path: Path) -> None:
    with Store.open(tmp_path / "store").exclusive(), pytest.raises(StoreLocked):
        images.index([photos_folder])


def test_every_searched_image_has_its_watermark(images: ImageIndex, photos_folder: Path, tmp_path: Path) -> None:
    """A watermark without its pairs, or pairs without it, would lose or repeat work after a crash."""
    from imgindex.search.embed.fake import NEIGHBOURS

    images.index([photos_folder])
    with Store.open(tmp_path / "store") as store, store.read() as tx:
        found = spaces.active_space(tx)
        assert found is not None
        marks = pairs.watermarks(tx, found[0], found[1].floor, NEIGHBOURS, match.SEARCHED_BY)
        assert set(marks) == set(spaces.vector_ids(tx, found[0]).tolist())


SCENES = [(seed, quality) for seed in range(4) for quality in (95, 50)]


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(SCENES), cut=st.integers(0, len(SCENES)))
def test_any_order_and_any_split_give_one_report(
    order: list[tuple[int, int]], cut: int, tmp_path_factory: pytest.TempPathFactory, embedder: Counting
) -> None:
    """The same files give the same report, whatever the order of arrival and the split into runs."""
    base = tmp_path_factory.mktemp("split")
    for at, (seed, quality) in enumerate(order):
        path = save(scene(seed), base / ("early" if at < cut else "late") / f"{seed}-{quality}.jpg", quality)
        os.utime(path, (1, 1))
    with imgindex.open(base / "two", workers=InlineWorkers()) as two:
        for folder in ("early", "late"):
            (base / folder).mkdir(exist_ok=True)
            two.index([base / folder])
        split = two.report()
    with imgindex.open(base / "one", workers=InlineWorkers()) as one:
        one.index([base])
        whole = one.report()
    assert (split.pairs, split.counts) == (whole.pairs, whole.counts)
    assert split.groups == whole.groups
    assert {frozenset(pair[:2]) for pair in copies(whole)} == {
        frozenset({f"{seed}-95.jpg", f"{seed}-50.jpg"}) for seed in range(4)
    }


def test_a_copy_replaced_by_a_link_leaves_the_report(images: ImageIndex, photos_folder: Path) -> None:
    """The usual last step of removing duplicates must not be reported as one for ever."""
    images.index([photos_folder])
    copy = photos_folder / "sub" / "2-copied.jpg"
    copy.unlink()
    copy.symlink_to(photos_folder / "2.jpg")
    images.index([photos_folder])
    assert "2-copied.jpg" not in {name for pair in copies(images.report()) for name in pair[:2]}


def test_an_absent_root_may_be_accepted(images: ImageIndex, photos_folder: Path) -> None:
    images.index([photos_folder])
    shutil.rmtree(photos_folder)
    assert images.index([photos_folder], accept_missing=True).ingest.missing == 8
    assert images.report().counts.files == 0


def test_a_photo_saved_again_and_again_leaves_no_ghosts(images: ImageIndex, photos_folder: Path) -> None:
    """Each former content would be everybody's nearest neighbour, and a pair that can never be read."""
    for quality in (60, 65, 70):
        save(scene(0), photos_folder / "0.jpg", quality)
        summary = images.index([photos_folder])
    assert summary.match.pending == 0
    assert len(images.query(photos_folder / "1.jpg", k=20)) == 7


def test_what_comes_back_is_searched_again(images: ImageIndex, photos_folder: Path, tmp_path: Path) -> None:
    """While it was missing it took no part: what came meanwhile was not compared with it."""
    images.index([photos_folder])
    (photos_folder / "3.jpg").rename(tmp_path / "aside.jpg")
    images.index([photos_folder])
    save(scene(3), photos_folder / "3-other.jpg", quality=60)
    images.index([photos_folder])
    (tmp_path / "aside.jpg").rename(photos_folder / "3.jpg")
    images.index([photos_folder])
    assert ("3-other.jpg", "3.jpg", "near-duplicate") in copies(images.report())


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


def test_a_broken_pair_costs_itself_only(
    images: ImageIndex, photos_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One pair on which the verifier fails would end every later run at the same place."""
    real = worker_tasks.verify_tasks
    monkeypatch.setattr(worker_tasks, "verify_tasks", failing_once)
    summary = images.index([photos_folder])
    assert summary.match.pending >= 1
    assert summary.match.verified > summary.match.pending
    monkeypatch.setattr(worker_tasks, "verify_tasks", real)
    assert images.index([photos_folder]).match.pending == 0


def failing_once(given):  # type: ignore[no-untyped-def]
    """Where the workers are: the first pair of each message fails as a bug would."""
    return [RuntimeError("a bug"), *map(worker_tasks.verified, given[1:])]


def test_copies_of_one_picture_meet_through_it(
    images: ImageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crop and a watermarked copy are not always among each other's neighbours; both are the original's."""
    from imgindex.records import ProposedBy
    from imgindex.search import proposals
    from imgindex.search.proposals import Proposals

    for quality in (50, 70, 90):
        save(scene(0), tmp_path / "photos" / f"{quality}.jpg", quality)
    real = proposals.propose

    def without_the_last(*args, **kwargs):  # type: ignore[no-untyped-def]
        found = real(*args, **kwargs)
        return Proposals(found.pairs[:-1], found.nearest_new, found.nearest_old)

    monkeypatch.setattr(proposals, "propose", without_the_last)
    summary = images.index([tmp_path / "photos"])
    assert (summary.match.verified, summary.match.copies, summary.match.pending) == (3, 3, 0)
    with Store.open(tmp_path / "store") as store, store.read() as tx:
        by = [p.candidate.proposed_by for p in pairs.pairs(tx)]
        assert pairs.pending_candidates(tx, 0.9) == []
    assert by.count(ProposedBy.COMMON_COPY) == 1
    assert images.index([tmp_path / "photos"]).match.verified == 0, "nothing is verified twice"


def test_old_pictures_that_sketches_refute_are_not_read(
    images: ImageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new picture has some twenty neighbours: to read them all again costs more than the new picture itself."""
    astronaut, coffee = Image.fromarray(data.astronaut()), Image.fromarray(data.coffee())
    tiles = [astronaut.crop((x, y, x + 256, y + 256)) for x in (0, 256) for y in (0, 256)]
    tiles += [coffee.crop((x, y, x + 200, y + 200)) for x in (0, 200, 400) for y in (0, 200)]
    for number, tile in enumerate(tiles):
        save(tile, tmp_path / "photos" / f"{number}.jpg")
    images.index([tmp_path / "photos"])
    read: set[str] = set()
    warm = match.Round._warm

    def noted(self: match.Round, known: dict[int, ImageSource], screened: Screened) -> None:
        for candidate in screened.left:
            for image_id in (candidate.low_id, candidate.high_id):
                read.update(Path(os.fsdecode(path)).name for path in known[image_id].content.paths)
        warm(self, known, screened)

    monkeypatch.setattr(match.Round, "_warm", noted)
    save(tiles[3].resize((200, 200)), tmp_path / "photos" / "new.jpg")
    again = images.index([tmp_path / "photos"])
    assert again.match.verified >= 7
    assert {"3.jpg", "new.jpg"} <= read
    assert len(read) <= 4, "of ten old pictures one is shown again"
    assert ("3.jpg", "new.jpg", "near-duplicate") in copies(images.report())


@pytest.mark.parametrize("damage", ["UPDATE sketch SET sketch = x'01'", "DELETE FROM sketch"])
def test_sketches_that_are_damaged_or_lost_are_made_again(
    images: ImageIndex, photos_folder: Path, tmp_path: Path, damage: str
) -> None:
    """Their pictures are there: no result may depend on what was kept of them."""
    images.index([photos_folder])
    with Store.open(tmp_path / "store") as store, store.write() as tx:
        tx.exec_driver_sql(damage)
    save(scene(5), photos_folder / "5-small.jpg", quality=40)
    images.index([photos_folder])
    assert ("5-small.jpg", "5.jpg", "near-duplicate") in copies(images.report())
    with Store.open(tmp_path / "store") as store, store.read() as tx:
        found = spaces.active_space(tx)
        assert found is not None
        assert (
            len(
                sketches.sketches(
                    tx, spaces.vector_ids(tx, found[0]).tolist(), sketch.VERSION, FakeEmbedder().short_side_px
                )
            )
            >= 2
        )


def test_files_found_are_all_accounted_for(images: ImageIndex, photos_folder: Path) -> None:
    """The first line that `index` prints: its numbers are the files found, copies of new content included."""
    save(scene(50), photos_folder / "new.jpg")
    for name in ("new-2.jpg", "new-3.jpg"):
        shutil.copy(photos_folder / "new.jpg", photos_folder / name)
    (photos_folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    for copies in (2, 0):
        found = images.index([photos_folder]).ingest
        new = (found.embedded_images, found.new_copies, found.known_content)
        assert sum((*new, found.moved, found.unchanged, found.skipped)) == found.seen
        assert found.new_copies >= copies
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
        by_path = {f.path: f.image_id for f in catalog.known_files(tx)}
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


def test_what_was_refused_is_read_again_by_another_decoder(
    images: ImageIndex, photos_folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whoever upgrades for a format wants the files that were refused before, and must not have to touch them."""
    (photos_folder / "broken.jpg").write_bytes(b"\xff\xd8\xff no picture")
    images.index([photos_folder])
    assert images.index([photos_folder]).ingest.skipped == 0
    monkeypatch.setattr(decode, "DECODER_VERSION", decode.DECODER_VERSION + 1)
    again = images.index([photos_folder]).ingest
    assert (again.skipped, again.embedded_images) == (1, 0)
    assert images.index([photos_folder]).ingest.skipped == 0
    assert images.check() == ()


def test_what_is_remembered_of_pictures_changes_no_result(
    photos_folder: Path, tmp_path: Path, embedder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: pixels of another picture, or a candidate given up, where there was no room for what was decoded."""
    found = []
    for number, room in enumerate((sources.CACHE_BYTES, 200_000, 1)):  # all, one picture or two, the last alone
        monkeypatch.setattr(sources, "CACHE_BYTES", room)
        with imgindex.open(tmp_path / f"store-{number}", workers=InlineWorkers()) as opened:
            summary = opened.index([photos_folder])
            found.append((summary.match, opened.report().pairs))
    assert found[0] == found[1] == found[2]
    assert found[0][0].copies == 1
