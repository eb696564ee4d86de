"""Migrations: they make the tables that the code uses, wherever the package is installed, in one transaction."""

from __future__ import annotations

import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

from imgindex import schema
from imgindex.errors import StoreError, StoreTooNew
from imgindex.store import Store, upgrade

CHECKOUT = Path(__file__).resolve().parents[1]

USE_A_STORE = """
import sys
from pathlib import Path
import imgindex
from imgindex.store import Store, catalog, upgrade
with Store.open(Path(sys.argv[1]), create=True) as store, store.write() as tx:
    catalog.put_root(tx, b"/photos")
    print(upgrade.migrations_directory())
    print(catalog.roots(tx))
"""


def described(url: str) -> dict[str, object]:
    found = inspect(create_engine(url))
    return {
        table: (
            [(c["name"], str(c["type"]), c["nullable"]) for c in found.get_columns(table)],
            found.get_pk_constraint(table)["constrained_columns"],
            sorted((f["constrained_columns"], f["referred_table"]) for f in found.get_foreign_keys(table)),
            sorted(i["name"] or "" for i in found.get_indexes(table)),
            sorted(str(c["name"]) for c in found.get_check_constraints(table)),
        )
        for table in found.get_table_names()
        if table != "alembic_version"
    }


def test_migrations_make_the_tables_of_the_schema(tmp_path: Path) -> None:
    """A column added to schema.py without a migration fails on every store that exists."""
    Store.open(tmp_path / "migrated", create=True).close()
    fresh = create_engine(f"sqlite:///{tmp_path}/fresh.db")
    schema.metadata.create_all(fresh)
    assert described(f"sqlite:///{tmp_path}/migrated/imgindex.db") == described(f"sqlite:///{tmp_path}/fresh.db")


def test_the_head_is_the_newest_migration() -> None:
    revisions = sorted(p.name.split("_")[0] for p in (upgrade.migrations_directory() / "versions").glob("0*.py"))
    assert revisions[-1] == schema.HEAD_REVISION


def test_a_store_from_the_future_is_refused(tmp_path: Path) -> None:
    with Store.open(tmp_path, create=True) as store, store.write() as tx:
        tx.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
    with pytest.raises(StoreTooNew, match="upgrade imgindex"):
        Store.open(tmp_path)


def test_a_failing_migration_leaves_the_store_as_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """pysqlite's own transactions would leave the tables that were made before the failure."""
    broken = tmp_path / "migrations"
    (broken / "versions").mkdir(parents=True)
    (broken / "env.py").write_text((CHECKOUT / "migrations" / "env.py").read_text())
    first = (CHECKOUT / "migrations" / "versions" / "0001_first_tables.py").read_text()
    (broken / "versions" / "0001_first_tables.py").write_text(first + '    op.execute("SELECT no_such_function()")\n')
    monkeypatch.setattr(upgrade, "migrations_directory", lambda: broken)
    with pytest.raises(StoreError, match="no_such_function"):
        Store.open(tmp_path / "store", create=True)
    assert inspect(create_engine(f"sqlite:///{tmp_path}/store/imgindex.db")).get_table_names() == []
    monkeypatch.undo()
    Store.open(tmp_path / "store", create=True).close()


def test_the_installed_wheel_brings_its_migrations(tmp_path: Path) -> None:
    """A wheel without `migrations/` works in the checkout and nowhere else."""
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(tmp_path / "dist")],
        cwd=CHECKOUT, check=True, capture_output=True,
    )  # fmt: skip
    [wheel] = (tmp_path / "dist").glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(tmp_path / "installed")
    environment = os.environ | {"PYTHONPATH": str(tmp_path / "installed")}
    done = subprocess.run(
        [sys.executable, "-c", USE_A_STORE, str(tmp_path / "store")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    where, roots = done.stdout.splitlines()
    assert where == str(tmp_path / "installed" / "imgindex" / "_migrations")
    assert "/photos" in roots
    assert (tmp_path / "installed" / "imgindex" / "data" / "sift_vlad.npz").is_file()
    assert (tmp_path / "installed" / "imgindex" / "py.typed").is_file()


def test_the_checkout_uses_its_own_migrations(tmp_path: Path) -> None:
    environment = os.environ | {"PYTHONPATH": str(CHECKOUT)}
    done = subprocess.run(
        [sys.executable, "-c", USE_A_STORE, str(tmp_path / "store")],
        cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == str(CHECKOUT / "migrations")
