"""How long the stages of a run take."""

from __future__ import annotations

import time

from imgindex.ports import Progress


class Timed:
    """`ports.Progress` that notes how long each stage took and in which it was told to stop, and passes all on."""

    def __init__(self, inner: Progress) -> None:
        self._inner = inner
        self._stage: str | None = None
        self._began = 0.0
        self.seconds: dict[str, float] = {}
        self.stopped_in = ""

    @property
    def stopping(self) -> bool:
        return self._inner.stopping

    def start(self, stage: str, total: int | None) -> None:
        self._stop()
        self._stage, self._began = stage, time.monotonic()
        self._inner.start(stage, total)

    def advance(self, count: int = 1) -> None:
        self._inner.advance(count)

    def finish(self) -> None:
        self._stop()
        self._inner.finish()

    def say(self, sentence: str) -> None:
        self._inner.say(sentence)

    def _stop(self) -> None:
        if self._stage is not None:
            took = time.monotonic() - self._began
            self.seconds[self._stage] = self.seconds.get(self._stage, 0.0) + took
            if self._inner.stopping and not self.stopped_in:
                self.stopped_in = self._stage
            self._stage = None
