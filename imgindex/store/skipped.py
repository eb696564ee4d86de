"""Statements about files that were refused, and the decoder that refused them."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from imgindex.skips import Skip
from imgindex.store.catalog import IS_HERE
from imgindex.store.schema import file, skipped
from imgindex.store.values import all_whole, rows_of


@rows_of("skipped")
def skipped_files(tx: Connection) -> list[tuple[bytes, Skip]]:
    """Every skipped file that is neither missing nor left out with its reason, by path."""
    rows = (
        select(skipped, file.c.path)
        .select_from(file.outerjoin(skipped, file.c.skipped_id == skipped.c.id))
        .where(file.c.skipped_id.is_not(None), IS_HERE)
        .order_by(file.c.path)
    )
    found = all_whole(tx.execute(rows), skipped)
    return [(row.path, Skip(row.reason, row.detail, row.environment)) for row in found]


def decoder_version(tx: Connection) -> int:
    """The decoder that the skipped files of this store were last tried with; 0 in a new store."""
    return int(tx.exec_driver_sql("PRAGMA user_version").scalar_one())


def set_decoder_version(tx: Connection, version: int) -> None:
    tx.exec_driver_sql(f"PRAGMA user_version = {version:d}")


def retry_skipped(tx: Connection) -> None:
    """Let the next scan of each skipped file read it again, whatever it was skipped for."""
    tx.execute(update(skipped).values(environment=True))
