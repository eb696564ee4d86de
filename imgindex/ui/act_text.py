"""Plans, and what was done to files, as text for a person."""

from __future__ import annotations

import os
import shlex
from collections import Counter
from collections.abc import Iterable, Sequence

from imgindex.acts import (
    Action,
    ApplySummary,
    LeftOut,
    Plan,
    RunState,
    RunStatus,
    StepKind,
    StepState,
    Trace,
    UndoSummary,
)
from imgindex.files import display
from imgindex.ui.words import count, size_text

MOST_SHOWN = 20
"""Files named in each list; JSON has them all."""

DONE = {
    Action.TRASH: "in the trash",
    Action.MOVE: "moved",
    Action.HARDLINK: "now hard links to their keepers",
    Action.SYMLINK: "now links to their keepers",
    Action.REFLINK: "now sharing their blocks with their keepers",
    Action.DELETE: "deleted",
}
WOULD = {
    Action.TRASH: "would go to the trash",
    Action.MOVE: "would be moved",
    Action.HARDLINK: "would become hard links to their keepers",
    Action.SYMLINK: "would become links to their keepers",
    Action.REFLINK: "would share their blocks with their keepers",
    Action.DELETE: "would be deleted for good",
}


def plan_text(plan: Plan, name: str) -> str:
    """What a plan says, in short."""
    grades = Counter(one.grade.value for one in plan.files)
    kinds = ", ".join(f"{number:,} {grade}" for grade, number in grades.most_common())
    lines = [
        f"{count(len(plan.files), 'file')} may go ({kinds or 'none'}), {size_text(plan.size_bytes)}; "
        f"the plan is in {display(name)}."
    ]
    lines += _left_out_lines("Left out", plan.left_out)
    if plan.files:
        lines.append(
            f"Look at it, take out what shall stay, then see what would be done: imgindex apply {display(name)}"
        )
    return "\n".join(lines)


def applied_text(summary: ApplySummary, name: str, folder: str | None) -> str:
    """What `apply` did, or would do."""
    copies = [one for one in summary.acted if one.kind is StepKind.COPY]
    others = [one for one in summary.acted if one.kind is StepKind.COMPANION]
    with_them = (
        f" with {count(len(others), 'file')} that {'belongs' if len(others) == 1 else 'belong'} to them"
        if others
        else ""
    )
    said = (WOULD if summary.dry else DONE)[summary.action]
    lines = [f"{count(len(copies), 'file')}{with_them} {said}, {size_text(summary.freed_bytes)}."]
    if summary.action is Action.DELETE and copies:
        lines.append("What is deleted comes back only where its keeper has the same bytes; nothing else can be undone.")
    for one in summary.acted[:MOST_SHOWN]:
        lines.append(f"  {display(one.path)}")
        if one.kind is StepKind.COPY:
            lines.append(f"    kept for it: {display(one.keeper)}")
        if one.target is not None:
            lines.append(f"    now at {display(one.target)}")
    lines += _more(len(summary.acted))
    if summary.already:
        lines.append(f"{count(summary.already, 'file')} had gone before.")
    lines += _left_out_lines("Left alone", summary.skipped)
    if summary.dry and copies:
        to = [] if folder is None else [folder]
        what = shlex.join(["imgindex", "apply", name, *to, "--action", summary.action, "--yes"])
        lines.append(f"Nothing was done. To do it: {display(what)}")
    elif summary.run is not None and summary.acted:
        lines.append(f"This is run {summary.run}. To put everything back: imgindex undo {summary.run}")
    return "\n".join(lines)


def undone_text(summary: UndoSummary) -> str:
    """What `undo` put back."""
    lines = [f"Run {summary.run} ({summary.action}): {count(len(summary.restored), 'file')} put back."]
    lines += [f"  {display(path)}" for path in summary.restored[:MOST_SHOWN]]
    lines += _more(len(summary.restored))
    lines += _left_out_lines("Not put back", summary.left)
    return "\n".join(lines)


def runs_text(found: Sequence[RunStatus]) -> str:
    """Every run in two lines."""
    if not found:
        return "Nothing was done to any file yet."
    lines = []
    for run in found:
        to = f" to {display(run.destination)}" if run.destination is not None else ""
        what = f"{run.action}{to}, {count(run.files, 'file')}, {size_text(run.size_bytes)}"
        lines.append(f"Run {run.run}, {run.started_at}: {what}")
        lines.append(f"  {_state(run)}")
    return "\n".join(lines)


def _state(run: RunStatus) -> str:
    if run.state is RunState.APPLYING:
        return "interrupted: the same apply goes on from there, or imgindex undo takes it back"
    if run.state is RunState.UNDOING:
        return f"undo was interrupted: imgindex undo {run.run} goes on"
    undone = f"{run.undone:,} put back" if run.undone else ""
    rest = run.files - run.undone
    can = f"{run.can_be_undone:,} of {rest:,} can be undone: imgindex undo {run.run}" if rest else ""
    return ", ".join(part for part in (undone, can) if part) or "nothing was done"


def traces_text(found: Sequence[Trace]) -> str:
    """Where files went."""
    lines: list[str] = []
    for trace in found[:MOST_SHOWN]:
        lines.append(display(trace.path))
        lines += [f"  {sentence}" for sentence in _trace(trace)]
    return "\n".join([*lines, *_more(len(found))])


def _trace(trace: Trace) -> Iterable[str]:
    if trace.action is None:
        yield "is there; no run has acted on it" if trace.is_there else "is not there, and no run has taken it"
    else:
        yield f"run {trace.run} of {trace.at} ({trace.action}): {_went(trace)}"
        if trace.kind is not StepKind.SIDECAR:
            verdict = f" ({trace.verdict})" if trace.verdict else ""
            yield f"kept for it: {display(trace.keeper)}{verdict}"
        if trace.why:
            yield f"why that: {'; '.join(trace.why)}"
    elsewhere = [path for path in trace.now if path != trace.path]
    if elsewhere:
        yield f"the same bytes are at {', '.join(map(display, elsewhere[:3]))}" + (
            " and more" if len(elsewhere) > 3 else ""
        )


def _went(trace: Trace) -> str:
    if trace.state is StepState.UNDONE:
        return "went, and was put back"
    if trace.kind is StepKind.SIDECAR:
        return "written with what a copy of the picture knew"
    if trace.target is not None:
        return (
            f"it is at {display(trace.target)}"
            if os.path.lexists(trace.target)
            else f"it was put at {display(trace.target)}, and is there no more"
        )
    return {Action.DELETE: "deleted"}.get(trace.action or Action.DELETE, f"replaced by a {trace.action}")


def _left_out_lines(title: str, left: Sequence[LeftOut]) -> list[str]:
    if not left:
        return []
    lines = [f"{title} ({count(len(left), 'file')}):"]
    for one in left[:MOST_SHOWN]:
        lines += [f"  {display(one.path)}", f"    {one.why}"]
    return lines + _more(len(left))


def _more(number: int) -> list[str]:
    return [f"  and {number - MOST_SHOWN:,} more"] if number > MOST_SHOWN else []
