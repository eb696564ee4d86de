"""Verbs that act on files, and put them back; what they did, and where a file went."""

from __future__ import annotations

import os
from collections.abc import Sequence
from contextlib import nullcontext
from pathlib import Path

from imgindex import files
from imgindex.acts import Action, ApplySummary, Plan, RunStatus, Trace, UndoSummary
from imgindex.api.opened import Folders, Opened, StrPath, named_folders, named_path, verb
from imgindex.errors import UsageError
from imgindex.ports import Progress
from imgindex.runs.act.plan_file import plan_json, plan_of
from imgindex.runs.keeping import keep_rules
from imgindex.runs.report.report import folder_arguments

__all__ = ["Acting", "plan_json", "read_plan", "write_plan"]


class Acting(Opened):
    """Plan, apply, undo: the only verbs that touch a picture file. `apply` does only where it is told `yes`."""

    @verb
    def plan(
        self,
        folders: Folders = (),
        *,
        edited: bool = False,
        min_score: float = 0.0,
        protect: Folders = (),
        keep: Sequence[str] | None = None,
        progress: Progress | None = None,
    ) -> Plan:
        """Which files may go, and why; nothing is touched. Redundant ones, and with `edited` edited copies of at least
        `min_score`, too. `protect` and `keep` are as in `report`; what a rule would keep at a loss is never planned."""
        from imgindex.runs.act.plan import plan

        below = folder_arguments(named_folders(folders))
        rules = keep_rules(self._store.directory, named_folders(protect), keep)
        shown = progress or self._progress
        with self._workers() as workers:
            return plan(self._store, below, rules, shown, workers, edited=edited, min_score=min_score)

    @verb
    def apply(
        self,
        plan: Plan,
        action: Action | str = Action.TRASH,
        *,
        destination: StrPath | None = None,
        yes: bool = False,
        protect: Folders = (),
        progress: Progress | None = None,
    ) -> ApplySummary:
        """Act on the files of a plan as far as each may go now, or without `yes` say what that would do.

        `destination` is the folder of Action.MOVE; nothing in `protect`, nor in the protected folders of the store's
        config.toml, is written. Raises UsageError where that may not be, StoreLocked where another
        run has the store, StoreError where what is needed to undo it cannot be written; no file has moved then.
        """
        from imgindex.runs.act.apply import apply, order_of

        folder = None if destination is None else named_path(destination)
        rules = keep_rules(self._store.directory, named_folders(protect))
        order = order_of(plan, Action(action), folder, rules)
        with self._store.exclusive() if yes else nullcontext(), self._workers() as workers:
            return apply(self._store, order, progress or self._progress, workers, yes=yes)

    @verb
    def undo(self, run: int | None = None, *, progress: Progress | None = None) -> UndoSummary:
        """Put back what a run did, the last that is not undone where None. Raises UsageError where there is none."""
        from imgindex.runs.act.undo import undo

        with self._store.exclusive():
            return undo(self._store, run, progress or self._progress)

    @verb
    def runs(self) -> tuple[RunStatus, ...]:
        """What was done to files, the last run first."""
        from imgindex.runs.act.journal import statuses

        return statuses(self._store)

    @verb
    def where(self, path: StrPath) -> tuple[Trace, ...]:
        """Where a file went, the last that became of it first; empty where nothing is known of it."""
        from imgindex.runs.act.journal import traces

        return traces(self._store, os.path.abspath(os.fsencode(named_path(path))))


def write_plan(plan: Plan, path: StrPath) -> None:
    """Write a plan as JSON, for a person to read and shorten. Raises OSError."""
    files.write_atomic(named_path(path), lambda file: file.write(plan_json(plan).encode() + b"\n"))


def read_plan(path: StrPath) -> Plan:
    """The plan in a file. Raises UsageError with a sentence where it cannot be read, or is none."""
    name = named_path(path)
    try:
        data = Path(name).read_bytes()
    except OSError as error:
        raise UsageError(f"The plan {name} cannot be read: {error.strerror or error}.") from error
    return plan_of(data, name)
