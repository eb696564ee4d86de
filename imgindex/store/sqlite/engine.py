"""How a connection to SQLite is made: its settings, journal and access."""

from __future__ import annotations

import os
import sqlite3
import threading
from collections.abc import Hashable
from pathlib import Path

from sqlalchemy import Engine, create_engine
from sqlalchemy.pool import NullPool

from imgindex.store.sqlite import journal, seals

PAGE_SIZE_BYTES = 16384
"""2 KiB vectors on SQLite's default 4 KiB pages double the file."""

BUSY_TIMEOUT_MS = 10_000
"""How long a statement waits for another process's short transaction."""


def open_engine(database: Path, *, writable: bool) -> Engine:
    mode = journal.mode_for(database.parent)

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(_uri(database, writable=writable), uri=True, isolation_level=None)
        try:
            _configure(connection, mode if writable else None)
        except BaseException:
            connection.close()
            raise
        return connection

    return create_engine("sqlite://", creator=connect, poolclass=NullPool, isolation_level="AUTOCOMMIT")


class Changes:
    """Tells whether anybody has committed anything to a database since it was last asked; for any number of threads."""

    def __init__(self, database: Path, *, writable: bool) -> None:
        self._database = database
        self._writable = writable
        self._lock = threading.Lock()
        self._connection: sqlite3.Connection | None = None

    def mark(self) -> Hashable:
        """Another value after every commit of another connection, whichever process has that."""
        if not self._writable:  # an immutable connection sees nothing of others
            return tuple(_stamp(f"{self._database}{suffix}") for suffix in ("", "-wal"))
        with self._lock:
            if self._connection is None:
                uri = _uri(self._database, writable=True)
                self._connection = sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False)
            return int(self._connection.execute("PRAGMA data_version").fetchone()[0])

    def close(self) -> None:
        with self._lock:
            if self._connection is not None:
                self._connection.close()
                self._connection = None


def _stamp(path: str) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_mtime_ns, status.st_size


def _configure(connection: sqlite3.Connection, journal_mode: str | None) -> None:
    """Settings of every connection; `journal_mode` is None where nothing may be written."""
    seals.register(connection)
    run = connection.execute
    run(f"PRAGMA busy_timeout = {BUSY_TIMEOUT_MS}")
    run("PRAGMA foreign_keys = ON")
    if journal_mode is not None:
        run(f"PRAGMA page_size = {PAGE_SIZE_BYTES}")  # no effect once WAL is on
        run(f"PRAGMA journal_mode = {journal_mode}")
        run("PRAGMA synchronous = FULL")
    else:
        run("PRAGMA query_only = ON")


def _uri(database: Path, *, writable: bool) -> str:
    """A cleanly closed WAL database in a read-only directory opens only as `immutable`; chosen anew each time, for a
    writer elsewhere may have opened it since."""
    if writable:
        return f"{database.as_uri()}?mode=rwc"
    open_elsewhere = database.with_name(database.name + "-wal").exists()
    is_closed = journal.has_wal(database) and not open_elsewhere
    return f"{database.as_uri()}?{'immutable=1' if is_closed else 'mode=ro'}"
