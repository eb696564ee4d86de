"""Two pictures to be looked at side by side, and what is known of them in words."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imgindex.files import display
from imgindex.records import Grade
from imgindex.results import Group, Member, ReportedPair, losses_text
from imgindex.ui.http.snapshots import Snapshot
from imgindex.ui.report_text import which_has_what

STANDS = {
    Grade.REDUNDANT: "redundant: nothing would be lost without it",
    Grade.EDITED: "an edited copy, and stays unless you say otherwise",
}


@dataclass(frozen=True, slots=True)
class Side:
    """One of the two. `size_bytes` and sides are 0 where the report does not say them."""

    image: str | None
    path: str
    width_px: int
    height_px: int
    size_bytes: int
    keep: bool


@dataclass(frozen=True, slots=True)
class View:
    first: Side
    second: Side
    words: dict[str, Any]

    @property
    def is_one_image(self) -> bool:
        """Two files of the same bytes."""
        return self.first.image == self.second.image


def group_view(snapshot: Snapshot, group: Group, chosen: int) -> View:
    """A member of a group beside the file that stays in its place."""
    member = group.members[chosen]
    first = _given(snapshot, group, member)
    second = _side(snapshot, member)
    number = f"Copy {chosen + 1} of {len(group.members)}" if len(group.members) > 1 else "The copy"
    known = [f"{member.verdict.value}, {member.score:.1f} of 100"]
    known += [member.transform] if member.transform else []
    known += list(member.differs)
    known += [f"Why this one is kept: {reason}" for reason in group.why]
    words = {
        "title": f"Keep {_name(group.keeper)}",
        "lead": f"{number} is {STANDS[member.grade]}.",
        "first_label": "keep" if first.keep else "given this",
        "second_label": "edited copy" if member.grade.value == "edited" else member.grade.value,
        "laid": first.image != second.image,
        "known": known,
        "losses": [f"The copy alone has {losses_text(member.loss)}."] if member.loss else [],
        "members": [
            {"image": snapshot.image(one.path), "path": one.path, "grade": one.grade.value} for one in group.members
        ],
        "chosen": chosen,
        "decidable": first.image != second.image,
    }
    return View(first, second, words)


def pair_view(snapshot: Snapshot, pair: ReportedPair) -> View:
    first, second = (Side(snapshot.image(path), path, 0, 0, 0, False) for path in (pair.a, pair.b))
    known = [f"{pair.verdict.value}, {pair.score:.1f} of 100"]
    known += [] if pair.neither else ([pair.transform] if pair.transform else []) + list(pair.differs)
    words = {
        "title": f"{_name(pair.a)} and {_name(pair.b)}",
        "lead": "Both stay." if pair.neither else "These are no copies.",
        "first_label": "first",
        "second_label": "second",
        "laid": pair.verdict.is_aligned,
        "known": known,
        "losses": [sentence for sentence in which_has_what(pair) if sentence] if pair.neither else [],
        "members": [],
        "chosen": 0,
        "decidable": True,
    }
    return View(first, second, words)


def _given(snapshot: Snapshot, group: Group, member: Member) -> Side:
    """What stays in the place of a member: the keeper, or an edited copy of it."""
    for other in group.members:
        if other.path == member.given:
            return _side(snapshot, other)
    size = group.width_px, group.height_px, group.keeper_bytes
    return Side(snapshot.image(group.keeper), group.keeper, *size, True)


def _side(snapshot: Snapshot, member: Member) -> Side:
    size = member.width_px, member.height_px, member.size_bytes
    return Side(snapshot.image(member.path), member.path, *size, False)


def _name(path: str) -> str:
    return display(path.rsplit("/", 1)[-1])
