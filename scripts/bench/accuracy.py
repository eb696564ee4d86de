"""Recall, precision and false pairs of the real command on labelled benchmarks made from a folder of photos.

    python scripts/bench/accuracy.py PHOTOS [--model sift-vlad] [--profiles ukbench,edits,traps] [--limit N]

Prints for each profile what `imgindex index` and `imgindex report --format json` find, per edit, beside two
baselines in the same run: imagehash's pHash at its usual threshold, and the cosine of the embedder alone at the
threshold that is best for it. The photos must be distinct: any pair called a copy across photos counts as false.
"""

from __future__ import annotations

import argparse
import itertools
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import recipes
from PIL import Image

COPY = {"exact", "same-pixels", "near-duplicate"}
PHASH_BITS = 10
"""Hamming distance up to which imagehash users commonly call 64-bit pHashes the same."""

Pair = frozenset[str]


COMMAND = [sys.executable, "-m", "imgindex"]


def index_folder(folder: Path, store: Path, model: str, jobs: int = 0) -> tuple[dict[str, Any], float]:
    """(what `index` says of its run, wall-clock seconds)."""
    began = time.perf_counter()
    options = ["--store", str(store), "--model", model, "--jobs", str(jobs), "--format", "json"]
    done = subprocess.run([*COMMAND, "index", str(folder), *options], check=True, stdout=subprocess.PIPE, text=True)
    return json.loads(done.stdout), time.perf_counter() - began


def report_of(store: Path) -> dict[str, Any]:
    """The report of a store as JSON."""
    command = [*COMMAND, "report", "--store", str(store), "--format", "json"]
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    return dict(json.loads(done.stdout))


def run_imgindex(folder: Path, store: Path, model: str, jobs: int) -> tuple[dict[str, Any], str]:
    """(report as JSON, how long `index` and its stages took)."""
    summary, seconds = index_folder(folder, store, model, jobs)
    stages = ", ".join(f"{stage} {spent:.1f}" for stage, spent in summary["seconds"].items())
    rate = summary["ingest"]["embedded_images"] / seconds
    verified = summary["match"]["verified"]
    return report_of(store), f"{seconds:.0f} s, {rate:.1f} files/s, {verified} verified (seconds: {stages})"


def called_copies(report: dict[str, Any]) -> set[Pair]:
    """Pairs verified as copies; files of equal bytes share the pairs of their image."""
    same: dict[str, set[str]] = {}
    for pair in report["pairs"]:
        if pair["verdict"] == "exact":
            group = same.setdefault(pair["a"], {pair["a"]}) | {pair["b"]}
            for path in group:
                same[path] = group
    found = {frozenset(map(_name, two)) for group in same.values() for two in itertools.combinations(group, 2)}
    for pair in report["pairs"]:
        if pair["verdict"] in COPY and pair["verdict"] != "exact":
            sides = (same.get(pair[side], {pair[side]}) for side in ("a", "b"))
            found |= {frozenset((_name(a), _name(b))) for a, b in itertools.product(*sides)}
    return found


def grouped(report: dict[str, Any]) -> set[Pair]:
    """All pairs inside one reported group: what a person would delete from."""
    found: set[Pair] = set()
    for group in report["groups"]:
        names = {_name(group["keeper"]), *(_name(member["path"]) for member in group["members"])}
        found |= {frozenset(two) for two in itertools.combinations(names, 2)}
    return found


def _name(path: str) -> str:
    return Path(path).name


def phash_pairs(folder: Path) -> set[Pair]:
    """Pairs within PHASH_BITS of each other."""
    paths = sorted(folder.glob("*.jpg"))
    bits = np.array([imagehash.phash(Image.open(path)).hash.ravel() for path in paths], np.float32)
    distance = bits @ (1 - bits).T + (1 - bits) @ bits.T
    a, b = np.nonzero(np.triu(distance <= PHASH_BITS, 1))
    return {frozenset((paths[i].name, paths[j].name)) for i, j in zip(a.tolist(), b.tolist(), strict=True)}


