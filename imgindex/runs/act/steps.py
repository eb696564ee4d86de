"""A run's record: steps are written before their files move, and after; the catalogue of files follows."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any

from imgindex import clock
from imgindex.acts import Action, Run, RunState, Step, StepKind, StepState
from imgindex.records import Seen
from imgindex.runs.act.copying import attributes
from imgindex.runs.act.examine import Fit
from imgindex.runs.act.renaming import Identity, identity
from imgindex.runs.act.together import Going
from imgindex.skips import Changed
from imgindex.store import Store, runs


def steps_for(run: Run, fit: Fit) -> list[Step]:
    """The steps of a file that may go: itself, then what goes along."""
    return [_copy_step(run, fit), *(_companion_step(run, fit, one) for one in fit.going)]


def _copy_step(run: Run, fit: Fit) -> Step:
    planned = fit.planned
    facts = {
        "verdict": planned.verdict.value,
        "grade": planned.grade.value,
        "score": planned.score,
        "transform": planned.transform,
        "loss": [loss.words for loss in planned.loss],
        "why": list(planned.why),
        "exact": fit.is_exact,
    }
    return _step(run, StepKind.COPY, planned.at, planned.keeper_at, planned.sha256, fit.copy, fit.keeper,
                 facts | {"attributes": fit.attributes})  # fmt: skip


def _companion_step(run: Run, fit: Fit, going: Going) -> Step:
    own = going.companion
    now, stays = identity(own.at), identity(going.stays)
    if now is None or stays is None:
        raise Changed("what belongs to it was replaced")
    facts = {"of": fit.planned.path, "exact": going.is_equal, "attributes": attributes(own.at)}
    return _step(run, StepKind.COMPANION, own.at, going.stays, own.sha256, now, stays, facts)


def _step(
    run: Run, kind: StepKind, path: bytes, keeper: bytes, sha256: bytes, own: Identity, kept: Identity,
    facts: dict[str, Any],
) -> Step:  # fmt: skip
    target = None
    if run.action is Action.MOVE:
        assert run.destination is not None
        target = _free(os.path.join(run.destination, path.lstrip(b"/")))
        facts["made"] = [os.fsdecode(folder) for folder in _missing(os.path.dirname(target))]
    facts["identity"] = [own.device, own.inode, own.size_bytes, own.mtime_ns]
    facts["keeper_identity"] = [kept.device, kept.inode, kept.size_bytes, kept.mtime_ns]
    return Step(0, run.id, kind, path, keeper, sha256, own.size_bytes, target, StepState.BEGUN, facts)


def _free(target: bytes) -> bytes:
    """`target`, numbered where something is there."""
    stem, ending = os.path.splitext(target)
    number, free = 1, target
    while os.path.lexists(free):
        number += 1
        free = stem + b" (%d)" % number + ending
    return free


def _missing(folder: bytes) -> list[bytes]:
    """Folders that have to be made, outermost first."""
    missing = []
    while not os.path.lexists(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    return missing[::-1]


def put(store: Store, run: Run, changed: Sequence[Step]) -> None:
    """Write what became of these steps, and let the rows of their files follow."""
    with store.write() as tx:
        runs.put_steps(tx, changed)
        done = [s.path for s in changed if s.state is StepState.DONE and s.kind is StepKind.COPY]
        undone = [s.path for s in changed if s.state is StepState.UNDONE and s.kind is StepKind.COPY]
        if run.action.empties_the_path:
            runs.mark_removed(tx, done)
        else:
            runs.put_seen(tx, _seen(done))
        runs.put_seen(tx, _seen(undone))


def _seen(paths: Iterable[bytes]) -> Iterable[Seen]:
    for path in paths:
        if identity(path) is not None:
            yield Seen.of(path, os.lstat(path))


def ended(store: Store, run: Run, state: RunState) -> Run:
    """Write that a run is done, or undone."""
    now = clock.now_s()
    changed = replace(run, state=state)
    if state is RunState.APPLIED:
        changed = replace(changed, finished_at_s=now)
    elif state is RunState.UNDONE:
        changed = replace(changed, undone_at_s=now, finished_at_s=run.finished_at_s or now)
    with store.write() as tx:
        runs.put_run(tx, changed)
    return changed
