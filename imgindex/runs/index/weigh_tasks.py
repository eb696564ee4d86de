"""What worker processes do with proven pairs: read both pictures in full and weigh them against each other."""

from __future__ import annotations

import functools
from dataclasses import dataclass

from imgindex.pictures.contents import OnDisk
from imgindex.pictures.sources import PixelCache
from imgindex.pictures.whole import Whole, whole
from imgindex.proof.loss import weigh
from imgindex.records import Verification, Weighing
from imgindex.runs.index.messages import attempted

WHOLE_CACHE_BYTES = 256 << 20
"""Of pictures in full in each worker: two of 40 megapixels. A keeper meets all its copies one after the other."""


@dataclass(frozen=True, slots=True)
class WeighTask:
    """A proven pair by its ids, where its two contents are, a being that of the smaller sha256, and what proved it."""

    key: tuple[int, int]
    a: OnDisk
    b: OnDisk
    outcome: Verification


def weigh_tasks(tasks: list[WeighTask]) -> list[Weighing | Exception]:
    """What is lost with either image of each pair; OSError stands for an image that cannot be read now."""
    return [weighed(task) for task in tasks]


def weighed(task: WeighTask) -> Weighing | Exception:
    """The outcome of one task."""
    return attempted(lambda: weigh(_whole(task.a), _whole(task.b), task.outcome))


@functools.lru_cache(maxsize=1)
def _cache() -> PixelCache:
    return PixelCache(WHOLE_CACHE_BYTES)


def _whole(content: OnDisk) -> Whole:
    return _cache().get(content.sha256, lambda: whole(content.read()))
