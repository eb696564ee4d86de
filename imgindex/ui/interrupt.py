"""Signals that ask a run to end: the first lets it finish its batch, the second ends it at once."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Protocol

SIGNALS = (signal.SIGINT, signal.SIGTERM)


class Stoppable(Protocol):
    """What is told to stop: see `ports.Progress.stopping`."""

    stopping: bool


@dataclass(slots=True)
class Asked:
    """`exit_code` is what shells report for a program that a signal ended (128 + its number); 0 while none came."""

    exit_code: int = 0


class Interrupted(BaseException):
    """A second signal, or one to a command that has nothing to finish. No KeyboardInterrupt: the parser of the command
    line makes those an exit code of its own."""

    def __init__(self, exit_code: int) -> None:
        super().__init__()
        self.exit_code = exit_code


@contextmanager
def finishing(progress: Stoppable) -> Iterator[Asked]:
    """Inside, the first signal makes `progress.stopping` true, and the second raises Interrupted."""
    asked = Asked()

    def heard(number: int, frame: FrameType | None) -> None:
        if progress.stopping:
            raise Interrupted(128 + number)
        progress.stopping = True
        asked.exit_code = 128 + number

    before = {number: signal.signal(number, heard) for number in SIGNALS}
    try:
        yield asked
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def at_once() -> None:
    """From now on every signal of SIGNALS raises Interrupted."""

    def heard(number: int, frame: FrameType | None) -> None:
        raise Interrupted(128 + number)

    for number in SIGNALS:
        signal.signal(number, heard)
