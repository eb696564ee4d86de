"""Seals: triggers that give each row a checksum whenever it is written, and refuse to change a row that no longer has
the values that were written.

SQLite keeps no checksum of its pages, so that a bit that a disk flips is read as another value. A checksum is made of a
row as it is stored, whichever statement wrote it. Without the refusal, a damaged row that a run changes in another
column would be sealed with its damage.

A table that is added gets a last column `checksum` (see `schema`), and its migration makes these triggers.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

from sqlalchemy import Connection, Table

from imgindex.store import checksum
from imgindex.store.schema import SEALED, sealed_columns

FUNCTION = "imgindex_checksum"
"""`checksum.of_row` of its arguments, in SQL; every connection of the store has it."""

DAMAGED = "is not as it was written"
"""What a trigger says of a row that it refuses to change."""


def register(connection: sqlite3.Connection) -> None:
    """Give a connection what the triggers call."""
    connection.create_function(FUNCTION, -1, lambda *values: checksum.of_row(values), deterministic=True)


def triggers(table: Table) -> dict[str, str]:
    """The triggers of one table by name, as the migrations make them."""
    columns, name = sealed_columns(table), table.name
    old = f"{FUNCTION}({', '.join(f'OLD.{column}' for column in columns)})"
    seal = f"BEGIN UPDATE {name} SET checksum = {FUNCTION}({', '.join(columns)}) WHERE {name}.rowid = NEW.rowid; END"
    of = ", ".join(columns)
    return {
        f"{name}_sealed": f"CREATE TRIGGER {name}_sealed AFTER INSERT ON {name} {seal}",
        f"{name}_whole": (
            f"CREATE TRIGGER {name}_whole BEFORE UPDATE OF {of} ON {name} WHEN OLD.checksum IS NOT {old} "
            f"BEGIN SELECT RAISE(ABORT, 'a row of {name} {DAMAGED}'); END"
        ),
        f"{name}_resealed": f"CREATE TRIGGER {name}_resealed AFTER UPDATE OF {of} ON {name} {seal}",
    }


def is_whole(table: Table) -> str:
    """SQL that is true of a row as it was written."""
    return f"checksum IS {FUNCTION}({', '.join(sealed_columns(table))})"


def seal(tx: Connection, table: Table) -> None:
    """For a repair: give all rows of a table the checksum of what they are now."""
    tx.exec_driver_sql(f"UPDATE {table.name} SET checksum = {FUNCTION}({', '.join(sealed_columns(table))})")


TRIGGERS = {name: sql for table in SEALED for name, sql in triggers(table).items()}
"""Those of all tables."""


@contextmanager
def lifted(tx: Connection, table: Table) -> Iterator[None]:
    """For a repair: meanwhile rows of the table may be changed whatever they are, and keep the checksum they have."""
    made = triggers(table)
    for name in made:
        tx.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
    yield
    for sql in made.values():
        tx.exec_driver_sql(sql)
