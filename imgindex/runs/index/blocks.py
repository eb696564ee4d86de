"""search: which candidates are to be verified, in which transaction."""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Mapping
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from imgindex.pictures import sketch
from imgindex.pictures.texture import TEXTURE_FLOOR
from imgindex.ports import Progress
from imgindex.proof import verify
from imgindex.records import NEIGHBOUR, Candidate, ProposedBy, Reach, Space, Vectors
from imgindex.runs.index.crowds import thinned
from imgindex.runs.index.pairset import PairSet
from imgindex.search import proposals
from imgindex.search.proposals import Nearest, Proposals, VectorTable
from imgindex.store import Store, Transaction, pairs, searched, spaces

SEARCHED_BY = 100 * verify.VERIFIER_VERSION + sketch.VERSION
"""What a watermark says the candidates were refuted by. Raise one of the two also where an embedder's reach grows."""

BLOCK = 256
"""New images whose pairs and watermarks are written in one transaction."""

BLOCK_PAIRS = 8192
"""Candidates in one transaction at most: some seconds of work, and the sketches of their images in memory."""


NOBODY: Nearest = np.empty(0, NEIGHBOUR)


@dataclass(frozen=True, slots=True)
class Block:
    """One transaction: candidates to verify, and the nearest of the images whose search is then done."""

    todo: list[Candidate]
    nearest: Mapping[int, Nearest]


def plan(
    store: Store, space_id: int, space: Space, progress: Progress, reach: Reach
) -> tuple[NDArray[np.int64], Blocks | list[Block], PairSet]:
    """(new images, ascending; what is to be verified in which transaction, pairs that need not be tried again)."""
    with store.read() as tx:
        marks = pairs.watermarks(tx, space_id, reach.floor, reach.k, SEARCHED_BY)
        again = pairs.pending_candidates(tx, reach.floor)
        flat = searched.flat_images(tx, TEXTURE_FLOOR)
        equal_pixels = searched.same_pixel_digests(tx)
        present = searched.present_images(tx)
        with_vector = spaces.vector_ids(tx, space_id)
    here = with_vector[np.isin(with_vector, np.fromiter(present, np.int64, len(present)))]
    new = here[~np.isin(here, np.fromiter(marks, np.int64, len(marks)))]
    away = {c.key for c in again if not {c.low_id, c.high_id} <= present}
    again = [c for c in again if c.key not in away]
    todo = {c.key: c for c in itertools.chain(_digest_stars(equal_pixels), again)}
    with store.read() as tx:
        ends = sorted({*new.tolist(), *(low for low, _ in todo)})
        done = PairSet(pairs.verified_keys(tx, verify.VERIFIER_VERSION, ends))
    done.update(away)
    if not len(new):
        wanted = [c for key, c in sorted(todo.items()) if key not in done]
        return new, list(parts_of_block(wanted, {})), done
    progress.start("search", None)
    old = {i: marks[i] for i in here.tolist() if i in marks}
    with store.read() as tx:
        stored = StoredVectors(tx, space_id, space.dim, here)
        found = proposals.propose(stored, new, old, lambda ids: _nearest_of(tx, space_id, ids), reach=reach, flat=flat)
    progress.finish()
    found = replace(found, pairs=thinned(found.pairs, reach.k))
    return new, Blocks(found, todo, new, done, reach.floor), done


@dataclass(frozen=True, slots=True, eq=False)
class StoredVectors:
    """The vectors of some images (`ids` ascending) as the store has them, read in blocks: `proposals.Stored`."""

    tx: Transaction
    space_id: int
    dim: int
    ids: NDArray[np.int64]

    def blocks(self) -> Iterator[VectorTable]:
        for ids, vectors in spaces.vector_blocks(self.tx, self.space_id, self.dim):
            at = np.minimum(np.searchsorted(self.ids, ids), len(self.ids) - 1)
            kept = self.ids[at] == ids
            yield VectorTable(ids, vectors) if kept.all() else VectorTable(ids[kept], vectors[kept])

    def of(self, ids: NDArray[np.int64]) -> Vectors:
        return spaces.vectors_of(self.tx, self.space_id, self.dim, ids.tolist())


