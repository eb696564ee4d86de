#!/usr/bin/env python3
"""Kill `imgindex index` with SIGKILL again and again, and hold what is left to the promises of the store.

    python scripts/crash_test.py PHOTOS [--kills 200] [--seed 0] [--limit 30] [--model sift-vlad] [--batch 32]

Copies photos and makes edited copies of them, indexes this folder once in peace, then into fresh stores: each run is
killed at a moment drawn between its first write and its end, until the store is complete. A moment is so many writes
and a part of the time to the next one, so that it means the same on a busy machine. After each kill:

1. no worker process outlives its parent
2. `check` finds no broken invariant in a copy of the store, so that the next run meets just what the kill left

A store that is complete must give the report of one that was never interrupted. In every third store files are added,
removed, renamed and replaced between the kills. `--batch` makes the transactions small, so that there are more of them
to hit; with 0 they are as shipped.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
from collections import Counter
from contextlib import closing, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn

from imgindex import api
from imgindex.ports import Silent
from imgindex.runs.check.check import check
from imgindex.store import DATABASE_NAME, Store
from imgindex.ui.as_json import report_json

sys.path.append(str(Path(__file__).resolve().parent / "bench"))
import recipes

JOBS = 2
MARK = "IMGINDEX_CRASH_TEST"
"""An environment variable that a run hands down to its workers, by which they are found."""

AIMS = {"any": 5, "opening": 1, "cache": 2}
"""Kills by where they are aimed at: the first and last moments of a run are too short to be hit by chance alone."""

OPENING_S = 0.4
CACHE_S = 0.03
POLL_S = 0.002
WORKERS_END_S = 120.0
"""A worker looks for its parent twice a second; a busy machine may need longer to let it."""

LEFT_OVER = "in the store that nothing names"
"""What `check` says of a file that was being written; a later run replaces it, and nothing reads it."""

SMALL_BATCHES = "from imgindex.runs.index import blocks, ingest; ingest.STORE_BATCH = blocks.BLOCK = {batch}"
COMMAND = "from imgindex.ui.cli import main; main()"


@dataclass(frozen=True, slots=True)
class AfterKill:
    """What a kill left in the store: the stage it hit, and rows."""

    stage: str
    images: int = 0
    searched: int = 0
    pairs: int = 0


@dataclass(slots=True)
class Tally:
    """What the summary says."""

    kills: int = 0
    completed: int = 0
    changes: int = 0
    stages: Counter[str] = field(default_factory=Counter)
    slowest_end_s: float = 0.0


class Folder:
    """Pictures to index, and spare ones that come and go."""

    def __init__(self, base: Path, photos: list[Path], rng: random.Random) -> None:
        self.path, self._spare, self._rng = base / "photos", base / "spare", rng
        recipes.make_copies(photos, self.path, "edits")
        self._spare.mkdir()
        for _ in range(len(photos)):
            self._remove()
        first, second, *_ = sorted(self.path.iterdir())
        shutil.copy(first, self.path / "copied.jpg")
        (self.path / "truncated.jpg").write_bytes(second.read_bytes()[:3000])

    def files(self) -> set[bytes]:
        return {os.fsencode(path) for path in self.path.resolve().iterdir()}

    def change(self) -> None:
        """Add, remove, rename or replace one file."""
        self._rng.choice([self._add, self._remove, self._rename, self._replace])()

    def _one(self, folder: Path) -> Path:
        return self._rng.choice(sorted(folder.iterdir()))

    def _fresh(self) -> str:
        return f"{self._rng.getrandbits(32):08x}.jpg"

    def _add(self) -> None:
        shutil.copy(self._one(self._spare), self.path / self._fresh())

    def _remove(self) -> None:
        shutil.move(self._one(self.path), self._spare / self._fresh())

    def _rename(self) -> None:
        self._one(self.path).rename(self.path / self._fresh())

    def _replace(self) -> None:
        shutil.copy(self._one(self._spare), self._one(self.path))


class Failure(Exception):
    """A promise that was not kept."""


class CrashTest:
    def __init__(self, base: Path, folder: Folder, rng: random.Random, model: str, batch: int) -> None:
        self._base, self._folder, self._rng = base, folder, rng
        small = f"{SMALL_BATCHES.format(batch=batch)}; " if batch else ""
        self._command = [sys.executable, "-c", small + COMMAND, "index", str(folder.path), "--model", model]
        self._command += ["--jobs", str(JOBS)]
        self._said = base / "said"
        self._reference: dict[str, Any] | None = None
        self.tally = Tally()
        self.writes, self.span_s = 0, 0.0
        self._uninterrupted()

    def _start(self, store: Path) -> subprocess.Popen[bytes]:
        """A run in a process group of its own, once it has written something."""
        before = _state(store)
        with self._said.open("wb") as said:
            process = subprocess.Popen(
                [*self._command, "--store", str(store)],
                env=os.environ | {MARK: str(self._base)},
                start_new_session=True,
                stdout=subprocess.DEVNULL,
                stderr=said,
            )
        while _state(store) == before and process.poll() is None:
            time.sleep(POLL_S)
        return process

    def _uninterrupted(self) -> None:
        """Index into a reference store, and note how many writes that takes and how long, from the first to the end."""
        store = self._base / "reference"
        shutil.rmtree(store, ignore_errors=True)
        process = self._start(store)
        began = time.monotonic()
        self.writes, _ = _wait_for_writes(process, store, None)
        self._expect_success(process)
        self.span_s = time.monotonic() - began
        self._reference = _report(store)

    def _expect_success(self, process: subprocess.Popen[bytes]) -> None:
        if (code := process.wait()) != 0:
            self._fail(f"a run that nobody killed ended with exit code {code}: {self._said.read_text()}")

    def life(self, store: Path, kills: int, *, changing: bool) -> None:
        """Index into a fresh store with at most `kills` kills, then uninterrupted; compare the report."""
        stage: str | None = ""
        end = self.tally.kills + kills
        while self.tally.kills < end and stage not in (None, "end"):
            if changing and self._rng.random() < 0.5:
                self._folder.change()
                self._reference = None
                self.tally.changes += 1
            stage = self._killed(store)
        if stage is not None:
            self._expect_success(self._start(store))
        self.tally.completed += 1
        self._expect_sound(store)
        found = _report(store)
        if self._reference is None:
            self._uninterrupted()
        if found != self._reference:
            self._fail(f"the report differs from that of an uninterrupted run:\n{_difference(found, self._reference)}")

    def _killed(self, store: Path) -> str | None:
        """Start a run and kill it; the stage that this hit, None where the run ended before."""
        process = self._start(store)
        try:
            self._wait_for_the_moment(process, store)
        finally:
            with suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
        code, began = process.wait(), time.monotonic()
        if code != -signal.SIGKILL:
            if code:
                self._fail(f"a run that nobody killed ended with exit code {code}: {self._said.read_text()}")
            return None
        self.tally.kills += 1
        with tempfile.TemporaryDirectory(dir=self._base) as temporary:
            copy = Path(temporary) / "store"
            shutil.copytree(store, copy)
            left = self._after_kill(copy)
            self.tally.stages[left.stage] += 1
            self._expect_sound(copy)
        self._expect_no_workers(began)
        if self.tally.kills % 5 == 0:
            print(f"kill {self.tally.kills:3d}: {left.stage:8s} {left.images:5d} images, {left.searched:5d} searched, "
                  f"{left.pairs:5d} pairs", flush=True)  # fmt: skip
        return left.stage

    def _wait_for_the_moment(self, process: subprocess.Popen[bytes], store: Path) -> None:
        [aim] = self._rng.choices(list(AIMS), list(AIMS.values()))
        share = min(self._rng.random(), self._rng.random())
        if aim == "cache":
            before = _cache_files(store)
            while process.poll() is None and not _cache_files(store) - before:
                time.sleep(POLL_S)
        gap_s = 0.0
        if aim == "any":
            _, gap_s = _wait_for_writes(process, store, 1 + int(share * self.writes))
        wait_s = self._rng.random() * {"any": gap_s, "opening": OPENING_S, "cache": CACHE_S}[aim]
        with suppress(subprocess.TimeoutExpired):
            process.wait(wait_s)

    def _expect_no_workers(self, began: float) -> None:
        while left := _marked(str(self._base)):
            if time.monotonic() - began > WORKERS_END_S:
                self._fail(f"worker processes outlived their parent: {left}")
            time.sleep(0.02)
        self.tally.slowest_end_s = max(self.tally.slowest_end_s, time.monotonic() - began)

    def _expect_sound(self, store: Path) -> None:
        with Store.open(store, create=True) as opened:  # a kill may leave a database that has no tables yet
            findings = check(opened, progress=Silent())
        broken = [f"invariant {f.invariant}: {f.sentence}" for f in findings if LEFT_OVER not in f.sentence]
        if broken:
            self._fail("check found:\n" + "\n".join(broken))

    def _after_kill(self, store: Path) -> AfterKill:
        with closing(sqlite3.connect(store / DATABASE_NAME)) as database:
            try:
                [(images, searched, pairs)] = database.execute(
                    "SELECT (SELECT count(*) FROM image), (SELECT count(*) FROM watermark), (SELECT count(*) FROM pair)"
                )
            except sqlite3.OperationalError:
                return AfterKill("opening")
            known = {path for (path,) in database.execute("SELECT path FROM file")}
            saved = database.execute("SELECT 1 FROM index_cache JOIN state USING (generation)").fetchone()
        if not images:
            stage = "hash"
        elif self._folder.files() - known:
            stage = "ingest"
        elif searched < images:
            stage = "match"
        else:
            stage = "end" if saved else "cache"
        return AfterKill(stage, images, searched, pairs)

    def _fail(self, what: str) -> NoReturn:
        raise Failure(f"after {self.tally.kills} kills and {self.tally.completed} completed stores: {what}")


def _state(store: Path) -> set[tuple[str, int]]:
    """The files of a store and when they were written; the lock is, by each run, before anything else."""
    found = set()
    for path in store.glob("*"):
        with suppress(FileNotFoundError):
            found.add((path.name, path.stat().st_mtime_ns))
    return found


def _wait_for_writes(process: subprocess.Popen[bytes], store: Path, wanted: int | None) -> tuple[int, float]:
    """Wait for so many writes, or for the end of the run; (writes seen, seconds between the last two)."""
    seen, gap_s, last = 0, 0.0, time.monotonic()
    before = _state(store)
    while process.poll() is None and (wanted is None or seen < wanted):
        time.sleep(POLL_S)
        if (now := _state(store)) != before:
            before, gap_s, last = now, time.monotonic() - last, time.monotonic()
            seen += 1
    return seen, gap_s


def _cache_files(store: Path) -> set[str]:
    return {path.name for path in store.glob("*") if path.suffix in (".tmp", ".faiss")}


def _marked(mark: str) -> list[int]:
    """Processes that have MARK in the environment they were started with."""
    wanted, found = f"{MARK}={mark}".encode(), []
    for entry in Path("/proc").glob("[0-9]*"):
        with suppress(OSError):
            if wanted in (entry / "environ").read_bytes().split(b"\0"):
                found.append(int(entry.name))
    return found


def _report(store: Path) -> dict[str, Any]:
    """The report as JSON, without what differs between two stores of the same files."""
    with api.open(store, create=False) as images:
        report: dict[str, Any] = json.loads(report_json(images.report()))
    del report["generated_at"], report["store"], report["counts"]["missing"]
    return report


def _difference(found: dict[str, Any], expected: dict[str, Any] | None) -> str:
    """The entries that only one of two reports has."""
    said = []
    for key, value in (expected or {}).items():
        if found[key] != value:
            said.append(f"{key}:")
            here, there = (part if isinstance(part, list) else [part] for part in (found[key], value))
            said += [f"  only after kills: {entry}" for entry in here if entry not in there]
            said += [f"  only uninterrupted: {entry}" for entry in there if entry not in here]
    return "\n".join(said)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--limit", type=int, default=30, help="photos to take; each gets eleven edited copies")
    parser.add_argument("--model", default="sift-vlad")
    parser.add_argument("--batch", type=int, default=32)
    arguments = parser.parse_args()
    if not Path("/proc/self/environ").exists():
        parser.error("worker processes are found through /proc, which this system does not have")
    began = time.monotonic()
    rng = random.Random(arguments.seed)
    with tempfile.TemporaryDirectory(prefix="imgindex-crash-") as temporary:
        base = Path(temporary)
        folder = Folder(base, recipes.photos_in(arguments.photos, arguments.limit, arguments.seed), rng)
        try:
            test = CrashTest(base, folder, rng, arguments.model, arguments.batch)
            files = len(folder.files())
            print(f"{files} files; an uninterrupted run writes {test.writes} times in {test.span_s:.1f} s", flush=True)
            tally, lives = test.tally, 0
            while tally.kills < arguments.kills:
                store = base / "store"
                test.life(store, arguments.kills - tally.kills, changing=lives % 3 == 2)
                shutil.rmtree(store)
                lives += 1
        except Failure as failure:
            sys.exit(f"FAILED {failure}")
    stages = ", ".join(f"{stage} {count}" for stage, count in tally.stages.most_common())
    print(f"{tally.kills} kills in {lives} stores ({stages}); {tally.changes} changes to the files between them")
    print(f"{tally.completed} stores completed, each with the report of an uninterrupted run; no invariant was broken")
    print(f"workers were gone {tally.slowest_end_s:.2f} s after their parent; {time.monotonic() - began:.0f} s in all")


if __name__ == "__main__":
    main()
