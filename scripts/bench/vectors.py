#!/usr/bin/env python3
"""The search of a large store: latency, recall, memory, opening, adding, and candidates, in stores made for it.

    python scripts/bench/vectors.py PHOTOS [--model CLIP_FOLDER] [--sizes 10000,100000,1000000]
                                    [--sample FILE] [--work FOLDER]

Vectors are embeddings of photo tiles, extended to each size by a seeded generator; queries are embeddings of edited
copies of tiles. `--sample` keeps the embeddings in a file for the next run. Latencies are those of a query in a program
that has the index open: the index, the vectors and rows that it names, and their cosines. The baseline is FAISS's exact
`IndexFlatIP` on the same vectors, in the same run.
"""

from __future__ import annotations

import argparse
import contextlib
import itertools
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import faiss
import numpy as np
import tile_vectors
from numpy.typing import NDArray
from sqlalchemy import insert, select
from tile_vectors import Extension, Sample

from imgindex.ports import Silent
from imgindex.records import NEIGHBOUR, Reach, Space, Vectors
from imgindex.runs.index.blocks import SEARCHED_BY, plan
from imgindex.runs.query import EXTRA, nearest
from imgindex.search.index_files import OpenIndex, save_index
from imgindex.store import Store, pairs, spaces
from imgindex.store.schema import file, image

MODEL = "sift-vlad"
SIZES = (10_000, 100_000, 1_000_000)
K = 10
ADDED = 10_000
ADD_ROUNDS = 3
BLOCK = 20_000
WATERMARK_SAMPLE = 1000
"""Images whose k-th cosine is computed exactly; every other image gets that of the nearest of them."""

WARM_UP = 50


def space_of(sample: Sample) -> Space:
    return Space("bench", "bench", "", "", sample.tiles.shape[1], "float32", "bench", sample.reach.floor)


def vectors_for(sample: Sample, extension: Extension, count: int) -> Iterator[Vectors]:
    """The tiles of the sample, the first tile with image id 1 and so on, then made ones; `count` in all."""
    yield sample.tiles[:count]
    for start in range(len(sample.tiles), count, BLOCK):
        yield extension.make(min(BLOCK, count - start))


def add_images(store: Store, space_id: int, vectors: Vectors) -> None:
    """Images of one file each, with these vectors."""
    with store.write() as tx:
        first = 1 + int(tx.execute(select(image.c.id).order_by(image.c.id.desc()).limit(1)).scalar() or 0)
        ids = range(first, first + len(vectors))
        about = {"size_bytes": 1, "format": "JPEG", "width_px": 256, "height_px": 256, "mode": "RGB", "bit_depth": 8}
        about |= {"has_alpha": False, "frames": 1, "texture": 99.0}
        stat = {"size_bytes": 1, "mtime_ns": 0, "ctime_ns": 0, "inode": b"", "device": b""}
        tx.execute(insert(image), [about | {"id": i, "sha256": i.to_bytes(32, "big")} for i in ids])
        tx.execute(insert(file), [stat | {"path": b"/photos/%d.jpg" % i, "image_id": i} for i in ids])
        spaces.put_embeddings(tx, space_id, ids, vectors)


def add_watermarks(store: Store, space_id: int, dim: int, reach: Reach) -> None:
    """Say of every image that its search is done, with k-th cosines as a search would find them."""
    rng = np.random.default_rng(1)
    with store.read() as tx:
        ids = spaces.vector_ids(tx, space_id)
        chosen = np.sort(rng.choice(ids, min(WATERMARK_SAMPLE, len(ids)), replace=False))
        sample = spaces.vectors_of(tx, space_id, dim, chosen.tolist())
        best = np.full((len(chosen), 1), -1.0, np.float32)
        for _, vectors in spaces.vector_blocks(tx, space_id, dim):
            best = -np.sort(-np.hstack([best, sample @ vectors.T]), axis=1)[:, : 1 + reach.k]
        kth = best[:, -1].astype(np.float64).round(6)
        blocks = [
            (part, kth[(vectors @ sample.T).argmax(axis=1)])
            for part, vectors in spaces.vector_blocks(tx, space_id, dim)
        ]
    for part, cosines in blocks:
        marks = {}
        for image_id, cosine in zip(part.tolist(), cosines.tolist(), strict=True):
            near = np.empty(reach.k, NEIGHBOUR)
            near["id"], near["micro"] = 1 + (image_id + np.arange(1, 1 + reach.k)) % len(ids), round(cosine * 1e6)
            marks[image_id] = cosine, near.tobytes()
        with store.write() as tx:
            pairs.put_watermarks(tx, space_id, marks, reach.floor, reach.k, SEARCHED_BY)


