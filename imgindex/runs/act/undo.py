"""undo: put the files of a run back, the last first, as the record and the disk say.

A step is `undoing` on record before its file moves, and `undone` after. Cut off between the two, the action's
`put_back` finds out from the disk how far it came, and goes on.
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace

from imgindex.acts import LeftOut, Run, RunState, Step, StepState, UndoSummary
from imgindex.errors import UsageError
from imgindex.ports import Progress
from imgindex.runs.act import journal
from imgindex.runs.act.carry_out import FAILURES
from imgindex.runs.act.job import Job, sentence
from imgindex.runs.act.steps import ended, put
from imgindex.runs.act.ways import way_of
from imgindex.store import Store, runs

AT_ONCE = 16
"""Files of one transaction."""

TO_PUT_BACK = (StepState.BEGUN, StepState.DONE, StepState.UNDOING)


def undo(store: Store, number: int | None, progress: Progress) -> UndoSummary:
    """Put back what the run of this number did, or the last that is not undone. The caller holds `store.exclusive()`.

    What cannot be put back is said, and left as it is; a further call tries it again. Raises UsageError where there is
    no such run.
    """
    run = _wanted(store, number)
    with store.read() as tx:
        steps = [step for step in runs.steps_of(tx, run.id) if step.state in TO_PUT_BACK]
    run = ended(store, run, RunState.UNDOING)
    restored: list[str] = []
    left: list[LeftOut] = []
    progress.start("undo", len(steps))
    for part in _parts(steps[::-1]):
        if progress.stopping:
            break
        with store.write() as tx:
            runs.put_steps(tx, [replace(step, state=StepState.UNDOING) for step in part])
        for step in part:
            why = _put_back(store, run, step)
            if why:
                put(store, run, [step])
                left.append(LeftOut(os.fsdecode(step.path), os.fsdecode(step.keeper), why))
            else:
                put(store, run, [replace(step, state=StepState.UNDONE)])
                restored.append(os.fsdecode(step.path))
        progress.advance(len(part))
    progress.finish()
    if not progress.stopping:
        journal.append(store, ended(store, run, RunState.UNDONE))
    return UndoSummary(run.id, run.action, tuple(restored), tuple(left), progress.stopping)


def _wanted(store: Store, number: int | None) -> Run:
    with store.read() as tx:
        every = runs.runs(tx)
    if number is not None:
        for run in every:
            if run.id == number:
                return run
        raise UsageError(f"There is no run {number}; imgindex runs lists them.")
    for run in reversed(every):
        if run.state is not RunState.UNDONE:
            return run
    raise UsageError("There is nothing to undo: imgindex runs lists what was done.")


def _put_back(store: Store, run: Run, step: Step) -> str:
    """Why a file could not be put back; empty where it was."""

    def contents(sha256: bytes) -> Iterable[bytes]:
        with store.read() as tx:
            return runs.paths_of_content(tx, sha256)

    try:
        way_of(run, step).put_back(Job(step, run.token, contents))
    except FAILURES as error:
        return sentence(error)
    return ""


def _parts(steps: Sequence[Step]) -> Iterator[Sequence[Step]]:
    for start in range(0, len(steps), AT_ONCE):
        yield steps[start : start + AT_ONCE]
