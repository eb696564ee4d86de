#!/usr/bin/env python3
"""Speed and memory on this machine: medians of several runs, and ratios to a baseline in the same run.

    python scripts/bench/run.py PHOTOS [--model CLIP_FOLDER] [--runs 3] [--only ukbench,stages,vectors,ingest,memory]

ukbench   files per second from an empty store to groups, with recall and false pairs beside them; imagehash's pHash
stages    what share of the CPU time of such a run each stage has: reading, decoding, features, model, search and so on
vectors   scripts/bench/vectors.py: queries and additions at 10 thousand to 1 million vectors
ingest    scripts/bench/ingest.py: CLIP against the plain sentence-transformers loop (random weights without --model)
memory    peak resident memory of the command and of its workers at 10, 50 and 100 thousand files of one run

PHOTOS is a folder of distinct photos; `memory` cuts its files out of them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import re
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import accuracy
import recipes
import stage_times

MODEL = "sift-vlad"
TILES = (10_000, 50_000, 100_000)
TILE_PX = 24
"""Some 400 photos of 640 px have 100,000 tiles of this size that are not sky or wall."""

MORE_TILES = 5_000
"""Files beyond the last of TILES: how far the command is it says every ten seconds, and the search is not to count."""

SAMPLE_EVERY_S = 0.2

Part = Callable[[Path, Path | None, int], None]


def ukbench(photos: Path, _: Path | None, runs: int) -> None:
    """The rates of imgindex and of pHash, alternately, with what each finds."""
    with tempfile.TemporaryDirectory(prefix="imgindex-bench-") as temporary:
        folder = Path(temporary) / "ukbench"
        expected = recipes.make_copies(recipes.photos_in(photos, None), folder, "ukbench")
        true = {frozenset((e.a, e.b)) for e in expected}
        files = len(list(folder.iterdir()))
        print(f"ukbench: {files} files, {len(true)} true pairs")
        ours, theirs = [], []
        for number in range(runs):
            store = Path(temporary) / f"store-{number}"
            summary, seconds = accuracy.index_folder(folder, store, MODEL)
            ours.append(files / seconds)
            found = accuracy.called_copies(accuracy.report_of(store))
            began = time.perf_counter()
            plain = accuracy.phash_pairs(folder)
            theirs.append(files / (time.perf_counter() - began))
            stages = ", ".join(f"{stage} {spent:.1f}" for stage, spent in summary["seconds"].items())
            print(f"  run {number + 1}: {ours[-1]:.1f} files/s, {summary['match']['verified']} verified ({stages} s)")
        accuracy.line(f"imgindex, {statistics.median(ours):.1f} files/s", found, true)
        accuracy.line(f"pHash, {statistics.median(theirs):.1f} files/s", plain, true)
        ratio = statistics.median(a / b for a, b in zip(ours, theirs, strict=True))
        print(f"  imgindex has {ratio:.3f} times the rate of pHash, median of {runs} runs")


def stages(photos: Path, _: Path | None, runs: int) -> None:
    """Shares of the CPU time of whole runs, their worker processes included."""
    with tempfile.TemporaryDirectory(prefix="imgindex-bench-") as temporary:
        folder = Path(temporary) / "ukbench"
        recipes.make_copies(recipes.photos_in(photos, None), folder, "ukbench")
        shares: dict[str, list[float]] = {}
        seconds = []
        missing: list[str] = []
        for number in range(runs):
            noted = Path(temporary) / f"noted-{number}"
            noted.mkdir()
            store = Path(temporary) / f"store-{number}"
            command = [*accuracy.COMMAND, "index", str(folder), "--store", str(store), "--model", MODEL]
            subprocess.run(command, env=stage_times.environment(noted), check=True, stdout=subprocess.DEVNULL)
            spent, everything, missing = stage_times.measured(noted)
            seconds.append(everything)
            for stage, of_it in (spent | {"other": everything - sum(spent.values())}).items():
                shares.setdefault(stage, []).append(of_it / everything)
        print(f"stages: {statistics.median(seconds):.1f} CPU seconds in all, median of {runs} runs")
        for stage, of_all in shares.items():
            print(f"  {stage:14s} {statistics.median(of_all):6.1%}")
        if missing:
            print(f"  not measured, because they are not there any more: {', '.join(missing)}")


def memory(photos: Path, _: Path | None, __: int) -> None:
    """One run over many small files: what it needed at most until so many were indexed, and until its end."""
    with tempfile.TemporaryDirectory(prefix="imgindex-bench-") as temporary:
        folder, store = Path(temporary) / "tiles", Path(temporary) / "store"
        tiles = [sys.executable, str(Path(__file__).with_name("make_tiles.py")), str(photos), str(folder)]
        wanted = ["--count", str(TILES[-1] + MORE_TILES), "--side", str(TILE_PX)]
        if subprocess.run([*tiles, *wanted], check=False, stdout=subprocess.DEVNULL).returncode:
            print(f"memory: the photos have no {TILES[-1] + MORE_TILES:,} tiles of {TILE_PX} px")
            return
        print("memory: peak MB of one run (the command itself; the largest worker; all together)")
        command = [*accuracy.COMMAND, "index", str(folder), "--store", str(store), "--model", MODEL]
        marks, began, peaks = list(TILES), time.perf_counter(), [0.0, 0.0, 0.0]
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True) as process:
            said = Said(process)
            said.start()
            while process.poll() is None:
                used = [resident_mb(process.pid), *(resident_mb(child) for child in children(process.pid))]
                peaks = list(map(max, peaks, (used[0], max(used[1:], default=0.0), sum(used))))
                while marks and said.indexed >= marks[0]:
                    print_peaks(f"{marks.pop(0):,} files indexed", peaks, began)
                time.sleep(SAMPLE_EVERY_S)
            said.join()
        if process.returncode:
            raise SystemExit(f"imgindex ended with {process.returncode}")
        print_peaks("searched and verified", peaks, began)


def print_peaks(until: str, peaks: Sequence[float], began: float) -> None:
    own, worker, together = peaks
    print(
        f"  {until:22s} {own:5.0f}  {worker:5.0f}  {together:5.0f}   ({time.perf_counter() - began:.0f} s)", flush=True
    )


class Said(threading.Thread):
    """What a command says of its progress on stderr, a line every ten seconds: the files `indexed` so far."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        super().__init__(daemon=True)
        self.indexed = 0
        self._lines = process.stderr

    def run(self) -> None:
        for line in self._lines or ():
            if found := re.match(r"index: ([\d,]+) of", line):
                self.indexed = int(found[1].replace(",", ""))


