"""Opening the database, and the only two ways to touch it: `Store.read()` and `Store.write()`.

pysqlite's own transactions begin late and leave half a migration behind, so the driver is put into
autocommit and every transaction begins explicitly: BEGIN for readers, BEGIN IMMEDIATE for writers.
"""

from __future__ import annotations

import contextlib
import itertools
import os
import secrets
import sqlite3
from collections.abc import Hashable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import filelock
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import DatabaseError

from imgindex import files
from imgindex.errors import StoreError, StoreLocked
from imgindex.store import upgrade
from imgindex.store.schema import HEAD_REVISION
from imgindex.store.sqlite import beginning, seals
from imgindex.store.sqlite.engine import PAGE_SIZE_BYTES, Changes, open_engine
from imgindex.store.values import REMEDY

Transaction: TypeAlias = Connection
"""What a store hands out to read or write in, and its statements take."""

DATABASE_NAME = "imgindex.db"
LOCK_NAME = "index.lock"

LOCK_WAIT_S = 2.0
"""How long a run waits for the store: `check` has it for a moment, another run for long."""

DAMAGE = (
    "malformed", "not a database", "no such table", "no such column", "UTF-8", "datatype mismatch", seals.DAMAGED,
    "user-defined function",
)  # fmt: skip
"""Words of SQLite for what a flipped bit does to a database that imgindex wrote; a value that its checksum cannot be
made of ends the function that makes it."""


MAX_SAID = 200
"""Characters of what SQLite says."""


