"""Groups of a report: which images stand below which, the file to keep of each group, and why."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from imgindex.files import is_below, texts
from imgindex.keep.groups import ImageGroup, Placed, grouped
from imgindex.keep.order import in_turn
from imgindex.keep.reasons import reasons, tie
from imgindex.keep.rules import keeper_key
from imgindex.records import DecisionKind, Grade, Seen, Verdict
from imgindex.results import Group, Member
from imgindex.runs.facts import facts_of
from imgindex.runs.presence import Presence
from imgindex.runs.proofs import Proofs, Shown
from imgindex.runs.wanted import Chosen, Settled, Wanted, both_kept, chosen_by, not_followed
from imgindex.store import Transaction, catalog, runs
from imgindex.store.values import rows_of

Paths: TypeAlias = dict[int, list[bytes]]
"""The present files of each image, in byte order."""


@dataclass(frozen=True, slots=True)
class Known:
    """All that groups are made of."""

    shown: Mapping[int, Shown]
    proofs: Proofs
    wanted: Wanted
    settled: Settled

    @classmethod
    def of(cls, shown: Mapping[int, Shown], proofs: Proofs, wanted: Wanted) -> Known:
        return cls(shown, proofs, wanted, wanted.settle(shown, proofs))

    def said(self, one: int, other: int) -> DecisionKind | None:
        """What a person said of two images, or of two of their pixels; None where nobody did."""
        return self.wanted.said(self.settled, one, other)

    @property
    def decided_images(self) -> Collection[int]:
        """Images of which something was said."""
        return self.wanted.contents.keys() | self.settled.choice.parted.keys()

    def both_kept(self, one: int, other: int) -> str:
        """Why two copies both stay though one stands below the other, in words."""
        if not self.proofs.has(one, other):
            return "they are files of one shot, which belong together"
        is_parted = bool(self.settled.choice.parted.keys() & {one, other})
        said = both_kept(self.wanted, self.shown[one], self.shown[other])
        return said or ("a decision about another file of the group keeps both" if is_parted else "")


def groups_of(known: Known) -> tuple[Group, ...]:
    """Groups of two or more files: what frees most first, then what is proven best, then by path of the keeper."""
    keys = {image_id: s.key for image_id, s in known.shown.items()}
    made = [
        _group(known, group)
        for group in grouped(in_turn(keys, known.settled.equal), known.settled.below, known.settled.choice.parted)
        if group.members or _spare(known.shown[group.keeper])
    ]
    made.sort(key=lambda group: (-group.reclaimable_bytes, -min(m.score for m in group.members), group.keeper))
    return tuple(replace(group, number=number) for number, group in enumerate(made, 1))


def _spare(shown: Shown) -> list[Seen]:
    """The files of a keeper that are redundant given its first."""
    return [stat for stat in shown.files[1:] if stat.path not in shown.protected]


def _group(known: Known, group: ImageGroup) -> Group:
    keeper = known.shown[group.keeper]
    kept = keeper.files[0]
    members = [_same_bytes(keeper, stat, kept) for stat in _spare(keeper)]
    for placed in group.members:
        members += _members(known, placed)
    members.sort(key=lambda member: member.grade is not Grade.REDUNDANT or member.given != os.fsdecode(kept.path))
    chosen = chosen_by(known.wanted, known.shown, known.settled, group)
    return Group(
        number=0,
        id=keeper.image.sha256.hex()[:ID_DIGITS],
        keeper=os.fsdecode(kept.path),
        keeper_bytes=keeper.image.size_bytes,
        width_px=keeper.image.info.width_px,
        height_px=keeper.image.info.height_px,
        reclaimable_bytes=sum(member.size_bytes for member in members if member.grade is Grade.REDUNDANT),
        members=tuple(members),
        why=_why(known, group, chosen),
        keeper_links=texts(keeper.links.get(kept.path, ())),
        chosen_by=chosen.words,
        not_followed=not_followed(known.wanted, known.shown, known.proofs, known.settled, group),
    )


ID_DIGITS = 16
"""Hexadecimal digits of the keeper's sha256 that name a group: no two of a hundred million are equal by chance."""


def _members(known: Known, placed: Placed) -> Iterator[Member]:
    """The files of an image: the first as it stands below what it is given for, the others given the first where that
    is not redundant."""
    own, given = known.shown[placed.image], known.shown[placed.given]
    proof = known.proofs.proof(placed.given, placed.image)
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
    if placed.grade is not Grade.REDUNDANT:
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


def _why(known: Known, group: ImageGroup, chosen: Chosen) -> tuple[str, ...]:
    """What speaks for the keeper: a person where one chose it, and then what the images that are given for it lack;
    where neither speaks, what it has before them and before other files of its own."""
    keeper = known.shown[group.keeper]
    direct = [placed.image for placed in group.members if placed.given == group.keeper]
    found = [known.proofs.proof(group.keeper, image).weighing for image in direct]
    rivals = [known.shown[image].key for image in direct]
    if others := keeper.files[1:]:
        rivals.append(keeper_key(keeper.image, others))
    said = (chosen.words,) if chosen.by_person else ()
    return said + reasons((w for w in found if w is not None), "" if said else tie(keeper.key, min(rivals)))


def is_below_any(path: bytes, folders: Sequence[bytes]) -> bool:
    """True where `path` is in one of the folders, or none is given."""
    return not folders or any(is_below(path, folder) for folder in folders)


def paths_below(tx: Transaction, folders: Sequence[bytes]) -> tuple[Paths, int]:
    """(the images that present files show, how many files are missing, those left out that a run has removed)."""
    paths: Paths = {}
    missing = 0
    removed = runs.removed_paths(tx)
    for path, image_id, is_missing in catalog.shown_files(tx):
        if is_below_any(path, folders):
            missing += is_missing and path not in removed
            if image_id is not None and not is_missing:
                paths.setdefault(image_id, []).append(path)
    return paths, missing


@rows_of("file")
def shown_images(tx: Transaction, presence: Presence, wanted: Wanted) -> dict[int, Shown]:
    """The images whose files are there."""
    images = catalog.images(tx, presence.here)
    facts = facts_of(tx, presence.here) if wanted.rules.ask_facts else {}
    return {i: wanted.shown(images[i], files, presence.links, facts.get(i)) for i, files in presence.here.items()}
