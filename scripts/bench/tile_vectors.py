"""Vectors for benchmarks: embeddings of photo tiles and of edited copies of some, extended to any number by a seed.

Real pictures are few and slow to embed, a million vectors are wanted, and random ones would be too easy (nothing is
near anything) or too hard (no clusters): `Extension` says how the others are made, and `hardness` how that was checked.
"""

from __future__ import annotations

import io
import itertools
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import faiss
import make_tiles
import numpy as np
import recipes
from PIL import Image

from imgindex.pictures.prepare import decode_options, prepare
from imgindex.ports import Embedder
from imgindex.records import Reach, Vectors
from imgindex.search import embed

TILE_PX = 256
TILES, COPIES = 1500, 300
MOST_OF_A_PHOTO = 4
EDITS = recipes.UKBENCH | recipes.EDITS


@dataclass(frozen=True, slots=True)
class Sample:
    """`tiles` float32[n, dim] of distinct tiles; `copies` float32[m, dim] of edited copies of the first m of them;
    `reach` is that of their embedder."""

    tiles: Vectors
    copies: Vectors
    reach: Reach


def sample(photos: Path, model: str, cache: Path | None) -> Sample:
    """Embed TILES tiles of the photos and copies of COPIES of them, or read what an earlier call wrote to `cache`."""
    if cache is not None and cache.is_file():
        with np.load(cache) as kept:
            k, least_cosine, floor = kept["reach"].tolist()
            return Sample(kept["tiles"], kept["copies"], Reach(int(k), least_cosine, floor))
    embedder = embed.open_embedder(model, print)
    tiles = _tiles(photos)
    if len(tiles) < 2 * COPIES:
        raise SystemExit(f"the photos below {photos} have only {len(tiles)} tiles of {TILE_PX} px; name more of them")
    edits = itertools.cycle(EDITS.values())
    copies = [edit(tile, random.Random(at)) for at, (tile, edit) in enumerate(zip(tiles[:COPIES], edits, strict=False))]
    found = Sample(_embedded(embedder, tiles), _embedded(embedder, copies), embedder.reach)
    if cache is not None:
        reach = [found.reach.k, found.reach.least_cosine, found.reach.floor]
        np.savez(cache, tiles=found.tiles, copies=found.copies, reach=np.array(reach))
    return found


def _tiles(photos: Path) -> list[Image.Image]:
    """At most TILES tiles, at most MOST_OF_A_PHOTO of each photo, in a seeded order."""
    found: list[Image.Image] = []
    for path in recipes.photos_in(photos, None):
        of_photo = list(make_tiles.tiles([path], TILE_PX))
        found += random.Random(path.name).sample(of_photo, min(MOST_OF_A_PHOTO, len(of_photo)))
    random.Random(0).shuffle(found)
    return found[:TILES]


def _embedded(embedder: Embedder, pictures: Sequence[Image.Image]) -> Vectors:
    options, found = decode_options(embedder), []
    for start in range(0, len(pictures), embedder.batch_size):
        batch = [prepare(_jpeg(p), options) for p in pictures[start : start + embedder.batch_size]]
        found.append(embedder.finish([embedder.front(picture) for picture in batch]))
    return np.concatenate(found)


def _jpeg(picture: Image.Image) -> bytes:
    data = io.BytesIO()
    picture.save(data, "JPEG", quality=recipes.QUALITY)
    return data.getvalue()


NEIGHBOURS = 16
TERMS = 4
SPREAD = 0.5
"""With embeddings of CLIP ViT-B/16, the nearest neighbour among 433 made vectors has a cosine of 0.787 in the median
(among as many tiles: 0.851), and an index of 32 lists, 2 of them searched, finds 60.2 % of the 10 nearest of edited
copies (71.1 % among the tiles). 0.3 gives 0.854 and 65.6 %."""


class Extension:
    """More vectors like those of a sample: a random one of it, moved by a few differences of its near ones.

    Moves stay along the directions in which real pictures differ from their neighbours.
    """

    def __init__(self, tiles: Vectors, seed: int = 0) -> None:
        self._tiles = tiles
        self._rng = np.random.default_rng(seed)
        near = np.argsort(-(tiles @ tiles.T), axis=1)
        self._near = near[:, 1 : 1 + NEIGHBOURS]

    def make(self, count: int) -> Vectors:
        """float32[count, dim], the next of the sequence."""
        rng, tiles = self._rng, self._tiles
        base = rng.integers(len(tiles), size=count)
        made = tiles[base].copy()
        for _ in range(TERMS):
            plus, minus = (self._near[base, rng.integers(NEIGHBOURS, size=count)] for _ in range(2))
            made += SPREAD * rng.standard_normal((count, 1), np.float32) * (tiles[plus] - tiles[minus])
        made /= np.linalg.norm(made, axis=1, keepdims=True)
        return made


LISTS, PROBES, K = 32, 2, 10


def hardness(sample: Sample) -> str:
    """How hard made vectors are to search beside as many real ones: the cosines of nearest neighbours, and what an
    index of few lists finds of the nearest of edited copies (originals left out, for made vectors have none)."""
    strangers = sample.tiles[len(sample.copies) :]
    made = Extension(sample.tiles, seed=1).make(len(strangers))
    said = []
    for name, vectors in (("real", strangers), ("made", made)):
        cosines = vectors @ vectors.T
        np.fill_diagonal(cosines, -1.0)
        low, middle, high = np.quantile(cosines.max(axis=1), (0.05, 0.5, 0.95))
        share = _list_recall(vectors, sample.copies)
        said.append(f"{len(vectors)} {name}: nearest neighbour {low:.3f} {middle:.3f} {high:.3f}, recall {share:.1%}")
    return "; ".join(said) + f" (5, 50, 95 %; the {K} nearest of copies by {PROBES} of {LISTS} lists)"


def _list_recall(vectors: Vectors, queries: Vectors) -> float:
    dim = vectors.shape[1]
    index = faiss.IndexIVFFlat(faiss.IndexFlatIP(dim), dim, LISTS, faiss.METRIC_INNER_PRODUCT)
    index.cp.min_points_per_centroid = 1
    index.train(vectors)
    index.add(vectors)
    index.nprobe = PROBES
    found = index.search(queries, K)[1]
    exact = np.argsort(-(queries @ vectors.T), axis=1)[:, :K]
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]))
