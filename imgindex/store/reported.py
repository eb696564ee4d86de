"""What the last nightly report said, file by file; the next one tells by it what is new."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, func, insert, select

from imgindex.schema import nightly, reported


@dataclass(frozen=True, slots=True)
class ReportedFile:
    """A file that a nightly report named: the group it was in, its content, and whether it was the one to keep."""

    path: bytes
    group_number: int
    sha256: bytes
    is_keeper: bool


def last_nightly_s(tx: Connection) -> int | None:
    """Unix time of the last nightly report; None where there was none."""
    found = tx.execute(select(func.max(nightly.c.finished_at_s))).scalar()
    return None if found is None else int(found)


def reported_files(tx: Connection) -> list[ReportedFile]:
    """Every file of the last nightly report's groups, by path."""
    return [ReportedFile(*row) for row in tx.execute(select(reported).order_by(reported.c.path))]


def put_nightly(tx: Connection, files: Sequence[ReportedFile]) -> None:
    """Move the mark: a nightly report with these files in its groups was given out now."""
    tx.execute(delete(reported))
    if files:
        tx.execute(
            insert(reported),
            [
                {"path": f.path, "group_number": f.group_number, "sha256": f.sha256, "is_keeper": f.is_keeper}
                for f in files
            ],
        )
    tx.execute(insert(nightly).values(finished_at_s=int(time.time())))
