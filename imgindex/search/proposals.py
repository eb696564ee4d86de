"""Which pairs are worth verifying: everything above a floor, united with everybody's k nearest.

Top-k alone loses members of large groups; a floor alone loses weak copies. Cosines are computed from the
stored vectors in one fixed way and rounded before they meet a threshold, because sums in another order differ.

All stored vectors pass by once, in blocks, for some thousand new images. Each product of a block with the new ones
says two things: which stored images are near a new one, and which old ones a new one is nearer to than their k-th
neighbour. Without the latter, the pairs found would depend on how the files were split into runs.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import Protocol, TypeAlias

import numpy as np
from numpy.typing import NDArray

from imgindex import native
from imgindex.records import NEIGHBOUR, Candidate, ProposedBy, Reach, Vectors

COSINE_DECIMALS = 6
"""float32 vectors of 512 numbers give cosines that differ by some 1e-7 between orders of summation."""

MICRO = 10**COSINE_DECIMALS

COSINE_MARGIN = 1e-5
"""How far below a threshold a product in float32 may be, so that its rounding loses nothing."""

CHUNK = 16384
"""New images that one pass over the stored vectors is for: 32 MB of 512 numbers."""

ROWS = 1024
"""Stored vectors in one product with the new images of a pass: at most 64 MB."""

BAND = 64
"""Rows of a product that are compared with their thresholds together: the two comparisons of 1,024 rows read 40 MB from
memory each, which took 1.7 ns for each product, and takes 0.9 ns so."""

MANY_HITS = 1 << 20
"""From so many hits on, those no longer wanted are dropped whenever the hits have doubled."""

OLD_IMAGES = 1 << 16
"""Old images whose nearest are read and changed together."""


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

    def blocks(self) -> Iterator[VectorTable]:
        """Itself, as the one block of a search."""
        yield self


class Stored(Protocol):
    """The vectors that a search goes through, wherever they are kept."""

    @property
    def ids(self) -> NDArray[np.int64]:
        """int64[n] ascending."""

    def blocks(self) -> Iterator[VectorTable]:
        """All vectors, in the order of their ids."""

    def of(self, ids: NDArray[np.int64]) -> Vectors:
        """float32[len(ids), dim] in their order."""


Nearest: TypeAlias = NDArray[np.void]
"""NEIGHBOUR[n], n <= k: the nearest neighbours of an image, nearest first."""


class NearestOf(Mapping[int, Nearest]):
    """The nearest of many images in one table, by image id."""

    def __init__(self, owners: NDArray[np.int64], neighbours: Nearest) -> None:
        """`owners` int64[n] ascending: the image that each of `neighbours` NEIGHBOUR[n] is one of the nearest of."""
        self._neighbours = neighbours
        self._ids, starts = np.unique(owners, return_index=True)
        self._ends = np.append(starts, len(owners))

    def __getitem__(self, image_id: int) -> Nearest:
        at = int(np.searchsorted(self._ids, image_id))
        if at == len(self._ids) or self._ids[at] != image_id:
            raise KeyError(image_id)
        return self._neighbours[self._ends[at] : self._ends[at + 1]]

    def __iter__(self) -> Iterator[int]:
        return iter(self._ids.tolist())

    def __len__(self) -> int:
        return len(self._ids)


PAIR = np.dtype([("low", "<i8"), ("high", "<i8"), ("micro", "<i4")])
"""Two image ids, low < high, and their cosine in millionths."""


@dataclass(frozen=True, slots=True)
class Proposals:
    """What a search found: `pairs` PAIR[n] in order, each once, and the nearest of each image whose nearest changed.

    An image without any neighbour in reach is not among the keys of `nearest_new` and `nearest_old`.
    """

    pairs: NDArray[np.void]
    nearest_new: Mapping[int, Nearest]
    nearest_old: Mapping[int, Nearest]

    def candidates(self, floor: float, rows: NDArray[np.intp] | slice = slice(None)) -> list[Candidate]:
        """Some of the pairs as candidates; `floor` is that of the search."""
        part = self.pairs[rows]
        return [
            Candidate(low, high, ProposedBy.FLOOR, micro / MICRO, floor)
            if micro / MICRO >= floor
            else Candidate(low, high, ProposedBy.TOP_K, micro / MICRO)
            for low, high, micro in zip(
                part["low"].tolist(), part["high"].tolist(), part["micro"].tolist(), strict=True
            )
        ]


def entry_cosine(nearest: Nearest, reach: Reach) -> float:
    """The cosine that an image needs to be one more candidate of an image with these neighbours."""
    if len(nearest) < reach.k:
        return reach.least_cosine
    last: int = nearest["micro"][-1]
    return max(float(last / MICRO), reach.least_cosine)


def cosines(a: Vectors, b: Vectors) -> NDArray[np.float64]:
    """float64[n]: row by row, in [-1, 1], rounded to COSINE_DECIMALS; the same whatever the batch."""
    return cosines_of(a, np.arange(len(a)), b, np.arange(len(b)))


def cosines_of(a: Vectors, rows: NDArray[np.integer], b: Vectors, others: NDArray[np.integer]) -> NDArray[np.float64]:
    """`cosines` of some rows of a and as many others of b."""
    product = native.products(a, b, rows, others)
    return np.asarray(np.clip(np.round(product, COSINE_DECIMALS), -1.0, 1.0), np.float64)


def propose(
    stored: Stored,
    new_ids: NDArray[np.int64],
    entry_cosines: Mapping[int, float],
    nearest_of: Callable[[list[int]], Mapping[int, Nearest]],
    *,
    reach: Reach,
    flat: Collection[int] = (),
) -> Proposals:
    """Candidates of the images `new_ids` (ascending): what is in `reach` of each, ties at the k-th place all kept, and
    what they make by entering the k nearest of old images.

    `entry_cosines` are those of the old images, `nearest_of` gives their nearest; no old image is searched again. Two
    images of `flat` (almost no texture) are never candidates of each other: nothing but their pixels could tell them
    apart. In memory are CHUNK new vectors, a block of stored ones, and 12 bytes for each hit: k and what is above the
    floor, of each new image.
    """
    search = _Search(stored.ids, new_ids, entry_cosines, reach)
    for start in range(0, len(new_ids), CHUNK):
        search.sweep(stored, start, new_ids[start : start + CHUNK])
    own, nearest_new = search.of_new()
    entered, nearest_old = search.of_old(nearest_of)
    return Proposals(_distinct([own, *entered], flat), nearest_new, nearest_old)


HIT = np.dtype([("image", "<i4"), ("other", "<i4"), ("micro", "<i4")])
"""`other` is near `image`; both are positions among the stored ids."""


class _Search:
    """The hits of a search in progress, and the cosine that one more neighbour of each image needs."""

    def __init__(
        self, ids: NDArray[np.int64], new_ids: NDArray[np.int64], entry_cosines: Mapping[int, float], reach: Reach
    ) -> None:
        self._ids, self._reach = ids, reach
        self._new = np.searchsorted(ids, new_ids)
        self._is_new = np.zeros(len(ids), np.bool_)
        self._is_new[self._new] = True
        old = np.searchsorted(ids, np.fromiter(entry_cosines, np.int64, len(entry_cosines)))
        self._wanted = np.full(len(ids), np.inf)
        self._wanted[old] = np.fromiter(entry_cosines.values(), np.float64, len(entry_cosines))
        self._wanted[self._new] = reach.least_cosine
        self._hits = _Hits()
        self._entered = _Hits()

    def sweep(self, stored: Stored, start: int, chunk: NDArray[np.int64]) -> None:
        """Everything stored against a chunk of new images, those that had their own pass before left out: what is near
        a new image whose pass comes later is a hit of both."""
        columns = self._new[start : start + len(chunk)]
        is_column, is_done = np.zeros((2, len(self._ids)), np.bool_)
        is_column[columns] = True
        is_done[self._new[:start]] = True
        queries = stored.of(chunk)
        products = np.empty((ROWS, len(chunk)), np.float32)
        at, is_first_pass = 0, start == 0
        for block in stored.blocks():
            rows = np.arange(at, at + len(block))
            at += len(block)
            left = ~is_done[rows]
            vectors, rows = (block.vectors, rows) if left.all() else (block.vectors[left], rows[left])
            for first in range(0, len(rows), ROWS):
                part = slice(first, first + ROWS)
                product = np.matmul(vectors[part], queries.T, out=products[: len(rows[part])])
                if first == 0 and at == len(block):
                    self._seed(columns, product.T, own=1)
                if is_first_pass:
                    waits = self._is_new[rows[part]] & ~is_column[rows[part]]
                    self._seed(rows[part][waits], product[waits], own=0)
                self._look(product, vectors[part], rows[part], queries, columns, is_column)
        self._thin()

    def _seed(self, images: NDArray[np.intp], products: NDArray[np.float32], own: int) -> None:
        """Nothing below the k-th of some products of each image is wanted; `own` of them may be with itself."""
        at = self._reach.k - 1 + own
        if len(images) and products.shape[1] > at:
            kth = -np.partition(-products, at, axis=1)[:, at].astype(np.float64)
            self._wanted[images] = np.maximum(self._wanted[images], kth - COSINE_MARGIN)

    def _look(
        self,
        product: NDArray[np.float32],
        vectors: Vectors,
        rows: NDArray[np.intp],
        queries: Vectors,
        columns: NDArray[np.intp],
        is_column: NDArray[np.bool_],
    ) -> None:
        """Add the hits of stored images (rows) and new ones (columns). Two columns meet twice, and the second time
        they are looked at only if they are among each other's nearest."""
        nearest = self._wanted[columns]
        of_columns = np.minimum(nearest, self._reach.floor)
        of_rows = np.where(is_column[rows], np.inf, self._wanted[rows])
        row, column = _at_least(product, of_rows - COSINE_MARGIN, of_columns - COSINE_MARGIN)
        again = is_column[rows[row]] & (rows[row] <= columns[column])
        again &= (rows[row] == columns[column]) | (product[row, column] < nearest[column] - COSINE_MARGIN)
        row, column = row[~again], column[~again]
        values = cosines_of(vectors, row, queries, column)
        stored, new = rows[row], columns[column]
        hit = values >= of_columns[column]
        self._hits.add(new[hit], stored[hit], values[hit])
        hit = values >= of_rows[row]
        waits = hit & self._is_new[stored]
        self._hits.add(stored[waits], new[waits], values[waits])
        hit &= ~waits
        self._entered.add(stored[hit], new[hit], values[hit])
        if self._hits.have_doubled:
            self._thin()

    def _thin(self) -> None:
        """Keep the hits that are still wanted, and raise what others need."""
        hits, rank = _ranked(self._hits.all())
        kth = hits[rank == self._reach.k - 1]
        least = np.zeros(len(self._ids), np.int32) - MICRO
        least[kth["image"]] = kth["micro"]
        still = self._wanted[kth["image"]] < np.inf
        self._wanted[kth["image"][still]] = np.maximum(self._wanted[kth["image"][still]], kth["micro"][still] / MICRO)
        self._hits.replace(hits[(hits["micro"] >= least[hits["image"]]) | (hits["micro"] / MICRO >= self._reach.floor)])

    def of_new(self) -> tuple[Nearest, NearestOf]:
        """PAIR[n] of the new images' candidates, and their nearest."""
        hits, rank = _ranked(self._hits.all())
        near = hits[rank < self._reach.k]
        neighbours = np.empty(len(near), NEIGHBOUR)
        neighbours["id"], neighbours["micro"] = self._ids[near["other"]], near["micro"]
        return self._pairs(hits), NearestOf(self._ids[near["image"]], neighbours)

    def of_old(self, nearest_of: Callable[[list[int]], Mapping[int, Nearest]]) -> tuple[list[Nearest], NearestOf]:
        """PAIR[n] that new images make by entering the nearest of old ones, and those images' nearest then."""
        hits = self._entered.all()
        hits = hits[np.argsort(hits["image"], kind="stable")]
        images = np.unique(hits["image"])
        pairs, owners, neighbours = [], [np.empty(0, np.int64)], [np.empty(0, NEIGHBOUR)]
        for start in range(0, len(images), OLD_IMAGES):
            part = images[start : start + OLD_IMAGES]
            first, last = np.searchsorted(hits["image"], [part[0], part[-1] + 1])
            entered, owner, nearest = self._merged(hits[first:last], part, nearest_of)
            pairs.append(self._pairs(entered))
            owners.append(owner)
            neighbours.append(nearest)
        return pairs, NearestOf(np.concatenate(owners), np.concatenate(neighbours))

    def _merged(
        self, hits: Nearest, images: NDArray[np.int32], nearest_of: Callable[[list[int]], Mapping[int, Nearest]]
    ) -> tuple[Nearest, NDArray[np.int64], Nearest]:
        """(hits that are candidates, owner of each neighbour, the nearest of all these images); an id counts once."""
        ids = self._ids[images]
        stored = nearest_of(ids.tolist())
        known = [stored[i] for i in ids.tolist()]
        owner = np.concatenate([self._ids[hits["image"]], np.repeat(ids, [len(n) for n in known])])
        entries = np.empty(len(owner), NEIGHBOUR)
        entries["id"][: len(hits)], entries["micro"][: len(hits)] = self._ids[hits["other"]], hits["micro"]
        entries[len(hits) :] = np.concatenate(known)
        order = np.lexsort((np.arange(len(owner)), entries["id"], owner))  # a hit before what was known of its id
        is_twice = np.zeros(len(order), np.bool_)
        is_twice[1:] = (owner[order][1:] == owner[order][:-1]) & (entries["id"][order][1:] == entries["id"][order][:-1])
        order = order[~is_twice]
        order = order[np.lexsort((entries["id"][order], -entries["micro"][order], owner[order]))]
        rank = _rank(owner[order])
        kth = np.searchsorted(ids, owner[order][rank == self._reach.k - 1])
        least = np.full(len(ids), -MICRO, np.int32)
        least[kth] = entries["micro"][order][rank == self._reach.k - 1]
        is_in = hits["micro"] >= least[np.searchsorted(images, hits["image"])]
        nearest = order[rank < self._reach.k]
        return hits[is_in], owner[nearest], entries[nearest]

    def _pairs(self, hits: Nearest) -> Nearest:
        pairs = np.empty(len(hits), PAIR)
        pairs["low"] = self._ids[np.minimum(hits["image"], hits["other"])]
        pairs["high"] = self._ids[np.maximum(hits["image"], hits["other"])]
        pairs["micro"] = hits["micro"]
        return pairs