def _nearest_of(tx: Transaction, space_id: int, ids: list[int]) -> dict[int, Nearest]:
    return {i: np.frombuffer(data, NEIGHBOUR) for i, data in pairs.nearest_of(tx, space_id, ids).items()}


def _digest_stars(equal_pixels: list[list[int]]) -> Iterator[Candidate]:
    """Images of equal pixels as a star around the first: equality needs no more to be proven for all."""
    for first, *others in equal_pixels:
        yield from (Candidate(first, other, ProposedBy.DIGEST, None) for other in others)


@dataclass(frozen=True, slots=True, eq=False)
class Blocks:
    """What a search found as transactions, made when they are asked for: a large store has millions of candidates.

    Each candidate goes with the first block that has one of its images, so that a finished block leaves nothing of its
    images undone. Old images whose k nearest changed come last. `asked` are candidates that no search proposed, `done`
    those that are not wanted.
    """

    found: Proposals
    asked: dict[tuple[int, int], Candidate]
    new: NDArray[np.int64]
    done: Container[tuple[int, int]]
    floor: float

    def count_pairs(self) -> int:
        """How many pairs the blocks have; one that is asked for and proposed, too, counts twice."""
        found = self.found.pairs
        parts = (found[at : at + BLOCK_PAIRS] for at in range(0, len(found), BLOCK_PAIRS))
        proposed = (zip(part["low"].tolist(), part["high"].tolist(), strict=True) for part in parts)
        return sum(key not in self.done for key in itertools.chain(self.asked, itertools.chain.from_iterable(proposed)))

    def __iter__(self) -> Iterator[Block]:
        last = len(self.new) // BLOCK
        number = self._numbers(self.found.pairs["low"], self.found.pairs["high"])
        order = np.argsort(number, kind="stable")
        ends = np.searchsorted(number[order], np.arange(last + 2))
        asked: dict[int, list[Candidate]] = {}
        keys = np.array(sorted(self.asked), np.int64).reshape(-1, 2)
        for at, key in zip(self._numbers(keys[:, 0], keys[:, 1]).tolist(), sorted(self.asked), strict=True):
            asked.setdefault(at, []).append(self.asked[key])
        for at in range(last + 1):
            proposed = self.found.candidates(self.floor, order[ends[at] : ends[at + 1]])
            todo = {c.key: c for c in itertools.chain(asked.get(at, []), proposed)}
            wanted = [c for key, c in sorted(todo.items()) if key not in self.done]
            images = self.new[at * BLOCK : (at + 1) * BLOCK].tolist()
            yield from parts_of_block(wanted, {i: self.found.nearest_new.get(i, NOBODY) for i in images})
        old = iter(self.found.nearest_old.items())
        while part := dict(itertools.islice(old, BLOCK_PAIRS)):
            yield Block([], part)

    def _numbers(self, low: NDArray[np.int64], high: NDArray[np.int64]) -> NDArray[np.int64]:
        """The block of each pair."""
        last = len(self.new) // BLOCK
        found = []
        for ids in (low, high):
            at = np.minimum(np.searchsorted(self.new, ids), len(self.new) - 1)
            found.append(np.where(self.new[at] == ids, at // BLOCK, last))
        return np.asarray(np.minimum(*found), np.int64)


def count_pairs(blocks: Blocks | list[Block]) -> int:
    """How many pairs these blocks have, nearly."""
    return blocks.count_pairs() if isinstance(blocks, Blocks) else sum(len(block.todo) for block in blocks)


def parts_of_block(todo: list[Candidate], nearest: Mapping[int, Nearest]) -> Iterator[Block]:
    """A block in parts of at most BLOCK_PAIRS candidates; what is done with all of them is written with the last."""
    *first, last = [todo[at : at + BLOCK_PAIRS] for at in range(0, len(todo), BLOCK_PAIRS)] or [[]]
    yield from (Block(part, {}) for part in first)
    if last or nearest:
        yield Block(last, nearest)
