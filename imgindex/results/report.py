"""A report: groups of duplicates, pairs, and what is new in them."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeAlias

from imgindex.records import DecisionKind, Grade, Loss, Relation, Verdict
from imgindex.skips import Skip


def losses_text(losses: Sequence[Loss]) -> str:
    """What would be lost, in words."""
    return "; ".join(f"{loss.what}: {loss.words}" for loss in losses)


@dataclass(frozen=True, slots=True, repr=False)
class Member:
    """One file of a group that stands below another, as `grade` says.

    given           the file that stays in its place: the keeper, or an edited copy of that
    score, transform  from the picture of `given` to this one
    loss            what goes if this file is removed and `given` kept; of what is redundant, metadata at most
    differs         what turned the one into the other, beside the map
    links           other names of it: hard links, which are no files of their own
    """

    path: str
    verdict: Verdict
    score: float
    transform: str | None
    grade: Grade
    given: str
    loss: tuple[Loss, ...]
    differs: tuple[str, ...]
    size_bytes: int
    width_px: int
    height_px: int
    links: tuple[str, ...] = ()
    new: bool = True

    def __repr__(self) -> str:
        return f"<Member {os.path.basename(self.path)}: {self.grade}, {self.verdict} {self.score:.1f}>"

    def to_dict(self, group: Group) -> dict[str, Any]:
        """A row of text and numbers, of a file of this group."""
        return {
            "group": group.number, "id": group.id, "role": "member", "path": self.path, "grade": self.grade.value,
            "given": self.given, "verdict": self.verdict.value, "score": self.score, "transform": self.transform,
            "loss": losses_text(self.loss), "differs": ", ".join(self.differs), "new": self.new,
            "width_px": self.width_px, "height_px": self.height_px, "size_bytes": self.size_bytes,
        }  # fmt: skip


class Change(StrEnum):
    """What became of a group since the last nightly report."""

    NEW = "new"
    GROWN = "grown"
    KNOWN = "known"


@dataclass(frozen=True, slots=True)
class NotFollowed:
    """A keep rule that would keep `path` instead of a group's keeper, which has what would be lost then: `loss`, empty
    where `path` shows signs of having been made from the keeper."""

    rule: str
    path: str
    loss: tuple[Loss, ...]


@dataclass(frozen=True, slots=True, repr=False)
class Group:
    """A keeper and its members, at least one, redundant ones first; `reclaimable_bytes` counts these, each physical
    file once.

    Each of these files was there when the report was made. `id` is that of the keeper's content and stays from run to
    run, `number` is the place in this report. `why` says what speaks for the keeper, `chosen_by` what chose it (loss, a
    decision, a protected folder, a rule), `not_followed` a rule that would have chosen another; `keeper_links` are
    other names of it: hard links. `keeper_new` and each member's `new`: no nightly report has named the file in this
    group yet.
    """

    number: int
    id: str
    keeper: str
    keeper_bytes: int
    width_px: int
    height_px: int
    reclaimable_bytes: int
    members: tuple[Member, ...]
    why: tuple[str, ...] = ()
    keeper_links: tuple[str, ...] = ()
    keeper_new: bool = True
    change: Change = Change.NEW
    chosen_by: str = ""
    not_followed: NotFollowed | None = None

    def __repr__(self) -> str:
        redundant = sum(member.grade is Grade.REDUNDANT for member in self.members)
        return (
            f"<Group {self.number}: keep {os.path.basename(self.keeper)}, {redundant} of {len(self.members)} redundant>"
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row of text and numbers for each file, the keeper's first."""
        keeper = {
            "group": self.number, "id": self.id, "role": "keeper", "path": self.keeper, "grade": "keep", "given": None,
            "verdict": None, "score": None, "transform": None, "loss": "", "differs": "", "new": self.keeper_new,
            "width_px": self.width_px, "height_px": self.height_px, "size_bytes": self.keeper_bytes,
        }  # fmt: skip
        return [keeper, *(member.to_dict(self) for member in self.members)]


@dataclass(frozen=True, slots=True)
class Resolved:
    """A group of the last nightly report of which no two files are left: the keeper it had, and how many files."""

    keeper: str
    files: int


