"""Verbs that write to the store, and never to a picture: one run at a time."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from imgindex.api.opened import Folders, Opened, StrPath, named_folders, named_path, verb
from imgindex.errors import RootError, UsageError
from imgindex.ports import Progress
from imgindex.results import Finding, IndexSummary, Report
from imgindex.runs.context import RunContext
from imgindex.runs.index.run import index
from imgindex.runs.report.report import folder_arguments, mark_reported
from imgindex.store import catalog


class Writing(Opened):
    """Fill the store, and look after it. Where another run has it, these raise StoreLocked."""

    @verb
    def index(
        self,
        folders: Folders,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        follow_symlinks: bool = False,
        accept_missing: bool = False,
        progress: Progress | None = None,
    ) -> IndexSummary:
        """Bring the store up to date with one folder or several; only what is new costs time.

        Raises RootError where a folder is not there, or could not be read: all else is done before that, and its
        `summary` says what. Raises StoreLocked where another run has the store, ModelError where the model cannot be
        used.
        """
        shown = progress or self._progress
        paths = named_folders(folders)
        if not self.space and not any(os.path.isdir(path) for path in paths):
            raise RootError(f"There is no folder {', '.join(paths)}; check the spelling, or mount its disk.")
        with self._store.exclusive(), self._workers() as workers:
            summary = index(
                RunContext(self._store, *self._model_to_write(shown), shown, workers),
                paths,
                include=include,
                exclude=exclude,
                follow_symlinks=follow_symlinks,
                accept_missing=accept_missing,
            )
        if summary.ingest.problems:
            raise RootError(" ".join(summary.ingest.problems), summary)
        return summary

    @verb
    def mark_reported(self, full: Report) -> None:
        """From now on nothing of `full`, a report of the whole store, is new any more."""
        with self._store.exclusive():
            mark_reported(self._store, full)

    @verb
    def forget(self, path: StrPath) -> int:
        """Remove what the store knows of a file, or of a folder and all below it; returns how many files that were.

        The files stay as they are. What is still there and below a folder that is indexed again comes back.
        """
        given = named_path(path)
        [real] = folder_arguments([given])
        if os.path.islink(given):  # what a link leads to was not named
            [folder] = folder_arguments([os.path.dirname(os.path.abspath(given))])
            real = os.path.join(folder, os.fsencode(os.path.basename(given)))
        with self._store.exclusive(), self._store.write() as tx:
            return catalog.forget(tx, real)

    def backup(self, target: StrPath) -> None:
        """Write a consistent copy of the database to a new file, while others may read and write the store."""
        path = Path(named_path(target)).absolute()
        if path.exists():
            raise UsageError(f"There is a file {path} already; choose another name for the backup.")
        self._store.backup(path)

    def check(self, *, repair: bool = False, progress: Progress | None = None) -> tuple[Finding, ...]:
        """What is broken in the store; with `repair`, mended where it can be rebuilt."""
        from imgindex.runs.check.check import check

        shown = progress or self._progress
        if not repair:
            return check(self._store, progress=shown)
        with self._store.exclusive():
            return check(self._store, repair=True, progress=shown)
