"""Bringing a store to the newest schema with Alembic, in one transaction."""

from __future__ import annotations

import contextlib
from pathlib import Path

from sqlalchemy import Connection, inspect, text
from sqlalchemy.exc import DatabaseError

from imgindex.errors import StoreError, StoreTooNew


def migrations_directory() -> Path:
    """The migrations inside an installed wheel, or beside the package in a checkout."""
    package = Path(__file__).resolve().parents[1]
    inside = package / "_migrations"
    return inside if inside.is_dir() else package.parent / "migrations"


def revision(connection: Connection) -> str | None:
    """The Alembic revision of an open store; None where it has no tables yet."""
    if not inspect(connection).has_table("alembic_version"):
        return None
    found = connection.execute(text("SELECT version_num FROM alembic_version")).scalar()
    return None if found is None else str(found)


def refuse_newer(revision: str | None, directory: Path) -> None:
    """Raise StoreTooNew where this program does not know `revision`."""
    known = {path.name.split("_")[0] for path in (migrations_directory() / "versions").glob("[0-9]*.py")}
    if not known:
        raise StoreError(f"The migrations of imgindex are not in {migrations_directory()}; install it again.")
    if revision is not None and revision not in known:
        raise StoreTooNew(
            f"The store in {directory} was written by a newer imgindex (its schema is {revision}); "
            "upgrade imgindex, then run again"
        )


def run(connection: Connection) -> None:
    """Run the missing migrations in one transaction; where one fails, the store stays as it was.

    Foreign keys are off meanwhile (re-creating a parent table would delete its children), which SQLite
    allows only outside a transaction, and are checked as a whole before the commit.
    """
    from alembic import command
    from alembic.config import Config

    config = Config()
    config.set_main_option("script_location", str(migrations_directory()).replace("%", "%%"))
    config.attributes["connection"] = connection
    connection.exec_driver_sql("PRAGMA foreign_keys = OFF")
    connection.exec_driver_sql("BEGIN IMMEDIATE")
    try:
        command.upgrade(config, "head")
        broken = connection.exec_driver_sql("PRAGMA foreign_key_check").fetchall()
        if broken:
            raise StoreError(f"The store could not be upgraded: {len(broken)} rows would lose what they refer to.")
        connection.exec_driver_sql("COMMIT")
    except BaseException:
        with contextlib.suppress(DatabaseError):  # SQLite may have rolled back by itself
            connection.exec_driver_sql("ROLLBACK")
        raise
    finally:
        connection.exec_driver_sql("PRAGMA foreign_keys = ON")
