"""What worker processes do with pairs: tell strangers by their sketches, and verify what is left.

A worker imports what is needed for that, and nothing of the store: the rest would take it half a second to load.
"""

from __future__ import annotations

import functools
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

from imgindex.pictures.sketch import Sketch
from imgindex.pictures.sources import ImageSource
from imgindex.ports import Workers
from imgindex.proof import align, screen, verify
from imgindex.proof.screen import Way
from imgindex.records import Candidate, Verification
from imgindex.skips import Skipped

TASKS_AT_ONCE = 32
"""Pairs in one message to a worker process at most: neighbours in the list share an image, which then travels
once. Of the 5,053 pairs of the `ukbench` recipe 8 together send 4,525 images, 16 send 3,323 and 32 send 2,718."""

PIXELS_AT_ONCE = 200_000_000
"""Pixels of both pictures of these pairs, beyond which the message ends: all must be verified within
`pool.TIMEOUT_S`, and a pair may need both decoded in full three times (for its traits, for the digest of its pixels
and for a larger luma), which takes the slowest decoder (see there) 80 s."""

MESSAGES_AHEAD = 4
"""Messages for each worker before the first answer is taken: a quarter of a second of work, while a block is read or
written."""


@dataclass(frozen=True, slots=True)
class ScreenTask:
    """The image that candidates share against the others, each with whether the shared one is a (of the smaller
    sha256); travels to a worker process without the candidates, which mean nothing there."""

    candidates: list[Candidate]
    shared: bytes
    others: list[bytes]
    shared_is_a: list[bool]

    def __reduce__(self) -> tuple[Any, ...]:
        return ScreenTask, ([], self.shared, self.others, self.shared_is_a)


_sketch = functools.lru_cache(maxsize=1024)(Sketch.from_bytes)
"""An image is in some ten tasks, most of them soon after each other: 20 kB each."""


def ways_of(task: ScreenTask) -> list[Way | None]:
    """Why each pair is worth verifying; None where nothing speaks for it."""
    others = list(map(_sketch, task.others))
    return screen.ways(_sketch(task.shared), others, task.shared_is_a, align.SILENT_CORRELATION)


@dataclass(frozen=True, slots=True)
class Task:
    """A candidate with its pixels, a being the image of the smaller sha256: arrival order changes nothing.

    `sketches` of a and b where these were not asked yet whether the features agree.
    """

    candidate: Candidate
    a_is_low: bool
    a: ImageSource
    b: ImageSource
    sketches: tuple[bytes, bytes] | None

    def features_agree(self) -> bool:
        """Whether the features are worth asking."""
        return self.sketches is None or screen.features_agree(*map(_sketch, self.sketches))


def verify_tasks(tasks: list[Task]) -> list[Verification | Exception]:
    """The outcome of each; OSError stands for an image that cannot be read now."""
    return [verified(task) for task in tasks]


def verified(task: Task) -> Verification | Exception:
    """The outcome of one task."""
    try:
        return verify.verify(task.a, task.b, task.features_agree)
    except (OSError, Skipped) as error:
        return error
    except Exception as error:
        return RuntimeError(f"{type(error).__name__}: {error}")


def outcomes_of(workers: Workers, tasks: Iterable[Task]) -> Iterator[tuple[Task, Verification | Exception]]:
    """The outcome of each task. They travel TASKS_AT_ONCE together; where a worker dies, each is tried alone."""
    for part, results in workers.run(verify_tasks, _parts(tasks), MESSAGES_AHEAD):
        if isinstance(results, Exception):
            yield from (
                (task, one[0] if isinstance(one, list) else one)
                for [task], one in workers.run(verify_tasks, [[t] for t in part])
            )
        else:
            yield from zip(part, results, strict=True)


def _parts(tasks: Iterable[Task]) -> Iterator[list[Task]]:
    part: list[Task] = []
    pixels = 0
    for task in tasks:
        more = task.a.info.pixels + task.b.info.pixels
        if part and (len(part) == TASKS_AT_ONCE or pixels + more > PIXELS_AT_ONCE):
            yield part
            part, pixels = [], 0
        part.append(task)
        pixels += more
    if part:
        yield part
