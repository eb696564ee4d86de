"""apply: act on the files of a plan, as far as each of them may go now.

1. bring runs that were cut off to an end: what the disk says goes on record
2. examine some files: read copy and keeper again (`examine`), verify and weigh what is weaker than exact (`prove`)
3. put their steps on record, in one transaction that is on the disk before any of them moves
4. act, and put on record what happened; the rows of the files follow
5. again from 2; at the end a line of the journal

Without `yes` nothing is written, and 3 to 5 are left out.
"""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace

from imgindex import files
from imgindex.acts import Acted, Action, ApplySummary, LeftOut, Plan, Planned, Run, RunState, Step, StepKind, StepState
from imgindex.errors import UsageError, named
from imgindex.files import is_below
from imgindex.keep.rules import NO_RULES, KeepRules
from imgindex.ports import Progress, Workers
from imgindex.runs.act import journal
from imgindex.runs.act.carry_out import by_file, carry_out, settle
from imgindex.runs.act.examine import Examiner, Fit, identities
from imgindex.runs.act.guard import Guard
from imgindex.runs.act.job import NotPossible, sentence
from imgindex.runs.act.plan_file import plan_json
from imgindex.runs.act.prove import prove
from imgindex.runs.act.steps import ended, put, steps_for
from imgindex.runs.act.together import listing
from imgindex.skips import Changed
from imgindex.store import Store, catalog, runs

AT_ONCE = 16
"""Files of one transaction: they are on record together, and examined shortly before they move."""


UNSETTLED = (StepState.BEGUN, StepState.UNDOING)


@dataclass(frozen=True, slots=True)
class Order:
    """What is to be done with a plan, and by which bytes it is known again."""

    plan: Plan
    plan_sha256: bytes
    action: Action
    destination: bytes | None = None
    rules: KeepRules = NO_RULES


def order_of(plan: Plan, action: Action, destination: str | os.PathLike[str] | None, rules: KeepRules) -> Order:
    """What is to be done with a plan, as a person says it. Raises UsageError where a folder is missing, or given to an
    action that takes none."""
    if (action is Action.MOVE) != (destination is not None):
        raise UsageError("Say where to with --action move DIR; no other action takes a folder.")
    folder = None if destination is None else os.path.abspath(os.fsencode(named(os.fspath(destination))))
    written = plan_json(replace(plan, left_out=()))
    return Order(plan, files.sha256(written.encode()), action, folder, rules)


@dataclass(slots=True)
class _Tally:
    acted: list[Acted] = field(default_factory=list)
    skipped: list[LeftOut] = field(default_factory=list)
    already: int = 0


def apply(store: Store, order: Order, progress: Progress, workers: Workers, *, yes: bool) -> ApplySummary:
    """Act on the files of a plan, or with `yes` false say what that would do. The caller holds `store.exclusive()`
    where `yes`. Raises UsageError where all of it is refused."""
    run = _continued(store, order) if yes else None
    tally = _Tally()
    with store.read() as tx:
        _refuse_destination(order, store, [path for path, *_ in catalog.roots(tx)])
        paths = [one.at for one in order.plan.files]
        keepers = [one.keeper_at for one in order.plan.files]
        acted = runs.acted_on(tx, paths)
        # links that were made lead to keepers by now
        going = [path for path in paths if not (order.action.replaces and path in acted)]
        examiner = Examiner(
            order.action,
            Guard.of(tx, order.rules),
            catalog.contents(tx, sorted({*paths, *keepers})),
            frozenset(paths),
            frozenset(identities(going)),
            listing(),
        )
    progress.start("apply", len(paths))
    for part in _parts(order.plan.files):
        if progress.stopping:
            break
        fits = list(_fit(part, examiner, acted, tally, workers))
        if yes and fits:
            run = run or _begun(store, order)
            _act(store, run, fits, tally, progress)
        else:
            tally.acted += [one for fit in fits for one in _would(fit)]
        progress.advance(len(part))
    progress.finish()
    if run is not None and not progress.stopping:
        run = ended(store, run, RunState.APPLIED)
        journal.append(store, run)
    freed = sum(one.size_bytes for one in tally.acted)
    number = None if run is None else run.id
    return ApplySummary(
        number, order.action, not yes, tuple(tally.acted), tuple(tally.skipped), tally.already, freed, progress.stopping
    )


