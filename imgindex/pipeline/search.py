"""search: which candidates are to be verified, in which transaction."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from imgindex import candidates, sketch, verify
from imgindex.candidates import Nearest, VectorTable
from imgindex.pipeline.cache import open_index
from imgindex.ports import Progress
from imgindex.records import NEIGHBOUR, Candidate, ProposedBy, Reach, Space
from imgindex.store import Store, catalog, pairs, spaces
from imgindex.texture import TEXTURE_FLOOR

SEARCHED_BY = 100 * verify.VERIFIER_VERSION + sketch.VERSION
"""What a watermark says the candidates were refuted by. Raise one of the two also where an embedder's reach grows."""

BLOCK = 256
"""New images whose pairs and watermarks are written in one transaction."""

BLOCK_PAIRS = 8192
"""Candidates in one transaction at most: some seconds of work, and the sketches of their images in memory."""


@dataclass(frozen=True, slots=True)
class Block:
    """One transaction: candidates to verify, and the nearest of the images whose search is then done."""

    todo: list[Candidate]
    nearest: dict[int, Nearest]


def plan(
    store: Store, space_id: int, space: Space, progress: Progress, reach: Reach
) -> tuple[int, list[Block], set[tuple[int, int]]]:
    """(number of new images, what is to be verified in which transaction, pairs that need not be tried again)."""
    with store.read() as tx:
        ids = spaces.vector_ids(tx, space_id)
        marks = pairs.watermarks(tx, space_id, reach.floor, reach.k, SEARCHED_BY)
        done = pairs.verified_keys(tx, verify.VERIFIER_VERSION)
        again = pairs.pending_candidates(tx, reach.floor)
        flat = catalog.flat_images(tx, TEXTURE_FLOOR)
        equal_pixels = catalog.same_pixel_digests(tx)
        present = catalog.present_images(tx)
        new = np.array([i for i in ids.tolist() if i in present and i not in marks], np.int64)
        table = VectorTable(*spaces.vectors(tx, space_id, space.dim)).only(present) if len(new) else None
    away = {(c.low_id, c.high_id) for c in again if not {c.low_id, c.high_id} <= present}
    again = [c for c in again if (c.low_id, c.high_id) not in away]
    todo = {(c.low_id, c.high_id): c for c in itertools.chain(_digest_stars(equal_pixels), again)}
    nearest: dict[int, Nearest] = {}
    if table is not None:
        progress.start("search", None)
        index = open_index(store, space_id, space, table)
        own = candidates.propose(index, table, new, reach=reach, flat=flat)
        here = {i: entry for i, entry in marks.items() if i in present}
        entered = candidates.entering(
            table, new, here, lambda ids: _nearest_of(store, space_id, ids), reach=reach, flat=flat
        )
        progress.finish()
        todo |= entered.candidates | own.candidates
        nearest = own.nearest | entered.nearest
    wanted = [c for key, c in sorted(todo.items()) if key not in done]
    return len(new), list(_blocks(wanted, new.tolist(), nearest)), done | away


def _nearest_of(store: Store, space_id: int, ids: list[int]) -> dict[int, Nearest]:
    with store.read() as tx:
        stored = pairs.nearest_of(tx, space_id, ids)
    return {i: np.frombuffer(data, NEIGHBOUR) for i, data in stored.items()}


def _digest_stars(equal_pixels: list[list[int]]) -> Iterator[Candidate]:
    """Images of equal pixels as a star around the first: equality needs no more to be proven for all."""
    for first, *others in equal_pixels:
        yield from (Candidate(first, other, ProposedBy.DIGEST, None) for other in others)


def _blocks(todo: Iterable[Candidate], new: Sequence[int], nearest: dict[int, Nearest]) -> Iterator[Block]:
    """Each candidate goes with the first block that has one of its images, so that a finished block leaves
    nothing of its images undone. Old images whose k nearest changed come last."""
    last = len(new) // BLOCK
    block_of = {image_id: at // BLOCK for at, image_id in enumerate(new)}
    parts: dict[int, list[Candidate]] = {}
    for candidate in todo:
        at = min(block_of.get(candidate.low_id, last), block_of.get(candidate.high_id, last))
        parts.setdefault(at, []).append(candidate)
    for at in range(last + 1):
        done = {i: nearest[i] for i in new[at * BLOCK : (at + 1) * BLOCK]}
        if at == last:
            done |= {i: found for i, found in nearest.items() if i not in block_of}
        yield from parts_of_block(parts.get(at, []), done)


def parts_of_block(todo: list[Candidate], nearest: dict[int, Nearest]) -> Iterator[Block]:
    """A block in parts of at most BLOCK_PAIRS candidates; what is done with all of them is written with the last."""
    *first, last = [todo[at : at + BLOCK_PAIRS] for at in range(0, len(todo), BLOCK_PAIRS)] or [[]]
    yield from (Block(part, {}) for part in first)
    if last or nearest:
        yield Block(last, nearest)
