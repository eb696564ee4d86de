"""Which pairs are worth verifying: everything above a floor, united with everybody's k nearest.

Top-k alone loses members of large groups; a floor alone loses weak copies. Cosines are computed from the
stored vectors in one fixed way and rounded before they meet a threshold, because FAISS's own differ by
batch size; FAISS proposes with a margin and the fixed cosines decide.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgindex.ports import VectorIndex
from imgindex.records import Candidate, ProposedBy, Reach, Vectors

COSINE_DECIMALS = 6
"""float32 vectors of 512 numbers give cosines that differ by some 1e-7 between orders of summation."""

COSINE_MARGIN = 1e-5
"""How far below a threshold FAISS is asked, so that its rounding loses nothing."""

EXTRA_NEIGHBOURS = 8
"""Asked beyond k (and the image itself), so that ties at the k-th place are seen. Only where all that were found are
above the floor, the search goes on to all that are."""

BLOCK = 1024
"""Queries per search, a compromise of speed and memory: a block against 1 M vectors is one 4 GB product at most
inside FAISS's own tiling."""


@dataclass(frozen=True, slots=True)
class VectorTable:
    """Stored vectors by image id: `ids` int64[n] ascending, `vectors` float32[n, dim]."""

    ids: NDArray[np.int64]
    vectors: Vectors

    def __len__(self) -> int:
        return len(self.ids)

    def rows(self, ids: NDArray[np.int64]) -> NDArray[np.int64]:
        """Row numbers of `ids`; raises KeyError on an id that has no vector."""
        at = np.searchsorted(self.ids, ids)
        if np.any(at >= len(self.ids)) or np.any(self.ids[np.minimum(at, len(self.ids) - 1)] != ids):
            raise KeyError("an image without a vector was asked for")
        return np.asarray(at, np.int64)

    def of(self, ids: NDArray[np.int64]) -> Vectors:
        return self.vectors[self.rows(ids)]

    def only(self, ids: Collection[int]) -> VectorTable:
        """The rows of these ids, as far as they are there."""
        kept = np.isin(self.ids, np.fromiter(ids, np.int64, len(ids)))
        return self if kept.all() else VectorTable(self.ids[kept], self.vectors[kept])


@dataclass(frozen=True, slots=True)
class Proposals:
    """What the searches of some images found: candidates by (low_id, high_id), and the cosine a new image must have
    to be one more of each: that of the k-th, or the least of the reach."""

    candidates: dict[tuple[int, int], Candidate]
    kth_cosines: dict[int, float]


def cosines(a: Vectors, b: Vectors) -> NDArray[np.float64]:
    """float64[n]: row by row, in [-1, 1], rounded to COSINE_DECIMALS; the same whatever the batch."""
    product = (a.astype(np.float64) * b.astype(np.float64)).sum(axis=1)
    return np.asarray(np.clip(np.round(product, COSINE_DECIMALS), -1.0, 1.0), np.float64)


def propose(
    index: VectorIndex,
    table: VectorTable,
    ids: NDArray[np.int64],
    *,
    reach: Reach,
    flat: Collection[int] = (),
) -> Proposals:
    """Candidates of the images `ids`: what is in `reach` of each.

    Ties at the k-th place are all kept. Two images of `flat` (almost no texture) are never candidates of
    each other: nothing but their pixels could tell them apart.
    """
    candidates: dict[tuple[int, int], Candidate] = {}
    kth: dict[int, float] = {}
    flat = frozenset(flat)
    for start in range(0, len(ids), BLOCK):
        block = ids[start : start + BLOCK]
        for query, others, values in _neighbours(index, table, block, reach):
            nearest = np.sort(values)[-reach.k :]
            full = len(nearest) == reach.k
            kth[query] = max(float(nearest[0]), reach.least_cosine) if full else reach.least_cosine
            wanted = values >= min(reach.floor, kth[query])
            for other, cosine in zip(others[wanted].tolist(), values[wanted].tolist(), strict=True):
                if not (query in flat and other in flat):
                    key = (min(query, other), max(query, other))
                    by_floor = cosine >= reach.floor
                    proposed_by = ProposedBy.FLOOR if by_floor else ProposedBy.TOP_K
                    candidates[key] = Candidate(*key, proposed_by, cosine, reach.floor if by_floor else None)
    return Proposals(candidates, kth)


def _neighbours(
    index: VectorIndex, table: VectorTable, block: NDArray[np.int64], reach: Reach
) -> Iterator[tuple[int, NDArray[np.int64], NDArray[np.float64]]]:
    """(query id, neighbour ids, fixed cosines) for each query: at least its k nearest and all above the floor."""
    queries = table.of(block)
    asked = reach.k + 1 + EXTRA_NEIGHBOURS
    found, nearest = index.search(queries, min(asked, len(table)))
    crowded = np.flatnonzero(found[:, -1] >= reach.floor - COSINE_MARGIN)
    limits, _, above = index.range_search(queries[crowded], reach.floor - COSINE_MARGIN)
    beyond = {int(at): above[limits[i] : limits[i + 1]] for i, at in enumerate(crowded)}
    for position, query in enumerate(block.tolist()):
        others = np.union1d(nearest[position], beyond.get(position, nearest[position]))
        others = others[(others >= 0) & (others != query)]
        own = np.broadcast_to(queries[position], (len(others), queries.shape[1]))
        yield query, others, cosines(own, table.of(others))


def beaten(table: VectorTable, new_ids: NDArray[np.int64], kth_cosines: dict[int, float]) -> NDArray[np.int64]:
    """Old images whose k-th cosine some new vector may beat, ascending: their searches are to be done again.

    A new vector is also a candidate of every old image whose k nearest it enters; without this, the
    pairs found would depend on how the files were split into runs.
    """
    old_ids = np.array(sorted(kth_cosines), np.int64)
    if not len(old_ids) or not len(new_ids):
        return np.empty(0, np.int64)
    threshold = np.array([kth_cosines[i] for i in old_ids.tolist()], np.float32) - np.float32(COSINE_MARGIN)
    new = table.of(new_ids)
    hit = np.zeros(len(old_ids), bool)
    for start in range(0, len(old_ids), BLOCK):
        part = slice(start, start + BLOCK)
        hit[part] = (table.of(old_ids[part]) @ new.T).max(axis=1) >= threshold[part]
    return old_ids[hit]
