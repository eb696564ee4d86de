"""Crowds: groups of so many copies that not all of their pairs are verified, but each member against the keeper.

Of 5,000 frames of a burst each has 5,000 candidates, and 12.5 million pairs would take days. So a search proposes of
each image the MANY nearest and no more (`thinned`), which joins a crowd but leaves most of its pairs open; `stars` then
proposes each member with the image that a report would keep, and what that refutes with the next best.
"""

from __future__ import annotations

import itertools
from collections.abc import Collection, Iterator

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from imgindex import verify
from imgindex.store import catalog, pairs

CROWD = 16
"""An image with more proven copies than this is in a crowd. Pairs that a common copy joins are candidates in smaller
groups only: 5,000 frames of a time lapse, with 20 nearest each, would have 93,000 of them."""

MANY = 24
"""Of each image so many of its nearest candidates are verified, or k where an embedder asks for more: only what the
floor proposes is left out."""

KEEPERS = 8
"""Images of a crowd that all others are verified against, at most, one after the other."""


def thinned(found: NDArray[np.void], k: int) -> NDArray[np.void]:
    """Of candidates.PAIR[n], those that are among the max(MANY, k) of highest cosine of one of their images."""
    owner = np.concatenate([found["low"], found["high"]])
    other = np.concatenate([found["high"], found["low"]])
    micro = np.concatenate([found["micro"], found["micro"]])
    order = np.lexsort((other, -micro, owner))
    first = np.searchsorted(owner[order], owner[order])
    kept = np.zeros(len(found), np.bool_)
    kept[order[np.arange(len(order)) - first < max(MANY, k)] % max(1, len(found))] = True
    return found[kept]


def stars(
    tx: Connection, new: Collection[int], tried: Collection[tuple[int, int]], members: Collection[int]
) -> list[tuple[int, int]]:
    """(low_id, high_id) of what is to be verified next so that each crowd has its keeper's verdict on every member.

    `new` are the images of this run: a pair of two others was tried when the later of them was new. Only pairs of two
    `members` are wanted. Ask again when these pairs are settled, until nothing is wanted.
    """
    near = _graph(tx, new)
    wanted: list[tuple[int, int]] = []
    for crowd in _components(near, {i for i, others in near.items() if len(others) > CROWD}):
        wanted += _next_star(_best_first(tx, [i for i in crowd if i in members]), near, new, tried)
    return sorted(wanted)


def _graph(tx: Connection, seeds: Collection[int]) -> dict[int, set[int]]:
    """The proven copies of each image that `seeds` are joined to by proven copies."""
    near: dict[int, set[int]] = {}
    edge = set(seeds)
    while edge:
        found = pairs.proven_neighbours(tx, sorted(edge), verify.VERIFIER_VERSION)
        near |= found
        edge = set(itertools.chain.from_iterable(found.values())) - near.keys()
    return near


def _components(near: dict[int, set[int]], seeds: set[int]) -> Iterator[set[int]]:
    """The connected parts of the graph that hold one of `seeds`."""
    left = set(seeds)
    while left:
        found = {left.pop()}
        edge = set(found)
        while edge:
            edge = set(itertools.chain.from_iterable(near[i] for i in edge)) - found
            found |= edge
        left -= found
        yield found


def _best_first(tx: Connection, crowd: list[int]) -> list[int]:
    """The order in which a report keeps images: pixels, bytes; among equals, the first that was indexed."""
    images = catalog.images(tx, crowd)
    return sorted(crowd, key=lambda i: (-images[i].info.pixels, -images[i].size_bytes, i))


def _next_star(
    left: list[int], near: dict[int, set[int]], new: Collection[int], tried: Collection[tuple[int, int]]
) -> list[tuple[int, int]]:
    """The untried pairs of the first keeper that has some; each keeper takes its proven copies out of what is left."""
    for _ in range(KEEPERS):
        if len(left) < 2:
            break
        keeper, *others = left
        unproven = [i for i in others if i not in near[keeper]]
        keys = [(min(keeper, i), max(keeper, i)) for i in unproven if i in new or keeper in new]
        untried = [key for key in keys if key not in tried]
        if untried:
            return untried
        left = unproven
    return []
