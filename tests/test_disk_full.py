"""Disks that are full or read-only, stores that are forbidden or busy: one sentence, and nothing is lost."""

from __future__ import annotations

import json
import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imgindex import api
from imgindex.errors import StoreLocked
from imgindex.store import Store
from imgindex.store.sqlite import engine
from imgindex.ui.as_json import report_json
from tests.pictures import save, scene

IndexThere = Callable[[Path, int], tuple[int, str]]
"""A run of `index` over these photos, with so many bytes of room for what it writes: exit code and stderr."""

OLD, NEW = 8, 18
"""Scenes, with a copy of each, that are indexed before, and where there is no room."""

STEP_BYTES = 200 << 10
"""How much more room each try gets. The new scenes need some 600 KiB: for the log, the vectors, then the pairs."""

ENOUGH_BYTES = 8 << 20

LOG_BYTES = 128 << 10
"""Room for the log of a run without news, and not for the index file of all scenes."""

LIMIT_FILES = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, ({0}, {0}))"
"""No file that the process writes can grow beyond this."""

GIVE_UP_RIGHTS = """
import ctypes, os
PR_CAPBSET_DROP, CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH = 24, 1, 2
for capability in (CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH):
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(PR_CAPBSET_DROP, capability, 0, 0, 0):
        raise OSError("the rights of root could not be given up")
"""
"""A root that must obey permissions like anybody else; its own files are not beyond them any more."""

COMMAND = """
import os, sys
os.execv(sys.executable, [sys.executable, "-m", "imgindex", *sys.argv[1:]])
"""

KILLED_WRITER = """
import os, signal, sys
from pathlib import Path
from imgindex.store import Store, catalog
with Store.open(Path(sys.argv[1])) as store, store.write() as tx:
    catalog.put_root(tx, b"/killed")
    tx.exec_driver_sql("COMMIT")
    os.kill(os.getpid(), signal.SIGKILL)
"""


def run(*arguments: object, before: str = "") -> subprocess.CompletedProcess[str]:
    """The command, in a process in which `before` is done first."""
    command = [sys.executable, "-c", before + COMMAND, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300)


def index(photos: Path, store: Path, before: str = "") -> tuple[int, str]:
    """(exit code, stderr)."""
    done = run("index", photos, "--store", store, "--model", "sift-vlad", "--jobs", 2, before=before)
    return done.returncode, done.stderr


def assert_one_sentence(code: int, said: str) -> None:
    """What is wrong with a store is said in one line."""
    assert code == 3, said
    assert said.startswith("imgindex: The store ")
    assert said.count("\n") == 1


def report(store: Path, *folders: Path) -> dict[str, object]:
    """What a whole store says of its files."""
    with api.open(store, create=False) as images:
        assert images.check() == ()
        found: dict[str, object] = json.loads(report_json(images.report(folders)))
    del found["generated_at"], found["store"]
    return found


