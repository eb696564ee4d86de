"""Groups of a report: which images stand below which, the file to keep of each group, and why."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

from imgindex.files import texts
from imgindex.keep.groups import ImageGroup, Placed, grouped
from imgindex.keep.order import Below, KeeperKey
from imgindex.keep.reasons import reasons
from imgindex.keep.rules import keeper_key
from imgindex.pictures.companions import are_companions
from imgindex.pictures.whole import LOSSY
from imgindex.proof.verify import reversed_outcome
from imgindex.records import Grade, Relation, Seen, StoredImage, Verdict, Verification, Weighing
from imgindex.results import Group, Member
from imgindex.runs.presence import Looked
from imgindex.store import Transaction, catalog
from imgindex.store.pairs import StoredPair
from imgindex.store.values import rows_of

SAME_PIXELS = Verification(Verdict.SAME_PIXELS, 100.0, 1.0, Relation.SAME, share_a=1.0, share_b=1.0)
"""What is known of two images whose equal pixels were proven through others."""

Paths: TypeAlias = dict[int, list[bytes]]
"""The present files of each image, in byte order."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image and its files that are there, the one to keep first: one name of each, `links` by it its others."""

    image: StoredImage
    files: tuple[Seen, ...]
    links: Mapping[bytes, tuple[bytes, ...]]

    @property
    def key(self) -> KeeperKey:
        return keeper_key(self.image, self.files)


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
    """What is known of the shown images, pair by pair, and who stands below whom by it."""

    of: dict[tuple[int, int], Proof] = field(default_factory=dict)
    below: list[Below] = field(default_factory=list)

    @classmethod
    def gather(
        cls,
        shown: Mapping[int, Shown],
        stored: Iterable[StoredPair],
        weighings: Mapping[tuple[int, int], Weighing],
    ) -> Proofs:
        """Of all proven pairs (those through images that are not shown, too) and what was weighed, by their keys."""
        found = cls()
        same = _Classes()
        for pair in stored:
            if pair.outcome.verdict is Verdict.SAME_PIXELS:
                same.join(pair.a_id, pair.b_id)
            if pair.a_id in shown and pair.b_id in shown and not _of_one_shot(shown[pair.a_id], shown[pair.b_id]):
                found._add(pair.a_id, pair.b_id, Proof(pair.outcome, weighings.get(pair.candidate.key)))
        for images in same.classes(shown):
            found._complete(shown, images)
        return found

    def proof(self, one: int, other: int) -> Proof:
        """As it leads from one to the other."""
        return self.of[one, other] if (one, other) in self.of else self.of[other, one].flipped

    def _add(self, a: int, b: int, proof: Proof) -> None:
        self.of[a, b] = proof
        if (weighing := proof.weighing) is not None:
            for image, given, grade in ((a, b, weighing.grade_a), (b, a, weighing.grade_b)):
                self.below += [] if grade is None else [Below(image, given, grade)]

    def _complete(self, shown: Mapping[int, Shown], images: Sequence[int]) -> None:
        """Equal pixels are an equivalence: the best of these images gets every other. A lossy file comes before those
        that repeat its pixels, and is not redundant given one."""
        best, *others = sorted(images, key=lambda i: (not _is_lossy(shown[i]), shown[i].key))
        for other in others:
            if (best, other) in self.of or (other, best) in self.of:
                continue
            self.of[best, other] = Proof(SAME_PIXELS, None)
            self.below.append(Below(other, best, Grade.REDUNDANT))
            if _is_lossy(shown[best]) == _is_lossy(shown[other]):
                self.below.append(Below(best, other, Grade.REDUNDANT))


def _of_one_shot(a: Shown, b: Shown) -> bool:
    """Whether the two belong together, as a RAW file and the JPEG beside it do: neither stands for the other."""
    return any(are_companions(one.path, other.path) for one in a.files for other in b.files)


def _is_lossy(shown: Shown) -> bool:
    return shown.image.info.format in LOSSY


class _Classes:
    """Images that proven equalities join, whichever images (missing ones too) they go through."""

    def __init__(self) -> None:
        self._root: dict[int, int] = {}

    def join(self, one: int, other: int) -> None:
        self._root[self._find(one)] = self._find(other)

    def classes(self, shown: Mapping[int, Shown]) -> list[list[int]]:
        """The shown images of each."""
        found: dict[int, list[int]] = {}
        for image in sorted(self._root.keys() & shown.keys()):
            found.setdefault(self._find(image), []).append(image)
        return list(found.values())

    def _find(self, image: int) -> int:
        while self._root.setdefault(image, image) != image:
            image = self._root[image]
        return image


