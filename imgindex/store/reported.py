"""What the last nightly report said, file by file; the next one tells by it what is new."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, delete, insert, select

from imgindex import clock
from imgindex.store.schema import nightly, reported
from imgindex.store.values import all_whole, rows_of


@dataclass(frozen=True, slots=True)
class ReportedFile:
    """A file that a nightly report named: the group it was in, its content, and whether it was the one to keep."""

    path: bytes
    group_number: int
    sha256: bytes
    is_keeper: bool


@rows_of("nightly")
def last_nightly_s(tx: Connection) -> int | None:
    """Unix time of the last nightly report; None where there was none."""
    rows = all_whole(tx.execute(select(nightly).order_by(nightly.c.id)), nightly)
    return rows[-1].finished_at_s if rows else None


@rows_of("reported")
def reported_files(tx: Connection) -> list[ReportedFile]:
    """Every file of the last nightly report's groups, by path."""
    rows = all_whole(tx.execute(select(reported).order_by(reported.c.path)), reported)
    return [ReportedFile(row.path, row.group_number, row.sha256, row.is_keeper) for row in rows]


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
    tx.execute(insert(nightly).values(finished_at_s=clock.now_s()))
