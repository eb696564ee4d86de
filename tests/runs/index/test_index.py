"""The pipeline on real files with the small twin of the embedders: only what is new is done, in any order."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import imgindex
from imgindex.api import ImageIndex
from imgindex.errors import ModelError, RootError, StoreLocked
from imgindex.pictures import decode
from imgindex.runs.index import find_copies, worker_tasks
from imgindex.store import Store, pairs, spaces
from imgindex.workers.inline import InlineWorkers
from tests.helpers.embedders import use_embedder
from tests.helpers.pictures import save, scene
from tests.runs.index.asked import Counting, copies, failing_once


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
    keepers = {Path(g.keeper).name for g in report.groups}
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
    assert all("/renamed/" in p.a for p in report.pairs)
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


def test_an_emptied_root_changes_nothing(images: ImageIndex, photos_folder: Path) -> None:
    """An unmounted disk looks like this: every file would be marked missing."""
    images.index([photos_folder])
    before = images.report()
    elsewhere = photos_folder.rename(photos_folder.with_name("elsewhere"))
    photos_folder.mkdir()
    with pytest.raises(RootError, match="--accept-missing"):
        images.index([photos_folder])
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
    with pytest.raises(RootError, match="photos"):
        images.index([photos_folder])
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
        marks = pairs.watermarks(tx, found[0], found[1].floor, NEIGHBOURS, find_copies.SEARCHED_BY)
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