def groups_of(shown: Mapping[int, Shown], proofs: Proofs) -> tuple[Group, ...]:
    """Groups of two or more files: what frees most first, then what is proven best, then by path of the keeper."""
    keys = {image_id: s.key for image_id, s in shown.items()}
    made = [
        _group(shown, keys, proofs, group)
        for group in grouped(keys, proofs.below)
        if group.members or len(shown[group.keeper].files) > 1
    ]
    made.sort(key=lambda group: (-group.reclaimable_bytes, -min(m.score for m in group.members), group.keeper))
    return tuple(replace(group, number=number) for number, group in enumerate(made, 1))


def _group(shown: Mapping[int, Shown], keys: Mapping[int, KeeperKey], proofs: Proofs, group: ImageGroup) -> Group:
    keeper = shown[group.keeper]
    kept, *same_bytes = keeper.files
    members = [_same_bytes(keeper, stat, kept) for stat in same_bytes]
    for placed in group.members:
        members += _members(shown, proofs, placed)
    members.sort(key=lambda member: member.grade is not Grade.REDUNDANT or member.given != os.fsdecode(kept.path))
    return Group(
        number=0,
        id=keeper.image.sha256.hex()[:ID_DIGITS],
        keeper=os.fsdecode(kept.path),
        keeper_bytes=keeper.image.size_bytes,
        width_px=keeper.image.info.width_px,
        height_px=keeper.image.info.height_px,
        reclaimable_bytes=sum(member.size_bytes for member in members if member.grade is Grade.REDUNDANT),
        members=tuple(members),
        why=_why(shown, keys, proofs, group),
        keeper_links=texts(keeper.links.get(kept.path, ())),
    )


ID_DIGITS = 16
"""Hexadecimal digits of the keeper's sha256 that name a group: no two of a hundred million are equal by chance."""


def _members(shown: Mapping[int, Shown], proofs: Proofs, placed: Placed) -> Iterator[Member]:
    """The files of an image: the first as it stands below what it is given for, the others given the first where that
    stays as an edited copy."""
    own, given = shown[placed.image], shown[placed.given]
    proof = proofs.proof(placed.given, placed.image)
    first, *others = own.files
    for stat in own.files if placed.grade is Grade.REDUNDANT else (first,):
        yield Member(
            path=os.fsdecode(stat.path),
            verdict=proof.outcome.verdict,
            score=proof.outcome.score,
            transform=proof.outcome.transform,
            grade=placed.grade,
            given=os.fsdecode(given.files[0].path),
            loss=() if proof.weighing is None else proof.weighing.loss_b,
            differs=() if proof.weighing is None else proof.weighing.differs,
            size_bytes=stat.size_bytes,
            width_px=own.image.info.width_px,
            height_px=own.image.info.height_px,
            links=texts(own.links.get(stat.path, ())),
        )
    if placed.grade is Grade.EDITED:
        yield from (_same_bytes(own, stat, first) for stat in others)


def _same_bytes(own: Shown, stat: Seen, given: Seen) -> Member:
    """A further file of an image."""
    return Member(
        path=os.fsdecode(stat.path),
        verdict=Verdict.EXACT,
        score=100.0,
        transform=None,
        grade=Grade.REDUNDANT,
        given=os.fsdecode(given.path),
        loss=(),
        differs=(),
        size_bytes=stat.size_bytes,
        width_px=own.image.info.width_px,
        height_px=own.image.info.height_px,
        links=texts(own.links.get(stat.path, ())),
    )


def _why(
    shown: Mapping[int, Shown], keys: Mapping[int, KeeperKey], proofs: Proofs, group: ImageGroup
) -> tuple[str, ...]:
    """What speaks for the keeper beside the images that are given for it, and its own file beside others of it."""
    direct = [placed.image for placed in group.members if placed.given == group.keeper]
    found = [proofs.proof(group.keeper, image).weighing for image in direct]
    rivals = [keys[image] for image in direct]
    if others := shown[group.keeper].files[1:]:
        rivals.append(keeper_key(shown[group.keeper].image, others))
    return reasons((w for w in found if w is not None), keys[group.keeper], min(rivals))


def is_below(path: bytes, folders: Sequence[bytes]) -> bool:
    return not folders or any(path == f or path.startswith(f.rstrip(b"/") + b"/") for f in folders)


def paths_below(tx: Transaction, folders: Sequence[bytes]) -> tuple[Paths, int]:
    """(the images that present files show, how many files are missing)."""
    paths: Paths = {}
    missing = 0
    for path, image_id, is_missing in catalog.shown_files(tx):
        if is_below(path, folders):
            missing += is_missing
            if image_id is not None and not is_missing:
                paths.setdefault(image_id, []).append(path)
    return paths, missing


@rows_of("file")
def shown_images(tx: Transaction, looked: Looked) -> dict[int, Shown]:
    """The images whose files are there."""
    images = catalog.images(tx, looked.here)
    return {i: Shown(images[i], files, looked.links) for i, files in looked.here.items()}
