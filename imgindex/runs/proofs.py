"""What is known of the images that a report shows, pair by pair, and who stands below whom by it."""

from __future__ import annotations

from collections import deque
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field

from imgindex.keep.order import Below, KeeperKey
from imgindex.pictures.companions import are_companions
from imgindex.proof.verify import reversed_outcome
from imgindex.records import Grade, Relation, Seen, StoredImage, Verdict, Verification, Weighing
from imgindex.store.pairs import StoredPair

SAME_PIXELS = Verification(Verdict.SAME_PIXELS, 100.0, 1.0, Relation.SAME, share_a=1.0, share_b=1.0)
"""What is known of two images whose equal pixels were proven through others."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image and its files that are there, the one to keep first: one name of each, `links` by it its others.

    key        what it is kept for, beside those of which none stands below another
    protected  by path, the protected folder that a file is in; where there is one, the image stays
    """

    image: StoredImage
    files: tuple[Seen, ...]
    links: Mapping[bytes, tuple[bytes, ...]]
    key: KeeperKey
    protected: Mapping[bytes, bytes] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Proof:
    """What is known of two copies, from the first to the second; `weighing` is None where they were not weighed."""

    outcome: Verification
    weighing: Weighing | None

    @property
    def flipped(self) -> Proof:
        return Proof(reversed_outcome(self.outcome), None if self.weighing is None else self.weighing.flipped)


@dataclass(slots=True)
class Proofs:
    """What is known of the shown images, pair by pair, and who stands below whom by it; `same_pixels` are classes of
    images (missing ones, too) of equal pixels."""

    of: dict[tuple[int, int], Proof] = field(default_factory=dict)
    below: list[Below] = field(default_factory=list)
    same_pixels: list[list[int]] = field(default_factory=list)

    @classmethod
    def gather(
        cls,
        shown: Mapping[int, Shown],
        stored: Iterable[StoredPair],
        weighings: Mapping[tuple[int, int], Weighing],
    ) -> Proofs:
        """Of all proven pairs (those through images that are not shown, too) and what was weighed, by their keys."""
        found = cls()
        same = SamePixels()
        for pair in stored:
            weighing = weighings.get(pair.candidate.key)
            if pair.outcome.verdict is Verdict.SAME_PIXELS:
                same.add(pair.a_id, pair.b_id, weighing)
            if pair.a_id in shown and pair.b_id in shown and not _of_one_shot(shown[pair.a_id], shown[pair.b_id]):
                found._add(pair.a_id, pair.b_id, Proof(pair.outcome, weighing))
        found.same_pixels = same.classes()
        for best, other, is_equal in same.completed({image: one.key for image, one in shown.items()}):
            if not _of_one_shot(shown[best], shown[other]):
                found._complete(best, other, is_equal=is_equal)
        return found

    def proof(self, one: int, other: int) -> Proof:
        """As it leads from one to the other."""
        return self.of[one, other] if (one, other) in self.of else self.of[other, one].flipped

    def has(self, one: int, other: int) -> bool:
        """Whether the two are proven copies."""
        return (one, other) in self.of or (other, one) in self.of

    def _add(self, a: int, b: int, proof: Proof) -> None:
        self.of[a, b] = proof
        self.below += standing(a, b, proof.weighing)

    def _complete(self, best: int, other: int, *, is_equal: bool) -> None:
        """Take in that an image is redundant given the best of its pixels, and that given it, where `is_equal`."""
        if not self.has(best, other):
            self.of[best, other] = Proof(SAME_PIXELS, None)
            self.below.append(Below(other, best, Grade.REDUNDANT))
            self.below += [Below(best, other, Grade.REDUNDANT)] if is_equal else []


def standing(a: int, b: int, weighing: Weighing | None) -> list[Below]:
    """How two images stand below each other, by what was weighed of them."""
    grades = () if weighing is None else ((a, b, weighing.grade_a), (b, a, weighing.grade_b))
    return [Below(image, given, grade) for image, given, grade in grades if grade is not None]


def _of_one_shot(a: Shown, b: Shown) -> bool:
    """Whether the two belong together, as a RAW file and the JPEG beside it do: neither stands for the other."""
    return any(are_companions(one.path, other.path) for one in a.files for other in b.files)


class SamePixels:
    """Images of equal pixels, whichever images (missing ones too) join them.

    Of such images, redundant is a matter of what the files hold beside the pixels: what holds for one and a second, and
    for that and a third, holds for the first and the third. So a star that was weighed says it of every two.
    """

    def __init__(self) -> None:
        self._near: dict[int, set[int]] = {}
        self._given: dict[int, set[int]] = {}
        self._carries: dict[int, set[int]] = {}

    def add(self, a: int, b: int, weighing: Weighing | None) -> None:
        """Take in a pair and what was weighed of it."""
        self._near.setdefault(a, set()).add(b)
        self._near.setdefault(b, set()).add(a)
        for edge in standing(a, b, weighing):
            if edge.grade is Grade.REDUNDANT:
                self._given.setdefault(edge.image, set()).add(edge.given)
                self._carries.setdefault(edge.given, set()).add(edge.image)

    def classes(self) -> list[list[int]]:
        """The images of each, ascending."""
        found, seen = [], set[int]()
        for image in sorted(self._near):
            if image not in seen:
                found.append(sorted(_reached(image, self._near)))
                seen.update(found[-1])
        return found

    def completed(self, keys: Mapping[int, KeeperKey]) -> Iterator[tuple[int, int, bool]]:
        """(the best of what is redundant given each other, another image that is redundant given it, whether the best
        is redundant given that, too), of the images with a key. What stands strictly below another is no best."""
        settled: set[int] = set()
        for best in sorted((self._given.keys() | self._carries.keys()) & keys.keys(), key=lambda image: keys[image]):
            if best not in settled:
                above, under = _reached(best, self._given), _reached(best, self._carries)
                settled |= above & under
                if not any(image in keys for image in above - under):
                    yield from ((best, image, image in above) for image in sorted(under & keys.keys() - {best}))


def _reached(start: int, leads: Mapping[int, Collection[int]]) -> set[int]:
    """`start`, and all that it leads to, step by step."""
    found, waiting = {start}, deque([start])
    while waiting:
        for image in leads.get(waiting.popleft(), ()):
            if image not in found:
                found.add(image)
                waiting.append(image)
    return found
