"""screen: candidates that their sketches refute, before any file is read for them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby

from imgindex import sketch, verify
from imgindex.pipeline.sources import ImageSource
from imgindex.ports import Progress
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
    """One image against others, each with whether the one is a (of the smaller sha256); travels to a worker process."""

    candidates: list[Candidate]
    low: bytes
    high: list[tuple[bytes, bool]]


def screen(
    store: Store,
    todo: Sequence[Candidate],
    known: Mapping[int, ImageSource],
    workers: Workers,
    progress: Progress,
    short_side_px: int,
) -> Screened:
    """Tell the candidates that are worth verifying from those that their sketches refute.

    Proposals by equal digests are not screened: a picture without texture has nothing but its pixels. A candidate of
    which an image cannot be read for its sketch is left: its verification says why. Told to stop, it leaves none.
    """
    screened = [c for c in todo if c.proposed_by is not ProposedBy.DIGEST]
    ids = {i for c in screened for i in (c.low_id, c.high_id)}
    with store.read() as tx:
        have = sketches.sketches(tx, ids, sketch.VERSION, short_side_px)
    lacking = {known[i].key: i for i in sorted(ids - have.keys())}
    made: list[tuple[int, bytes]] = []
    for source, data in workers.run(ImageSource.sketch, [known[i] for i in lacking.values()]):
        if isinstance(data, bytes):
            made.append((lacking[source.key], data))
        if progress.stopping:
            return Screened([], [], made)
    have.update(made)
    refuted: list[Candidate] = []
    for task, verdicts in workers.run(may_be_copies, _tasks(screened, have, known)):
        if isinstance(verdicts, list):
            refuted += [c for c, may_be in zip(task.candidates, verdicts, strict=True) if not may_be]
        if progress.stopping:
            return Screened([], refuted, made)
    gone = {(c.low_id, c.high_id) for c in refuted}
    return Screened([c for c in todo if (c.low_id, c.high_id) not in gone], refuted, made)


def low_is_a(candidate: Candidate, known: Mapping[int, ImageSource]) -> bool:
    """Whether the low image is a, the one of the smaller sha256: the order of arrival changes nothing."""
    return known[candidate.low_id].sha256 < known[candidate.high_id].sha256


def _tasks(
    todo: Iterable[Candidate], have: Mapping[int, bytes], known: Mapping[int, ImageSource]
) -> Iterator[ScreenTask]:
    ready = sorted((c for c in todo if c.low_id in have and c.high_id in have), key=lambda c: (c.low_id, c.high_id))
    for low_id, group in groupby(ready, key=lambda c: c.low_id):
        same = list(group)
        for start in range(0, len(same), TASK_PAIRS):
            part = same[start : start + TASK_PAIRS]
            yield ScreenTask(part, have[low_id], [(have[c.high_id], low_is_a(c, known)) for c in part])


def may_be_copies(task: ScreenTask) -> list[bool]:
    """Runs in a worker process."""
    low = Sketch.from_bytes(task.low)
    found = []
    for data, is_a in task.high:
        high = Sketch.from_bytes(data)
        a, b = (low, high) if is_a else (high, low)
        found.append(sketch.may_be_copies(a, b, verify.FRAME_CORRELATION))
    return found