class Store:
    """One open store. Use it as a context manager, or call `close`."""

    def __init__(self, directory: Path, engine: Engine, *, writable: bool) -> None:
        self.directory = directory
        self.writable = writable
        self._engine = engine
        self._lock = filelock.FileLock(directory / LOCK_NAME, timeout=LOCK_WAIT_S)
        self._changes = Changes(directory / DATABASE_NAME, writable=writable)

    @classmethod
    def open(cls, directory: Path, *, create: bool = False) -> Store:
        """Open the store in `directory`; with `create`, make it where there is none.

        A store of an older imgindex is upgraded after a backup. Raises StoreError (or StoreLocked,
        StoreTooNew) with a sentence where that cannot be done.
        """
        directory = directory.expanduser().absolute()
        database = directory / DATABASE_NAME
        if create:
            _make_directory(directory)
        is_there = _is_there(database)
        if not (create or is_there):
            raise StoreError(f"There is no store in {directory}; make one with: imgindex index FOLDER")
        beginning.refuse_empty(database)
        writable = os.access(directory, os.W_OK) and (not database.exists() or os.access(database, os.W_OK))
        if create and not writable:
            raise StoreError(f"The store in {directory} cannot be written; check its permissions.")
        store = cls(directory, open_engine(database, writable=writable), writable=writable)
        try:
            if not is_there:
                store._begin()
            store._bring_up_to_date(create=create)
        except BaseException:
            store.close()
            raise
        return store

    @staticmethod
    def is_in(directory: Path) -> bool:
        """Whether there is a database in a directory, whatever its state."""
        return _is_there(directory.expanduser().absolute() / DATABASE_NAME)

    def __enter__(self) -> Store:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        self._changes.close()
        self._engine.dispose()
        self._lock.release()

    def mark(self) -> Hashable:
        """Another value after everything that anybody commits, for those who keep what they have read."""
        try:
            return self._changes.mark()
        except sqlite3.Error as error:
            raise self._explained(error) from error

    @property
    def database_bytes(self) -> int:
        """Size of the database file, what is still in its write-ahead log left out."""
        return (self.directory / DATABASE_NAME).stat().st_size

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A transaction that sees one state of the store, whatever others write meanwhile."""
        with self._transaction("BEGIN") as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """The only way to write: all of the block is committed, or nothing where it raises."""
        with self._transaction("BEGIN IMMEDIATE") as connection:
            yield connection

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Hold the store for a run that writes; raises StoreLocked where another one has it."""
        try:
            self._lock.acquire()
        except filelock.Timeout:
            raise StoreLocked(
                f"The store in {self.directory} is in use by another run of imgindex; try again when it has finished."
            ) from None
        except OSError as error:
            raise StoreError(f"The store in {self.directory} cannot be locked: {error.strerror}.") from error
        try:
            yield
        finally:
            self._lock.release()

    @contextmanager
    def _transaction(self, begin: str) -> Iterator[Connection]:
        try:
            with self._engine.connect() as connection:
                connection.exec_driver_sql(begin)
                try:
                    yield connection
                except BaseException:
                    _roll_back(connection)
                    raise
                connection.exec_driver_sql("COMMIT")
        except (DatabaseError, sqlite3.Error) as error:
            raise self._explained(error) from error
        except UnicodeDecodeError as error:  # a damaged schema, quoted by SQLite in what it says
            raise StoreError(
                f"The store in {self.directory} is damaged; {REMEDY}, or restore its database from a backup."
            ) from error

    def _begin(self) -> None:
        database = self.directory / DATABASE_NAME
        try:
            with self.exclusive():
                if not _is_there(database):
                    beginning.begin(database, PAGE_SIZE_BYTES)
        except OSError as error:
            raise StoreError(f"The store in {self.directory} cannot be made: {error.strerror or error}.") from error
        except sqlite3.Error as error:
            raise self._explained(error) from error

    def _bring_up_to_date(self, *, create: bool) -> None:
        with self.read() as connection:
            revision = upgrade.revision(connection)
            if revision is None:
                beginning.refuse_foreign(connection, self.directory, create=create)
        if revision == HEAD_REVISION:
            return
        upgrade.refuse_newer(revision, self.directory)
        if not self.writable:
            raise StoreError(
                f"The store in {self.directory} was made by an older imgindex and cannot be upgraded "
                "where it is read-only; run imgindex status on it once with write permission."
            )
        try:
            with self.exclusive():
                with self.read() as connection:
                    revision = upgrade.revision(connection)  # another run may have upgraded it meanwhile
                if revision == HEAD_REVISION:
                    return
                if revision is not None:
                    self.backup(self._unused(f"before-upgrade-from-{revision}"))
                with self._engine.connect() as connection:
                    upgrade.run(connection)
        except (DatabaseError, sqlite3.Error) as error:
            raise self._explained(error) from error

    def _unused(self, name: str) -> Path:
        """`name`.db in the store's directory, numbered where there is one: the backup of an earlier upgrade is of what
        the store was then."""
        numbers = itertools.chain([""], (f"-{number}" for number in itertools.count(2)))
        paths = (self.directory / f"{name}{number}.db" for number in numbers)
        return next(path for path in paths if not os.path.lexists(path))

    def backup(self, target: Path) -> None:
        """Write a consistent copy of the database to a new file while others may write (SQLite's backup API).

        The copy is whole under its name, or not there. Raises StoreError where it cannot be written, or where
        `target` exists.
        """
        partial = target.with_name(files.TEMPORARY.replace("*", secrets.token_hex(8)))
        try:
            with self._engine.connect() as connection, contextlib.closing(sqlite3.connect(partial)) as copy:
                source = connection.connection.driver_connection
                assert isinstance(source, sqlite3.Connection)
                source.backup(copy)
            files.sync_file(partial)
            os.link(partial, target)
            files.sync_directory(os.fspath(target.parent))
        except (OSError, DatabaseError, sqlite3.Error) as error:
            why = error.strerror if isinstance(error, OSError) else str(error)
            raise StoreError(f"The backup {target} could not be written ({why}); check its folder and disk.") from error
        finally:
            with contextlib.suppress(OSError):
                os.unlink(partial)

    def _explained(self, error: DatabaseError | sqlite3.Error) -> StoreError:
        words = str(error.orig if isinstance(error, DatabaseError) else error)
        said = files.display(os.fsencode(" ".join(words.split())))[:MAX_SAID]  # it may quote a damaged schema
        where = f"The store in {self.directory}"
        if "locked" in said or "busy" in said:
            return StoreLocked(f"{where} is being written by another process; try again when it has finished.")
        if "full" in said:
            return StoreError(f"{where} has no room left on its disk; free some space and run again.")
        if "disk I/O" in said:
            return StoreError(f"{where} cannot be read or written ({said}); free some space, or check its disk.")
        if "readonly" in said or "read-only" in said:
            return StoreError(f"{where} is read-only; check its permissions.")
        if any(word in said for word in DAMAGE):
            return StoreError(f"{where} is damaged ({said}); {REMEDY}, or restore its database from a backup.")
        if "unable to open" in said:
            return StoreError(
                f"{where} cannot be opened; check its permissions, and that it was closed cleanly: "
                "open it once with write permission."
            )
        return StoreError(f"{where} could not be used: {said}.")


def _roll_back(connection: Connection) -> None:
    driver = connection.connection.driver_connection
    if isinstance(driver, sqlite3.Connection) and driver.in_transaction:
        driver.rollback()


def _is_there(database: Path) -> bool:
    try:
        return database.is_file()
    except OSError as error:
        raise StoreError(f"The store in {database.parent} cannot be opened: {error.strerror}.") from error


def _make_directory(directory: Path) -> None:
    try:
        directory.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise StoreError(f"The store directory {directory} cannot be made: {error.strerror}.") from error
