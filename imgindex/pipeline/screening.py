"""screen: candidates that their sketches refute, before any file is read for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from imgindex import sketch, verify
from imgindex.pipeline.sources import ImageSource
from imgindex.records import Candidate, ProposedBy
from imgindex.sketch import Sketch
from imgindex.store import Store, sketches
from imgindex.workers import Workers

TASK_PAIRS = 64
"""Pairs in one message to a worker process at most: 400 kB."""


@dataclass(frozen=True, slots=True)
class Screened:
    """`left` may be copies, `refuted` are not; `made` are sketches by image id that the store did not have."""

    left: list[Candidate]
    refuted: list[Candidate]
    made: list[tuple[int, bytes]]


@dataclass(frozen=True, slots=True)
class ScreenTask:
    """One image against others; travels to a worker process."""

    candidates: list[Candidate]
    low: bytes
    high: list[bytes]


def screen(store: Store, todo: Sequence[Candidate], known: Mapping[int, ImageSource], workers: Workers) -> Screened:
    """Tell the candidates that are worth verifying from those that their sketches refute.

    Proposals by equal digests are not screened: a picture without texture has nothing but its pixels. A candidate of
    which an image cannot be read for its sketch is left, so that its verification says why.
    """
    screened = [c for c in todo if c.proposed_by is not ProposedBy.DIGEST]
    ids = {i for c in screened for i in (c.low_id, c.high_id)}
    with store.read() as tx:
        have = sketches.sketches(tx, ids, sketch.VERSION)
    lacking = {known[i].key: i for i in sorted(ids - have.keys())}
    made = [
        (lacking[source.key], data)
        for source, data in workers.run(ImageSource.sketch, [known[i] for i in lacking.values()])
        if isinstance(data, bytes)
    ]
    have.update(made)
    refuted: list[Candidate] = []
    for task, verdicts in workers.run(may_be_copies, _tasks(screened, have)):
        if isinstance(verdicts, list):
            refuted += [c for c, may_be in zip(task.candidates, verdicts, strict=True) if not may_be]
    gone = {(c.low_id, c.high_id) for c in refuted}
    return Screened([c for c in todo if (c.low_id, c.high_id) not in gone], refuted, made)


def _tasks(todo: Iterable[Candidate], have: Mapping[int, bytes]) -> Iterator[ScreenTask]:
    ready = sorted((c for c in todo if c.low_id in have and c.high_id in have), key=lambda c: (c.low_id, c.high_id))
    for low_id, group in groupby(ready, key=lambda c: c.low_id):
        same = list(group)
        for start in range(0, len(same), TASK_PAIRS):
            part = same[start : start + TASK_PAIRS]
            yield ScreenTask(part, have[low_id], [have[c.high_id] for c in part])


def may_be_copies(task: ScreenTask) -> list[bool]:
    """Runs in a worker process."""
    low = Sketch.from_bytes(task.low)
    return [sketch.may_be_copies(low, Sketch.from_bytes(high), verify.FRAME_CORRELATION) for high in task.high]
