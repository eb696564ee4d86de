"""The plain twin of the worker processes: the work is done in the calling process, for tests and notebooks."""

from __future__ import annotations

import pickle
from collections.abc import Callable, Iterable, Iterator
from types import TracebackType
from typing import Any

from imgindex.ports import Item, Result
from imgindex.workers.process import CLOSED, Answering, pickled


class InlineWorkers:
    """`ports.Workers` without a process to start: an item is done when its result is asked for.

    All travels by pickle here too, so that what works here works in processes. What only a process survives is not
    survived: a file that crashes or hangs its decoder takes the caller with it.
    """

    def __init__(self) -> None:
        self._closed = False

    @property
    def jobs(self) -> int:
        """1: one item after the other."""
        return 1

    def run(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """See `ports.Workers.run`; no item is begun before the one before it is taken."""
        return self._outcomes(pickled(function), items)

    def as_completed(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int = 0
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """See `ports.Workers.as_completed`: as `run`."""
        return self._outcomes(pickled(function), items)

    def _outcomes(self, function: bytes, items: Iterable[Item]) -> Iterator[tuple[Item, Any]]:
        answering = Answering()
        unknown: bytes | None = function
        for item in items:
            if self._closed:
                raise RuntimeError(CLOSED)
            yield item, pickle.loads(answering(pickled((unknown, item))))
            unknown = None

    def close(self) -> None:
        """See `ports.Workers.close`."""
        self._closed = True

    def __enter__(self) -> InlineWorkers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
