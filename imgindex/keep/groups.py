"""Duplicate groups: a keeper, and members of which each was verified against it or against an edited copy among them.

Images are asked in order (`order.best_first`), and each that no other keeps takes what stands below it: redundant, or
as an edited copy, or at a loss. What is not redundant carries what is redundant given *it*. There is no chain beyond
that, every image is in one group, and nothing depends on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from imgindex.keep.order import Below, Turn, best_first, without_circles
from imgindex.records import Grade


@dataclass(frozen=True, slots=True)
class Placed:
    """A member of a group: `given` is the keeper, or the member that carries it."""

    image: int
    given: int
    grade: Grade


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """Image ids; redundant members first, others after them, each followed by what it carries. `members` is empty where
    the keeper stands alone."""

    keeper: int
    members: tuple[Placed, ...]


def grouped(
    turns: Mapping[int, Turn], below: Iterable[Below], parted: Mapping[int, Collection[int]] | None = None
) -> list[ImageGroup]:
    """Every image of `turns` in one group, alone where nothing stands below it and it below nothing, in turn. No group
    holds an image and one of those that `parted` has for it."""
    edges = without_circles(edge for edge in below if edge.image in turns and edge.given in turns)
    order = best_first(turns, edges)
    place = {image: at for at, image in enumerate(order)}
    under: dict[int, dict[int, Grade]] = {image: {} for image in order}
    for edge in sorted(edges, key=lambda edge: place[edge.image]):
        under[edge.given][edge.image] = edge.grade
    assigned: set[int] = set()
    made = []
    for keeper in order:
        if keeper not in assigned:
            members = _members(keeper, under, assigned, parted or {})
            assigned.update((keeper, *(member.image for member in members)))
            made.append(ImageGroup(keeper, members))
    return made


def _members(
    keeper: int,
    under: Mapping[int, Mapping[int, Grade]],
    assigned: Collection[int],
    parted: Mapping[int, Collection[int]],
) -> tuple[Placed, ...]:
    """What stands below the keeper and what its members carry, of the images that no other keeper has."""
    placed = {keeper}
    members: list[Placed] = []

    def take(image: int, given: int, grade: Grade) -> bool:
        if image in placed or image in assigned or not placed.isdisjoint(parted.get(image, ())):
            return False
        placed.add(image)
        members.append(Placed(image, given, grade))
        return True

    own = under[keeper]
    for image, grade in own.items():
        if grade is Grade.REDUNDANT:
            take(image, keeper, grade)
    for wanted in (Grade.EDITED, Grade.AT_A_LOSS):
        for image, grade in own.items():
            if grade is wanted and take(image, keeper, grade):
                for carried, how in under[image].items():
                    if how is Grade.REDUNDANT:
                        take(carried, image, how)
    return tuple(members)
