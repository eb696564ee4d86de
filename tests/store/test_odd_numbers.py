"""Numbers from outside that no column or calendar holds: they cost nothing but their own file, if that."""

from __future__ import annotations

import os
import pickle
import shutil
import subprocess
import sys
from pathlib import Path
from types import SimpleNamespace

import pytest
from hypothesis import given
from hypothesis import strategies as st

import imgindex
from imgindex import clock, files
from imgindex.errors import UsageError
from imgindex.records import Seen
from imgindex.runs.index import ingest
from imgindex.skips import Skip
from imgindex.store import Store, catalog, reported, skipped
from imgindex.store.catalog import NewFile
from imgindex.workers import process
from tests.helpers.pictures import save, scene

ANY_TIME_NS = st.integers(-(10**24), 10**24)

SET_CLOCK = "import time; time.time = lambda: {0}\nfrom imgindex.ui.cli import main\nmain()"

BEFORE_1970, AFTER_9999 = -1e9, 3e11


@pytest.fixture
def photos(tmp_path: Path) -> Path:
    folder = tmp_path / "photos"
    for seed in range(2):
        save(scene(seed), folder / f"{seed}.jpg")
    shutil.copy(folder / "0.jpg", folder / "copy.jpg")
    return folder


def status(**numbers: int) -> os.stat_result:
    plain = {"st_size": 1, "st_mtime_ns": 1, "st_ctime_ns": 1, "st_ino": 1, "st_dev": 1}
    return SimpleNamespace(**(plain | numbers))  # type: ignore[return-value]


@given(
    mtime_ns=ANY_TIME_NS,
    ctime_ns=ANY_TIME_NS,
    inode=st.integers(-(2**63), 2**64 - 1),
    device=st.integers(-(2**63), 2**64 - 1),
)
def test_every_number_of_a_file_fits_its_column(mtime_ns: int, ctime_ns: int, inode: int, device: int) -> None:
    """SQLite raises OverflowError for what 64 bits do not hold, and the whole batch was lost with it."""
    one = status(st_mtime_ns=mtime_ns, st_ctime_ns=ctime_ns, st_ino=inode, st_dev=device, st_size=2**80)
    seen = Seen.of(b"/a", one)
    assert seen.stamp == Seen.of(b"/a", one).stamp, "a bounded number is the same on the next run"
    assert all(-(2**63) <= number < 2**63 for number in (seen.size_bytes, seen.mtime_ns, seen.ctime_ns))
    assert len(seen.inode.to_bytes(8)) == len(seen.device.to_bytes(8)) == 8
    if -(2**63) <= mtime_ns < 2**63:
        assert seen.mtime_ns == mtime_ns


@pytest.mark.parametrize("time_s", [-11_644_473_600, 9_300_000_000, 15_000_000_000])
def test_the_command_indexes_a_file_of_an_odd_time(time_s: int, photos: Path, tmp_path: Path) -> None:
    """One file of 1601, or of after 2262, ended every run with an OverflowError, and nothing was indexed."""
    shared = Path("/dev/shm")
    folder = (
        shared if shared.is_dir() and os.access(shared, os.W_OK) else tmp_path
    ) / f"imgindex-{os.getpid()}-{time_s}"
    shutil.copytree(photos, folder)
    try:
        os.utime(folder / "1.jpg", ns=(0, time_s * 10**9))
        if os.stat(folder / "1.jpg").st_mtime_ns != time_s * 10**9:
            pytest.skip("the file system keeps no such time")
        for expected in ("2 new", "3 pictures, nothing new"):
            done = command("index", folder, "--model", "sift-vlad", "--store", tmp_path / "store")
            assert done.returncode == 0, done.stderr
            assert expected in done.stdout
        assert command("report", "--format", "html", "--store", tmp_path / "store").returncode == 0
    finally:
        shutil.rmtree(folder)


