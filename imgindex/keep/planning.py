"""Which proven pairs are to be weighed next: each image against what could be kept in its place, and no more.

Of a photo and its n - 1 copies that is n - 1 pairs where the first guess at the keeper is right, and some more where
the scales say otherwise; all pairs would be n (n - 1) / 2.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from typing import TypeAlias

from imgindex.keep.groups import ImageGroup, grouped
from imgindex.keep.order import Below, KeeperKey, in_turn
from imgindex.records import Grade

Key: TypeAlias = tuple[int, int]
"""(low_id, high_id) of a pair."""


def key_of(one: int, other: int) -> Key:
    return min(one, other), max(one, other)


def next_to_weigh(
    keys: Mapping[int, KeeperKey],
    proven: Mapping[int, Collection[int]],
    weighed: Collection[Key],
    below: Iterable[Below],
    may_be_redundant: Callable[[list[Key]], Collection[Key]],
    parted: Mapping[int, Collection[int]] | None = None,
) -> list[Key]:
    """The pairs that decide next who keeps whom, sorted; none where all that matters is known.

    `proven` has the proven copies of each image, `weighed` what was weighed (or could not be) before, `below` what came
    of it. `may_be_redundant` is asked which pairs of edited copies can be encodings of one picture. No group holds an
    image and one of those that `parted` has for it. Ask again once these are weighed.
    """
    groups = grouped(in_turn(keys), below, parted)
    keepers = {group.keeper for group in groups}
    asked: set[int] = set()
    wanted: set[Key] = set()
    for group in groups:
        own = group.keeper
        if own in asked:
            continue
        rivals = {i for i in proven.get(own, ()) if i in keepers and key_of(own, i) not in weighed} - asked
        if rivals:
            asked.update((own, *rivals))
            wanted.update(key_of(own, i) for i in rivals)
        else:
            wanted.update(_of_edited(group, proven, weighed, may_be_redundant))
    return sorted(wanted)


def _of_edited(
    group: ImageGroup,
    proven: Mapping[int, Collection[int]],
    weighed: Collection[Key],
    may_be_redundant: Callable[[list[Key]], Collection[Key]],
) -> Collection[Key]:
    """Pairs of edited copies of one photo of which one may be a lesser encoding of the other: those of the first copy
    that has some."""
    edited = [m.image for m in group.members if m.grade is Grade.EDITED]
    pairs = [key_of(one, i) for at, one in enumerate(edited) for i in edited[at + 1 :] if i in proven.get(one, ())]
    left = set(may_be_redundant([key for key in pairs if key not in weighed]))
    for at, one in enumerate(edited):
        if found := left.intersection(key_of(one, i) for i in edited[at + 1 :]):
            return found
    return ()
