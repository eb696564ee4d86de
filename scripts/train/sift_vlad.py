#!/usr/bin/env python3
"""Train the codebook of `sift-vlad` from folders of photos: the same photos give the same file.

    python scripts/train/sift_vlad.py PHOTOS... [--out imgindex/data/sift_vlad.npz]

Each photo is read as it is and as EDITS random edited copies. Centroids come from k-means of their descriptors, each
centroid standing for itself and its mirror image; the projection of each centroid is the PCA whitening of its
residual sums over all pictures. A centroid's covariance has 128 x 128 numbers and some two thousand samples, so a few
hundred photos are enough where one whitening over all centroids would need very many more.
Changing the file changes the space: raise REVISION in `imgindex/search/embed/sift_vlad.py` with it.
"""

from __future__ import annotations

import argparse
import io
import random
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from imgindex.pictures import features
from imgindex.records import LocalFeatures, Rgb
from imgindex.search.embed import sift_vlad

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
EDITS = 14
SEED = 20
KMEANS_SAMPLES = 120_000
KMEANS_ROUNDS = 25
READ_SIDE_PX = 1024

LAYOUT_SHRINKAGE = 0.3
"""As SHRINKAGE. With it 99.5 % of the `ukbench` pairs of 120 generated drawings are among the first 32, without
whitening 98.6 %; and half as many pairs of different drawings reach the floor."""

SHRINKAGE = 0.1
"""Share of the mean kept variance added to each variance before its root is divided out. Pairs of `edits` among the
first 32, cross-validated on the training photos: 99.0 % with 0.1, 98.9 % with 0.3 and with 1."""


def photos_in(folders: list[Path]) -> list[Path]:
    return sorted(path for folder in folders for path in folder.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)


def window(image: Image.Image, rng: random.Random) -> Image.Image:
    keep_x, keep_y = rng.uniform(0.45, 0.9), rng.uniform(0.45, 0.9)
    width, height = max(1, round(image.width * keep_x)), max(1, round(image.height * keep_y))
    left, top = rng.randint(0, image.width - width), rng.randint(0, image.height - height)
    return image.crop((left, top, left + width, top + height))


def resized(image: Image.Image, rng: random.Random) -> Image.Image:
    factor = rng.uniform(0.3, 0.9)
    stretch = rng.choice((1.0, 1.0, rng.uniform(0.75, 1.33)))
    return image.resize((max(16, round(image.width * factor * stretch)), max(16, round(image.height * factor))))


def turned(image: Image.Image, rng: random.Random) -> Image.Image:
    if rng.random() < 0.5:
        return image.transpose(rng.choice(list(Image.Transpose)))
    return image.rotate(rng.uniform(-30, 30), resample=Image.Resampling.BICUBIC)


def toned(image: Image.Image, rng: random.Random) -> Image.Image:
    if rng.random() < 0.25:
        image = ImageOps.grayscale(image).convert("RGB")
    image = ImageEnhance.Brightness(image).enhance(rng.uniform(0.5, 1.3))
    return ImageEnhance.Contrast(image).enhance(rng.uniform(0.7, 1.5))


def softened(image: Image.Image, rng: random.Random) -> Image.Image:
    return image.filter(ImageFilter.GaussianBlur(max(image.size) * rng.uniform(0.001, 0.004)))


def recompressed(image: Image.Image, rng: random.Random) -> Image.Image:
    stream = io.BytesIO()
    image.save(stream, "JPEG", quality=rng.randint(12, 60))
    return Image.open(stream).convert("RGB")


def marked(image: Image.Image, rng: random.Random) -> Image.Image:
    """Half-transparent letters of random words across the picture."""
    layer = Image.new("RGBA", image.size, (0, 0, 0, 0))
    words = "".join(rng.choice("abcdefghijklmnoprstuvw  ") for _ in range(14))
    for part in (0.2, 0.5, 0.8):
        place = (image.width * rng.uniform(0.02, 0.2), image.height * part)
        size = max(12.0, image.height * rng.uniform(0.06, 0.11))
        ImageDraw.Draw(layer).text(place, words, fill=(255, 255, 255, 130), font_size=size)
    return Image.alpha_composite(image.convert("RGBA"), layer).convert("RGB")


def framed(image: Image.Image, rng: random.Random) -> Image.Image:
    """Bars of one colour above and below, sometimes with a line of text."""
    bar = round(image.height * rng.uniform(0.08, 0.2))
    out = ImageOps.expand(image, (0, bar, 0, rng.choice((0, bar))), rng.choice(("black", "white", "gray")))
    if rng.random() < 0.5:
        words = "".join(rng.choice("abcdefghijklmnoprstuvw  ") for _ in range(20))
        ImageDraw.Draw(out).text((out.width * 0.05, bar * 0.2), words, fill="red", font_size=max(10.0, bar * 0.5))
    return out


STEPS = (window, resized, turned, toned, softened, recompressed, marked, framed)


