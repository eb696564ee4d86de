"""What is planned, done and undone to files.

What the verbs take and answer has paths as text, as `os.fsdecode` gives it (see `results`); what is on record of a run
(`Run`, `Step`) has them as bytes.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgindex.records import Grade, Loss, Verdict


class Action(StrEnum):
    """What `apply` does to each copy of a plan."""

    TRASH = "trash"
    MOVE = "move"
    HARDLINK = "hardlink"
    SYMLINK = "symlink"
    REFLINK = "reflink"
    DELETE = "delete"

    @property
    def replaces(self) -> bool:
        """Whether the copy's name stays and leads to the keeper's bytes."""
        return self in (Action.HARDLINK, Action.SYMLINK, Action.REFLINK)

    @property
    def keeps_the_bytes(self) -> bool:
        """Whether the file is only put elsewhere."""
        return self in (Action.TRASH, Action.MOVE)

    @property
    def empties_the_path(self) -> bool:
        """Whether an index finds no regular file at the copy's path afterwards."""
        return self not in (Action.HARDLINK, Action.REFLINK)


class StepKind(StrEnum):
    """What a step is about: a copy, a file that goes along with it, or a sidecar that is written beside a keeper."""

    COPY = "copy"
    COMPANION = "companion"
    SIDECAR = "sidecar"


class StepState(StrEnum):
    """begun     on record; what became of the file, the disk says
    done      it happened
    dropped   it did not happen
    undoing   being put back; how far, the disk says
    undone    put back
    """

    BEGUN = "begun"
    DONE = "done"
    DROPPED = "dropped"
    UNDOING = "undoing"
    UNDONE = "undone"


class RunState(StrEnum):
    """`applying` and `undoing` are of a run that goes on, or was interrupted."""

    APPLYING = "applying"
    APPLIED = "applied"
    UNDOING = "undoing"
    UNDONE = "undone"


@dataclass(frozen=True, slots=True)
class Companion:
    """A file that goes with a copy: its own sidecar, or the video of a live photo."""

    path: str
    sha256: bytes
    size_bytes: int

    @property
    def at(self) -> bytes:
        """The path as the file system has it."""
        return os.fsencode(self.path)


@dataclass(frozen=True, slots=True)
class Planned:
    """One file of a plan: `path` may go, for `keeper` stays. Digests are those of the contents when it was planned.

    why    what speaks for the keeper
    knows  what this file says of the picture and the keeper does not: "capture date, GPS"
    """

    path: str
    sha256: bytes
    size_bytes: int
    keeper: str
    keeper_sha256: bytes
    verdict: Verdict
    grade: Grade
    score: float
    transform: str | None
    loss: tuple[Loss, ...] = ()
    why: tuple[str, ...] = ()
    knows: tuple[str, ...] = ()
    companions: tuple[Companion, ...] = ()

    @property
    def at(self) -> bytes:
        """The path as the file system has it."""
        return os.fsencode(self.path)

    @property
    def keeper_at(self) -> bytes:
        """The same of the keeper's."""
        return os.fsencode(self.keeper)


@dataclass(frozen=True, slots=True)
class LeftOut:
    """A file that is not planned, or not acted on, and why: a sentence."""

    path: str
    keeper: str
    why: str


@dataclass(frozen=True, slots=True)
class Plan:
    """What may go, file by file, and what stays although a report lists it; `made_at` is UTC."""

    store: str
    space: str
    made_at: str
    files: tuple[Planned, ...]
    left_out: tuple[LeftOut, ...] = ()

    @property
    def size_bytes(self) -> int:
        """Of all files that may go, companions included."""
        return sum(one.size_bytes + sum(own.size_bytes for own in one.companions) for one in self.files)


@dataclass(frozen=True, slots=True)
class Step:
    """One file of a run. `target` is where it went, where that is a path.

    sha256  of the file that goes; of the sidecar that is written
    facts   JSON-serialisable: what put it there, and what is needed to put it back
    """

    id: int
    run_id: int
    kind: StepKind
    path: bytes
    keeper: bytes
    sha256: bytes
    size_bytes: int
    target: bytes | None
    state: StepState
    facts: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Run:
    """What one `apply` did, or is doing. `token` is in the names of files that it has not finished.

    plan_sha256  of the plan, by which an interrupted run is known again
    """

    id: int
    token: str
    action: Action
    destination: bytes | None
    plan_sha256: bytes
    started_at_s: int
    finished_at_s: int | None
    undone_at_s: int | None
    state: RunState


@dataclass(frozen=True, slots=True)
class Acted:
    """A file that an apply acted on, or would; `target` where it went."""

    kind: StepKind
    path: str
    keeper: str
    target: str | None
    size_bytes: int


@dataclass(frozen=True, slots=True)
class ApplySummary:
    """What `apply` did, or with `dry` would do; `run` is the number to undo it by, None where nothing was done.

    already  files of the plan that an earlier run has acted on
    """

    run: int | None
    action: Action
    dry: bool
    acted: tuple[Acted, ...]
    skipped: tuple[LeftOut, ...]
    already: int
    freed_bytes: int
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class UndoSummary:
    """What `undo` put back, and what it could not, with the reason."""

    run: int
    action: Action
    restored: tuple[str, ...]
    left: tuple[LeftOut, ...]
    interrupted: bool = False


@dataclass(frozen=True, slots=True)
class RunStatus:
    """A run as `runs` lists it: files acted on and their bytes, how many of them `undo` can bring back and has brought
    back. Times are UTC, None where that has not happened."""

    run: int
    action: Action
    destination: str | None
    state: RunState
    started_at: str
    finished_at: str | None
    undone_at: str | None
    files: int
    size_bytes: int
    can_be_undone: int
    undone: int


@dataclass(frozen=True, slots=True)
class Trace:
    """What became of a path; of the run that acted on it, where one did.

    is_there  whether there is something at the path
    target    where the file went, where that is a path
    keeper    what stays for it
    now       paths that show its content today, as the store knows it
    """

    path: str
    is_there: bool
    now: tuple[str, ...]
    run: int | None = None
    action: Action | None = None
    kind: StepKind | None = None
    state: StepState | None = None
    at: str = ""
    target: str | None = None
    keeper: str = ""
    verdict: str = ""
    why: tuple[str, ...] = ()
