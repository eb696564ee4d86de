"""The steps of one file of a plan: all of them happen, or none.

What is to be written beside the keeper comes first, then the copy goes, then what belongs to it. Where one of them
fails, those before it are put back.
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from imgindex.acts import Run, Step, StepKind, StepState
from imgindex.files import display
from imgindex.runs.act.job import Job, NotPossible, Way, sentence
from imgindex.runs.act.ways import way_of
from imgindex.skips import Skipped

FAILURES = (OSError, Skipped, NotPossible)


def carry_out(run: Run, steps: Sequence[Step]) -> tuple[list[Step], str]:
    """Do those of the steps of one file that are begun, in their order; (the steps as they are now, why not all of them
    happened)."""
    now = list(steps)
    for at, step in enumerate(now):
        if step.state is not StepState.BEGUN:
            continue
        try:
            target = way_of(run, step).act(Job(step, run.token))
        except FAILURES as error:
            return _taken_back(run, now), _about(step, sentence(error))
        now[at] = replace(step, state=StepState.DONE, target=target or step.target)
    return now, ""


def settle(run: Run, steps: Sequence[Step]) -> list[Step]:
    """Of the steps of one file that a run was cut off in: what the disk says. What was being put back is put back.
    Where the copy has gone, what belongs to it goes after it, else all comes back. Steps that nobody can look at now,
    as on a disk that is away, stay as they are."""
    try:
        now = [_settled(run, step) for step in steps]
    except FAILURES:
        return list(steps)
    if any(step.kind is StepKind.COPY and step.state is StepState.DONE for step in now):
        return carry_out(run, now)[0]
    return _taken_back(run, now)


def by_file(steps: Sequence[Step]) -> list[list[Step]]:
    """Steps that follow each other and are of one file of a plan."""
    found: list[list[Step]] = []
    for step in steps:
        if not found or copy_of(found[-1][0]) != copy_of(step):
            found.append([])
        found[-1].append(step)
    return found


def copy_of(step: Step) -> bytes:
    """The file of a plan that a step belongs to."""
    return step.path if step.kind is StepKind.COPY else os.fsencode(step.facts["of"])


def _settled(run: Run, step: Step) -> Step:
    if step.state is StepState.UNDOING:
        way_of(run, step).put_back(Job(step, run.token))
        return replace(step, state=StepState.UNDONE)
    if step.state is not StepState.BEGUN:
        return step
    happened, target = way_of(run, step).settle(Job(step, run.token))
    return replace(step, state=StepState.DONE, target=target or step.target) if happened else step


def _taken_back(run: Run, steps: Sequence[Step]) -> list[Step]:
    """None of these shall have happened: those that did are put back, the last first. What cannot be put back stays on
    record as done."""
    now = list(steps)
    for at in reversed(range(len(now))):
        step = now[at]
        if step.state is StepState.DONE:
            way: Way = way_of(run, step)
            try:
                way.put_back(Job(step, run.token))
            except FAILURES:
                continue
        if step.state in (StepState.BEGUN, StepState.DONE):
            now[at] = replace(step, state=StepState.DROPPED)
    return now


def _about(step: Step, said: str) -> str:
    return said if step.kind is StepKind.COPY else f"{display(step.path)}: {said}"
