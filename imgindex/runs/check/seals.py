"""What `check` says of rows that are not as they were written, table by table, and what mends them."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from typing import TYPE_CHECKING

from imgindex.runs.check.damage import Damage, many
from imgindex.runs.check.repair import REPAIR, RESTORE
from imgindex.store import Transaction, runs
from imgindex.store.schema import SEALED
from imgindex.store.sqlite import faults, mending
from imgindex.store.sqlite.faults import ChangedRow

if TYPE_CHECKING:
    from imgindex.runs.check.invariants import Invariants

NUMBER = 7


def changed(invariants: Invariants, tx: Transaction) -> Iterator[Damage]:
    """The damage in each sealed table."""
    for table in SEALED:
        rows = []
        for count, row in enumerate(faults.changed_rows(tx, table)):
            invariants.progress.advance(int(not count % 4096))
            if row is not None:
                rows.append(row)
        if rows:
            yield from _said(invariants, tx, table.name, rows)


def records(tx: Transaction) -> Iterator[Damage]:
    """The damage in what is on record of what was done to files."""
    if found := runs.changed(tx):
        sentence = f"{many(len(found), 'record')} of what was done to files not as written, e.g. {found[0]}."
        yield Damage(
            NUMBER,
            sentence,
            "Restore the database from a backup (imgindex backup FILE makes one), or see runs.jsonl in the directory "
            "of the store for what was done: imgindex undo goes by no such record.",
        )


def _said(invariants: Invariants, tx: Transaction, table: str, rows: Sequence[ChangedRow]) -> Iterator[Damage]:
    repair, rowids = invariants.repair, [row.rowid for row in rows]
    mend: Callable[[], None] | None
    match table:
        case "pair" | "pending":
            name = "pair" if table == "pair" else "pending candidate"
            yield from invariants.broken_pairs(NUMBER, name, [faults.broken_pair(table, row) for row in rows])
            return
        case "weighed":
            yield from invariants.broken_weighings(NUMBER, [faults.broken_weighing(row) for row in rows])
            return
        case "embedding":
            remedy = f"{REPAIR}removes them, and the next imgindex index embeds their images again."
            mend = partial(repair.remove_vectors, {row.rowid: row.values["image_id"] for row in rows})
        case "space":
            is_mended = all(mending.original(tx, table, row) is not None for row in rows)
            remedy = f"{REPAIR}puts back the one bit that changed." if is_mended else RESTORE
            mend = partial(repair.put_back, table, rows) if is_mended else None
        case "state":
            remedy = f"{REPAIR}puts back what changed, or begins a new generation."
            mend = partial(repair.put_back, table, rows)
        case _:
            remedy, mend = repair.of_values(table, rowids)
    sentence = f"{many(len(rows), 'row')} of {table} not as written, e.g. row {rowids[0]}: {faults.CHANGED}."
    yield Damage(NUMBER, sentence, remedy, mend, is_first=table == "state")
