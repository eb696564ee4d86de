"""The log of what a person decided: appended to, read, never changed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from sqlalchemy import Connection, insert, select

from imgindex import clock
from imgindex.records import DecisionKind
from imgindex.store import checksum
from imgindex.store.schema import decision


@dataclass(frozen=True, slots=True)
class Decision:
    """A row of the log: what was said of two contents (sha256, the smaller first), and the checksum stored with it."""

    id: int
    made_at_s: int
    kind: str
    low_sha256: bytes
    high_sha256: bytes
    note: str
    checksum: bytes

    @property
    def is_whole(self) -> bool:
        """Whether the row is as it was written."""
        return self.checksum == _checksum(self.made_at_s, self.kind, self.low_sha256, self.high_sha256, self.note)


def add_decision(tx: Connection, kind: DecisionKind, one: bytes, other: bytes, note: str = "") -> None:
    """Append what was decided of two different contents, given by sha256."""
    low, high = sorted((one, other))
    now = clock.now_s()
    tx.execute(
        insert(decision).values(
            made_at_s=now,
            kind=kind.value,
            low_sha256=low,
            high_sha256=high,
            note=note,
            checksum=_checksum(now, kind.value, low, high, note),
        )
    )


def decisions(tx: Connection) -> Iterator[Decision]:
    """The whole log, oldest first; the last of a pair counts."""
    for row in tx.execute(select(decision).order_by(decision.c.id)):
        yield Decision(*row)


def _checksum(made_at_s: int, kind: str, low: bytes, high: bytes, note: str) -> bytes:
    return checksum.of_values(made_at_s, kind, low.hex(), high.hex(), note)