def exact_nearest(store: Store, space_id: int, queries: Vectors) -> NDArray[np.int64]:
    """int64[n, K]: ids by exact search, nearest first."""
    cosines, ids = np.empty((len(queries), 0), np.float32), np.empty((len(queries), 0), np.int64)
    with store.read() as tx:
        for part, vectors in spaces.vector_blocks(tx, space_id, queries.shape[1]):
            cosines = np.hstack([cosines, queries @ vectors.T])
            ids = np.hstack([ids, np.broadcast_to(part, (len(queries), len(part)))])
            order = np.argsort(-cosines, axis=1)[:, :K]
            cosines, ids = np.take_along_axis(cosines, order, axis=1), np.take_along_axis(ids, order, axis=1)
    return ids


def flat_latency_ms(store: Store, space_id: int, queries: Vectors) -> float:
    """Median time of FAISS's exact search for one query, all vectors in memory."""
    index = faiss.IndexFlatIP(queries.shape[1])
    with store.read() as tx:
        for _, vectors in spaces.vector_blocks(tx, space_id, queries.shape[1]):
            index.add(vectors)
    times = []
    for query in queries[:30]:
        began = time.perf_counter()
        index.search(query[None], K)
        times.append(1e3 * (time.perf_counter() - began))
    return statistics.median(times)


def in_a_process(folder: Path, task: str, *arguments: object) -> dict[str, Any]:
    """What a task says that runs in a process of its own, whose memory is then that of the task alone."""
    command = [sys.executable, __file__, str(folder), "--task", task, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def memory_mb(name: str) -> float:
    """What the system says of this process's memory, 0 where it does not; getrusage counts the parent's in."""
    with contextlib.suppress(OSError):
        for line in Path("/proc/self/status").read_text().splitlines():
            if line.startswith(name):
                return int(line.split()[1]) * 1024 / 1e6
    return 0.0


def opened(folder: Path) -> tuple[Store, int, Space]:
    store = Store.open(folder)
    with store.read() as tx:
        active = spaces.active_space(tx)
    assert active is not None
    return store, *active


def task_query(folder: Path, queries: Vectors) -> dict[str, Any]:
    store, space_id, space = opened(folder)
    open_index = OpenIndex()
    began = time.perf_counter()
    with store.read() as tx:
        open_index.get(folder, tx, space_id, space)
    open_s = time.perf_counter() - began
    times, found = [], []
    for query in np.concatenate([queries[:WARM_UP], queries]):
        began = time.perf_counter()
        answers = nearest(store, open_index, space_id, space, query[None], K + EXTRA)
        times.append(1e3 * (time.perf_counter() - began))
        found.append([each[0].id for each in answers[:K]])
    return {
        "open_s": open_s,
        "p50_ms": statistics.median(times[WARM_UP:]),
        "p99_ms": float(np.quantile(times[WARM_UP:], 0.99)),
        "found": found[WARM_UP:],
        "resident_mb": memory_mb("VmRSS"),
        "peak_mb": memory_mb("VmHWM"),
    }


def task_plan(folder: Path, k: int, least_cosine: float) -> dict[str, Any]:
    store, space_id, space = opened(folder)
    began, cpu = time.perf_counter(), time.process_time()
    new, blocks, _ = plan(store, space_id, space, Silent(), Reach(k, least_cosine, space.floor))
    planned, planned_cpu = time.perf_counter() - began, time.process_time() - cpu
    candidates = sum(len(block.todo) for block in blocks)
    return {
        "new": len(new),
        "candidates": candidates,
        "seconds": planned,
        "cpu_seconds": planned_cpu,
        "handed_out_s": time.perf_counter() - began,
        "peak_mb": memory_mb("VmHWM"),
    }


def build(folder: Path, sample: Sample, size: int, extension: Extension) -> float:
    """Make a store of `size` images whose search is done; how long its search index took to build and save."""
    with Store.open(folder, create=True) as store:
        with store.write() as tx:
            space_id = spaces.activate_space(tx, space_of(sample))
        for vectors in vectors_for(sample, extension, size):
            add_images(store, space_id, vectors)
        add_watermarks(store, space_id, sample.tiles.shape[1], sample.reach)
        began = time.perf_counter()
        save_index(store, space_id, space_of(sample), Silent())
        return time.perf_counter() - began


def add(folder: Path, extension: Extension) -> float:
    """Seconds to bring the saved search index up to date with ADDED new images, files checked and written."""
    store, space_id, space = opened(folder)
    with store:
        add_images(store, space_id, extension.make(ADDED))
        began = time.perf_counter()
        save_index(store, space_id, space, Silent())
        return time.perf_counter() - began


def measure(sample: Sample, sizes: Sequence[int], work: Path) -> dict[int, dict[str, Any]]:
    """What was measured at each size; prints a line as soon as it is known."""
    results: dict[int, dict[str, Any]] = {}
    np.save(work / "queries.npy", sample.copies)
    own = np.arange(1, 1 + len(sample.copies))
    for size in sizes:
        extension, folder = Extension(sample.tiles), work / f"store-{size}"
        built = build(folder, sample, size, extension)
        store, space_id, _ = opened(folder)
        with store:
            exact = exact_nearest(store, space_id, sample.copies)
            flat = flat_latency_ms(store, space_id, sample.copies)
        r = in_a_process(folder, "query", "--queries", work / "queries.npy")
        found = np.array(r.pop("found"), np.int64)
        by_exact = (exact == own[:, None]).any(axis=1)
        r["flat_p50_ms"], r["build_s"] = flat, built
        r["recall"] = float(np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]))
        r["originals"] = float((found == own[:, None]).any(axis=1)[by_exact].mean())
        r["originals_exact"] = float(by_exact.mean())
        print(
            f"{size:>9,}: query p50 {r['p50_ms']:.2f} ms, p99 {r['p99_ms']:.2f} ms (exact FAISS {flat:.1f} ms, "
            f"{flat / r['p50_ms']:.1f} x); of {K} nearest {r['recall']:.2%} found, of originals exact search finds "
            f"({r['originals_exact']:.0%}) {r['originals']:.2%}; opened in {r['open_s']:.2f} s; resident "
            f"{r['resident_mb']:.0f} MB, peak {r['peak_mb']:.0f} MB; built in {built:.0f} s",
            flush=True,
        )
        first = add(folder, extension)
        r["plan"] = in_a_process(folder, "plan", "--k", sample.reach.k, "--least", sample.reach.least_cosine)
        p = r["plan"]
        print(
            f"{'':>9}  {p['candidates']:,} candidates of {p['new']:,} new images in {p['seconds']:.1f} s "
            f"({p['cpu_seconds']:.0f} s of CPU time), peak {p['peak_mb']:.0f} MB",
            flush=True,
        )
        r["add_s"] = statistics.median([first, *(add(folder, extension) for _ in range(ADD_ROUNDS - 1))])
        print(f"{'':>9}  {ADDED:,} added and saved in {r['add_s']:.2f} s", flush=True)
        results[size] = r
    return results


