"""What a person decided, as the runs need it: of two contents, of one content, and of the images of a report."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field

from imgindex.keep.choice import Choice
from imgindex.records import DecisionKind
from imgindex.store import Transaction, decisions
from imgindex.store.decisions import Decision

PARTING = (DecisionKind.NOT_DUPLICATE, DecisionKind.ALTERNATES)


@dataclass(frozen=True, slots=True)
class Decided:
    """The decisions that stand, by (smaller, larger) sha256 of the two contents they are about."""

    standing: Mapping[tuple[bytes, bytes], Decision] = field(default_factory=dict)

    @classmethod
    def read(cls, tx: Transaction) -> Decided:
        return cls(decisions.standing_decisions(tx))

    @property
    def contents(self) -> set[bytes]:
        """The sha256 of all that something was decided of."""
        return {sha256 for pair in self.standing for sha256 in pair}

    def between(self, one: bytes, other: bytes) -> Decision | None:
        """What was decided of two contents, given by sha256 in either order."""
        return self.standing.get((min(one, other), max(one, other)))

    def keeping(self) -> dict[bytes, Decision]:
        """By content (sha256), the decision for which it never goes: both of KEEP_BOTH, and the keeper of KEEPER unless
        another decision keeps something over it."""
        found: dict[bytes, Decision] = {}
        beaten = set()
        for (low, high), one in self.standing.items():
            if one.keeper is not None:
                found.setdefault(one.keeper, one)
                beaten.add(low if one.keeper == high else high)
        found = {sha256: one for sha256, one in found.items() if sha256 not in beaten}
        for pair, one in self.standing.items():
            if one.what is DecisionKind.KEEP_BOTH:
                found.update(dict.fromkeys(pair, one))
        return found

    def choice(
        self,
        contents: Mapping[int, bytes],
        same_pixels: Iterable[Collection[int]] = (),
        protected: Collection[int] = (),
    ) -> Choice:
        """What is wanted of the images whose contents (sha256) these are. Pictures are parted with all that have the
        same pixels, `same_pixels` being classes of images; `protected` are images that a protected folder holds."""
        ids = {sha256: image for image, sha256 in contents.items()}
        alike = {image: images for images in same_pixels for image in images}
        stay = set(protected)
        kept: dict[int, set[int]] = {}
        parted: dict[int, dict[int, DecisionKind]] = {}
        for (low, high), one in self.standing.items():
            if one.what is DecisionKind.KEEP_BOTH:
                stay.update(ids[sha256] for sha256 in (low, high) if sha256 in ids)
            if low not in ids or high not in ids:
                continue
            a, b = ids[low], ids[high]
            if one.keeper is not None:
                keeper, other = (a, b) if one.keeper == low else (b, a)
                kept.setdefault(keeper, set()).add(other)
            elif one.what in PARTING:
                _part(parted, one.what, a, b, alike)
        return Choice(stay, kept, parted)


def _part(
    parted: dict[int, dict[int, DecisionKind]], kind: DecisionKind, a: int, b: int, alike: Mapping[int, Collection[int]]
) -> None:
    """Part a from b, and what shows the pixels of a from what shows those of b; of equal pixels, a and b alone."""
    these, those = alike.get(a, (a,)), alike.get(b, (b,))
    if b in these:
        these, those = (a,), (b,)
    for own, others in ((these, those), (those, these)):
        for one in own:
            parted.setdefault(one, {}).update(dict.fromkeys(others, kind))
