#!/usr/bin/env python3
"""How fast CLIP indexing is, beside the plain sentence-transformers loop over the same files with the same weights.

    python scripts/bench/ingest.py PHOTOS [--model FOLDER] [--runs 3] [--count 48] [--device cpu] [--jobs 2]

Makes JPEGs of 12 megapixels and of 640 px (quality 90) of the photos and indexes them through `imgindex`'s own path
into a new store, up to the search; beside it, in the same run, the plain loop loads the first of them with Pillow and
encodes in float32, 128 at once, on the same device. Loading the model is timed on neither side. Without `--model`, a
ViT-B/32 with random weights is made, which is as fast as any; how close the vectors are to those of the plain loop on
the CPU says something with real weights only.

On a GPU it also says what share of the time that is in use, and what limits the rate: how many files per second the
model alone could take and how many the workers alone could prepare.
"""

from __future__ import annotations

import argparse
import functools
import itertools
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imgindex.pictures.prepare import Prepared, decode_options, prepare_file
from imgindex.ports import Embedder, Silent
from imgindex.records import Vectors
from imgindex.runs.context import RunContext
from imgindex.runs.index.ingest import Ingest
from imgindex.runs.index.walk import Walk, walk
from imgindex.search import embed
from imgindex.store import Store, catalog, spaces
from imgindex.workers.pool import WorkerProcesses, default_jobs

LARGE, SMALL = (4000, 3000), (640, 480)
QUALITY = 90
LOOP_BATCH = 128
LARGE_FILES, SMALL_TO_LARGE = 48, 4
"""Small files are four times as many: starting the workers is to be a small share of either run."""

LOOP_FILES = 256
"""The plain loop takes a tenth of a second for each large file, and does not get faster with more of them."""

ALONE_BATCHES = 20
"""Batches that the model is timed on alone."""


@dataclass(frozen=True, slots=True)
class IngestTimes:
    """Medians over the runs: files per second, and of the two that ran after each other the ratio; and the cosines of
    our vectors to the plain loop's in float32 on the CPU."""

    files: int
    ours_per_s: float
    loop_per_s: float
    ratio: float
    mean_cosine: float
    min_cosine: float


