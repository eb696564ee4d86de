"""Statements about files that were refused, and the decoder that refused them."""

from __future__ import annotations

from sqlalchemy import Connection, select, update

from imgindex.skips import Skip
from imgindex.store.catalog import IS_HERE
from imgindex.store.schema import file, skipped


def skipped_files(tx: Connection) -> list[tuple[bytes, Skip]]:
    """Every skipped file that is neither missing nor left out with its reason, by path."""
    rows = (
        select(file.c.path, skipped.c.reason, skipped.c.detail, skipped.c.environment)
        .select_from(file.join(skipped, file.c.skipped_id == skipped.c.id))
        .where(IS_HERE)
        .order_by(file.c.path)
    )
    return [(row.path, Skip(row.reason, row.detail, bool(row.environment))) for row in tx.execute(rows)]


def decoder_version(tx: Connection) -> int:
    """The decoder that the skipped files of this store were last tried with; 0 in a new store."""
    return int(tx.exec_driver_sql("PRAGMA user_version").scalar_one())


def set_decoder_version(tx: Connection, version: int) -> None:
    tx.exec_driver_sql(f"PRAGMA user_version = {version:d}")


def retry_skipped(tx: Connection) -> None:
    """Let the next scan of each skipped file read it again, whatever it was skipped for."""
    tx.execute(update(skipped).values(environment=True))
