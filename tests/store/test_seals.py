"""Seals: every row has the checksum of what was written, whichever statement wrote it."""

from __future__ import annotations

from pathlib import Path

import pytest
from sqlalchemy import LargeBinary, inspect

from imgindex.errors import StoreError
from imgindex.store import Store, catalog, checksum, reported, schema, spaces, upgrade
from imgindex.store.sqlite import faults, seals
from tests.runs.check.stores import sql


def test_the_checksum_of_a_row_is_the_same_in_every_version_of_python() -> None:
    """Another one would call every row of every store damaged."""
    row = (1, -5, 1 << 40, 0.5, "müde", "müde", "format", b"\0\xff", None)
    assert checksum.of_row(row).hex() == "e32a2a63"
    names = {name: checksum.of_row((name,)) for name in dir(schema)}
    assert names == {name: checksum.of_row(("".join(list(name)),)) for name in names}, "interned or not"


def test_every_table_has_a_checksum(tmp_path: Path) -> None:
    """A table that is added without one is where the next flipped bit goes unseen."""
    with Store.open(tmp_path, create=True) as store, store.read() as tx:
        tables = {name for name in inspect(tx).get_table_names() if name != "alembic_version"}
        assert tables == {table.name for table in schema.SEALED} | {"decision", "run", "step"}
        assert faults.changed_triggers(tx) == []
    for table in schema.SEALED:
        assert table.c.keys()[-1] == "checksum"
        left_out = set(table.c.keys()) - {"checksum", *schema.sealed_columns(table)}
        assert not left_out or (left_out <= {"vector", "sketch"} and "digest" in table.c)


def test_what_any_statement_writes_is_sealed(tmp_path: Path) -> None:
    """Prevents: an update that was forgotten, after which a whole row is called damaged."""
    with Store.open(tmp_path, create=True) as store:
        with store.write() as tx:
            catalog.put_root(tx, b"/photos")
            spaces.set_rules_version(tx, 3)
            tx.exec_driver_sql("UPDATE state SET generation = generation + 1")
            reported.put_nightly(tx, [reported.ReportedFile(b"/a", 1, b"s" * 32, True)])
        with store.read() as tx:
            assert [list(filter(None, faults.changed_rows(tx, table))) for table in schema.SEALED] == [
                [] for _ in schema.SEALED
            ]
            assert reported.reported_files(tx) == [reported.ReportedFile(b"/a", 1, b"s" * 32, True)]


def test_a_damaged_row_is_not_sealed_with_its_damage(tmp_path: Path) -> None:
    """A run that marks a file as missing would make the flipped bit beside it right."""
    with Store.open(tmp_path, create=True) as store, store.write() as tx:
        catalog.put_root(tx, b"/photos")
    sql(tmp_path, "UPDATE root SET path = CAST('/phqtos' AS BLOB)")
    with Store.open(tmp_path) as store, pytest.raises(StoreError, match="check --repair"), store.write() as tx:
        tx.exec_driver_sql("UPDATE root SET files = 7")


@pytest.mark.parametrize("table", schema.SEALED, ids=lambda table: str(table.name))
def test_the_triggers_are_those_of_the_migrations(table: schema.Table, tmp_path: Path) -> None:
    """A column that is added without them is not part of any checksum."""
    found = sealed_by_migration(tmp_path)
    assert all(" ".join(found[name].split()) == sql for name, sql in seals.triggers(table).items())
    digested = {c.name for c in table.c if isinstance(c.type, LargeBinary)} - set(schema.sealed_columns(table))
    assert digested <= {"checksum", "vector", "sketch"}


def sealed_by_migration(directory: Path) -> dict[str, str]:
    with Store.open(directory, create=True) as store, store.read() as tx:
        assert upgrade.revision(tx) == schema.HEAD_REVISION
        return dict(tx.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall())  # type: ignore[arg-type]