def command(*arguments: object, now: float | None = None) -> subprocess.CompletedProcess[str]:
    start = ["-m", "imgindex"] if now is None else ["-c", SET_CLOCK.format(now)]
    return subprocess.run(
        [sys.executable, *start, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=300
    )


@pytest.mark.parametrize("now", [BEFORE_1970, AFTER_9999])
def test_a_clock_outside_of_the_calendar_ends_nothing(now: float, photos: Path, tmp_path: Path) -> None:
    """A board without a battery begins in 1970 or before, a broken one after 9999: the night must go on, and what was
    written then must be readable by day."""
    store = ("--store", tmp_path / "store")
    for told in (now, None):
        for arguments in (
            ("nightly", photos, "--model", "sift-vlad", "--html", tmp_path / "page.html", "--format", "json"),
            ("report",),
            ("report", "--format", "html"),
            ("status",),
            ("check",),
        ):
            done = command(*arguments, *store, now=told)
            assert done.returncode == 0, f"{arguments}: {done.stdout} {done.stderr}"
    assert command("backup", tmp_path / "copy.db", *store, now=now).returncode == 0


@given(st.floats(allow_nan=False, allow_infinity=True) | st.integers(-(2**70), 2**70))
def test_every_time_has_words(unix_s: float) -> None:
    """A flipped bit in a stored time ended `status` with an OverflowError."""
    assert clock.utc(unix_s).endswith("Z")
    assert clock.local(unix_s)
    assert 0 <= clock.bounded(unix_s) <= clock.LAST_S


def test_a_later_nightly_report_counts_whatever_the_clock_said_before(tmp_path: Path) -> None:
    """One night in the year 9999 would be the last one for ever."""
    with Store.open(tmp_path, create=True) as store, store.write() as tx:
        tx.exec_driver_sql("INSERT INTO nightly (finished_at_s) VALUES (253402214400), (1700000000)")
        assert reported.last_nightly_s(tx) == 1700000000


def test_one_file_that_memory_does_not_suffice_for_costs_one_skip(
    photos: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The hashing threads let through what was no OSError, and the run ended."""
    read = files.read_stable

    def fails(path: bytes) -> tuple[bytes, Seen]:
        if path.endswith(b"copy.jpg"):
            raise MemoryError
        return read(path)

    monkeypatch.setattr(ingest.files, "read_stable", fails)
    with imgindex.open(tmp_path / "store", model="sift-vlad", jobs=1) as images:
        summary = images.index([photos])
        assert (summary.ingest.embedded_images, summary.ingest.skipped) == (2, 1)
        assert [skip.reason for _, skip in images.report().skipped] == ["out-of-memory"]


def test_a_sentence_that_is_no_text_is_stored_with_escapes(tmp_path: Path) -> None:
    """A decoder may quote bytes of the file; UnicodeEncodeError ended the transaction, and with it the batch."""
    seen = Seen.of(b"/a.jpg", status())
    with Store.open(tmp_path, create=True) as store, store.write() as tx:
        catalog.put_files(tx, [NewFile(seen, skip=Skip("corrupt", "no chunk '\udcff'"))])
        [(_, skip)] = skipped.skipped_files(tx)
    assert skip.detail == "no chunk '\\udcff'"


class Unreadable(OSError):
    """Pickles, and does not come back: its arguments are not those of its constructor."""

    def __init__(self, one: int, other: int) -> None:
        super().__init__(f"{one} {other}")


def test_an_answer_that_cannot_be_read_costs_its_item() -> None:
    """An exception of a library that does not come out of its pickle ended the run of the process that got it."""
    answer = process._unpickled(process._sendable(Unreadable(1, 2)))
    assert isinstance(answer, RuntimeError)
    unsendable = process._unpickled(process._sendable(lambda: None))
    assert isinstance(unsendable, RuntimeError)
    assert pickle.loads(process._sendable(3)) == 3


def test_a_pattern_that_is_none_is_a_usage_error(photos: Path, tmp_path: Path) -> None:
    with imgindex.open(tmp_path / "store", model="sift-vlad") as images, pytest.raises(UsageError, match="pattern"):
        images.index([photos], exclude=["!"])
