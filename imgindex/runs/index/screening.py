"""screen: candidates that their sketches refute, before any file is read for them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import attrgetter

from imgindex.pictures import sketch
from imgindex.pictures.sources import ImageSource
from imgindex.proof.screen import Way
from imgindex.records import Candidate, ProposedBy
from imgindex.runs.context import RunContext
from imgindex.runs.index.worker_tasks import ScreenTask, Task, ways_of
from imgindex.store import sketches

TASK_PAIRS = 64
"""Pairs in one message to a worker process at most: 400 kB."""

NO_SKETCHES: dict[int, bytes] = {}


@dataclass(frozen=True, slots=True)
class Screened:
    """`left` may be copies, `refuted` are not; `made` are sketches by image id that the store did not have.

    `by_frames` has the sketches of a and b, by the ids of the pair, where frames are why it is left: whether the
    features speak for it too need not be known before the frames have failed.
    """

    left: list[Candidate]
    by_frames: dict[tuple[int, int], tuple[bytes, bytes]]
    refuted: list[Candidate]
    made: list[tuple[int, bytes]]

    def tasks(self, known: Mapping[int, ImageSource]) -> Iterator[Task]:
        """What is to be verified of those that are left."""
        for candidate in self.left:
            low, high = known[candidate.low_id], known[candidate.high_id]
            a_is_low = low_is_a(candidate, known)
            a, b = (low, high) if a_is_low else (high, low)
            yield Task(candidate, a_is_low, a, b, self.by_frames.get(candidate.key))


def screen(
    context: RunContext,
    todo: Sequence[Candidate],
    known: Mapping[int, ImageSource],
    at_hand: Mapping[int, bytes] = NO_SKETCHES,
) -> Screened:
    """Tell the candidates that are worth verifying from those that their sketches refute.

    Proposals by equal digests are not screened: a picture without texture has nothing but its pixels. A candidate of
    which an image cannot be read for its sketch is left: its verification says why. Those of one image stand together.
    `at_hand` are sketches by image id that the store need not be asked for. Told to stop, it leaves none.
    """
    shared = _shared(todo)
    todo = sorted(todo, key=lambda c: (shared(c), c.low_id, c.high_id))
    screened = [c for c in todo if c.proposed_by is not ProposedBy.DIGEST]
    ids = {i for c in screened for i in c.key}
    with context.store.read() as tx:
        have = sketches.sketches(tx, ids, sketch.VERSION, context.options.short_side_px) | dict(at_hand)
    lacking = {known[i].key: i for i in sorted(ids - have.keys())}
    made: list[tuple[int, bytes]] = []
    for source, data in context.workers.run(ImageSource.sketch, [known[i] for i in lacking.values()]):
        if isinstance(data, bytes):
            made.append((lacking[source.key], data))
        if context.progress.stopping:
            return Screened([], {}, [], made)
    have.update(made)
    refuted: list[Candidate] = []
    by_frames: dict[tuple[int, int], tuple[bytes, bytes]] = {}
    for task, ways in context.workers.run(ways_of, _tasks(screened, shared, have, known)):
        for candidate, way in zip(task.candidates, ways, strict=True) if isinstance(ways, list) else ():
            if way is None:
                refuted.append(candidate)
            elif way is Way.FRAMES:
                low, high = have[candidate.low_id], have[candidate.high_id]
                by_frames[candidate.key] = (low, high) if low_is_a(candidate, known) else (high, low)
        if context.progress.stopping:
            return Screened([], {}, refuted, made)
    gone = {c.key for c in refuted}
    return Screened([c for c in todo if c.key not in gone], by_frames, refuted, made)


def low_is_a(candidate: Candidate, known: Mapping[int, ImageSource]) -> bool:
    """Whether the low image is a, the one of the smaller sha256: the order of arrival changes nothing."""
    return known[candidate.low_id].sha256 < known[candidate.high_id].sha256


def _shared(todo: Sequence[Candidate]) -> Callable[[Candidate], int]:
    """The low or the high image of a candidate: where a few new ones meet many old ones, the new."""
    sides = attrgetter("low_id"), attrgetter("high_id")
    return min(sides, key=lambda side: len(set(map(side, todo))))


def _tasks(
    todo: Iterable[Candidate],
    shared: Callable[[Candidate], int],
    have: Mapping[int, bytes],
    known: Mapping[int, ImageSource],
) -> Iterator[ScreenTask]:
    ready = (c for c in todo if c.low_id in have and c.high_id in have)
    for image, group in groupby(ready, key=shared):
        same = list(group)
        for start in range(0, len(same), TASK_PAIRS):
            part = same[start : start + TASK_PAIRS]
            others = [c.high_id if c.low_id == image else c.low_id for c in part]
            is_a = [low_is_a(c, known) == (c.low_id == image) for c in part]
            yield ScreenTask(part, have[image], [have[i] for i in others], is_a)
