"""The log of what a person decided: appended to, read, never changed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

from sqlalchemy import Connection, insert, select

from imgindex import clock
from imgindex.records import DecisionKind
from imgindex.store import checksum
from imgindex.store.schema import decision
from imgindex.store.values import rows_of

KEEPER_LOW, KEEPER_HIGH = "keeper-low", "keeper-high"
"""How the log writes DecisionKind.KEEPER: which of the two contents stays."""


@dataclass(frozen=True, slots=True)
class Said:
    """What is said of two different contents, given by sha256; of KEEPER, `one` is what stays. Time is the unix time in
    seconds, None for now."""

    kind: DecisionKind
    one: bytes
    other: bytes
    note: str = ""
    made_at_s: int | None = None


@dataclass(frozen=True, slots=True)
class Decision:
    """A row of the log: what was said of two contents (sha256, the smaller first), and the checksum stored with it.
    `kind` is a DecisionKind's value, but for KEEPER, see KEEPER_LOW."""

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

    @property
    def what(self) -> DecisionKind:
        return DecisionKind.KEEPER if self.kind in (KEEPER_LOW, KEEPER_HIGH) else DecisionKind(self.kind)

    @property
    def keeper(self) -> bytes | None:
        """The content that stays, of KEEPER."""
        return {KEEPER_LOW: self.low_sha256, KEEPER_HIGH: self.high_sha256}.get(self.kind)

    @property
    def said(self) -> Said:
        """The same as it was said."""
        one, other = self.low_sha256, self.high_sha256
        if self.kind == KEEPER_HIGH:
            one, other = other, one
        return Said(self.what, one, other, self.note, self.made_at_s)


def add_decisions(tx: Connection, said: Sequence[Said]) -> None:
    """Append what was decided, in this order. Raises ValueError where the two contents are one."""
    now = clock.now_s()
    rows = [_row(one, now if one.made_at_s is None else one.made_at_s) for one in said]
    if rows:
        tx.execute(insert(decision), rows)


def _row(said: Said, made_at_s: int) -> dict[str, object]:
    if said.one == said.other:
        raise ValueError("a decision is about two contents")
    low, high = sorted((said.one, said.other))
    kind = said.kind.value
    if said.kind is DecisionKind.KEEPER:
        kind = KEEPER_LOW if said.one == low else KEEPER_HIGH
    return {
        "made_at_s": made_at_s,
        "kind": kind,
        "low_sha256": low,
        "high_sha256": high,
        "note": said.note,
        "checksum": _checksum(made_at_s, kind, low, high, said.note),
    }


def decisions(tx: Connection) -> Iterator[Decision]:
    """The whole log, oldest first; the last of a pair counts."""
    for row in tx.execute(select(decision).order_by(decision.c.id)):
        yield Decision(*row)


@rows_of("decision")
def last_decisions(tx: Connection) -> dict[tuple[bytes, bytes], Decision]:
    """The last that was said of each two contents, by (smaller, larger) sha256, in the order in which it was said. What
    a newer program said in words that this one does not know counts as KEEP_BOTH.

    Raises StoreError where a row is not as it was written: it may have been about what a report calls redundant.
    """
    last: dict[tuple[bytes, bytes], Decision] = {}
    for found in decisions(tx):
        if not found.is_whole:
            raise ValueError(f"decision {found.id} is not as it was written")
        pair = found.low_sha256, found.high_sha256
        last.pop(pair, None)
        last[pair] = found if _is_known(found) else replace(found, kind=DecisionKind.KEEP_BOTH.value)
    return last


def standing_decisions(tx: Connection) -> dict[tuple[bytes, bytes], Decision]:
    """What counts: the same, but for what was taken back."""
    last = last_decisions(tx)
    return {pair: found for pair, found in last.items() if found.what is not DecisionKind.UNDECIDED}


def _is_known(found: Decision) -> bool:
    try:
        return bool(found.what)
    except ValueError:
        return False


def _checksum(made_at_s: int, kind: str, low: bytes, high: bytes, note: str) -> bytes:
    return checksum.of_values(made_at_s, kind, low.hex(), high.hex(), note)
