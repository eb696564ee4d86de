"""What is kept of a job, in the store's directory: one file each, written whole, so that a kill loses none."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any

from imgindex import files

FOLDER = "jobs"

KEPT = 200
"""Jobs beyond these are forgotten, the oldest first."""


class State(StrEnum):
    WAITING = "waiting"
    RUNNING = "running"
    DONE = "done"
    FAILED = "failed"
    CANCELLED = "cancelled"
    INTERRUPTED = "interrupted"

    @property
    def is_over(self) -> bool:
        return self not in (State.WAITING, State.RUNNING)


@dataclass(slots=True)
class Record:
    """`spec` is what the job's process is told; times are UTC, ISO 8601. `resumes` is the job that this one goes on
    with."""

    id: str
    kind: str
    spec: dict[str, Any]
    state: State
    sentence: str
    asked_at: str
    began_at: str | None = None
    ended_at: str | None = None
    resumes: str | None = None
    result: dict[str, Any] | None = field(default=None)


class Records:
    """The records of a store's jobs; its methods wait for the disk."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER

    def put(self, record: Record) -> None:
        """Raises OSError where that is not possible."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        text = json.dumps(asdict(record), indent=1)
        files.write_atomic(self._folder / f"{record.id}.json", lambda file: file.write(text.encode()))

    def read(self) -> list[Record]:
        """All of them, oldest first; what is no record is left alone. Those beyond KEPT are removed."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for name in sorted(os.listdir(self._folder)):
                with contextlib.suppress(OSError, ValueError, TypeError, KeyError):
                    values = json.loads((self._folder / name).read_text())
                    found.append(Record(**values | {"state": State(values["state"])}))
        found.sort(key=lambda record: (record.asked_at, record.id))
        for old in found[:-KEPT]:
            with contextlib.suppress(OSError):
                os.unlink(self._folder / f"{old.id}.json")
        return found[-KEPT:]