def resident_mb(pid: int) -> float:
    """Resident memory of a process in MB; 0 where it has ended."""
    with contextlib.suppress(OSError, ValueError, IndexError):
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE") / 1e6
    return 0.0


def children(pid: int) -> list[int]:
    """The processes that the threads of a process started."""
    found: list[int] = []
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        with contextlib.suppress(OSError):
            found += map(int, path.read_text().split())
    return found


def vectors(photos: Path, model: Path | None, _: int) -> None:
    import vectors as bench_vectors  # and below bench_ingest: what they import takes seconds and a GB of memory

    bench_vectors.run(photos, model)


def ingest(photos: Path, model: Path | None, runs: int) -> None:
    import ingest as bench_ingest

    bench_ingest.run(photos, model, bench_ingest.Asked(runs))


PARTS: dict[str, Part] = {
    "ukbench": ukbench,
    "stages": stages,
    "vectors": vectors,
    "ingest": ingest,
    "memory": memory,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", type=Path, help="folder with a CLIP model")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--only", default=",".join(PARTS), help="parts to run, in this order")
    asked = parser.parse_args()
    chosen = asked.only.split(",")
    if unknown := sorted(set(chosen) - set(PARTS)):
        parser.error(f"no such part: {', '.join(unknown)}; there are {', '.join(PARTS)}")
    print(f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}, Python {sys.version.split()[0]}")
    for name in chosen:
        PARTS[name](asked.photos, asked.model, asked.runs)
        sys.stdout.flush()


if __name__ == "__main__":
    main()
