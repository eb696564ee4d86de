"""Candidates: floor united with top-k, whatever the order of arrival."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgindex.records import NEIGHBOUR, Candidate, ProposedBy, Reach
from imgindex.search import proposals
from imgindex.search.proposals import VectorTable, cosines, entry_cosine, propose

DIM = 8


def unit(n: int, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Table(VectorTable):
    """Vectors that come in blocks of `rows`."""

    at_once = 1000

    def blocks(self):  # type: ignore[no-untyped-def]
        for start in range(0, len(self), self.at_once):
            yield VectorTable(self.ids[start : start + self.at_once], self.vectors[start : start + self.at_once])


def table_of(vectors: np.ndarray) -> VectorTable:
    return Table(np.arange(len(vectors), dtype=np.int64), vectors)


@dataclass
class Found:
    """Proposals as dictionaries."""

    candidates: dict[tuple[int, int], Candidate]
    nearest: dict[int, np.ndarray]


def proposed(
    vectors: np.ndarray,
    queries: list[int] | None = None,
    floor: float = 0.9,
    k: int = 2,
    flat: tuple[int, ...] = (),
    early: dict[int, np.ndarray] | None = None,
    least: float = -1.0,
) -> Found:
    """What the images `queries` make of each other, of all others, and of `early`, the nearest of old ones."""
    reach = Reach(k, least, floor)
    wanted = np.array(range(len(vectors)) if queries is None else queries, np.int64)
    known = early or {}
    entry = {i: entry_cosine(n, reach) for i, n in known.items()}
    found = propose(table_of(vectors), wanted, entry, lambda ids: {i: known[i] for i in ids}, reach=reach, flat=flat)
    assert [(p["low"], p["high"]) for p in found.pairs] == sorted({(p["low"], p["high"]) for p in found.pairs})
    return Found(
        {(c.low_id, c.high_id): c for c in found.candidates(floor)},
        {i: found.nearest_new.get(i, np.empty(0, NEIGHBOUR)) for i in wanted.tolist()} | dict(found.nearest_old),
    )


def plain(vectors: np.ndarray, floor: float, k: int, least: float = -1.0) -> set[tuple[int, int]]:
    """The definition, image by image."""
    found = set()
    for image in range(len(vectors)):
        values = cosines(np.repeat(vectors[image : image + 1], len(vectors), axis=0), vectors)
        values[image] = -2.0
        kth = np.sort(values)[::-1][min(k, len(values) - 1) - 1] if len(values) > k else -1.0
        near = np.flatnonzero((values >= min(floor, max(kth, least))) & (values > -2.0))
        found |= {(min(image, other), max(image, other)) for other in near.tolist()}
    return found


def test_a_group_larger_than_k_is_not_lost() -> None:
    """Top-k alone proposes 2 of the 29 clones of each."""
    clones = np.repeat(unit(1), 30, axis=0)
    found = proposed(clones).candidates
    assert len(found) == 30 * 29 // 2
    assert {c.proposed_by for c in found.values()} == {ProposedBy.FLOOR}


def test_a_weak_copy_is_proposed_by_top_k() -> None:
    """A floor alone loses a copy whose cosine is low but the best there is."""
    vectors = unit(40)
    found = proposed(vectors, floor=1.0, k=2)
    assert all(c.proposed_by is ProposedBy.TOP_K and c.floor is None for c in found.candidates.values())
    for image in range(40):
        others = [c for key, c in found.candidates.items() if image in key]
        assert len(others) >= 2
        best = max(float(vectors[image] @ vectors[o]) for o in range(40) if o != image)
        assert max(c.cosine or -1 for c in others) == pytest.approx(best, abs=1e-5)


def test_pictures_without_texture_are_no_candidates_of_each_other() -> None:
    """A thousand blank scans would be half a million pairs, none of which a cosine can tell from a copy."""
    found = proposed(np.repeat(unit(1), 4, axis=0), flat=(0, 1, 2)).candidates
    assert set(found) == {(0, 3), (1, 3), (2, 3)}


def test_ties_at_the_kth_place_are_all_kept() -> None:
    """Which of two equal neighbours came first must not decide what is found."""
    base = np.zeros((4, DIM), np.float32)
    base[0, 0] = 1
    for i in (1, 2, 3):
        base[i, 0] = 0.6
        base[i, i] = 0.8
    found = proposed(base, [0], floor=0.99, k=1)
    assert set(found.candidates) == {(0, 1), (0, 2), (0, 3)}
    assert entry_cosine(found.nearest[0], Reach(1, -1.0, 0.9)) == pytest.approx(0.6)


def test_every_new_image_enters_fewer_than_k_neighbours() -> None:
    vectors = unit(2)
    found = proposed(vectors, k=5)
    late = proposed(np.concatenate([vectors, unit(1, seed=9)]), [2], k=5, early=found.nearest)
    assert set(late.candidates) == {(0, 2), (1, 2)}
    assert {i: sorted(n["id"].tolist()) for i, n in late.nearest.items()} == {0: [1, 2], 1: [0, 2], 2: [0, 1]}


def test_an_image_that_comes_back_counts_once() -> None:
    """Counted twice, its cosine would fill the k nearest and keep real neighbours out."""
    vectors = unit(4)
    found = proposed(vectors, k=3)
    again = proposed(vectors, [3], k=3, early={i: found.nearest[i] for i in (0, 1, 2)})
    assert {i: n.tolist() for i, n in again.nearest.items()} == {i: found.nearest[i].tolist() for i in range(4)}


def test_what_is_out_of_reach_is_not_proposed_and_beats_nothing() -> None:
    """In a small library the k nearest of most images are strangers, each of which would cost a verification."""
    vectors = np.zeros((4, DIM), np.float32)
    vectors[:, 0] = (1.0, 0.5, 0.05, 0.15)
    vectors[[1, 2, 3], [1, 2, 3]] = np.sqrt(1 - vectors[1:, 0] ** 2)
    found = proposed(vectors, [0], k=3, least=0.1)
    assert set(found.candidates) == {(0, 1), (0, 3)}
    before = {0: found.nearest[0][:1]}
    assert proposed(vectors[:3], [2], k=3, least=0.1, early=before).candidates == {}
    assert set(proposed(vectors[[0, 1, 3]], [2], k=3, least=0.1, early=before).candidates) == {(0, 2)}


def test_cosines_do_not_depend_on_the_batch() -> None:
    """FAISS's do, and a pair at the threshold would come and go."""
    a, b = unit(300), unit(300, seed=1)
    whole = cosines(a, b)
    assert [cosines(a[i : i + 1], b[i : i + 1])[0] for i in range(300)] == whole.tolist()
    assert np.all(np.abs(whole) <= 1)


