"""Candidates: floor united with top-k, whatever the order of arrival."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgindex.candidates import Proposals, VectorTable, beaten, cosines, propose
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
    assert found.kth_cosines[0] == pytest.approx(0.6)


def test_fewer_than_k_neighbours_are_beaten_by_anything() -> None:
    vectors = unit(2)
    found = proposals(vectors, k=5)
    assert found.kth_cosines == {0: -1.0, 1: -1.0}
    table = VectorTable(np.arange(3, dtype=np.int64), np.concatenate([vectors, unit(1, seed=9)]))
    assert beaten(table, np.array([2], np.int64), found.kth_cosines).tolist() == [0, 1]


def test_what_is_out_of_reach_is_not_proposed_and_beats_nothing() -> None:
    """In a small library the k nearest of most images are strangers, each of which would cost a verification."""
    vectors = np.zeros((4, DIM), np.float32)
    vectors[:, 0] = (1.0, 0.5, 0.05, 0.2)
    vectors[[1, 2, 3], [1, 2, 3]] = np.sqrt(1 - vectors[1:, 0] ** 2)
    ids, index = np.arange(4, dtype=np.int64), NumpyIndex(DIM)
    index.add(ids, vectors)
    table = VectorTable(ids, vectors)
    found = propose(index, table, ids[:1], reach=Reach(3, 0.1, 0.9))
    assert set(found.candidates) == {(0, 1), (0, 3)}
    assert found.kth_cosines == {0: 0.1}
    assert beaten(table, ids[2:3], found.kth_cosines).tolist() == []
    assert beaten(table, ids[3:], found.kth_cosines).tolist() == [0]


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
    assert propose(index, table, ids, reach=Reach(5, -1.0, 0.95)) == proposals(
        vectors.astype(np.float32), floor=0.95, k=5
    )


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
    new = np.arange(first, first + second, dtype=np.int64)
    again = np.union1d(new, beaten(table, new, early.kth_cosines)).tolist()
    late = proposals(vectors, [int(i) for i in again], k=k, floor=0.8)
    both = early.candidates | late.candidates
    assert set(one.candidates) <= set(both)
    by_floor = lambda found: {key for key, c in found.items() if c.proposed_by is ProposedBy.FLOOR}  # noqa: E731
    assert by_floor(one.candidates) == by_floor(both)
    assert early.kth_cosines | late.kth_cosines == one.kth_cosines, "k-th cosines must not depend on the runs"


@given(st.integers(0, 10_000))
def test_proposals_are_symmetric(seed: int) -> None:
    """A pair is one pair, whichever of its images was the query."""
    found = proposals(unit(12, seed), k=3).candidates
    assert all(low < high and (c.low_id, c.high_id) == (low, high) for (low, high), c in found.items())