def run(
    photos: Path,
    model: Path | None,
    *,
    sizes: Sequence[int] = SIZES,
    kept: Path | None = None,
    work: Path | None = None,
) -> None:
    """A few lines for each size, with stores in `work` (else in a temporary folder)."""
    sample = tile_vectors.sample(photos, str(model or MODEL), kept)
    print(tile_vectors.hardness(sample), flush=True)
    with tempfile.TemporaryDirectory(prefix="imgindex-bench-") as temporary:
        folder = work or Path(temporary)
        folder.mkdir(parents=True, exist_ok=True)
        results = measure(sample, sizes, folder)
    for few, many in itertools.pairwise(sorted(results)):
        ratio = results[many]["add_s"] / results[few]["add_s"]
        print(f"adding {ADDED:,} to {many:,} takes {ratio:.2f} x as long as to {few:,}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", type=Path, help=f"folder with a CLIP model; {MODEL} without")
    parser.add_argument("--sizes", default=",".join(map(str, SIZES)))
    parser.add_argument("--sample", type=Path, help="keep the embeddings of tiles and copies in this file")
    parser.add_argument("--work", type=Path, help="a new folder: make the stores there, and leave them")
    parser.add_argument("--task", choices=["query", "plan"], help=argparse.SUPPRESS)
    parser.add_argument("--queries", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--k", type=int, help=argparse.SUPPRESS)
    parser.add_argument("--least", type=float, help=argparse.SUPPRESS)
    a = parser.parse_args()
    if a.task == "query":
        print(json.dumps(task_query(a.photos, np.load(a.queries))))
    elif a.task == "plan":
        print(json.dumps(task_plan(a.photos, a.k, a.least)))
    elif a.work and a.work.exists():
        parser.error(f"{a.work} is there already, and stores in it would be added to")
    else:
        run(a.photos, a.model, sizes=[int(size) for size in a.sizes.split(",")], kept=a.sample, work=a.work)


if __name__ == "__main__":
    main()
