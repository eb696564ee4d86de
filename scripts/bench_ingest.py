#!/usr/bin/env python3
"""How fast CLIP indexing is, beside the plain sentence-transformers loop over the same files with the same weights.

    python scripts/bench_ingest.py PHOTOS [--clip FOLDER] [--runs 3] [--count 48] [--jobs 2]

Makes JPEGs of 12 megapixels and of 640 px (quality 90) of the photos and indexes them through `imgindex`'s own path
into a new store, up to the search; beside it, in the same run, the plain loop loads them with Pillow and encodes in
float32, 128 at once. Loading the model is timed on neither side. Without `--clip`, a ViT-B/32 with random weights is
made, which is as fast as any; how close the vectors are to the loop's says something with real weights only.
"""

from __future__ import annotations

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from imgindex import embed
from imgindex.pipeline.ingest import Ingest
from imgindex.pipeline.prepare import wish_of
from imgindex.pipeline.sources import Sources
from imgindex.pipeline.walk import walk
from imgindex.ports import Embedder
from imgindex.progress import Silent
from imgindex.records import Vectors
from imgindex.store import Store, catalog, spaces
from imgindex.workers import Workers

LARGE, SMALL = (4000, 3000), (640, 480)
QUALITY = 90
LOOP_BATCH = 128
LARGE_FILES, SMALL_TO_LARGE = 48, 4
"""Small files are four times as many: starting the workers is to be a small share of either run."""


@dataclass(frozen=True, slots=True)
class IngestTimes:
    """Medians over the runs: files per second, and of the two that ran after each other the ratio; and the cosines of
    both sides' vectors."""

    size: tuple[int, int]
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
    made = []
    for number in range(count):
        with Image.open(sources[number % len(sources)]) as opened:
            image = opened.convert("RGB")
        wanted = size if image.width >= image.height else size[::-1]
        again = number // len(sources)
        image = image.crop((again, again, image.width, image.height)).resize(wanted, Image.Resampling.BICUBIC)
        made.append(out / f"{number:06d}.jpg")
        image.save(made[-1], quality=QUALITY)
    return made


def index_once(folder: Path, embedder: Embedder, jobs: int) -> tuple[float, dict[bytes, int], Vectors]:
    """(seconds, row of each path's vector, vectors) of indexing `folder` into a new store, up to the search."""
    with tempfile.TemporaryDirectory() as directory, Store.open(Path(directory), create=True) as store:
        with store.write() as tx:
            space_id = spaces.activate_space(tx, embedder.space)
        began = time.perf_counter()
        quiet = Silent()
        found = walk(
            [str(folder)], store=store.directory, include=(), exclude=(), follow_symlinks=False, accept_missing=False,
            progress=quiet,
        )  # fmt: skip
        with Workers(jobs) as workers:
            Ingest(store, space_id, embedder, Sources(wish_of(embedder)), quiet, workers, jobs).run(found)
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


def compare(
    photos: Path, clip: Path, size: tuple[int, int], *, count: int, runs: int, jobs: int, embedder: Embedder
) -> IngestTimes:
    """Index `count` photos of `size` and run the plain loop over them, in turns."""
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(clip), device="cpu", local_files_only=True)
    with tempfile.TemporaryDirectory() as directory:
        folder = Path(directory).resolve() / "photos"
        paths = make_photos(photos, folder, size, count)
        ours, loop = [], []
        for _ in range(runs):
            took, rows, vectors = index_once(folder, embedder, jobs)
            ours.append(took)
            took, expected = loop_once(paths, model)
            loop.append(took)
        found = vectors[[rows[str(path).encode()] for path in paths]]
    cosines = (found * expected).sum(axis=1)
    return IngestTimes(
        size, count, count / statistics.median(ours), count / statistics.median(loop),
        statistics.median(theirs / own for theirs, own in zip(loop, ours, strict=True)),
        float(cosines.mean()), float(cosines.min()),
    )  # fmt: skip


def run(photos: Path, clip: Path | None, runs: int, *, count: int = LARGE_FILES, jobs: int = 2) -> None:
    """Both sizes, a line each; `count` large files and SMALL_TO_LARGE times as many small ones."""
    with tempfile.TemporaryDirectory() as directory:
        folder = clip or random_clip(Path(directory) / "clip")
        embedder = embed.open_embedder(str(folder), print, "cpu")
        weights = "random weights of the shape of clip-ViT-B-32" if clip is None else str(clip)
        print(f"ingest: CLIP with {weights}, computed in {embedder.space.precision}; medians of {runs} runs")
        for size, files in ((LARGE, count), (SMALL, SMALL_TO_LARGE * count)):
            t = compare(photos, folder, size, count=files, runs=runs, jobs=jobs, embedder=embedder)
            print(
                f"  {t.files} JPEGs of {size[0]} x {size[1]}: {t.ours_per_s:.1f} files/s, the plain loop "
                f"{t.loop_per_s:.1f}, {t.ratio:.2f} times its rate; cosine to it: mean {t.mean_cosine:.5f}, "
                f"minimum {t.min_cosine:.5f}",
                flush=True,
            )


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--clip", type=Path)
    parser.add_argument("--runs", type=int, default=3)
    parser.add_argument("--count", type=int, default=LARGE_FILES)
    parser.add_argument("--jobs", type=int, default=2)
    asked = parser.parse_args()
    run(asked.photos, asked.clip, asked.runs, count=asked.count, jobs=asked.jobs)


if __name__ == "__main__":
    main()