def finish_cut_off(store: Store) -> list[Run]:
    """Bring the record of every run that was cut off while it acted, or was undone, up to what the disk says; those of
    which nothing is left to be looked at. The caller holds `store.exclusive()`."""
    with store.read() as tx:
        cut_off = [run for run in runs.runs(tx) if run.state in (RunState.APPLYING, RunState.UNDOING)]
    return [run for run in cut_off if _settled(store, run)]


def _settled(store: Store, run: Run) -> bool:
    with store.read() as tx:
        steps = runs.steps_of(tx, run.id)
    for own in by_file(steps):
        if any(step.state in UNSETTLED for step in own):
            put(store, run, settle(run, own))
    with store.read() as tx:
        return not any(step.state in UNSETTLED for step in runs.steps_of(tx, run.id))


def _continued(store: Store, order: Order) -> Run | None:
    """The run of this very order that was cut off, if there is one; others that were are brought to an end."""
    found = None
    for run in finish_cut_off(store):
        if (run.plan_sha256, run.action, run.destination) == (order.plan_sha256, order.action, order.destination):
            found = ended(store, run, RunState.APPLYING)
        else:
            journal.append(store, ended(store, run, RunState.APPLIED))
    return found


def _begun(store: Store, order: Order) -> Run:
    with store.write() as tx:
        return runs.add_run(tx, secrets.token_hex(8), order.action, order.destination, order.plan_sha256)


def _refuse_destination(order: Order, store: Store, roots: Iterable[bytes]) -> None:
    if order.destination is None:
        return
    real = os.path.realpath(order.destination)
    if real != order.destination:
        raise UsageError(f"{files.display(order.destination)} leads to {files.display(real)}; name that.")
    for folder in roots:
        if is_below(real, folder):
            raise UsageError(
                f"{files.display(real)} is in {files.display(folder)}, which is indexed: the files would be "
                "found there again. Name a folder outside of it."
            )
    for folder in (*order.rules.protected, os.fsencode(store.directory)):
        if is_below(real, folder):
            raise UsageError(f"{files.display(real)} is in {files.display(folder)}, where nothing may be put.")


def _fit(
    part: Sequence[Planned], examiner: Examiner, acted: set[bytes], tally: _Tally, workers: Workers
) -> Iterator[Fit]:
    """Those of some files that may go."""
    fits = []
    for planned in part:
        if planned.at in acted and not os.path.lexists(planned.at):
            tally.already += 1
            continue
        try:
            fits.append(examiner.examine(planned))
        except NotPossible as error:
            if planned.at in acted and examiner.action.replaces:
                tally.already += 1
            else:
                tally.skipped.append(LeftOut(planned.path, planned.keeper, sentence(error)))
    proved = prove((fit.planned for fit in fits if not fit.is_exact), workers)
    for fit in fits:
        refusal = proved.get(fit.planned.path)
        if refusal is None:
            yield fit
        else:
            tally.skipped.append(LeftOut(fit.planned.path, fit.planned.keeper, sentence(refusal)))


def _act(store: Store, run: Run, fits: Sequence[Fit], tally: _Tally, progress: Progress) -> None:
    begun = []
    for fit in fits:
        try:
            begun += steps_for(run, fit)
        except (OSError, Changed) as error:
            tally.skipped.append(LeftOut(fit.planned.path, fit.planned.keeper, sentence(error)))
    with store.write() as tx:
        begun = runs.add_steps(tx, begun)
    for own in by_file(begun):
        done, why = carry_out(run, own)
        put(store, run, done)
        if why:
            [copy] = [step for step in own if step.kind is StepKind.COPY]
            tally.skipped.append(LeftOut(os.fsdecode(copy.path), os.fsdecode(copy.keeper), why))
        tally.acted += [_acted(step) for step in done if step.state is StepState.DONE]


def _acted(step: Step) -> Acted:
    target = None if step.target is None else os.fsdecode(step.target)
    return Acted(step.kind, os.fsdecode(step.path), os.fsdecode(step.keeper), target, step.size_bytes)


def _would(fit: Fit) -> Iterator[Acted]:
    planned = fit.planned
    yield Acted(StepKind.COPY, planned.path, planned.keeper, None, planned.size_bytes)
    for one in fit.going:
        yield Acted(StepKind.COMPANION, one.companion.path, os.fsdecode(one.stays), None, one.companion.size_bytes)


def _parts(planned: Sequence[Planned]) -> Iterator[Sequence[Planned]]:
    for start in range(0, len(planned), AT_ONCE):
        yield planned[start : start + AT_ONCE]
