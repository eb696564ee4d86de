#!/usr/bin/env python3
"""How many true pairs does a search propose? Embeds a labelled benchmark and prints recall per k, and per edit.

    python scripts/bench/candidates.py --made FOLDER [--model sift-vlad] [--k 32]
    python scripts/bench/candidates.py PHOTOS --recipe RECIPE.py [--profile ukbench|edits|traps] [--limit N]

FOLDER holds pictures and `truth.json`, which says what each shows: {"files": {name: {"photo": n, "edit": e}}}, or which
pairs are copies: {"expect": [{"a": name, "b": name, "copy": true}]}. RECIPE.py makes such a folder when it is called as
`RECIPE.py PHOTOS FOLDER --profile P`. A pair is a candidate when either picture has the other among its k nearest, or
when its cosine is at or above the floor of the embedder's reach.
"""

from __future__ import annotations

import argparse
import itertools
import json
import os
import subprocess
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgindex.pictures import decode, features
from imgindex.ports import Embedder
from imgindex.records import Picture, Vectors
from imgindex.search import embed

KS = (12, 20, 32, 48)


@dataclass(frozen=True, slots=True)
class Labels:
    """File names, the true pairs as indices into them, what each file is, and the photo it shows (-1: not said)."""

    names: list[str]
    pairs: list[tuple[int, int]]
    kinds: list[str]
    photos: NDArray[np.int64]


def read_labels(folder: Path) -> Labels:
    truth = json.loads((folder / "truth.json").read_text())
    if "files" in truth:
        names = sorted(truth["files"])
        photos = np.array([truth["files"][name]["photo"] for name in names], np.int64)
        kinds = [truth["files"][name]["edit"] for name in names]
        pairs = [
            pair
            for photo in np.unique(photos)
            for pair in itertools.combinations(np.flatnonzero(photos == photo).tolist(), 2)
        ]
        return Labels(names, pairs, kinds, photos)
    names = sorted(path.name for path in folder.glob("*.jpg"))
    at = {name: number for number, name in enumerate(names)}
    pairs = [(at[e["a"]], at[e["b"]]) for e in truth["expect"] if e.get("copy")]
    return Labels(names, pairs, [name.split("_", 1)[1][:-4] for name in names], np.full(len(names), -1, np.int64))


def prepare(path: Path, short_side_px: int) -> Picture:
    picture = decode.decode(path.read_bytes(), short_side_px=short_side_px)
    return Picture(picture.info, picture.rgb, features.extract(features.working_luma(picture.rgb)))


def embed_all(embedder: Embedder, paths: list[Path], jobs: int) -> tuple[Vectors, NDArray[np.int64], float]:
    """(vectors, feature counts, milliseconds per picture spent in `embed` alone)."""
    work = partial(prepare, short_side_px=embedder.short_side_px)
    vectors, counts, spent = [], [], 0.0
    with ProcessPoolExecutor(jobs) as pool:
        for start in range(0, len(paths), embedder.batch_size):
            pictures = list(pool.map(work, paths[start : start + embedder.batch_size], chunksize=8))
            began = time.perf_counter()
            vectors.append(embedder.finish([embedder.front(picture) for picture in pictures]))
            spent += time.perf_counter() - began
            counts += [0 if picture.features is None else len(picture.features) for picture in pictures]
    return np.concatenate(vectors), np.array(counts, np.int64), 1000.0 * spent / len(paths)


def report(labels: Labels, vectors: Vectors, floor: float, k: int) -> None:
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2.0)
    ranks = np.empty(cosines.shape, np.int32)
    rows = np.arange(len(cosines))[:, None]
    ranks[rows, np.argsort(-cosines, axis=1, kind="stable")] = np.arange(len(cosines))
    first, second = np.array(labels.pairs).T
    best = np.minimum(ranks[first, second], ranks[second, first])
    found_by_floor = cosines[first, second] >= floor
    print(f"{len(labels.names)} pictures, {len(labels.pairs)} true pairs, floor {floor}")
    for size in sorted({*KS, k}):
        nearest = (ranks < size) | (size > ranks.T)
        both = nearest | (cosines >= floor)
        print(
            f"  k={size:3d}  recall {np.mean((best < size) | found_by_floor):.4f}"
            f"  (top-k alone {np.mean(best < size):.4f})"
            f"  candidate pairs per picture {both.sum() / 2 / len(both):.1f}"
            f"  by floor only {np.sum(both & ~nearest) // 2}"
        )
    if labels.photos[0] >= 0:
        strangers = cosines[(labels.photos[:, None] != labels.photos[None, :]) & (rows < rows.T)]
        levels = ", ".join(f"{share:g}: {np.quantile(strangers, 1 - share):.3f}" for share in (1e-3, 1e-4, 1e-5, 1e-6))
        above = np.mean(strangers >= floor)
        print(f"  pairs of different photos: {above:.2e} at or above the floor; cosine of the highest {levels}")
    own = np.quantile(cosines[first, second], (0.001, 0.01, 0.05, 0.5))
    print("  true pairs: cosine at 0.1 %, 1 %, 5 %, 50 %:", ", ".join(f"{value:.3f}" for value in own))
    missed: Counter[str] = Counter()
    total: Counter[str] = Counter()
    for (a, b), lost in zip(labels.pairs, (best >= k) & ~found_by_floor, strict=True):
        for kind in (labels.kinds[a], labels.kinds[b]):
            total[kind] += 1
            missed[kind] += int(lost)
    for kind, count in missed.most_common():
        print(f"  {kind:12s} proposed {1 - count / total[kind]:.4f}  missed {count}/{total[kind]} at k={k}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="?")
    parser.add_argument("--made", type=Path, help="a folder that a recipe made")
    parser.add_argument("--recipe", type=Path)
    parser.add_argument("--profile", default="ukbench")
    parser.add_argument("--limit", type=int)
    parser.add_argument("--model", default="sift-vlad")
    parser.add_argument("--k", type=int, default=20)
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1)
    arguments = parser.parse_args()
    if arguments.made is None and (arguments.photos is None or arguments.recipe is None):
        parser.error("name a folder with --made, or PHOTOS and --recipe")
    with tempfile.TemporaryDirectory() as temporary:
        folder = arguments.made or Path(temporary)
        if arguments.made is None:
            limit = [] if arguments.limit is None else ["--limit", str(arguments.limit)]
            call = [sys.executable, arguments.recipe, arguments.photos, folder, "--profile", arguments.profile, *limit]
            subprocess.run(call, check=True)
        labels = read_labels(folder)
        embedder = embed.open_embedder(arguments.model, print)
        vectors, counts, per_picture = embed_all(embedder, [folder / name for name in labels.names], arguments.jobs)
    print(f"{embedder.space.name}: {per_picture:.2f} ms per picture given features; {embedder.space.dim} numbers")
    few, none = np.mean(counts < 50), np.mean(counts == 0)
    print(f"  features: mean {counts.mean():.0f}, below 50 in {few:.4f}, none in {none:.4f}")
    report(labels, vectors, embedder.reach.floor, arguments.k)


if __name__ == "__main__":
    main()
