"""Which way each action takes."""

from __future__ import annotations

from imgindex.acts import Action, Run, Step
from imgindex.runs.act.job import Way
from imgindex.runs.act.linking import Hardlink, Reflink, Symlink
from imgindex.runs.act.moving import Move
from imgindex.runs.act.removing import Delete
from imgindex.runs.act.trash import Trash

WAYS: dict[Action, Way] = {
    Action.TRASH: Trash(),
    Action.MOVE: Move(),
    Action.HARDLINK: Hardlink(),
    Action.SYMLINK: Symlink(),
    Action.REFLINK: Reflink(),
    Action.DELETE: Delete(),
}


def way_of(run: Run, step: Step) -> Way:
    """How the step of a run is done."""
    return WAYS[run.action]
