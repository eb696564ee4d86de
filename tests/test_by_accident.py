"""Nothing is forgotten, begun or written over by accident: empty paths, empty databases, backups of upgrades."""

from __future__ import annotations

import gzip
import os
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

import pytest

import imgindex
from imgindex.errors import StoreError, UsageError
from imgindex.store import DATABASE_NAME, Store
from tests.pictures import save, scene

STORES = Path(__file__).resolve().parent / "stores"

WITH_AN_EMPTY_PATH = [
    ("index", ""),
    ("index", "photos", ""),
    ("index", "photos", "--store", ""),
    ("nightly", ""),
    ("nightly", "photos", "--store="),
    ("nightly", "photos", "--html", ""),
    ("report", ""),
    ("index", "photos", "--model", ""),
    ("report", "photos", ""),
    ("report", "--store", ""),
    ("query", ""),
    ("query", "photos/1.jpg", "--store", ""),
    ("compare", "", "photos/1.jpg"),
    ("compare", "photos/1.jpg", ""),
    ("compare", "photos/1.jpg", "photos/1.jpg", "--out", ""),
    ("status", "--store", ""),
    ("check", "--store", ""),
    ("backup", ""),
    ("backup", "copy.db", "--store", ""),
    ("forget", ""),
    ("forget", "photos", "--store", ""),
]


def run(folder: Path, *arguments: object, store: str = "store") -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"IMGINDEX_STORE": store, "XDG_DATA_HOME": str(folder / "data")}
    return subprocess.run(
        [sys.executable, "-m", "imgindex", *map(str, arguments)],
        cwd=folder, env=environment | {"PYTHONPATH": ":".join(sys.path)}, capture_output=True, text=True, check=False,
    )  # fmt: skip


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    base = tmp_path_factory.mktemp("accident")
    for seed in range(2):
        save(scene(seed), base / "photos" / f"{seed}.jpg")
    with imgindex.open(base / "store", model="sift-vlad", jobs=1) as images:
        images.index([base / "photos"])
    return base


@pytest.mark.parametrize("arguments", WITH_AN_EMPTY_PATH, ids=" ".join)
def test_an_empty_path_is_a_usage_error(arguments: tuple[str, ...], folder: Path) -> None:
    """`forget "$UNSET"` forgot the current folder, and all below it."""
    before = sorted(folder.rglob("*"))
    done = run(folder, *arguments)
    assert done.returncode == 2, done.stdout + done.stderr
    assert "empty path" in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(folder.rglob("*")) == before
    with imgindex.open(folder / "store") as images:
        assert images.status().files == 2


def test_an_empty_variable_counts_as_not_set(folder: Path) -> None:
    """`IMGINDEX_STORE= imgindex ...` is how shells take a variable back for one command."""
    done = run(folder, "index", "photos", "--model", "sift-vlad", store="")
    assert done.returncode == 0, done.stderr
    assert (folder / "data" / "imgindex" / DATABASE_NAME).is_file()


def test_an_empty_path_is_a_usage_error_in_python(folder: Path, tmp_path: Path) -> None:
    picture = folder / "photos" / "1.jpg"
    with pytest.raises(UsageError, match="empty path"):
        imgindex.open("")
    for one, other in (("", picture), (picture, "")):
        with pytest.raises(UsageError, match="empty path"):
            imgindex.compare(str(one), str(other))
    with imgindex.open(folder / "store") as images:
        for ask in (
            lambda: images.index([picture.parent, ""]),
            lambda: images.report([""]),
            lambda: images.query(""),
            lambda: images.forget(""),
            lambda: images.backup(""),
        ):
            with pytest.raises(UsageError, match="empty path"):
                ask()
        assert images.status().files == 2


@pytest.mark.parametrize("command", ["index", "nightly", "report", "status", "check", "backup", "forget", "query"])
def test_an_empty_database_is_not_a_new_store(command: str, folder: Path, tmp_path: Path) -> None:
    """What a disk made of a store looked like one without duplicates, exit 0."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / DATABASE_NAME).touch()
    asked = {"backup": tmp_path / "copy.db", "query": folder / "photos" / "1.jpg"}.get(command, folder / "photos")
    done = run(folder, command, *([] if command in ("status", "check") else [asked]), "--store", tmp_path / "store")
    assert done.returncode == 3, done.stdout + done.stderr
    assert "0 bytes" in done.stderr
    assert done.stderr.count("\n") == 1
    assert (tmp_path / "store" / DATABASE_NAME).stat().st_size == 0


@pytest.mark.parametrize("command", ["report", "status", "check"])
def test_only_index_fills_a_store_that_was_begun(command: str, folder: Path, tmp_path: Path) -> None:
    """A run that ended between making the file and making its tables is gone on with; who only asks is told."""
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        connection.execute("PRAGMA user_version = 0")
    assert (tmp_path / DATABASE_NAME).stat().st_size
    done = run(folder, command, "--store", tmp_path)
    assert done.returncode == 3, done.stdout + done.stderr
    assert "holds nothing" in done.stderr
    assert run(folder, "index", "photos", "--model", "sift-vlad", "--store", tmp_path).returncode == 0
    assert run(folder, command, "--store", tmp_path).returncode == 0


def test_the_database_of_another_program_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    before = (tmp_path / DATABASE_NAME).read_bytes()
    for create in (False, True):
        with pytest.raises(StoreError, match="none of imgindex"):
            Store.open(tmp_path, create=create)
    with closing(sqlite3.connect(tmp_path / DATABASE_NAME)) as connection:
        assert connection.execute("SELECT name FROM sqlite_master").fetchall() == [("theirs",)]
    assert len(before) == (tmp_path / DATABASE_NAME).stat().st_size


def test_a_beginning_that_fails_leaves_no_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the next run would find an empty database, and refuse it."""
    from imgindex import files

    def full(_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(files, "sync_file", full)
    with pytest.raises(StoreError, match="No space left"):
        Store.open(tmp_path, create=True)
    assert not [path for path in tmp_path.iterdir() if path.suffix != ".lock"]
    monkeypatch.undo()
    Store.open(tmp_path, create=True).close()


def test_an_upgrade_makes_its_backup_beside_one_of_that_name(tmp_path: Path) -> None:
    """The backup of an earlier upgrade is of another store: it was kept, and the new one was not made."""
    (tmp_path / DATABASE_NAME).write_bytes(gzip.decompress((STORES / "0002.db.gz").read_bytes()))
    for name in ("before-upgrade-from-0002.db", "before-upgrade-from-0002-2.db"):
        (tmp_path / name).write_text("an earlier one")
    Store.open(tmp_path).close()
    for name in ("before-upgrade-from-0002.db", "before-upgrade-from-0002-2.db"):
        assert (tmp_path / name).read_text() == "an earlier one"
    with closing(sqlite3.connect(tmp_path / "before-upgrade-from-0002-3.db")) as connection:
        assert connection.execute("SELECT version_num FROM alembic_version").fetchone() == ("0002",)
