"""Verbs by which a person decides: what is no duplicate, what stays."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence

from imgindex.api.opened import Opened, StrPath, named_path, verb
from imgindex.errors import UsageError
from imgindex.ports import Progress
from imgindex.records import DecisionKind
from imgindex.results.decided import DecidedPair, Deciding, ImportedDecisions
from imgindex.runs import decide as run
from imgindex.runs.keeping import keep_rules
from imgindex.runs.report.report import report


class DecidingVerbs(Opened):
    """Decisions are about contents: they hold for every file of the same bytes, whatever becomes of names, the model or
    the index, until a later decision on the same two. Where another run has the store, writing raises StoreLocked."""

    @verb
    def decide(
        self, *files: StrPath, kind: DecisionKind | str, note: str = "", progress: Progress | None = None
    ) -> Deciding:
        """Say what the files are to each other: of "keeper" the first stays and each other stands below it, all else is
        said of every two of them. What is weighed for it reads files.

        Raises UsageError where a file is not indexed, or has changed since, or all have the same bytes.
        """
        if len(files) < 2:
            raise UsageError("A decision is about two files or more.")
        return self._decide([os.fsencode(named_path(file)) for file in files], kind, note, progress)

    @verb
    def decide_group(
        self,
        group: str,
        *,
        kind: DecisionKind | str,
        file: StrPath | None = None,
        note: str = "",
        progress: Progress | None = None,
    ) -> Deciding:
        """The same of all files of a group of the report, by its id or how that begins; where `file` is one of them, of
        that and each other alone. Of "keeper" the file stays, else that which the report keeps."""
        found = report(self._store, similar_per_image=None, rules=keep_rules(self._store.directory))
        paths = run.group_paths(found, group)
        if file is not None:
            first = os.fsencode(os.path.realpath(named_path(file)))
            if first not in paths:
                raise UsageError(f"{os.fspath(file)} is not in that group; imgindex report names its files.")
            paths = [first, *(path for path in paths if path != first)]
        return self._decide(paths, kind, note, progress, of_first=file is not None)

    @verb
    def decisions(self) -> list[DecidedPair]:
        """What was said last of each two contents, in the order in which it was said; "undecided", too."""
        return run.decided_pairs(self._store)

    @verb
    def import_decisions(self, given: Iterable[DecidedPair]) -> ImportedDecisions:
        """Take in what `decisions` of another store gave, or of this one at an earlier time. A pair on which this store
        has a later word is left out. Raises UsageError where one is no decision: nothing is taken in then."""
        said = [run.said_by(one, number) for number, one in enumerate(given, 1)]
        with self._store.exclusive():
            return run.import_decisions(self._store, said)

    def _decide(
        self,
        paths: Sequence[bytes],
        kind: DecisionKind | str,
        note: str,
        progress: Progress | None,
        *,
        of_first: bool = False,
    ) -> Deciding:
        if kind not in list(DecisionKind):
            raise UsageError(f"A decision is one of {', '.join(DecisionKind)}, not {kind!r}.")
        with self._store.exclusive(), self._workers() as workers:
            said, shown = DecisionKind(kind), progress or self._progress
            return run.decide(self._store, said, paths, note, shown, workers, of_first=of_first)