@pytest.mark.parametrize("rows", [7, 64, 1000])
@pytest.mark.parametrize("chunk", [10, 150, 1000])
def test_blocks_and_passes_change_nothing(rows: int, chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """A large store is searched in many of both; what one of them saw must not be asked of the other again."""
    vectors = np.concatenate([unit(200), unit(200) + 0.02 * unit(200, seed=5), np.repeat(unit(1, seed=7), 20, axis=0)])
    vectors = (vectors / np.linalg.norm(vectors, axis=1, keepdims=True)).astype(np.float32)
    at_once = proposed(vectors, floor=0.95, k=5)
    assert set(at_once.candidates) == plain(vectors, 0.95, 5)
    monkeypatch.setattr(Table, "at_once", rows)
    monkeypatch.setattr(proposals, "ROWS", rows)
    monkeypatch.setattr(proposals, "CHUNK", chunk)
    monkeypatch.setattr(proposals, "MANY_HITS", 50)
    parts = proposed(vectors, floor=0.95, k=5)
    assert parts.candidates == at_once.candidates
    assert all(np.array_equal(parts.nearest[i], at_once.nearest[i]) for i in range(len(vectors)))


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 40), st.integers(1, 5), st.sampled_from([0.3, 0.8, 1.0]))
def test_proposals_are_those_of_the_definition(seed: int, count: int, k: int, floor: float) -> None:
    """Vectors of two values each: most cosines are ties."""
    corners = np.random.default_rng(seed).choice([-1.0, 1.0], (count, DIM)).astype(np.float32) / np.float32(
        np.sqrt(DIM)
    )
    assert set(proposed(corners, floor=floor, k=k).candidates) == plain(corners, floor, k)


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
    one = proposed(vectors, k=k, floor=0.8)
    early = proposed(vectors[:first], k=k, floor=0.8)
    late = proposed(vectors, list(range(first, first + second)), k=k, floor=0.8, early=early.nearest)
    both = early.candidates | late.candidates
    assert set(one.candidates) <= set(both)
    by_floor = lambda found: {key for key, c in found.items() if c.proposed_by is ProposedBy.FLOOR}  # noqa: E731
    assert by_floor(one.candidates) == by_floor(both)
    nearest = early.nearest | late.nearest
    assert all(np.array_equal(n["micro"], nearest[i]["micro"]) for i, n in one.nearest.items())


@settings(deadline=None)
@given(st.integers(0, 10_000))
def test_proposals_are_symmetric(seed: int) -> None:
    """A pair is one pair, whichever of its images was the query."""
    found = proposed(unit(12, seed), k=3).candidates
    assert all(low < high and (c.low_id, c.high_id) == (low, high) for (low, high), c in found.items())
