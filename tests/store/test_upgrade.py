"""Migrations: they make the tables that the code uses, wherever the package is installed, in one transaction."""

from __future__ import annotations

import gzip
import os
import shutil
import sqlite3
import subprocess
import sys
import zipfile
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import create_engine, inspect

import imgindex
from imgindex.errors import StoreError, StoreTooNew
from imgindex.records import DecisionKind, Verdict
from imgindex.results import Report
from imgindex.store import Store, decisions, schema, upgrade
from imgindex.store.decisions import Said
from tests.helpers.script_modules import script_module

CHECKOUT = Path(__file__).resolve().parents[2]

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


def build_with() -> list[str]:
    """Where the system has no compiler, pip fetches the one that the build asks for; else no network is needed."""
    return ["--no-build-isolation"] if script_module("build_native").system_compiler() else []


def test_the_installed_wheel_brings_its_migrations(tmp_path: Path) -> None:
    """A wheel without `migrations/` works in the checkout and nowhere else."""
    built = subprocess.run(
        [sys.executable, "-m", "pip", "wheel", "--no-deps", *build_with(), "-w", str(tmp_path / "dist"), str(CHECKOUT)],
        check=False, capture_output=True, text=True,
    )  # fmt: skip
    assert built.returncode == 0, built.stderr
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


STORES = CHECKOUT / "tests" / "stores"


def unpacked(revision: str, folder: Path) -> Path:
    folder.mkdir()
    (folder / "imgindex.db").write_bytes(gzip.decompress((STORES / f"{revision}.db.gz").read_bytes()))
    return folder


OF_TODAYS_MODEL = "0003"
"""The first store whose vectors are those of the model of today."""

EARLIER = sorted(path.name.split(".")[0] for path in STORES.glob("*.db.gz"))


def test_there_is_a_store_of_every_earlier_schema() -> None:
    """A migration without one is tested on nothing; scripts/make_store_fixture.py makes it."""
    every = {path.name.split("_")[0] for path in (CHECKOUT / "migrations" / "versions").glob("0*.py")}
    assert every - set(EARLIER) <= {schema.HEAD_REVISION}


@pytest.mark.parametrize("revision", EARLIER)
def test_an_earlier_store_is_upgraded_and_then_used(revision: str, tmp_path: Path) -> None:
    """Everything that a person does with a store, on one that an older program made: its pictures are embedded for
    the built-in model of today where they are not yet, and never again."""
    store = unpacked(revision, tmp_path / "store")
    photos = Path(shutil.copytree(STORES / "pictures", tmp_path / "photos"))
    with imgindex.open(store, create=False) as images:
        status = images.status()
        assert (status.files, status.images, status.skipped) == (7, 6, 1)
        assert images.check() == ()
        old = images.report()
        assert (old.counts.groups, old.counts.outdated + old.counts.away) == (0, 6), "its copies are not here"
        summary = images.index([photos])
        new = (6, 1, 1) if revision < OF_TODAYS_MODEL else (0, 0, 1)
        assert (summary.ingest.embedded_images, summary.ingest.new_copies, summary.ingest.skipped) == new
        assert images.index([photos]).ingest.unchanged == 8
        images.forget("/srv/imgindex-fixture")
        assert told(images.report([photos])) == TOLD
        images.mark_reported(images.report())
        assert [m.verdict for m in images.query(photos / "0-small.jpg", k=2)] == [Verdict.EXACT, Verdict.NEAR_DUPLICATE]
        assert images.check() == ()
    if revision != schema.HEAD_REVISION:
        backup = store / f"before-upgrade-from-{revision}.db"
        with closing(sqlite3.connect(backup)) as connection:
            assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == (revision,)


TOLD = [
    ("0-small.jpg", "0.jpg", "near-duplicate"),
    ("1-mirrored-cropped.jpg", "1.jpg", "near-duplicate"),
    ("2-copy.jpg", "2.jpg", "exact"),
]
"""Copies among tests/stores/pictures."""


def told(report: Report) -> list[tuple[str, ...]]:
    """Verdicts on files by name."""
    copies = [p for p in report.pairs if p.verdict.is_copy]
    return sorted((*sorted(path.rsplit("/", 1)[-1] for path in (p.a, p.b)), p.verdict.value) for p in copies)


@pytest.mark.parametrize("revision", [r for r in EARLIER if r != schema.HEAD_REVISION])
def test_an_upgrade_that_fails_leaves_the_old_store(
    revision: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A crash in the last of several migrations must not leave the first behind."""
    store = unpacked(revision, tmp_path / "store")
    before = described(f"sqlite:///{store}/imgindex.db")
    broken = Path(shutil.copytree(CHECKOUT / "migrations", tmp_path / "migrations"))
    [newest] = (broken / "versions").glob(f"{schema.HEAD_REVISION}_*.py")
    newest.write_text(newest.read_text() + '    op.execute("SELECT no_such_function()")\n')
    monkeypatch.setattr(upgrade, "migrations_directory", lambda: broken)
    with pytest.raises(StoreError, match="no_such_function"):
        Store.open(store)
    assert described(f"sqlite:///{store}/imgindex.db") == before
    monkeypatch.undo()
    Store.open(store).close()


def test_decisions_cannot_be_changed(tmp_path: Path) -> None:
    """What a person decided is the one thing that nobody can compute again."""
    with Store.open(tmp_path, create=True) as store:
        with store.write() as tx:
            decisions.add_decisions(tx, [Said(DecisionKind.KEEP_BOTH, b"\2" * 32, b"\1" * 32, "both are good")])
        for statement in ("UPDATE decision SET kind = 'x'", "DELETE FROM decision"):
            with pytest.raises(StoreError, match="append-only"), store.write() as tx:
                tx.exec_driver_sql(statement)
        with store.read() as tx:
            [kept] = decisions.decisions(tx)
    assert (kept.low_sha256, kept.high_sha256, kept.is_whole) == (b"\1" * 32, b"\2" * 32, True)