def cosine_pairs(store: Path, true: set[Pair]) -> tuple[float, set[Pair]]:
    """(threshold, pairs) at the cosine with the best F1 against `true`, which is more than a user could know."""
    from imgindex.store import Store, catalog, spaces

    with Store.open(store) as opened, opened.read() as tx:
        active = spaces.active_space(tx)
        assert active is not None
        ids, vectors = spaces.vectors(tx, active[0], active[1].dim)
        names = {
            i: paths[0].decode().rsplit("/", 1)[-1] for i, paths in catalog.present_paths(tx, ids.tolist()).items()
        }
    cosines = np.triu(vectors @ vectors.T, 1)
    is_true = np.array([[frozenset((names[a], names[b])) in true for b in ids.tolist()] for a in ids.tolist()])
    best = max((_f1(cosines >= t, is_true, len(true)), t) for t in np.arange(0.3, 1.0, 0.01))[1]
    a, b = np.nonzero(cosines >= best)
    return float(best), {frozenset((names[ids[i]], names[ids[j]])) for i, j in zip(a.tolist(), b.tolist(), strict=True)}


def _f1(called: np.ndarray, is_true: np.ndarray, total: int) -> float:
    right = int((called & is_true).sum())
    return 2 * right / max(1, int(called.sum()) + total)


def line(name: str, found: set[Pair], true: set[Pair], extra: str = "") -> None:
    right = len(found & true)
    precision = right / len(found) if found else 1.0
    print(
        f"  {name:28s} recall {right / len(true):8.2%} ({right} of {len(true)})  "
        f"precision {precision:8.2%}  false {len(found) - right}{extra}"
    )


def missed_by_kind(found: set[Pair], expected: Iterable[recipes.Expectation]) -> None:
    total: Counter[str] = Counter()
    missed: Counter[str] = Counter()
    for e in expected:
        for edit in e.kind.split(" + "):
            total[edit] += 1
            missed[edit] += frozenset((e.a, e.b)) not in found
    print("  missed by edit: " + ", ".join(f"{edit} {n}/{total[edit]}" for edit, n in missed.most_common() if n))


def bench_copies(photos: list[Path], profile: str, work: Path, model: str, jobs: int) -> None:
    folder, store = work / profile, work / f"{profile}.store"
    expected = recipes.make_copies(photos, folder, profile)
    true = {frozenset((e.a, e.b)) for e in expected}
    report, times = run_imgindex(folder, store, model, jobs)
    files = report["counts"]["files"]
    print(f"{profile}: {len(photos)} photos, {files} files, {len(true)} true pairs; {times}")
    direct, closure = called_copies(report), grouped(report)
    line("imgindex, verified pairs", direct, true)
    line("imgindex, pairs in groups", closure, true)
    line("imagehash pHash", phash_pairs(folder), true)
    threshold, alone = cosine_pairs(store, true)
    line("cosine of the embedder alone", alone, true, f"  (at {threshold:.2f})")
    missed_by_kind(direct, expected)
    for pair in sorted(map(sorted, (direct | closure) - true))[:50]:
        print(f"  FALSE {pair[0]} {pair[1]}")


def bench_traps(photos: list[Path], work: Path, model: str, jobs: int) -> None:
    folder, store = work / "traps", work / "traps.store"
    expected, never = recipes.make_traps(photos, folder)
    report, times = run_imgindex(folder, store, model, jobs)
    direct, closure = called_copies(report), grouped(report)
    print(f"traps: {len(photos) // 2} pairs of photos, {report['counts']['files']} files; {times}")
    total: Counter[tuple[bool, str]] = Counter()
    wrong: Counter[tuple[bool, str]] = Counter()
    for e in expected:
        called = direct if e.copy or e.kind == "left + right" else direct | closure
        total[e.copy, e.kind] += 1
        wrong[e.copy, e.kind] += (frozenset((e.a, e.b)) in called) != e.copy
    for (copy, kind), n in total.items():
        print(f"  {'copy' if copy else 'not a copy':10s} {kind:24s} wrong {wrong[copy, kind]} of {n}")
    keepers = {(_name(g["keeper"]), _name(m["path"])) for g in report["groups"] for m in g["members"]}
    print(f"  never its keeper: wrong {sum(pair in keepers for pair in never)} of {len(never)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", default="sift-vlad")
    parser.add_argument("--profiles", default="ukbench,edits,traps")
    parser.add_argument("--limit", type=int, help="use only this many photos")
    parser.add_argument("--jobs", type=int, default=0)
    a = parser.parse_args()
    photos = recipes.photos_in(a.photos, a.limit)
    with tempfile.TemporaryDirectory(prefix="imgindex-bench-") as work:
        for profile in a.profiles.split(","):
            if profile == "traps":
                bench_traps(photos, Path(work), a.model, a.jobs)
            else:
                bench_copies(photos, profile, Path(work), a.model, a.jobs)


if __name__ == "__main__":
    main()
