"""What is known of the command that this process runs."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from imgindex.ui.directories import store_directory

DUPLICATES = 1
"""Exit code of `--fail-on-duplicates` where some were found."""


@dataclass(slots=True)
class Invocation:
    """What `main` knows of the command where it fails: one, for one command is all that a process runs."""

    store: Path | None = None
    began_s: float = field(default_factory=time.monotonic)

    @property
    def seconds(self) -> float:
        """Since the process has read its command line, which is as good as since it was started."""
        return time.monotonic() - self.began_s


RUNNING = Invocation()


def chosen_store(named: Path | None) -> Path:
    """The directory of the store, which a command that fails from now on names."""
    RUNNING.store = store_directory(named)
    return RUNNING.store
