"""Duplicate groups: a keeper and the images that are redundant given it, each verified against the keeper itself.

Groups are made in keeper order, each image absorbing its unassigned redundant neighbours, so that there is
never a chain A~B~C and nothing depends on the order of arrival.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from imgindex.records import Relation, Verdict, Verification

MIN_KEEPER_SCALE = 0.9
"""A keeper shows what its member shows at 0.9 of the member's linear size at least: a screenshot of a photo
is never the photo's keeper, a copy enlarged or reduced by rounding is. Neither is one that shows it enlarged: what is
`inset` has the page around it, and no more detail."""


@dataclass(frozen=True, slots=True, order=True)
class KeeperKey:
    """Sorts images by how much one wants to keep them, best first: pixels, bytes, oldest, shortest path, path."""

    minus_pixels: int
    minus_bytes: int
    mtime_ns: int
    path_length: int
    path: bytes


@dataclass(frozen=True, slots=True)
class ImageGroup:
    """`keeper` and `members` are image ids; members is empty where only the keeper's own files are alike."""

    keeper: int
    members: tuple[int, ...]


def redundant_b(outcome: Verification) -> bool:
    """True where b is redundant given a: what b shows is in a, at no less detail."""
    return _redundant(outcome, (Relation.SAME, Relation.A_CONTAINS_B), outcome.scale)


def redundant_a(outcome: Verification) -> bool:
    """True where a is redundant given b."""
    return _redundant(outcome, (Relation.SAME, Relation.B_CONTAINS_A), 1.0 / max(outcome.scale, 1e-9))


def _redundant(outcome: Verification, shown_by: tuple[Relation, ...], member_scale: float) -> bool:
    """`member_scale`: size of the shared content in the member over its size in the keeper."""
    if outcome.verdict in (Verdict.EXACT, Verdict.SAME_PIXELS):
        return True
    if outcome.verdict is not Verdict.NEAR_DUPLICATE:
        return False
    if outcome.inset and outcome.relation is not Relation.SAME:
        return False
    return outcome.relation in shown_by and member_scale * MIN_KEEPER_SCALE <= 1.0


def group(keys: dict[int, KeeperKey], redundant: Iterable[tuple[int, int]]) -> list[ImageGroup]:
    """Groups of two or more images, in keeper order.

    `keys` has every image that takes part; `redundant` holds (keeper, member) image ids: the member is
    redundant given the keeper. Pairs with an image that has no key are left out.
    """
    absorbs: dict[int, list[int]] = {}
    for keeper, member in redundant:
        if keeper in keys and member in keys:
            absorbs.setdefault(keeper, []).append(member)
    assigned: set[int] = set()
    groups = []
    for keeper in sorted(absorbs, key=keys.__getitem__):
        if keeper in assigned:
            continue
        members = sorted({m for m in absorbs[keeper] if m not in assigned}, key=keys.__getitem__)
        if members:
            assigned.update(members, (keeper,))
            groups.append(ImageGroup(keeper, tuple(members)))
    return groups
