"""Candidates: floor united with top-k, whatever the order of arrival."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgindex.candidates import Proposals, VectorTable, cosines, entering, entry_cosine, propose
from imgindex.records import Candidate, ProposedBy, Reach
from imgindex.vectors import FlatIndex, NumpyIndex

DIM = 8


def unit(n: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def proposals(
    vectors: np.ndarray, queries: list[int] | None = None, floor: float = 0.9, k: int = 2, flat: tuple[int, ...] = ()
) -> Proposals:
    ids = np.arange(len(vectors), dtype=np.int64)
    index = NumpyIndex(DIM)
    index.add(ids, vectors)
    wanted = ids if queries is None else np.array(queries, np.int64)
    return propose(index, VectorTable(ids, vectors), wanted, reach=Reach(k, -1.0, floor), flat=flat)


def test_a_group_larger_than_k_is_not_lost() -> None:
    """Top-k alone proposes 2 of the 29 clones of each."""
    clones = np.repeat(unit(1), 30, axis=0)
    found = proposals(clones).candidates
    assert len(found) == 30 * 29 // 2
    assert {c.proposed_by for c in found.values()} == {ProposedBy.FLOOR}


def test_a_weak_copy_is_proposed_by_top_k() -> None:
    """A floor alone loses a copy whose cosine is low but the best there is."""
    vectors = unit(40)
    found = proposals(vectors, floor=1.0, k=2)
    assert all(c.proposed_by is ProposedBy.TOP_K and c.floor is None for c in found.candidates.values())
    for image in range(40):
        others = [c for key, c in found.candidates.items() if image in key]
        assert len(others) >= 2
        best = max(float(vectors[image] @ vectors[o]) for o in range(40) if o != image)
        assert max(c.cosine or -1 for c in others) == pytest.approx(best, abs=1e-5)


def test_pictures_without_texture_are_no_candidates_of_each_other() -> None:
    """A thousand blank scans would be half a million pairs, none of which a cosine can tell from a copy."""
    found = proposals(np.repeat(unit(1), 4, axis=0), flat=(0, 1, 2)).candidates
    assert set(found) == {(0, 3), (1, 3), (2, 3)}


def test_ties_at_the_kth_place_are_all_kept() -> None:
    """Which of two equal neighbours came first must not decide what is found."""
    base = np.zeros((4, DIM), np.float32)
    base[0, 0] = 1
    for i in (1, 2, 3):
        base[i, 0] = 0.6
        base[i, i] = 0.8
    found = proposals(base, [0], floor=0.99, k=1)
    assert set(found.candidates) == {(0, 1), (0, 2), (0, 3)}
    assert entry_cosine(found.nearest[0], Reach(1, -1.0, 0.9)) == pytest.approx(0.6)


def entered(
    table: VectorTable, new: list[int], early: Proposals, reach: Reach, flat: tuple[int, ...] = ()
) -> Proposals:
    """What the images `new` make of those that `early` searched."""
    entry = {i: entry_cosine(n, reach) for i, n in early.nearest.items()}
    known = lambda ids: {i: early.nearest[i] for i in ids}  # noqa: E731
    return entering(table, np.array(new, np.int64), entry, known, reach=reach, flat=flat)


def test_every_new_image_enters_fewer_than_k_neighbours() -> None:
    vectors = unit(2)
    found = proposals(vectors, k=5)
    table = VectorTable(np.arange(3, dtype=np.int64), np.concatenate([vectors, unit(1, seed=9)]))
    late = entered(table, [2], found, Reach(5, -1.0, 0.9))
    assert set(late.candidates) == {(0, 2), (1, 2)}
    assert {i: sorted(n["id"].tolist()) for i, n in late.nearest.items()} == {0: [1, 2], 1: [0, 2]}


def test_an_image_that_comes_back_counts_once() -> None:
    """Counted twice, its cosine would fill the k nearest and keep real neighbours out."""
    vectors = unit(4)
    table = VectorTable(np.arange(4, dtype=np.int64), vectors)
    found = proposals(vectors, k=3)
    again = entered(table, [3], Proposals({}, {i: found.nearest[i] for i in (0, 1, 2)}), Reach(3, -1.0, 0.9))
    assert {i: n.tolist() for i, n in again.nearest.items()} == {i: found.nearest[i].tolist() for i in (0, 1, 2)}


def test_what_is_out_of_reach_is_not_proposed_and_beats_nothing() -> None:
    """In a small library the k nearest of most images are strangers, each of which would cost a verification."""
    vectors = np.zeros((4, DIM), np.float32)
    vectors[:, 0] = (1.0, 0.5, 0.05, 0.2)
    vectors[[1, 2, 3], [1, 2, 3]] = np.sqrt(1 - vectors[1:, 0] ** 2)
    ids, index = np.arange(4, dtype=np.int64), NumpyIndex(DIM)
    index.add(ids, vectors)
    table = VectorTable(ids, vectors)
    reach = Reach(3, 0.1, 0.9)
    found = propose(index, table, ids[:1], reach=reach)
    assert set(found.candidates) == {(0, 1), (0, 3)}
    before = Proposals({}, {0: found.nearest[0][:1]})
    assert entered(table, [2], before, reach).candidates == {}
    assert set(entered(table, [3], before, reach).candidates) == {(0, 3)}


def test_cosines_do_not_depend_on_the_batch() -> None:
    """FAISS's do, and a pair at the threshold would come and go."""
    a, b = unit(300), unit(300, seed=1)
    whole = cosines(a, b)
    assert [cosines(a[i : i + 1], b[i : i + 1])[0] for i in range(300)] == whole.tolist()
    assert np.all(np.abs(whole) <= 1)


