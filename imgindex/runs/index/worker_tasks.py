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
from imgindex.runs.index.messages import attempted, messages, outcomes

TASKS_AT_ONCE = 32
"""Pairs in one message to a worker process at most: neighbours in the list share an image, which then travels
once. Of the 5,053 pairs of the `ukbench` recipe 8 together send 4,525 images, 16 send 3,323 and 32 send 2,718."""

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
    return attempted(lambda: verify.verify(task.a, task.b, task.features_agree))


def outcomes_of(workers: Workers, tasks: Iterable[Task]) -> Iterator[tuple[Task, Verification | Exception]]:
    """The outcome of each task."""
    return outcomes(workers, verify_tasks, messages(tasks, pixels_of, TASKS_AT_ONCE), MESSAGES_AHEAD)


def pixels_of(task: Task) -> int:
    """Of both pictures in full."""
    return task.a.info.pixels + task.b.info.pixels
