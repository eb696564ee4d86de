"""Who is known to stand below whom, and which proven pairs are to be weighed next."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from collections.abc import Set as AbstractSet
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from imgindex.keep.choice import Choice
from imgindex.keep.order import Below, KeeperKey
from imgindex.keep.planning import Key, next_to_weigh
from imgindex.keep.rules import keeper_key
from imgindex.proof import loss
from imgindex.records import Grade
from imgindex.runs.presence import find_present
from imgindex.runs.proofs import SamePixels
from imgindex.runs.wanted import Wanted
from imgindex.store import Store, catalog, pairs, weighed
from imgindex.store.weighed import GRADES, WeighedPair

COMPONENTS_AT_ONCE = 1024
"""Whose images are read together."""


@dataclass(slots=True)
class Scales:
    """Proven pairs as a graph, and what was weighed of them.

    near        proven copies of each image
    component   number of the connected component of each image
    members     images of each component, ascending
    a_is_low    of each proven pair, whether its low image is a
    done        pairs that were weighed, or could not be read in this run
    below       who stands below whom, by component
    same        pairs of equal pixels, by component: each is weighed, for what a file has beside its pixels
    choice      what a person decided, and the images `chosen` that it is about
    """

    near: dict[int, set[int]]
    component: dict[int, int]
    members: list[list[int]]
    a_is_low: dict[Key, bool]
    done: set[Key] = field(default_factory=set)
    below: dict[int, list[Below]] = field(default_factory=dict)
    same: dict[int, list[Key]] = field(default_factory=dict)
    choice: Choice = field(default_factory=Choice)
    chosen: AbstractSet[int] = frozenset()

    @classmethod
    def read(cls, store: Store) -> Scales:
        with store.read() as tx:
            wanted = Wanted.read(tx)
            proven = weighed.proven(tx)
            standings = weighed.standings(tx, loss.WEIGHER_VERSION, loss.JUDGE_VERSION)
        near: dict[int, set[int]] = {}
        for low, high in zip(proven["low"].tolist(), proven["high"].tolist(), strict=True):
            near.setdefault(low, set()).add(high)
            near.setdefault(high, set()).add(low)
        members = _components(proven)
        component = {image: number for number, images in enumerate(members) for image in images}
        keys = zip(proven["low"].tolist(), proven["high"].tolist(), strict=True)
        scales = cls(near, component, members, dict(zip(keys, proven["a_is_low"].tolist(), strict=True)))
        same = proven[proven["same_pixels"]]
        equal = SamePixels()
        for low, high in zip(same["low"].tolist(), same["high"].tolist(), strict=True):
            scales.same.setdefault(component[low], []).append((low, high))
            equal.add(low, high, None)
        scales.choice = wanted.decided.choice(wanted.contents, equal.classes())
        scales.chosen = scales.choice.images
        for low, high, a_below, b_below in standings.tolist():
            if (low, high) in scales.a_is_low:
                scales._note((low, high), GRADES[a_below], GRADES[b_below])
        return scales

    def add(self, found: Iterable[WeighedPair], failed: Iterable[Key]) -> None:
        """Take in what was weighed, and what could not be."""
        for one in found:
            self._note(one.key, one.weighing.grade_a, one.weighing.grade_b)
        self.done.update(failed)

    def next_pairs(self, store: Store, since: Collection[Key] | None = None) -> list[Key]:
        """The pairs to weigh next, those of one component beside each other; of the components of `since` alone, where
        given: nothing has changed in the others."""
        if since is None:
            numbers = sorted({self.component[low] for low, high in self.a_is_low if (low, high) not in self.done})
        else:
            numbers = sorted({self.component[low] for low, _ in since})
        return self._next_of_all(store, numbers)

    def next_pairs_of(self, store: Store, images: Collection[int], keys: Iterable[Key]) -> list[Key]:
        """The pairs to weigh next of the components of these images, and those of `keys` that are proven."""
        numbers = sorted({self.component[image] for image in images if image in self.component})
        direct = (key for key in keys if key in self.a_is_low and key not in self.done)
        return sorted({*self._next_of_all(store, numbers), *direct})

    def _next_of_all(self, store: Store, numbers: Sequence[int]) -> list[Key]:
        found: list[Key] = []
        for at in range(0, len(numbers), COMPONENTS_AT_ONCE):
            part = numbers[at : at + COMPONENTS_AT_ONCE]
            keys = _keys(store, [i for number in part for i in self.members[number]])
            for number in part:
                found += self._next_of(store, number, {i: keys[i] for i in self.members[number] if i in keys})
        return found

    def _next_of(self, store: Store, number: int, keys: Mapping[int, KeeperKey]) -> list[Key]:
        below: Sequence[Below] = self.below.get(number, ())
        if not self.chosen.isdisjoint(keys):
            below = self.choice.settled(below, self._is_proven)
        wanted = next_to_weigh(
            keys, self.near, self.done, below, lambda pairs: _of_one_look(store, pairs), self.choice.parted
        )
        of_pixels = [pair for pair in self.same.get(number, ()) if pair not in self.done and keys.keys() >= set(pair)]
        return sorted({*wanted, *of_pixels})

    def _is_proven(self, one: int, other: int) -> bool:
        return other in self.near.get(one, ())

    def _note(self, key: Key, grade_a: Grade | None, grade_b: Grade | None) -> None:
        low, high = key
        a, b = (low, high) if self.a_is_low[key] else (high, low)
        edges = self.below.setdefault(self.component[low], [])
        edges += [Below(i, given, grade) for i, given, grade in ((a, b, grade_a), (b, a, grade_b)) if grade is not None]
        self.done.add(key)


def _keys(store: Store, ids: Collection[int]) -> dict[int, KeeperKey]:
    """What each image is kept for; images without a file that is there are left out, for while a disk is away others
    keep what its files kept."""
    with store.read() as tx:
        images, here = catalog.images(tx, ids), find_present(tx, catalog.present_files(tx, ids)).here
    return {i: keeper_key(images[i], own) for i, own in here.items()}


def _of_one_look(store: Store, keys: list[Key]) -> set[Key]:
    """Those of the pairs that may be encodings of one picture."""
    if not keys:
        return set()
    with store.read() as tx:
        return {key for key, pair in pairs.with_keys(tx, keys).items() if loss.may_look_the_same(pair.outcome)}


def _components(proven: NDArray[np.void]) -> list[list[int]]:
    """The images of each connected component, ascending."""
    if not len(proven):
        return []
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    ids, ends = np.unique(np.stack([proven["low"], proven["high"]], 1), return_inverse=True)
    low, high = ends.reshape(-1, 2).T
    graph = coo_array((np.ones(len(low), np.int8), (low, high)), shape=(len(ids), len(ids)))
    label = connected_components(graph, directed=False)[1]
    order = np.argsort(label, kind="stable")
    return [part.tolist() for part in np.split(ids[order], np.cumsum(np.bincount(label))[:-1])]