def random_clip(folder: Path) -> Path:
    """A CLIP ViT-B/32 of the real size with random weights, as sentence-transformers loads it; returns `folder`."""
    import torch
    from transformers import CLIPConfig, CLIPImageProcessor, CLIPModel, CLIPProcessor, CLIPTokenizer

    letters = [chr(code) for code in range(33, 127)]
    tokens = ["<|startoftext|>", "<|endoftext|>", *letters, *(letter + "</w>" for letter in letters)]
    vocabulary = {token: number for number, token in enumerate(tokens)}
    words = {"hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 1, "num_attention_heads": 1}
    words |= {"vocab_size": len(tokens), "max_position_embeddings": 16, "bos_token_id": 0, "eos_token_id": 1}
    torch.manual_seed(0)
    CLIPModel(CLIPConfig(text_config=words, vision_config={"patch_size": 32})).save_pretrained(folder)
    tokenizer = CLIPTokenizer(vocab=vocabulary, merges=[], model_max_length=16)
    processor: Any = CLIPProcessor
    processor(image_processor=CLIPImageProcessor(), tokenizer=tokenizer).save_pretrained(folder)
    listing = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.CLIPModel"}]
    (folder / "modules.json").write_text(json.dumps(listing))
    return folder


def make_photos(photos: Path, out: Path, size: tuple[int, int], count: int) -> list[Path]:
    """`count` JPEGs of `size` (turned where the photo is upright), made of the photos in turn; no two are the same."""
    sources = sorted(path for path in photos.rglob("*") if path.suffix.lower() in (".jpg", ".jpeg", ".png"))
    out.mkdir(parents=True)
    with ThreadPoolExecutor(default_jobs()) as pool:  # Pillow lets go of the interpreter
        return list(pool.map(functools.partial(make_photo, sources, out, size), range(count)))


def make_photo(sources: Sequence[Path], out: Path, size: tuple[int, int], number: int) -> Path:
    with Image.open(sources[number % len(sources)]) as opened:
        image = opened.convert("RGB")
    wanted = size if image.width >= image.height else size[::-1]
    again = number // len(sources)
    image = image.crop((again, again, image.width, image.height)).resize(wanted, Image.Resampling.BICUBIC)
    made = out / f"{number:06d}.jpg"
    image.save(made, quality=QUALITY)
    return made


def walked(folder: Path, store: Path) -> Walk:
    return walk(
        [str(folder)], store=store, roots=(), include=(), exclude=(), follow_symlinks=False, accept_missing=False,
        progress=Silent(),
    )  # fmt: skip


def index_once(folder: Path, embedder: Embedder, jobs: int) -> tuple[float, dict[bytes, int], Vectors]:
    """(seconds, row of each path's vector, vectors) of indexing `folder` into a new store, up to the search."""
    with tempfile.TemporaryDirectory() as directory, Store.open(Path(directory), create=True) as store:
        with store.write() as tx:
            space_id = spaces.activate_space(tx, embedder.space)
        began = time.perf_counter()
        found = walked(folder, store.directory)
        with WorkerProcesses(jobs) as workers:
            Ingest(RunContext(store, space_id, embedder, Silent(), workers)).run(found)
            took = time.perf_counter() - began
        with store.read() as tx:
            ids, vectors = spaces.vectors(tx, space_id, embedder.space.dim)
            row_of = {image_id: row for row, image_id in enumerate(ids.tolist())}
            rows = {known.path: row_of[known.image_id] for known in catalog.known_files(tx) if known.image_id}
    return took, rows, vectors


def loop_once(paths: Sequence[Path], model: Any) -> tuple[float, Vectors]:
    """(seconds, unit vectors) of the plain loop."""
    began = time.perf_counter()
    vectors = []
    for start in range(0, len(paths), LOOP_BATCH):
        images = [Image.open(path).convert("RGB") for path in paths[start : start + LOOP_BATCH]]
        vectors.append(model.encode(images, batch_size=LOOP_BATCH, show_progress_bar=False))
    joined = np.concatenate(vectors)
    return time.perf_counter() - began, joined / np.linalg.norm(joined, axis=1, keepdims=True)


def compare(folder: Path, paths: Sequence[Path], clip: Path, embedder: Embedder, asked: Asked) -> IngestTimes:
    """Index `folder` and run the plain loop over the first of its files `paths`, in turns."""
    few = paths[:LOOP_FILES]
    model = plain_model(clip, asked.device)
    ours, loop = [], []
    for _ in range(asked.runs):
        took, rows, vectors = index_once(folder, embedder, asked.jobs)
        ours.append(len(paths) / took)
        took, expected = loop_once(few, model)
        loop.append(len(few) / took)
    if asked.device != "cpu":
        _, expected = loop_once(few, plain_model(clip, "cpu"))
    cosines = (vectors[[rows[str(path).encode()] for path in few]] * expected).sum(axis=1)
    return IngestTimes(
        len(paths), statistics.median(ours), statistics.median(loop),
        statistics.median(own / theirs for own, theirs in zip(ours, loop, strict=True)),
        float(cosines.mean()), float(cosines.min()),
    )  # fmt: skip


def plain_model(clip: Path, device: str) -> Any:
    from sentence_transformers import SentenceTransformer

    return SentenceTransformer(str(clip), device=device, local_files_only=True)


def gpu_share(folder: Path, embedder: Embedder, jobs: int) -> float:
    """Share of the time of one more run, in [0, 1], in which the GPU computes or copies."""
    from torch._C._autograd import DeviceType
    from torch.profiler import ProfilerActivity, profile

    with profile(activities=[ProfilerActivity.CUDA]) as noted:
        took, _, _ = index_once(folder, embedder, jobs)
    used = (event.self_device_time_total for event in noted.key_averages() if event.device_type == DeviceType.CUDA)
    return float(sum(used)) / 1e6 / took


def alone(folder: Path, embedder: Embedder, jobs: int) -> tuple[float, float]:
    """(pictures per second that the model alone takes, files per second that the workers alone prepare)."""
    work = functools.partial(prepare_file, options=decode_options(embedder), front=embedder.front)
    files = walked(folder, folder.parent / "none").files
    batch = embedder.batch_size
    with WorkerProcesses(jobs) as workers:
        first = [made for _, made in workers.as_completed(work, files[: max(jobs, batch)])]  # the workers start
        began = time.perf_counter()
        for _ in workers.as_completed(work, files, 2 * batch):
            pass
        preparing = len(files) / (time.perf_counter() - began)
    fronts = [made.front for made in first if isinstance(made, Prepared)]
    pictures = list(itertools.islice(itertools.cycle(fronts), batch))
    began = time.perf_counter()
    for _ in range(ALONE_BATCHES):
        embedder.finish(pictures)
    return ALONE_BATCHES * batch / (time.perf_counter() - began), preparing


@dataclass(frozen=True, slots=True)
class Asked:
    """Runs of each side, the device of the model, and worker processes."""

    runs: int = 3
    device: str = "cpu"
    jobs: int = default_jobs()


def run(photos: Path, clip: Path | None, asked: Asked, count: int = LARGE_FILES) -> None:
    """Both sizes, a line each; `count` large files and SMALL_TO_LARGE times as many small ones."""
    with tempfile.TemporaryDirectory() as temporary:
        directory = Path(temporary).resolve()
        weights = clip or random_clip(directory / "clip")
        embedder = embed.open_embedder(str(weights), print, asked.device)
        named = "random weights of the shape of clip-ViT-B-32" if clip is None else str(clip)
        print(
            f"ingest: CLIP with {named}, computed in {embedder.space.precision} on {asked.device}, {asked.jobs} "
            f"workers; medians of {asked.runs} runs"
        )
        for size, files in ((LARGE, count), (SMALL, SMALL_TO_LARGE * count)):
            folder = directory / f"photos-{size[0]}"
            paths = make_photos(photos, folder, size, files)
            t = compare(folder, paths, weights, embedder, asked)
            print(
                f"  {t.files} JPEGs of {size[0]} x {size[1]}: {t.ours_per_s:.1f} files/s, the plain loop "
                f"{t.loop_per_s:.1f}, {t.ratio:.2f} times its rate; cosine to it: mean {t.mean_cosine:.5f}, "
                f"minimum {t.min_cosine:.5f}",
                flush=True,
            )
            if asked.device.startswith("cuda"):
                share = gpu_share(folder, embedder, asked.jobs)
                model, preparing = alone(folder, embedder, asked.jobs)
                print(
                    f"    the GPU is in use for {share:.1%} of the time; the model alone takes {model:.0f} pictures/s, "
                    f"the workers alone prepare {preparing:.0f} files/s",
                    flush=True,
                )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--model", type=Path, help="folder with a CLIP model")
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, default=LARGE_FILES)
    parser.add_argument("--device", default="cpu", help="cpu, cuda or mps")
    parser.add_argument("--jobs", type=int, default=default_jobs())
    asked = parser.parse_args()
    run(asked.photos, asked.model, Asked(asked.runs, asked.device, asked.jobs), asked.count)


if __name__ == "__main__":
    main()
