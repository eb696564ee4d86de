"""Runs that are killed or told to end: what they leave is whole, and what follows ends as if nothing had happened."""

from __future__ import annotations

import json
import re
import signal
import sqlite3
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from imgindex import api
from imgindex.ui.as_json import report_json
from tests.helpers.pictures import reduced, save, scene

CRASH_TEST = Path(__file__).resolve().parents[2] / "scripts" / "crash_test.py"

COMMAND = """
from imgindex.runs.index import ingest, blocks as search
ingest.STORE_BATCH = search.BLOCK = 4
from imgindex.ui.cli import main
main()
"""
"""The command with small transactions, so that a run on a few pictures has a middle."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Twelve scenes, and a smaller copy of each."""
    folder = tmp_path_factory.mktemp("crash") / "photos"
    for seed in range(12):
        save(scene(seed), folder / f"{seed}.jpg")
        save(reduced(folder / f"{seed}.jpg", (120, 90)), folder / f"{seed}-small.jpg")
    return folder


def start(photos: Path, store: Path, code: str = COMMAND) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, "index", photos, "--store", store, "--model", "sift-vlad", "--jobs", 2]
    return subprocess.Popen(list(map(str, command)), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen[str]) -> None:
    _, said = process.communicate(timeout=300)
    assert process.returncode == 0, said


def report(store: Path) -> dict[str, object]:
    with api.open(store, create=False) as images:
        found: dict[str, object] = json.loads(report_json(images.report()))
        assert images.check() == ()
    del found["generated_at"], found["store"]
    return found


@pytest.fixture(scope="module")
def expected(photos: Path) -> dict[str, object]:
    """The report of a store that was never interrupted."""
    store = photos.parent / "whole"
    finish(start(photos, store))
    found = report(store)
    assert len(found["groups"]) == 12  # type: ignore[arg-type]
    return found


def rows(store: Path, table: str) -> int:
    """Committed rows; 0 where the store or the table is not made yet."""
    try:
        with closing(sqlite3.connect(f"{(store / 'imgindex.db').as_uri()}?mode=ro", uri=True)) as database:
            return int(database.execute(f"SELECT count(*) FROM {table}").fetchone()[0])
    except sqlite3.OperationalError:
        return 0


@pytest.fixture
def running(photos: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    process = start(photos, tmp_path / "store")
    yield process
    process.kill()
    process.communicate()


@pytest.mark.parametrize(
    ("number", "code", "table"),
    [(signal.SIGTERM, 143, "image"), (signal.SIGINT, 130, "watermark")],
    ids=["SIGTERM while indexing", "SIGINT while verifying"],
)
def test_a_run_told_to_end_keeps_what_is_finished(
    running: subprocess.Popen[str], number: int, code: int, table: str,
    photos: Path, expected: dict[str, object], tmp_path: Path,
) -> None:  # fmt: skip
    """A shutdown or Ctrl-C must not cost the batches before it, nor let a half-done run pass for a finished one."""
    store = tmp_path / "store"
    while running.poll() is None and not rows(store, table):
        time.sleep(0.005)
    before = rows(store, table)
    running.send_signal(number)
    _, said = running.communicate(timeout=300)
    assert running.returncode == code, said
    assert "interrupted" in said
    assert "kept" in said
    assert said.count("\n") == 1
    assert before <= rows(store, table) < 24
    assert report(store) != expected
    finish(start(photos, store))
    assert report(store) == expected


def test_twenty_kills_lose_nothing_and_leave_nothing_wrong(tmp_path: Path) -> None:
    """SIGKILL at any moment: no torn transaction, no worker left behind, and the report of an uninterrupted run."""
    if not Path("/proc/self/environ").exists():
        pytest.skip("the crash test finds worker processes through /proc")
    save(scene(0), tmp_path / "photos" / "0.jpg")
    done = subprocess.run(
        [sys.executable, CRASH_TEST, tmp_path / "photos", "--kills", "20", "--seed", "1", "--batch", "3"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^20 kills in \d+ stores", done.stdout, re.MULTILINE)