def _at_least(
    product: NDArray[np.float32], of_rows: NDArray[np.float64], of_columns: NDArray[np.float64]
) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """(row, column) of the products that reach what their row or their column needs."""
    rows, columns = of_rows.astype(np.float32)[:, None], of_columns.astype(np.float32)
    found = []
    for start in range(0, len(product), BAND):
        part = product[start : start + BAND]
        near = part >= columns
        near |= part >= rows[start : start + BAND]
        found.append(np.flatnonzero(near) + start * len(columns))
    return np.divmod(np.concatenate(found), len(columns))


class _Hits:
    """HIT[n] that grow by parts."""

    def __init__(self) -> None:
        self._parts: list[Nearest] = []
        self._count = self._after_last = 0

    def add(self, images: NDArray[np.intp], others: NDArray[np.intp], values: NDArray[np.float64]) -> None:
        if len(images):
            part = np.empty(len(images), HIT)
            part["image"], part["other"], part["micro"] = images, others, np.rint(values * MICRO)
            self._parts.append(part)
            self._count += len(part)

    @property
    def have_doubled(self) -> bool:
        """Whether there are MANY_HITS, and twice as many as were kept the last time."""
        return self._count >= max(MANY_HITS, 2 * self._after_last)

    def all(self) -> Nearest:
        return np.concatenate([np.empty(0, HIT), *self._parts])

    def replace(self, hits: Nearest) -> None:
        self._parts, self._count, self._after_last = [hits], len(hits), len(hits)


