"""What the verbs answer, as data, before it is written as text, JSON or CSV.

Paths are absolute and text, as `os.fsdecode` gives it: `pathlib.Path`, `open` and JSON take them, whatever bytes are in
a name.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import TypeAlias

from imgindex.records import DecisionKind, Grade, Loss, PictureInfo, Relation, Verdict, Verification
from imgindex.skips import Skip


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
class Resolved:
    """A group of the last nightly report of which no two files are left: the keeper it had, and how many files."""

    keeper: str
    files: int


@dataclass(frozen=True, slots=True)
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


@dataclass(frozen=True, slots=True)
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


Corners: TypeAlias = tuple[tuple[float, float], ...]
"""Corners (x, y) of a polygon as shares in [0, 1] of a picture's sides."""


@dataclass(frozen=True, slots=True, eq=False)
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


@dataclass(frozen=True, slots=True)
class Match:
    """One answer of a query: a file that shows the image found, best first; `other_paths` are files of the same bytes,
    `hard_links` other names of this one."""

    path: str
    verdict: Verdict
    score: float
    cosine: float
    ssim: float | None
    relation: Relation | None
    transform: str | None
    width_px: int
    height_px: int
    size_bytes: int
    other_paths: tuple[str, ...] = ()
    hard_links: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RootStatus:
    """A folder that was indexed; `scanned_at_s` is the unix time of its last completed scan."""

    path: str
    scanned_at_s: int | None
    files: int


@dataclass(frozen=True, slots=True)
class Status:
    """Counts of a store; `files` and `skipped` are present files, `skipped_by_reason` most frequent first. `left_out`
    are known files that the last scan left out, for a pattern or because their folder is hidden: they take no part."""

    store: str
    space: str
    model: str
    precision: str
    files: int
    images: int
    missing: int
    skipped: int
    skipped_by_reason: tuple[tuple[str, int], ...]
    roots: tuple[RootStatus, ...]
    database_bytes: int
    left_out: int = 0


@dataclass(frozen=True, slots=True)
class LeftAlone:
    """A file, or a folder with all that is in it, that a scan leaves alone.

    reason   `no-picture`, `link` (not followed), `system` (trash, thumbnails and such), `store`, `hidden`, `excluded`,
             `ignore-file`, or `not-included`: no pattern of those that are to be included matches
    pattern  the one that leaves it out; empty where none does
    """

    path: str
    is_folder: bool
    reason: str
    pattern: str


@dataclass(slots=True)
class IngestSummary:
    """What an ingest did, in files unless said otherwise; `problems` are sentences on folders not read.

    Every file that was `seen` is one of: unchanged, moved (from where the store knew it, which may be outside the roots
    of this run), the first of new content (`embedded_images`), a further copy of new
    content (`new_copies`), of known content, skipped; fewer where the run was told to stop.

    `ignored` files are no pictures or links. Patterns left out `left_out_files` and `left_out_folders`, each of these
    with all that is in it; `hidden_folders` were left out as such.
    """

    seen: int = 0
    unchanged: int = 0
    embedded_images: int = 0
    new_copies: int = 0
    known_content: int = 0
    skipped: int = 0
    ignored: int = 0
    missing: int = 0
    problems: tuple[str, ...] = ()
    moved: int = 0
    left_out_files: int = 0
    left_out_folders: int = 0
    hidden_folders: int = 0


@dataclass(frozen=True, slots=True)
class VerifySummary:
    """What a search and verification did: new images searched, pairs verified, copies found, pairs left pending."""

    searched: int
    verified: int
    copies: int
    pending: int

    def plus(self, more: VerifySummary) -> VerifySummary:
        """Both together."""
        return VerifySummary(
            self.searched + more.searched,
            self.verified + more.verified,
            self.copies + more.copies,
            self.pending + more.pending,
        )


@dataclass(frozen=True, slots=True)
class WeighSummary:
    """What weighing did: proven pairs weighed, pairs of which an image could not be read."""

    weighed: int
    unread: int


@dataclass(frozen=True, slots=True)
class IndexSummary:
    """What one run of `index` did, `match` being its search and verification, and the wall-clock seconds of its stages:
    scan, hash, index, search, verify, weigh.

    `interrupted` where it was told to end before all was done.
    """

    ingest: IngestSummary
    match: VerifySummary
    weigh: WeighSummary
    seconds: dict[str, float]
    interrupted: bool


@dataclass(frozen=True, slots=True)
class Finding:
    """Something broken in a store: the number of the invariant (0: the database file itself), what is broken, how to
    mend it, whether `--repair` can, and whether it did."""

    invariant: int
    sentence: str
    mend: str
    repairable: bool
    repaired: bool


@dataclass(frozen=True, slots=True)
class Comparison:
    """The verdict on two files as it leads from the first to the second, and where they differ.

    `regions` are in pixels of the first picture at full size; None where nothing could be aligned.
    """

    outcome: Verification
    first: PictureInfo
    second: PictureInfo
    regions: tuple[Region, ...] | None
    written: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class Region:
    """A box around something that differs, in pixels of the compared picture; `area_px` of what differs in it."""

    x: int
    y: int
    width: int
    height: int
    area_px: int
