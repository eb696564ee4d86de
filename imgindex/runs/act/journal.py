"""The audit trail: a line of JSON for each run in the store's directory, what runs there were, and where a file went.

The lines are written for people and other programs; imgindex itself asks the store. A run that is brought to an end
again after it was cut off, or undone, has a further line: the last of a number counts.
"""

from __future__ import annotations

import json
import os
from typing import Any

from imgindex import clock, files
from imgindex.acts import Run, RunStatus, Step, StepKind, StepState, Trace
from imgindex.store import Store, catalog, runs

NAME = "runs.jsonl"

HAPPENED = (StepState.DONE, StepState.UNDOING, StepState.UNDONE)


def append(store: Store, run: Run) -> None:
    """Write the line of a run as it is now; it is on the disk afterwards."""
    with store.read() as tx:
        steps = [step for step in runs.steps_of(tx, run.id) if step.state in HAPPENED]
    line = json.dumps(_line(run, steps)).encode()
    descriptor = os.open(store.directory / NAME, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o666)
    with open(descriptor, "r+b", buffering=0) as file:
        size = file.seek(0, os.SEEK_END)
        if size and os.pread(file.fileno(), 1, size - 1) != b"\n":
            line = b"\n" + line  # the one before was cut off
        file.write(line + b"\n")
        os.fsync(file.fileno())


def _line(run: Run, steps: list[Step]) -> dict[str, Any]:
    return {
        "run": run.id,
        "state": run.state.value,
        "action": run.action.value,
        "destination": _text(run.destination),
        "started_at": clock.utc(run.started_at_s),
        "finished_at": _utc(run.finished_at_s),
        "undone_at": _utc(run.undone_at_s),
        "plan_sha256": run.plan_sha256.hex(),
        "files": [_file(step) for step in steps],
    }


def _file(step: Step) -> dict[str, Any]:
    return {
        "kind": step.kind.value,
        "went": os.fsdecode(step.path),
        "keeps": os.fsdecode(step.keeper),
        "where_to": _text(step.target),
        "state": step.state.value,
        "bytes": step.size_bytes,
        "sha256": step.sha256.hex(),
    } | {
        name: step.facts[name]
        for name in ("verdict", "grade", "score", "transform", "loss", "why")
        if name in step.facts
    }


def statuses(store: Store) -> tuple[RunStatus, ...]:
    """Every run, the last first. Each file that could be put back is looked for."""
    with store.read() as tx:
        found = [(run, runs.steps_of(tx, run.id)) for run in reversed(runs.runs(tx))]
    return tuple(_status(run, steps) for run, steps in found)


def _status(run: Run, steps: list[Step]) -> RunStatus:
    happened = [step for step in steps if step.state in HAPPENED]
    return RunStatus(
        run.id,
        run.action,
        _text(run.destination),
        run.state,
        clock.utc(run.started_at_s),
        _utc(run.finished_at_s),
        _utc(run.undone_at_s),
        files=len(happened),
        size_bytes=sum(step.size_bytes for step in happened),
        can_be_undone=sum(_can_be_undone(run, step) for step in happened),
        undone=sum(step.state is StepState.UNDONE for step in happened),
    )


def _can_be_undone(run: Run, step: Step) -> bool:
    if step.state is StepState.UNDONE:
        return False
    if step.kind is StepKind.SIDECAR:
        return True
    if run.action.keeps_the_bytes:
        return step.target is not None and os.path.lexists(step.target)
    return bool(step.facts["exact"]) and os.path.lexists(step.keeper)


def traces(store: Store, path: bytes) -> tuple[Trace, ...]:
    """What became of `path`, the last first: what runs did to it, and what was put there. Where nothing is known of the
    path and nothing is there, what is known of files of its name."""
    with store.read() as tx:
        steps = _happened(runs.steps_at(tx, path))
        if not steps and not os.path.lexists(path):
            name = os.path.basename(path).lower()
            steps = _happened([s for s in runs.every_step(tx) if name in os.path.basename(s.path).lower()])
        if steps:
            by_id = {run.id: run for run in runs.runs(tx)}
            return tuple(_trace(by_id[s.run_id], s, runs.paths_of_content(tx, s.sha256)) for s in steps)
        content = catalog.contents(tx, [path]).get(path)
        now = () if content is None else files.texts(runs.paths_of_content(tx, content))
    is_there = os.path.lexists(path)
    return (Trace(os.fsdecode(path), is_there, now),) if now or is_there else ()


def _happened(steps: list[Step]) -> list[Step]:
    return [step for step in reversed(steps) if step.state in HAPPENED]


def _trace(run: Run, step: Step, now: list[bytes]) -> Trace:
    return Trace(
        os.fsdecode(step.path),
        os.path.lexists(step.path),
        files.texts(now),
        run.id,
        run.action,
        step.kind,
        step.state,
        clock.utc(run.started_at_s),
        _text(step.target),
        os.fsdecode(step.keeper),
        str(step.facts.get("verdict", "")),
        tuple(step.facts.get("why", ())),
    )


def _text(path: bytes | None) -> str | None:
    return None if path is None else os.fsdecode(path)


def _utc(unix_s: int | None) -> str | None:
    return None if unix_s is None else clock.utc(unix_s)