def test_faiss_and_the_twin_propose_the_same() -> None:
    vectors = np.concatenate([unit(200), unit(200) + 0.02 * unit(200, seed=5)])
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    ids = np.arange(400, dtype=np.int64)
    index = FlatIndex(DIM)
    index.add(ids, vectors.astype(np.float32))
    table = VectorTable(ids, vectors.astype(np.float32))
    by_faiss = propose(index, table, ids, reach=Reach(5, -1.0, 0.95))
    by_numpy = proposals(vectors.astype(np.float32), floor=0.95, k=5)
    assert by_faiss.candidates == by_numpy.candidates
    assert all(np.array_equal(by_faiss.nearest[i], by_numpy.nearest[i]) for i in ids.tolist())


def test_a_candidate_keeps_its_own_rules() -> None:
    with pytest.raises(ValueError, match="low_id < high_id"):
        Candidate(2, 2, ProposedBy.TOP_K, 0.5)
    with pytest.raises(ValueError, match="at least"):
        Candidate(1, 2, ProposedBy.FLOOR, 0.5, 0.9)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 25), st.integers(0, 25), st.integers(1, 4))
def test_two_runs_propose_at_least_the_pairs_of_one(seed: int, first: int, second: int, k: int) -> None:
    """DESIGN: any partition into runs proves at least the pairs of one run; floor pairs are exactly the same."""
    vectors = unit(first + second, seed)
    one = proposals(vectors, k=k, floor=0.8)
    early = proposals(vectors[:first], k=k, floor=0.8)
    table = VectorTable(np.arange(len(vectors), dtype=np.int64), vectors)
    new = list(range(first, first + second))
    late, changed = proposals(vectors, new, k=k, floor=0.8), entered(table, new, early, Reach(k, -1.0, 0.8))
    both = early.candidates | changed.candidates | late.candidates
    assert set(one.candidates) <= set(both)
    by_floor = lambda found: {key for key, c in found.items() if c.proposed_by is ProposedBy.FLOOR}  # noqa: E731
    assert by_floor(one.candidates) == by_floor(both)
    nearest = early.nearest | changed.nearest | late.nearest
    assert all(np.array_equal(n["micro"], nearest[i]["micro"]) for i, n in one.nearest.items())


@given(st.integers(0, 10_000))
def test_proposals_are_symmetric(seed: int) -> None:
    """A pair is one pair, whichever of its images was the query."""
    found = proposals(unit(12, seed), k=3).candidates
    assert all(low < high and (c.low_id, c.high_id) == (low, high) for (low, high), c in found.items())