def _ranked(hits: Nearest) -> tuple[Nearest, NDArray[np.int64]]:
    """Hits by image, nearest first, and the place of each among those of its image, from 0."""
    order = np.argsort(hits["other"], kind="stable")
    nearest = (hits["image"].astype(np.int64) << 32) + MICRO - hits["micro"]
    hits = hits[order[np.argsort(nearest[order], kind="stable")]]
    return hits, _rank(hits["image"])


def _rank(owners: NDArray[np.integer]) -> NDArray[np.int64]:
    """The place of each among its equals, which stand together; from 0."""
    starts = np.flatnonzero(np.concatenate([np.ones(min(1, len(owners)), np.bool_), owners[1:] != owners[:-1]]))
    return np.arange(len(owners)) - np.repeat(starts, np.diff(np.append(starts, len(owners))))


def _distinct(parts: list[Nearest], flat: Collection[int]) -> Nearest:
    """PAIR[n] in order, each once; none of two images of `flat`."""
    pairs = np.concatenate(parts)
    pairs = pairs[np.lexsort((pairs["high"], pairs["low"]))]
    is_twice = np.zeros(len(pairs), np.bool_)
    is_twice[1:] = (pairs["low"][1:] == pairs["low"][:-1]) & (pairs["high"][1:] == pairs["high"][:-1])
    textureless = np.fromiter(flat, np.int64, len(flat))
    is_flat = np.isin(pairs["low"], textureless) & np.isin(pairs["high"], textureless)
    return pairs[~(is_twice | is_flat)]
