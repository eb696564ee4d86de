"""Who stands below whom once a person has spoken: what was weighed, changed by decisions, protected folders and rules.

Nothing here makes an image redundant that was not weighed so. What a person keeps stands below nothing; what is parted
is in no group together; what a decision, or a rule that is followed even so, puts below something that lacks a part of
it is there `at-a-loss`, which frees nothing.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field

from imgindex.keep.order import Below
from imgindex.records import DecisionKind, Grade


@dataclass(frozen=True, slots=True)
class Choice:
    """What a person wants of images, by their ids.

    stay    what stays whatever else there is: both of KEEP_BOTH, and what a protected folder holds
    kept    by image, those that it is to keep: KEEPER
    parted  by image, those that no group holds together with it, each with what was said of the two
    """

    stay: Collection[int] = ()
    kept: Mapping[int, Collection[int]] = field(default_factory=dict)
    parted: Mapping[int, Mapping[int, DecisionKind]] = field(default_factory=dict)

    @property
    def images(self) -> set[int]:
        """All that something is wanted of."""
        return {*self.stay, *self.kept, *self.parted}

    def settled(self, below: Iterable[Below], is_proven: Callable[[int, int], bool]) -> list[Below]:
        """The edges that are left of `below`, and those that a decision makes of proven copies."""
        edges = [edge for edge in below if not self._forbids(edge)]
        known = {(edge.image, edge.given) for edge in edges}
        for keeper, others in self.kept.items():
            edges += [
                Below(other, keeper, Grade.AT_A_LOSS)
                for other in others
                if (other, keeper) not in known
                and is_proven(other, keeper)
                and not self._forbids(Below(other, keeper, Grade.AT_A_LOSS))
            ]
        return edges

    def _forbids(self, edge: Below) -> bool:
        if edge.image in self.stay or edge.given in self.parted.get(edge.image, ()):
            return True
        return edge.image in self.kept and edge.image not in self.kept.get(edge.given, ())


def lossy(below: Iterable[Below], preferred: Mapping[int, tuple[int, ...]]) -> list[Below]:
    """The edges by which the rules would rather keep what is redundant, and lose what the other has alone: only there
    do rules and loss disagree. Two that are redundant given each other are no such case."""
    edges = [edge for edge in below if edge.grade is Grade.REDUNDANT]
    pairs = {(edge.image, edge.given) for edge in edges}
    return [
        edge
        for edge in edges
        if (edge.given, edge.image) not in pairs and preferred[edge.image] < preferred[edge.given]
    ]


def followed(below: Iterable[Below], against: Iterable[Below], preferred: Mapping[int, tuple[int, ...]]) -> list[Below]:
    """`below` with the rules followed though something is lost: of what they would keep rather than an image, they take
    the most preferred, and that image stands below it; the others stay redundant given that image."""
    best: dict[int, Below] = {}
    for edge in sorted(against, key=lambda edge: (preferred[edge.image], edge)):
        best.setdefault(edge.given, edge)
    turned = [Below(edge.given, edge.image, Grade.AT_A_LOSS) for edge in best.values()]
    pairs = {(edge.given, edge.image) for edge in turned} | {(edge.image, edge.given) for edge in turned}
    return [edge for edge in below if (edge.image, edge.given) not in pairs] + turned