def pictures_of(path: Path, number: int) -> Iterator[Rgb]:
    """The photo, then EDITS copies with one or two random steps each."""
    with Image.open(path) as opened:
        photo = ImageOps.exif_transpose(opened).convert("RGB")
    photo.thumbnail((READ_SIDE_PX, READ_SIDE_PX))
    yield np.asarray(photo, np.uint8)
    rng = random.Random(f"{SEED}/{number}")
    for edit in range(EDITS):
        copy = STEPS[edit % len(STEPS)](photo, rng)
        if rng.random() < 0.4:
            copy = rng.choice(STEPS)(copy, rng)
        yield np.asarray(copy, np.uint8)


def unit_rows(descriptors: NDArray[np.uint8]) -> NDArray[np.float32]:
    rows = descriptors.astype(np.float32)
    return np.asarray(rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-9), np.float32)


def mirror_kmeans(rows: NDArray[np.float32], count: int, rng: np.random.Generator) -> NDArray[np.float32]:
    """float32[count, 128] unit centroids: spherical k-means where a row may be replaced by its mirror image."""
    centroids = rows[rng.choice(len(rows), count, replace=False)]
    for _ in range(KMEANS_ROUNDS):
        both = np.concatenate([centroids, centroids[:, features.MIRROR_PERMUTATION]])
        nearest = np.argmax(rows @ both.T, axis=1)
        turned_rows = np.where((nearest >= count)[:, None], rows[:, features.MIRROR_PERMUTATION], rows)
        nearest %= count
        for centroid in range(count):
            members = turned_rows[nearest == centroid]
            total = members.sum(axis=0) if len(members) else rows[rng.integers(len(rows))]
            centroids[centroid] = total / np.linalg.norm(total)
    return centroids


def layout_whitening(layouts: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[LAYOUT, LAYOUT]: their principal directions, each over its deviation."""
    variances, directions = np.linalg.eigh(np.cov(layouts.T))
    scaled = directions / np.sqrt(variances + LAYOUT_SHRINKAGE * variances.mean())
    return np.asarray(scaled / scaled.std(), np.float64)


def whitening(sums: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[128, BLOCK]: the first principal directions of one centroid's residual sums, each over its deviation.

    Sums are divided by the root of their length, so that pictures with many features of one kind count more, not alone.
    """
    length = np.linalg.norm(sums, axis=1, keepdims=True)
    filled = (sums / np.sqrt(np.maximum(length, 1e-9)))[length[:, 0] > 0]
    variances, directions = np.linalg.eigh(np.cov(filled.T.astype(np.float64)))
    kept = variances[::-1][: sift_vlad.BLOCK]
    scaled = directions[:, ::-1][:, : sift_vlad.BLOCK] / np.sqrt(kept + SHRINKAGE * kept.mean())
    return np.asarray(scaled / scaled.std(), np.float32)


def train(paths: list[Path]) -> sift_vlad.Codebook:
    found: list[LocalFeatures] = []
    layouts = []
    for number, path in enumerate(paths):
        for rgb in pictures_of(path, number):
            found.append(features.extract(features.working_luma(rgb)))
            frequencies, colours, _ = sift_vlad.raw_layout(rgb)
            layouts.append(np.concatenate([frequencies, colours]))
    rng = np.random.default_rng(SEED)
    descriptors = np.concatenate([one.descriptors for one in found])
    chosen = np.sort(rng.choice(len(descriptors), min(KMEANS_SAMPLES, len(descriptors)), replace=False))
    centroids = mirror_kmeans(unit_rows(descriptors[chosen]), sift_vlad.CENTROIDS, rng).astype(np.float16)
    sums = np.stack([sift_vlad.residual_sums(one, centroids.astype(np.float32)) for one in found])
    projections = np.stack([whitening(sums[:, number]) for number in range(sift_vlad.CENTROIDS)])
    blocks = np.stack([sift_vlad.unit_blocks(one, projections) for one in sums])
    filled = np.maximum(np.any(blocks != 0, axis=2).sum(axis=0), 1)
    seen = np.asarray(layouts, np.float64)
    return sift_vlad.Codebook(
        centroids.astype(np.float32), projections, blocks.sum(axis=0) / filled[:, None],
        seen.mean(axis=0).astype(np.float32), layout_whitening(seen).astype(np.float32),
    )  # fmt: skip


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folders", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path(f"imgindex/data/{sift_vlad.DATA_FILE}"))
    arguments = parser.parse_args()
    paths = photos_in(arguments.folders)
    codebook = train(paths)
    arrays = {name: getattr(codebook, name).astype("<f2") for name in sift_vlad.Codebook.__dataclass_fields__}
    np.savez_compressed(arguments.out, **arrays)
    print(f"{len(paths)} photos, {EDITS + 1} pictures each: {arguments.out} ({arguments.out.stat().st_size:,} bytes)")


if __name__ == "__main__":
    main()
