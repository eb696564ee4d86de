"""recognize: what somebody asks before a picture is stored. Is it a copy of anything here, and what would be lost?"""

from __future__ import annotations

import os
from dataclasses import dataclass, replace

from imgindex.pictures.contents import OnDisk
from imgindex.ports import Workers
from imgindex.proof import loss
from imgindex.records import Grade, Loss, PictureInfo, Verdict, Verification, Weighing
from imgindex.results import Match
from imgindex.runs import query
from imgindex.runs.context import RunContext
from imgindex.runs.index.weigh_tasks import WeighTask, weigh_tasks
from imgindex.runs.query import Near
from imgindex.search.index_files import OpenIndex

SAME_BYTES = Weighing((), (), {}, {}, Grade.REDUNDANT, Grade.REDUNDANT)


@dataclass(frozen=True, slots=True)
class Recognition:
    """What the store knows of a picture that is not part of it: `matches` as of a query, best first.

    The other fields are of the best match where that is a copy and was weighed against the picture: `loss` is what
    goes if the picture is not kept beside the match, `loss_of_match` what goes if the match were replaced by it;
    `grade` is how the picture stands below the match, None where it does not.
    """

    matches: tuple[Match, ...]
    loss: tuple[Loss, ...] | None = None
    loss_of_match: tuple[Loss, ...] | None = None
    grade: Grade | None = None

    @property
    def best(self) -> Match | None:
        """The match that the picture is a copy of, or nearly so; None where nothing aligned with it."""
        first = self.matches[0] if self.matches else None
        return first if first is not None and first.verdict.is_aligned else None


def recognize(context: RunContext, opened: OpenIndex, path: str, k: int, *, weighed: bool) -> Recognition:
    """The k stored images that are most like the picture at `path`, as a query finds them; where the best is a copy
    and it is to be `weighed`, what would be lost with either of the two.

    Raises UsageError where the picture cannot be read.
    """
    made, found = query.find_asked(context, opened, path, k + query.EXTRA)
    known = {os.fsdecode(near.paths[0]): (near, outcome) for near, outcome in found}
    recognition = Recognition(tuple(query.best([query.match_of(near, outcome) for near, outcome in found], k)))
    best = recognition.best
    if not weighed or best is None or not best.verdict.is_copy:
        return recognition
    near, outcome = known[os.fsdecode(best.path)]
    content = OnDisk((os.fsencode(os.path.abspath(path)),), made.sha256)
    weighing = _weighing(content, made.info, near, outcome, context.workers)
    if weighing is None:
        return recognition
    return replace(recognition, loss=weighing.loss_a, loss_of_match=weighing.loss_b, grade=weighing.grade_a)


def _weighing(asked: OnDisk, info: PictureInfo, near: Near, outcome: Verification, workers: Workers) -> Weighing | None:
    """What the picture that was asked for and a stored one weigh against each other; None where one of them cannot be
    read now."""
    if outcome.verdict is Verdict.EXACT:
        return SAME_BYTES
    settled = loss.by_geometry(outcome, info, near.image.info)
    if settled is not None:
        return settled
    task = WeighTask((0, near.image.id), asked, OnDisk(near.paths, near.image.sha256), outcome)
    [(_, weighings)] = workers.run(weigh_tasks, [[task]])
    if isinstance(weighings, Exception):
        return None
    [weighing] = weighings
    return weighing if isinstance(weighing, Weighing) else None
