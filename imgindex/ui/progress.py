"""Progress for a person: a bar with rate and time left on a terminal, plain lines elsewhere, nothing for programs."""

from __future__ import annotations

import contextlib
import sys
import time
from typing import TYPE_CHECKING, TextIO

from imgindex.ports import Silent
from imgindex.ui import log

if TYPE_CHECKING:
    from tqdm import tqdm

SECONDS_BETWEEN_LINES = 10.0
"""In a log, a line now and then says that the run is alive; a short run prints none."""


class Lines:
    """`ports.Progress` as plain lines, for logs and pipes."""

    def __init__(self, out: TextIO) -> None:
        self.stopping = False
        self._out = out
        self._stage = ""
        self._total: int | None = None
        self._done = 0
        self._began = self._said = 0.0

    def start(self, stage: str, total: int | None) -> None:
        self._stage, self._total, self._done = stage, total, 0
        self._began = self._said = time.monotonic()

    def advance(self, count: int = 1) -> None:
        self._done += count
        now = time.monotonic()
        if now - self._said >= SECONDS_BETWEEN_LINES:
            self._said = now
            rate = self._done / (now - self._began)
            of = "" if self._total is None else f" of {self._total:,}"
            left = "" if self._total is None or not rate else f", {_clock((self._total - self._done) / rate)} left"
            self.say(f"{self._stage}: {self._done:,}{of}, {rate:.1f}/s{left}")

    def finish(self) -> None: ...

    def say(self, sentence: str) -> None:
        _print(sentence, self._out)


class Bar:
    """`ports.Progress` as a bar on a terminal."""

    def __init__(self, out: TextIO) -> None:
        self.stopping = False
        self._out = out
        self._bar: tqdm[None] | None = None

    def start(self, stage: str, total: int | None) -> None:
        from tqdm import tqdm

        self.finish()
        if total != 0:
            self._bar = tqdm(total=total, desc=stage, file=self._out, leave=False, dynamic_ncols=True, unit="")

    def advance(self, count: int = 1) -> None:
        if self._bar is not None:
            self._bar.update(count)

    def finish(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def say(self, sentence: str) -> None:
        if self._bar is not None:
            self._bar.clear()
        _print(sentence, self._out)


def on_stderr() -> Bar | Lines | Silent | log.Logged:
    """What fits standard error, which is None where who started this process closed it."""
    shown = _shown()
    return log.Logged(shown) if log.is_on() else shown


def _shown() -> Bar | Lines | Silent:
    if sys.stderr is None:
        return Silent()
    return Bar(sys.stderr) if sys.stderr.isatty() else Lines(sys.stderr)


def _print(sentence: str, out: TextIO) -> None:
    with contextlib.suppress(OSError):  # that nobody listens any more ends no run
        print(sentence, file=out, flush=True)


def _clock(seconds: float) -> str:
    minutes, rest = divmod(round(max(0.0, seconds)), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours}:{minutes:02d}:{rest:02d}" if hours else f"{minutes}:{rest:02d}"