def rows(store: Path, table: str) -> int:
    """Committed rows; 0 where the table is not there yet."""
    try:
        with closing(sqlite3.connect(f"{(store / 'imgindex.db').as_uri()}?mode=ro", uri=True)) as connection:
            return int(connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("disk") / "photos"
    for seed in range(OLD + NEW):
        part = folder / ("old" if seed < OLD else "new")
        save(scene(seed), part / f"{seed}.jpg")
        save(scene(seed), part / f"{seed}-copy.jpg", quality=60)
    return folder


@pytest.fixture(scope="module")
def half(photos: Path) -> Path:
    """A store of the old scenes."""
    store = photos.parent / "half"
    assert index(photos / "old", store) == (0, "")
    return store


@pytest.fixture(scope="module")
def whole(photos: Path, half: Path) -> Path:
    """A store of all scenes, the new ones added without trouble."""
    store = photos.parent / "whole"
    shutil.copytree(half, store)
    assert index(photos, store) == (0, "")
    return store


@pytest.fixture
def store(half: Path, tmp_path: Path) -> Path:
    """A copy of `half`."""
    return Path(shutil.copytree(half, tmp_path / "store"))


@pytest.fixture
def disk(tmp_path: Path) -> Iterator[Path]:
    """A small disk."""
    path = tmp_path / "disk"
    path.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", f"size={2 * ENOUGH_BYTES}", "tmpfs", str(path)]
    if subprocess.run(command, check=False, capture_output=True).returncode:
        pytest.skip("a small disk can be mounted only by root, and not in every container")
    yield path
    subprocess.run(["umount", "--lazy", path], check=True)


@pytest.fixture(params=["small disk", "limit on files"])
def narrow(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, IndexThere]:
    """(directory of a store to be, a run that has little room there)."""
    if request.param == "limit on files":
        limited = tmp_path / "limited"
        return limited, lambda photos, room_bytes: index(photos, limited, LIMIT_FILES.format(room_bytes))
    disk: Path = request.getfixturevalue("disk")

    def on_small_disk(photos: Path, room_bytes: int) -> tuple[int, str]:
        status = os.statvfs(disk)
        filler = disk / "filler"
        filler.write_bytes(bytes(status.f_bavail * status.f_frsize - room_bytes))
        done = index(photos, disk / "store")
        filler.unlink()
        return done

    return disk / "store", on_small_disk


def test_a_full_disk_costs_only_what_does_not_fit(
    narrow: tuple[Path, IndexThere], photos: Path, half: Path, whole: Path
) -> None:
    """Wherever the room ends (the log, a batch of vectors, a block of pairs), what was committed is whole, and with a
    little more room the next run goes on from there."""
    store, index_there = narrow
    shutil.copytree(half, store)
    old = report(store, photos / "old")
    failures = 0
    for room_bytes in range(0, ENOUGH_BYTES, STEP_BYTES):
        code, said = index_there(photos, room_bytes)
        assert report(store, photos / "old") == old
        if code == 0:
            break
        failures += 1
        assert_one_sentence(code, said)
        assert "free some space" in said
    assert failures >= 3
    assert index(photos, store) == (0, "")
    assert report(store) == report(whole)


def test_a_new_store_on_a_full_disk_is_begun_again(narrow: tuple[Path, IndexThere], photos: Path, half: Path) -> None:
    """Tables that were made in part must not keep the store from being made."""
    store, index_there = narrow
    for room_bytes in (0, STEP_BYTES):
        assert_one_sentence(*index_there(photos / "old", room_bytes))
    assert index(photos / "old", store) == (0, "")
    assert report(store) == report(half)


def test_a_full_disk_costs_no_more_than_the_index_file(
    narrow: tuple[Path, IndexThere], photos: Path, whole: Path
) -> None:
    """The file is a cache: without it everything is there, so the run is no failure."""
    store, index_there = narrow
    shutil.copytree(whole, store)
    [cache] = store.glob("*.faiss")
    cache.unlink()
    code, said = index_there(photos, LOG_BYTES)
    assert code == 0, said
    assert "could not be saved" in said
    assert said.count("\n") == 1
    assert not [path for path in store.iterdir() if path.suffix in (".faiss", ".tmp")]
    with api.open(store, create=False) as images:
        assert images.check() == ()
    assert index(photos, store) == (0, "")
    assert report(store) == report(whole)


def test_a_forbidden_store_is_one_sentence(store: Path, photos: Path) -> None:
    """Another user's store must not look like one without duplicates, or end in a traceback."""
    store.chmod(0)
    try:
        for arguments in (["report"], ["status"], ["query", photos / "old" / "1.jpg"], ["index", photos]):
            done = run(*arguments, "--store", store, before=GIVE_UP_RIGHTS)
            assert_one_sentence(done.returncode, done.stderr)
            assert "ermission" in done.stderr
    finally:
        store.chmod(0o755)


@pytest.fixture(params=["closed", "killed"])
def read_only_store(request: pytest.FixtureRequest, store: Path) -> Iterator[Path]:
    """A store that may only be read; where its last writer was killed, some of it is in the log."""
    if request.param == "killed":
        subprocess.run([sys.executable, "-c", KILLED_WRITER, store], check=False, timeout=60)
        assert (store / "imgindex.db-wal").stat().st_size
    for path in store.iterdir():
        path.chmod(0o444)
    store.chmod(0o555)
    yield store
    store.chmod(0o755)


def test_a_read_only_store_answers_and_refuses_to_be_written(read_only_store: Path, half: Path, photos: Path) -> None:
    """An archive disk that is mounted read-only can be asked, whatever state its last writer left it in."""
    for arguments in (["report"], ["query", photos / "new" / f"{OLD}.jpg"]):
        done = run(*arguments, "--store", read_only_store, before=GIVE_UP_RIGHTS)
        assert (done.returncode, done.stderr) == (0, "")
        assert done.stdout == run(*arguments, "--store", half).stdout
    for command in ("status", "check"):
        done = run(command, "--store", read_only_store, before=GIVE_UP_RIGHTS)
        assert (done.returncode, done.stderr) == (0, "")
    done = run("index", photos, "--store", read_only_store, before=GIVE_UP_RIGHTS)
    assert_one_sentence(done.returncode, done.stderr)
    assert "permissions" in done.stderr


def test_a_database_that_another_process_keeps_is_said_and_left_alone(
    store: Path, half: Path, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A stuck writer (a backup tool, a shell in a transaction) must not hang a nightly run for ever, nor break it."""
    monkeypatch.setattr(engine, "BUSY_TIMEOUT_MS", 50)
    with closing(sqlite3.connect(store / "imgindex.db", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with api.open(store, jobs=1) as images, pytest.raises(StoreLocked, match="try again"):
            images.index([photos])
        assert report(store) == report(half)
        other.execute("ROLLBACK")
    with api.open(store, jobs=1) as images:
        assert images.index([photos]).ingest.embedded_images == 2 * NEW


def is_locked(store: Path) -> bool:
    """Whether not even a reader gets in."""
    with closing(sqlite3.connect(store / "imgindex.db", timeout=0.1)) as connection:
        try:
            connection.execute("SELECT count(*) FROM image")
        except sqlite3.OperationalError:
            return True
    return False


@pytest.fixture
def stopped(photos: Path, tmp_path: Path) -> Iterator[tuple[subprocess.Popen[str], Path]]:
    """A run of `index` that was stopped after its first batch, and its store."""
    store = tmp_path / "store"
    command = [sys.executable, "-m", "imgindex", "index", photos, "--store", store, "--model", "sift-vlad"]
    process = subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    while process.poll() is None and not rows(store, "image"):
        time.sleep(0.005)
    process.send_signal(signal.SIGSTOP)
    while process.poll() is None and is_locked(store):  # it was stopped in the milliseconds of a checkpoint
        process.send_signal(signal.SIGCONT)
        time.sleep(0.005)
        process.send_signal(signal.SIGSTOP)
    yield process, store
    process.kill()
    process.communicate()


def test_a_second_run_is_refused_and_readers_are_served_while_one_writes(
    stopped: tuple[subprocess.Popen[str], Path], photos: Path, whole: Path
) -> None:
    """Two timers that overlap must not write into each other, and looking at the report must not need a pause."""
    process, store = stopped
    code, said = index(photos, store)
    assert_one_sentence(code, said)
    assert "in use by another run" in said
    found = json.loads(run("report", "--format", "json", "--store", store).stdout)
    assert found["counts"]["files"] == 2 * (OLD + NEW)
    process.send_signal(signal.SIGCONT)
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said
    assert report(store) == report(whole)


def test_a_report_does_not_wait_for_a_writer_nor_see_half_of_what_it_writes(store: Path, half: Path) -> None:
    with Store.open(store) as opened, opened.write() as tx:
        tx.exec_driver_sql("DELETE FROM pair")
        assert run("report", "--store", store).stdout == run("report", "--store", half).stdout
