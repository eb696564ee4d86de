"""Statements on what was done to files: runs, and the steps of each, one a file. A step is on record before its file
moves; its states are those of `acts.StepState`."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any

from sqlalchemy import ColumnElement, Connection, bindparam, insert, select, update

from imgindex import clock
from imgindex.acts import Action, Run, RunState, Step, StepKind, StepState
from imgindex.errors import StoreError
from imgindex.records import Seen
from imgindex.store import checksum
from imgindex.store.catalog import chunks, stat_values
from imgindex.store.schema import file, image, run, step
from imgindex.store.values import rows_of

ACTED = (StepState.DONE, StepState.UNDOING)
"""States of steps whose file is not where it was, or may not be."""


def add_run(tx: Connection, token: str, action: Action, destination: bytes | None, plan_sha256: bytes) -> Run:
    """A new run, which goes on."""
    made = Run(0, token, action, destination, plan_sha256, clock.now_s(), None, None, RunState.APPLYING)
    key = tx.execute(insert(run).values(_run_values(made))).inserted_primary_key
    assert key is not None
    return replace(made, id=int(key[0]))


def put_run(tx: Connection, changed: Run) -> None:
    """Write what became of a run."""
    tx.execute(update(run).where(run.c.id == changed.id).values(_run_values(changed)))


def runs(tx: Connection) -> list[Run]:
    """Every run, oldest first."""
    return [_run(row) for row in tx.execute(select(run).order_by(run.c.id))]


def add_steps(tx: Connection, steps: Sequence[Step]) -> list[Step]:
    """Put steps on record; the same with their ids."""
    made = []
    for one in steps:
        key = tx.execute(insert(step).values(_step_values(one))).inserted_primary_key
        assert key is not None
        made.append(replace(one, id=int(key[0])))
    return made


def put_steps(tx: Connection, changed: Iterable[Step]) -> None:
    """Write what became of steps."""
    for one in changed:
        tx.execute(update(step).where(step.c.id == one.id).values(_step_values(one)))


def steps_of(tx: Connection, run_id: int) -> list[Step]:
    """The steps of a run, in the order in which they were begun."""
    return list(_steps(tx, step.c.run_id == run_id))


def steps_at(tx: Connection, path: bytes) -> list[Step]:
    """Every step that was about this path or put a file there, oldest first."""
    return list(_steps(tx, (step.c.path == path) | (step.c.target == path)))


def every_step(tx: Connection) -> Iterator[Step]:
    """Every step there is, oldest first."""
    return _steps(tx, step.c.id > 0)


def removed_paths(tx: Connection) -> set[bytes]:
    """The paths that a run has left without a file: nobody misses them."""
    empty = [action.value for action in Action if action.empties_the_path]
    joined = step.join(run, step.c.run_id == run.c.id)
    here = (
        step.c.kind.in_([StepKind.COPY.value, StepKind.COMPANION.value])
        & step.c.state.in_([state.value for state in ACTED])
        & run.c.action.in_(empty)
    )
    return set(tx.execute(select(step.c.path).select_from(joined).where(here)).scalars())


def acted_on(tx: Connection, paths: Sequence[bytes]) -> set[bytes]:
    """Those of these paths whose file a run has removed or replaced, and not put back."""
    found: set[bytes] = set()
    states = [state.value for state in ACTED]
    for part in chunks(paths):
        here = step.c.path.in_(part) & (step.c.kind == StepKind.COPY.value) & step.c.state.in_(states)
        found.update(tx.execute(select(step.c.path).where(here)).scalars())
    return found


def paths_of_content(tx: Connection, sha256: bytes) -> list[bytes]:
    """Paths of files not missing that show this content, sorted."""
    here = (image.c.sha256 == sha256) & file.c.missing_since_s.is_(None)
    rows = select(file.c.path).select_from(file.join(image, file.c.image_id == image.c.id)).where(here)
    return list(tx.execute(rows.order_by(file.c.path)).scalars())


def mark_removed(tx: Connection, paths: Sequence[bytes]) -> None:
    """A run has left these paths without a file: the next scan looks for none there."""
    for part in chunks(paths):
        here = file.c.path.in_(part) & file.c.missing_since_s.is_(None)
        tx.execute(update(file).where(here).values(missing_since_s=clock.now_s()))


def put_seen(tx: Connection, seen: Iterable[Seen]) -> None:
    """Files that a run has put back, or made anew of the same bytes, as they are now."""
    for now in seen:
        values: dict[str, ColumnElement[Any]] = {name: bindparam(f"new_{name}") for name in stat_values(now)}
        tx.execute(
            update(file).where(file.c.path == bindparam("at")).values(**values),
            {f"new_{name}": value for name, value in stat_values(now).items()} | {"at": now.path},
        )


def _steps(tx: Connection, where: ColumnElement[bool]) -> Iterator[Step]:
    for row in tx.execute(select(step).where(where).order_by(step.c.id)):
        yield _step(row)


@rows_of("run")
def _run(row: Any) -> Run:
    found = Run(
        row.id,
        row.token,
        Action(row.action),
        row.destination,
        row.plan_sha256,
        row.started_at_s,
        row.finished_at_s,
        row.undone_at_s,
        RunState(row.state),
    )
    if row.checksum != _run_values(found)["checksum"]:
        raise ValueError("its checksum does not match")
    return found


@rows_of("step")
def _step(row: Any) -> Step:
    found = Step(
        row.id,
        row.run_id,
        StepKind(row.kind),
        row.path,
        row.keeper,
        row.sha256,
        row.size_bytes,
        row.target,
        StepState(row.state),
        json.loads(row.facts),
    )
    if row.checksum != _step_checksum(row._mapping):
        raise ValueError("its checksum does not match")
    return found


def changed(tx: Connection) -> list[str]:
    """Runs and steps that are not as they were written, by table and id."""
    found = []
    for table, read in ((run, _run), (step, _step)):
        for row in tx.execute(select(table).order_by(table.c.id)):
            try:
                read(row)
            except StoreError:
                found.append(f"{table.name} {row.id}")
    return found


def _run_values(one: Run) -> dict[str, Any]:
    values: dict[str, Any] = {
        "token": one.token,
        "action": one.action.value,
        "destination": one.destination,
        "plan_sha256": one.plan_sha256,
        "started_at_s": one.started_at_s,
        "finished_at_s": one.finished_at_s,
        "undone_at_s": one.undone_at_s,
        "state": one.state.value,
    }
    return values | {"checksum": checksum.of_values(*map(_plain, values.values()))}


def _step_values(one: Step) -> dict[str, Any]:
    values: dict[str, Any] = {
        "run_id": one.run_id,
        "kind": one.kind.value,
        "path": one.path,
        "keeper": one.keeper,
        "sha256": one.sha256,
        "size_bytes": one.size_bytes,
        "target": one.target,
        "state": one.state.value,
        "facts": json.dumps(one.facts, sort_keys=True),
    }
    return values | {"checksum": _step_checksum(values)}


def _step_checksum(values: Any) -> bytes:
    names = ("run_id", "kind", "path", "keeper", "sha256", "size_bytes", "target", "state", "facts")
    return checksum.of_values(*(_plain(values[name]) for name in names))


def _plain(value: object) -> object:
    return value.hex() if isinstance(value, bytes) else value
