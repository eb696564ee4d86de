"""A new store's database, whole under its name or not there: an empty file is damage, and never a beginning."""

from __future__ import annotations

import contextlib
import os
import secrets
import sqlite3
from pathlib import Path

from sqlalchemy import Connection, inspect

from imgindex import files
from imgindex.errors import StoreError


def begin(database: Path, page_size_bytes: int) -> None:
    """Make a database without tables. The caller keeps others from doing the same.

    Raises OSError or sqlite3.Error where it cannot be written, and leaves nothing then.
    """
    unfinished = database.with_name(files.TEMPORARY.replace("*", secrets.token_hex(8)))
    try:
        with contextlib.closing(sqlite3.connect(unfinished)) as connection:
            connection.execute(f"PRAGMA page_size = {page_size_bytes}")
            connection.execute("PRAGMA user_version = 0")  # writes the first page
        files.sync_file(unfinished)
        os.rename(unfinished, database)
        files.sync_directory(os.fspath(database.parent))
    finally:
        with contextlib.suppress(OSError):
            os.unlink(unfinished)


def refuse_empty(database: Path) -> None:
    """Raise StoreError where the file has no bytes: a disk or a copy lost what was in it."""
    with contextlib.suppress(OSError):
        if not database.stat().st_size:
            raise StoreError(
                f"The store in {database.parent} is damaged: {database.name} is empty (0 bytes). Restore it from a "
                "backup, or remove that file and begin anew with: imgindex index FOLDER"
            )


def refuse_foreign(connection: Connection, directory: Path, *, create: bool) -> None:
    """Raise StoreError where a database without a revision is not one that `begin` made and that is to be filled."""
    if inspect(connection).get_table_names():
        raise StoreError(
            f"The database in {directory} is none of imgindex, or is damaged; restore it from a backup, "
            "or name another directory with --store."
        )
    if not create:
        raise StoreError(f"The store in {directory} holds nothing yet; fill it with: imgindex index FOLDER")