@dataclass(frozen=True, slots=True, repr=False)
class ReportedPair:
    """Two files and the verdict on them; relation and transform lead from `a` to `b`.

    `loss_a` is what goes if a is removed and b kept, None where the pair was not weighed; `grade_a` how a stands below
    b. `neither`: both are copies, and nothing in the report stands in for either of them; `both_kept` says why, where
    it is not for what would be lost. `decided` is what a person said of the two, None where nobody did.
    """

    a: str
    b: str
    verdict: Verdict
    relation: Relation | None
    score: float
    cosine: float | None
    ssim: float | None
    transform: str | None
    share_a: float = 0.0
    share_b: float = 0.0
    loss_a: tuple[Loss, ...] | None = None
    loss_b: tuple[Loss, ...] | None = None
    grade_a: Grade | None = None
    grade_b: Grade | None = None
    differs: tuple[str, ...] = ()
    neither: bool = False
    decided: DecisionKind | None = None
    both_kept: str = ""

    @property
    def is_settled(self) -> bool:
        """Whether a person has dealt with the two: reports leave them out. Of a keeper's pair the group tells."""
        return self.decided is not None and self.decided is not DecisionKind.KEEPER

    def __repr__(self) -> str:
        return f"<ReportedPair {os.path.basename(self.a)}, {os.path.basename(self.b)}: {self.verdict} {self.score:.1f}>"

    def to_dict(self) -> dict[str, Any]:
        """Text and numbers by field name, losses in words (None where not weighed): a row of a data frame."""
        return {
            "a": self.a,
            "b": self.b,
            "verdict": self.verdict.value,
            "relation": None if self.relation is None else self.relation.value,
            "score": self.score,
            "cosine": self.cosine,
            "ssim": self.ssim,
            "transform": self.transform,
            "share_a": self.share_a,
            "share_b": self.share_b,
            "loss_a": None if self.loss_a is None else losses_text(self.loss_a),
            "loss_b": None if self.loss_b is None else losses_text(self.loss_b),
            "grade_a": None if self.grade_a is None else self.grade_a.value,
            "grade_b": None if self.grade_b is None else self.grade_b.value,
            "differs": ", ".join(self.differs),
            "decided": None if self.decided is None else self.decided.value,
        }


@dataclass(frozen=True, slots=True)
class Counts:
    """`files` are indexed and present; `pairs` counts the rows in `pairs`, `similar_left_out` those not shown.

    `duplicate_files` and `reclaimable_bytes` count what is redundant, `edited_files` the edited copies in groups,
    `lossy_files` the members that stand below their keeper at a loss. `variants` counts pairs, `not_weighed` proven
    pairs of which nothing is known but that, and which matter, `decided` pairs left out because a person decided them.

    Of the files that a report would name, `away` are those that could not be looked at, `outdated` those that are gone
    or have changed since they were indexed; both stand in no group. `hard_links` are further names of files.
    """

    files: int
    images: int
    skipped: int
    missing: int
    pairs: int
    groups: int
    duplicate_files: int
    reclaimable_bytes: int
    similar_left_out: int
    edited_files: int = 0
    variants: int = 0
    not_weighed: int = 0
    away: int = 0
    outdated: int = 0
    hard_links: int = 0
    lossy_files: int = 0
    decided: int = 0


@dataclass(frozen=True, slots=True, repr=False)
class Report:
    """Everything `imgindex report` says; `generated_at` is UTC, ISO 8601 with a Z, and so is `since`: when the last
    nightly report was given out, None where there was none. `resolved` are groups of that report that are no more."""

    store: str
    space: str
    generated_at: str
    counts: Counts
    groups: tuple[Group, ...]
    pairs: tuple[ReportedPair, ...]
    skipped: tuple[tuple[str, Skip], ...]
    since: str | None = None
    resolved: tuple[Resolved, ...] = ()
    away: tuple[tuple[str, int], ...] = ()
    links: tuple[tuple[str, ...], ...] = ()

    @property
    def both_stay(self) -> tuple[ReportedPair, ...]:
        """Copies of which neither stands below the other."""
        return tuple(pair for pair in self.pairs if pair.neither)

    @property
    def variants(self) -> tuple[ReportedPair, ...]:
        return tuple(p for p in self.pairs if p.verdict is Verdict.VARIANT and p.decided is None)

    @property
    def similar(self) -> tuple[ReportedPair, ...]:
        return tuple(p for p in self.pairs if p.verdict is Verdict.SIMILAR and p.decided is None)

    @property
    def decided(self) -> tuple[ReportedPair, ...]:
        """Pairs that a person decided, where the report was asked for them."""
        return tuple(pair for pair in self.pairs if pair.is_settled)

    def __repr__(self) -> str:
        c = self.counts
        return f"<Report: {c.files:,} files, {c.duplicate_files:,} redundant in {c.groups:,} groups, {c.pairs:,} pairs>"

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row of text and numbers for each file of a group, for `pandas.DataFrame` or `polars.DataFrame`; of `pairs`,
        each has its own `to_dict`."""
        return [row for group in self.groups for row in group.to_dicts()]


Corners: TypeAlias = tuple[tuple[float, float], ...]
"""Corners (x, y) of a polygon as shares in [0, 1] of a picture's sides."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Thumbnail:
    """How a file looks on a page: a small JPEG, its size, the file's time, and how it lies on the first picture of its
    row, the keeper of a group.

    jpeg     empty where the file cannot be read now
    regions  outlines of what differs; None where the two were not laid on each other
    shows    where in this picture the first one lies; None where that is not known
    shown    where in the first picture this one lies, in shares of that one's sides
    """

    jpeg: bytes
    width_px: int
    height_px: int
    modified_at_s: int
    regions: tuple[Corners, ...] | None = None
    shows: Corners | None = None
    shown: Corners | None = None

    def __repr__(self) -> str:
        return f"<Thumbnail: {self.width_px} x {self.height_px}, {len(self.jpeg):,} bytes>"
