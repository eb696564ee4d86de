"""Crowds: groups of so many copies that not all of their pairs are verified, but each member against the keeper.

Of 5,000 frames of a burst each has 5,000 candidates, and 12.5 million pairs would take days. So a search proposes of
each image the MANY nearest and no more (`thinned`), which joins a crowd but leaves most of its pairs open, common
copies are not followed there (`is_crowded`), and `stars` proposes each member with the image that a report would keep,
and what that does not make redundant with the next best.
"""

from __future__ import annotations

import itertools
from collections.abc import Container, Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from imgindex.keep.cover import covers_a, covers_b
from imgindex.keep.rules import keeper_key
from imgindex.pictures.texture import TEXTURE_FLOOR
from imgindex.proof import verify
from imgindex.store import Transaction, catalog, pairs, searched, spaces
from imgindex.store.pairs import StoredPair

CROWD = 16
"""An image with more proven copies than this may be in a crowd,"""

CROWD_IMAGES = 32
"""and is where these and their copies are more images than this. Of 5,000 frames of a time lapse with the 20 nearest
of each proven, every one has 20 to 64 copies, which with their copies are at least 60 images."""

MANY = 20
"""Of each image so many of its nearest candidates are verified, or k where an embedder asks for more: only what the
floor proposes is left out."""

KEEPERS = 8
"""Images that all others of a crowd are verified against, one after the other, at most in one order of them."""


def thinned(found: NDArray[np.void], k: int) -> NDArray[np.void]:
    """Of `proposals.PAIR`[n], those that are among the max(MANY, k) of highest cosine of one of their images."""
    owner = np.concatenate([found["low"], found["high"]])
    other = np.concatenate([found["high"], found["low"]])
    micro = np.concatenate([found["micro"], found["micro"]])
    order = np.lexsort((other, -micro, owner))
    first = np.searchsorted(owner[order], owner[order])
    kept = np.zeros(len(found), np.bool_)
    kept[order[np.arange(len(order)) - first < max(MANY, k)] % max(1, len(found))] = True
    return found[kept]


def depends_on_theirs(copies: int) -> bool:
    """Whether the copies of its copies say if an image with so many is in a crowd: with fewer it is not, with more it
    is."""
    return CROWD < copies < CROWD_IMAGES


def is_crowded(image: int, near: Mapping[int, set[int]]) -> bool:
    """Whether `image` is in a crowd; `near` has its proven copies, and theirs where it `depends_on_theirs`."""
    if not depends_on_theirs(len(near[image])):
        return len(near[image]) >= CROWD_IMAGES
    return len({image}.union(*(near[copy] for copy in near[image]))) > CROWD_IMAGES


def stars(tx: Transaction, space_id: int, tried: Container[tuple[int, int]]) -> list[tuple[int, int]]:
    """(low_id, high_id) of what is to be verified next so that each crowd has its keeper's verdict on every member.

    Asked of the whole store, so that a run that was killed before is made up for, and groups that one new image joins
    get their keeper's verdict. Left out are images without a present file, a vector or texture. Ask again when these
    pairs are settled, until nothing is wanted.
    """
    found = list(_crowds(pairs.proven(tx, verify.VERIFIER_VERSION)))
    if not found:
        return []
    members = searched.present_images(tx) & set(spaces.vector_ids(tx, space_id).tolist())
    members -= searched.flat_images(tx, TEXTURE_FLOOR)
    orders = (_best_first(tx, {i: is_hub for i, is_hub in crowd.items() if i in members}) for crowd in found)
    return sorted(itertools.chain.from_iterable(_next_star(tx, order, tried) for order in orders))


def _crowds(proven: NDArray[np.int64]) -> Iterator[dict[int, bool]]:
    """The images of each crowd, each with whether it has more than CROWD copies: all that proven pairs [n, 2] join to
    one that has, where these are more than CROWD_IMAGES."""
    ids, ends = np.unique(proven, return_inverse=True)
    is_hub = np.bincount(ends.ravel(), minlength=len(ids)) > CROWD
    if not is_hub.any():
        return
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    low, high = ends.reshape(-1, 2).T
    graph = coo_array((np.ones(len(low), np.int8), (low, high)), shape=(len(ids), len(ids)))
    part = connected_components(graph, directed=False)[1]
    order = np.argsort(part, kind="stable")
    ends_of_part = np.cumsum(np.bincount(part))
    for number in np.unique(part[is_hub]).tolist():
        rows = order[ends_of_part[number - 1] if number else 0 : ends_of_part[number]]
        if len(rows) > CROWD_IMAGES:
            yield dict(zip(ids[rows].tolist(), is_hub[rows].tolist(), strict=True))


def _best_first(tx: Transaction, crowd: Mapping[int, bool]) -> list[int]:
    """The order in which a report keeps images, those with many copies first: the larger photos that a collage of
    frames joins to their crowd would else take the place of its keeper."""
    images = catalog.images(tx, crowd)
    files = catalog.present_files(tx, crowd)
    return sorted(crowd, key=lambda i: (not crowd[i], keeper_key(images[i], files[i])))


def _next_star(tx: Transaction, left: list[int], tried: Container[tuple[int, int]]) -> list[tuple[int, int]]:
    """The untried pairs of the first keeper that has some; what is redundant given a keeper is left to it."""
    for _ in range(KEEPERS):
        if len(left) < 2:
            break
        keeper, *others = left
        copies = {
            p.b_id if p.a_id == keeper else p.a_id: p for p in pairs.copies_of(tx, keeper, verify.VERIFIER_VERSION)
        }
        left = [i for i in others if i not in copies or not _is_covered(copies[i], keeper)]
        settled = pairs.verified_keys(tx, verify.VERIFIER_VERSION, [keeper])
        keys = ((min(keeper, i), max(keeper, i)) for i in left)
        untried = [key for key in keys if key not in tried and key not in settled]
        if untried:
            return untried
    return []


def _is_covered(pair: StoredPair, keeper: int) -> bool:
    """Whether `keeper` shows all of the other image of `pair`."""
    return covers_b(pair.outcome) if pair.a_id == keeper else covers_a(pair.outcome)
