"""Which pairs are worth verifying: everything above a floor, united with everybody's k nearest.

Top-k alone loses members of large groups; a floor alone loses weak copies. Cosines are computed from the
stored vectors in one fixed way and rounded before they meet a threshold, because FAISS's own differ by
batch size; FAISS proposes with a margin and the fixed cosines decide.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imgindex.ports import VectorIndex
from imgindex.records import NEIGHBOUR, Candidate, ProposedBy, Reach, Vectors

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

NEW_BLOCK = 8192
"""New images per product with BLOCK old ones: 32 MB."""


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


Nearest: TypeAlias = NDArray[np.void]
"""NEIGHBOUR[n], n <= k: the nearest neighbours of an image, nearest first."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """What some searches found: candidates by (low_id, high_id), and the k nearest of each image that was searched."""

    candidates: dict[tuple[int, int], Candidate]
    nearest: dict[int, Nearest]


MICRO = 10**COSINE_DECIMALS


def entry_cosine(nearest: Nearest, reach: Reach) -> float:
    """The cosine that an image needs to be one more candidate of an image with these neighbours."""
    if len(nearest) < reach.k:
        return reach.least_cosine
    last: int = nearest["micro"][-1]
    return max(float(last / MICRO), reach.least_cosine)


def _nearest(ids: NDArray[np.int64], values: NDArray[np.float64], known: Nearest | None, k: int) -> Nearest:
    """The k nearest of `known` and of these ids with their cosines; an id counts once."""
    new = np.empty(len(ids), NEIGHBOUR)
    new["id"], new["micro"] = ids, np.rint(values * MICRO)
    if known is not None:
        new = np.concatenate([known[~np.isin(known["id"], ids)], new])
    return new[np.lexsort((new["id"], -new["micro"]))][:k]


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
    found = Proposals({}, {})
    for start in range(0, len(ids), BLOCK):
        block = ids[start : start + BLOCK]
        for query, others, values in _neighbours(index, table, block, reach):
            found.nearest[query] = _nearest(others, values, None, reach.k)
            _add(found, query, others, values, reach, flat)
    return found


def _add(
    found: Proposals,
    image: int,
    others: NDArray[np.int64],
    values: NDArray[np.float64],
    reach: Reach,
    flat: Collection[int],
) -> None:
    """Add those of `others` that are candidates of an image whose nearest are known."""
    wanted = values >= min(reach.floor, entry_cosine(found.nearest[image], reach))
    for other, cosine in zip(others[wanted].tolist(), values[wanted].tolist(), strict=True):
        if not (image in flat and other in flat):
            key = (min(image, other), max(image, other))
            by_floor = cosine >= reach.floor
            proposed_by = ProposedBy.FLOOR if by_floor else ProposedBy.TOP_K
            found.candidates[key] = Candidate(*key, proposed_by, cosine, reach.floor if by_floor else None)


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


def entering(
    table: VectorTable,
    new_ids: NDArray[np.int64],
    entry_cosines: dict[int, float],
    nearest_of: Callable[[list[int]], dict[int, Nearest]],
    *,
    reach: Reach,
    flat: Collection[int] = (),
) -> Proposals:
    """Candidates that new images make by entering the k nearest of old ones, and those images' nearest then.

    Without them, the pairs found would depend on how the files were split into runs. `entry_cosines` are those of the
    old images, `nearest_of` gives their nearest; no old image is searched again.
    """
    old_ids = np.array(sorted(entry_cosines), np.int64)
    found = Proposals({}, {})
    if not len(old_ids) or not len(new_ids):
        return found
    entry = np.array([entry_cosines[i] for i in old_ids.tolist()], np.float64)
    for start in range(0, len(old_ids), BLOCK):
        block, least = old_ids[start : start + BLOCK], entry[start : start + BLOCK]
        rows, columns = _reaching(table.of(block), table.of(new_ids), least - COSINE_MARGIN)
        values = cosines(table.of(block[rows]), table.of(new_ids[columns]))
        kept = values >= least[rows]
        rows, columns, values = rows[kept], columns[kept], values[kept]
        touched = np.unique(rows)
        known = nearest_of(block[touched].tolist())
        for row in touched.tolist():
            image, own = int(block[row]), rows == row
            others, near = new_ids[columns[own]], values[own]
            found.nearest[image] = _nearest(others, near, known[image], reach.k)
            _add(found, image, others, near, reach, flat)
    return found


def _reaching(old: Vectors, new: Vectors, least: NDArray[np.float64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Row numbers (old, new) of the pairs whose product is at least `least` of the old one."""
    rows, columns = [], []
    for start in range(0, len(new), NEW_BLOCK):
        hit = np.nonzero(old @ new[start : start + NEW_BLOCK].T >= least[:, None].astype(np.float32))
        rows.append(hit[0])
        columns.append(hit[1] + start)
    return np.concatenate(rows), np.concatenate(columns)
