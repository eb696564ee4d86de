"""What is told beside answers: by default only sentences for a person, on demand every stage and what libraries say.

Libraries print warnings and log lines of their own, which say nothing to a person who indexes photos: they reach
standard error where --verbose asks for them, and a file where --log-file names one.
"""

from __future__ import annotations

import logging
import time
import warnings
from pathlib import Path
from typing import TYPE_CHECKING

from imgindex.errors import UsageError

if TYPE_CHECKING:
    from imgindex.ports import Progress

LOGGER = logging.getLogger("imgindex")

LAYOUT = logging.Formatter("%(asctime)s %(name)s: %(message)s")


def quiet() -> None:
    """From now on no library writes to standard error."""
    warnings.simplefilter("ignore")
    logging.getLogger().addHandler(logging.NullHandler())


def to_stderr() -> None:
    _add(logging.StreamHandler())


def to_file(path: Path) -> None:
    """Append to a file; UsageError where that cannot be."""
    try:
        _add(logging.FileHandler(path, encoding="utf-8", errors="backslashreplace"))
    except OSError as error:
        raise UsageError(f"The log {path} cannot be written: {error.strerror or error}.") from error


def _add(handler: logging.Handler) -> None:
    handler.setFormatter(LAYOUT)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    LOGGER.setLevel(logging.DEBUG)
    warnings.simplefilter("default")
    logging.captureWarnings(True)


def is_on() -> bool:
    """Whether anybody reads what is logged."""
    return LOGGER.level == logging.DEBUG


class Logged:
    """`ports.Progress` that also logs the stages and sentences."""

    def __init__(self, inner: Progress) -> None:
        self.inner = inner
        self.stopping = False
        self._stage = ""
        self._done = 0
        self._began_s = 0.0

    def start(self, stage: str, total: int | None) -> None:
        self._stage, self._done, self._began_s = stage, 0, time.monotonic()
        LOGGER.debug("%s begins%s", stage, "" if total is None else f", {total:,} to do")
        self.inner.start(stage, total)

    def advance(self, count: int = 1) -> None:
        self._done += count
        self.inner.advance(count)

    def finish(self) -> None:
        if self._stage:
            LOGGER.debug("%s ends, %s done in %.1f s", self._stage, f"{self._done:,}", time.monotonic() - self._began_s)
            self._stage = ""
        self.inner.finish()

    def say(self, sentence: str) -> None:
        LOGGER.info("%s", sentence)
        self.inner.say(sentence)
