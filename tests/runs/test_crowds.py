"""Crowds: which pairs of many alike images are verified, on plain ids and on real copies of one photo."""

from __future__ import annotations

import itertools
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import imgindex
from imgindex.proof import verify
from imgindex.records import Candidate, ProposedBy, Relation, Verdict, Verification
from imgindex.runs.index import crowds
from imgindex.runs.index.follow_up import FollowUp
from imgindex.search.proposals import PAIR
from imgindex.store import Store, catalog, pairs, spaces
from imgindex.store.catalog import NewFile
from imgindex.store.pairs import StoredPair
from imgindex.workers.inline import InlineWorkers
from tests.helpers.pictures import reduced, save, scene
from tests.store.test_store import INFO, SPACE, seen


def table(triples: list[tuple[int, int, int]]) -> np.ndarray:
    return np.array(sorted(triples), PAIR)


def test_a_crowd_keeps_the_nearest_of_each_image() -> None:
    """Prevents: verification that grows with the square of a burst, and an image of it that is left without a pair."""
    count = 200
    found = table([(a, b, 900_000 - abs(a - b)) for a, b in itertools.combinations(range(count), 2)])
    kept = crowds.thinned(found, 20)
    assert len(kept) < count * crowds.MANY
    assert set(kept["low"].tolist()) | set(kept["high"].tolist()) == set(range(count))
    assert all(high - low <= 2 * crowds.MANY for low, high in zip(kept["low"], kept["high"], strict=True))


@given(st.lists(st.tuples(st.integers(0, 12), st.integers(13, 25), st.integers(0, 10**6)), max_size=60))
def test_a_small_group_loses_nothing(triples: list[tuple[int, int, int]]) -> None:
    """Prevents: a rule for crowds that changes what is found of everybody else."""
    found = table(list({(a, b): (a, b, c) for a, b, c in triples}.values()))
    assert crowds.thinned(found, 20).tolist() == found.tolist()


def test_each_member_of_a_crowd_is_verified_against_the_keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a crowd whose members stand by themselves because they were compared with each other only."""
    folder = tmp_path / "photos"
    picture = scene(3, 400, 300)
    first = save(picture, folder / "000.jpg")
    for number in range(1, 2 * crowds.MANY):
        side = 300 - number
        save(reduced(first, (side, round(side * 0.75))), folder / f"{number:03}.jpg")
    with imgindex.open(tmp_path / "store", model="sift-vlad", workers=InlineWorkers()) as images:
        with monkeypatch.context() as killed:
            killed.setattr(FollowUp, "crowds", lambda _: [])
            images.index([folder])
            grouped = sum(len(group.members) for group in images.report().groups)
            assert grouped < 2 * crowds.MANY - 1, "crowds must be needed here"
        assert images.index([folder]).match.verified > 0, "what a run that was killed left undone"
        [group] = images.report().groups
        assert images.index([folder]).match.verified == 0, "nothing is verified twice"
    assert group.keeper.endswith("000.jpg")
    assert len(group.members) == 2 * crowds.MANY - 1


Proven = Iterable[tuple[int, int, Relation]]


def store_of(folder: Path, sizes: list[int], proven: Proven) -> tuple[Store, int]:
    """A store of images with ids from 1 and so many pixels each, and pairs that were proven; b is redundant, or only
    overlaps."""
    store = Store.open(folder, create=True)
    with store.write() as tx:
        space_id = spaces.activate_space(tx, SPACE)
        ids = [
            catalog.put_image(tx, n.to_bytes(32), 10, replace(INFO, width_px=pixels), 99.0)
            for n, pixels in enumerate(sizes, 1)
        ]
        assert ids == list(range(1, len(sizes) + 1))
        catalog.put_files(tx, [NewFile(seen(b"/p/%03d.jpg" % i), i) for i in ids])
        vectors = np.eye(4, dtype=np.float32)[np.zeros(len(ids), int)]
        spaces.put_embeddings(tx, space_id, ids, vectors)
        made = [
            StoredPair(
                Candidate(low, high, ProposedBy.TOP_K, 0.5),
                True,
                Verification(Verdict.NEAR_DUPLICATE, 90.0, 0.9, relation),
                verify.VERIFIER_VERSION,
            )
            for low, high, relation in proven
        ]
        pairs.put_pairs(tx, space_id, made)
    return store, space_id


def clique(ids: range, relation: Relation = Relation.SAME) -> list[tuple[int, int, Relation]]:
    return [(a, b, relation) for a, b in itertools.combinations(ids, 2)]


FIRST, SECOND = range(1, 21), range(21, 41)


def test_an_image_that_joins_two_old_crowds_joins_their_keepers(tmp_path: Path) -> None:
    """Prevents: two groups for ever, because all that one new image brought was its own pairs."""
    bridge = [(7, 41, Relation.SAME), (27, 41, Relation.SAME)]
    sizes = [1000] * 40 + [10]
    store, space_id = store_of(tmp_path / "store", sizes, clique(FIRST) + clique(SECOND) + bridge)
    with store, store.read() as tx:
        wanted = crowds.stars(tx, space_id, set())
        assert wanted == [(1, i) for i in [*SECOND, 41]]
        refuted = set(wanted)
        wanted = crowds.stars(tx, space_id, refuted)
    assert wanted == [(21, 41)], "the keeper of what the first does not make redundant"


def test_small_groups_are_no_crowds(tmp_path: Path) -> None:
    """Their pairs are joined by common copies, all of them."""
    store, space_id = store_of(tmp_path / "store", [1000] * 40, clique(FIRST) + clique(SECOND))
    with store, store.read() as tx:
        assert crowds.stars(tx, space_id, set()) == []
        near = pairs.proven_neighbours(tx, list(FIRST), verify.VERIFIER_VERSION)
    assert not any(crowds.is_crowded(i, near) for i in FIRST)


def test_an_image_of_many_copies_is_crowded_whatever_theirs_are() -> None:
    """Prevents: neighbours of a crowd's keeper read for nothing, of thousands of images."""
    many = {0: set(range(1, crowds.CROWD_IMAGES + 1))}
    assert crowds.is_crowded(0, many)
    some = {i: set(range(20)) for i in range(20)}
    assert not crowds.is_crowded(0, some)
    assert crowds.is_crowded(0, some | {7: set(range(40))})


def test_a_copy_that_is_not_redundant_is_tried_with_the_next_keeper(tmp_path: Path) -> None:
    """Prevents: copies that only overlap the keeper, which no report groups with it, counted as settled by it."""
    overlapping = [(1, i, Relation.OVERLAP) for i in range(2, 41)]
    store, space_id = store_of(tmp_path / "store", [*range(1040, 1000, -1)], overlapping)
    with store, store.read() as tx:
        assert crowds.stars(tx, space_id, set()) == [(2, i) for i in range(3, 41)]


def test_larger_photos_that_overlap_a_crowd_are_not_its_keepers(tmp_path: Path) -> None:
    """Prevents: a burst that stays in pieces because a collage joins it to more large photos than there are keepers."""
    photos, collage = range(1, 13), 61
    joined = [(i, collage, Relation.OVERLAP) for i in [*photos, 21]]
    sizes = [9000] * 12 + [1000] * 48 + [500]
    store, space_id = store_of(tmp_path / "store", sizes, clique(range(13, 31)) + clique(range(30, 61)) + joined)
    with store, store.read() as tx:
        wanted = crowds.stars(tx, space_id, set())
    assert wanted[0] == (1, 13)
    assert all(13 in pair for pair in wanted)
