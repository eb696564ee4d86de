"""What a run of `index` did, what a store holds, what `check` found."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(slots=True)
class IngestSummary:
    """What an ingest did, in files unless said otherwise; `problems` are sentences on folders not read.

    Every file that was `seen` is one of: unchanged, moved (from where the store knew it, which may be outside the roots
    of this run), the first of new content (`embedded_images`), a further copy of new
    content (`new_copies`), of known content, skipped; fewer where the run was told to stop.

    `unreadable` files were skipped, in this run or an earlier one that this one had no reason to repeat.
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
    unreadable: int = 0
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

    `interrupted` where it was told to end before all was done, which was in the stage `stopped_in`.
    """

    ingest: IngestSummary
    match: VerifySummary
    weigh: WeighSummary
    seconds: dict[str, float]
    interrupted: bool
    stopped_in: str = ""


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


@dataclass(frozen=True, slots=True)
class Finding:
    """Something broken in a store: the number of the invariant (0: the database file itself), what is broken, how to
    mend it, whether `--repair` can, and whether it did."""

    invariant: int
    sentence: str
    mend: str
    repairable: bool
    repaired: bool
