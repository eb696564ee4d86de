"""Rows as SQLite has them, whatever types a flipped bit gave their values."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from typing import Any

from sqlalchemy import Connection


def rows(tx: Connection, statement: str, *values: object) -> Iterator[Any]:
    """Tuples of values with the types that they have in the file; a text that is no UTF-8 has surrogates."""
    driver = tx.connection.driver_connection
    assert isinstance(driver, sqlite3.Connection)
    driver.text_factory = _text
    for row in tx.exec_driver_sql(statement, values):
        yield tuple(row)


def _text(data: bytes) -> str:
    return data.decode("utf-8", "surrogateescape")
