"""query: what looks like this?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np

from imgindex import files
from imgindex.errors import ModelError
from imgindex.pictures.prepare import wish_of
from imgindex.pictures.sources import ImageSource, Sources, read_picture
from imgindex.ports import Embedder, TextEmbedder
from imgindex.proof.decide import placed, unproven_score
from imgindex.proof.verify import directed
from imgindex.records import Space, StoredImage, Vectors, Verdict, Verification
from imgindex.results import Match
from imgindex.runs.presence import Looked, look
from imgindex.search import proposals
from imgindex.search.index_files import OpenIndex
from imgindex.store import Store, catalog, spaces

Say: TypeAlias = Callable[[str], object]
"""Tells a person one sentence."""

BEST_FIRST = (Verdict.EXACT, Verdict.SAME_PIXELS, Verdict.NEAR_DUPLICATE, Verdict.SIMILAR, Verdict.DISTINCT)

EXTRA = 16
"""Neighbours looked at beyond k: some may have no present file, and verification may put a weaker one first."""


@dataclass(frozen=True, slots=True)
class Near:
    """A stored image that is near to what was asked for: its files that are there now, and the other names of the first
    of them."""

    image: StoredImage
    paths: tuple[bytes, ...]
    links: tuple[bytes, ...]
    cosine: float


def query_image(
    store: Store, opened: OpenIndex, space_id: int, embedder: Embedder, path: str, k: int, say: Say
) -> list[Match]:
    """The k stored images that look most like the picture at `path`, proven copies first.

    Within one verdict, higher scores first. Raises UsageError where the picture cannot be read.
    """
    wish = wish_of(embedder)
    sources = Sources(wish)
    data, picture = read_picture(path, wish)
    asked = sources.of_bytes(data, picture)
    vector = embedder.embed([picture])
    found = []
    for near in nearest_here(store, opened, space_id, embedder.space, vector, k + EXTRA, say):
        outcome = _outcome(asked, sources.of(near.image, near.paths), near.cosine)
        found.append(_match(near, placed(outcome, near.cosine, embedder.space.floor)))
    return _best(found, k)


def query_text(
    store: Store, opened: OpenIndex, space_id: int, embedder: Embedder, text: str, k: int, say: Say
) -> list[Match]:
    """The k stored images whose vectors are nearest to a text's; ModelError where the space has no texts."""
    if not isinstance(embedder, TextEmbedder):
        raise ModelError(
            f"{embedder.space.model} knows pictures only, no words; index with a CLIP model to ask with --text."
        )
    vector = embedder.embed_text([text])
    nothing = Verification(Verdict.SIMILAR, 0.0)
    found = nearest_here(store, opened, space_id, embedder.space, vector, k + EXTRA, say)
    return _best([_match(near, placed(nothing, near.cosine, -1.0)) for near in found], k)


def _outcome(asked: ImageSource, source: ImageSource, cosine: float) -> Verification:
    try:
        return directed(asked, source)
    except Exception:  # one stored picture that cannot be compared is unproven, and the others are the answer
        return Verification(Verdict.DISTINCT, max(0.0, 100 * cosine))


def nearest(
    store: Store, opened: OpenIndex, space_id: int, space: Space, vector: Vectors, k: int
) -> list[tuple[StoredImage, list[bytes], float]]:
    """(image, present paths, cosine) of the nearest stored images that have a present file, best first.

    Of the store's vectors only those are read that the index names.
    """
    asked, ids = 0, np.empty(0, np.int64)
    paths: dict[int, list[bytes]] = {}
    with store.read() as tx:
        index = opened.get(store.directory, tx, space_id, space)
        while len(paths) < k and len(ids) == asked < len(index):
            asked = min(max(k, 4 * asked), len(index))
            found = index.search(vector, asked)[1]
            ids = np.unique(found[found >= 0])
            paths = catalog.present_paths(tx, ids.tolist())
        ids = np.array(sorted(paths), np.int64)
        if not len(ids):
            return []
        vectors = spaces.vectors_of(tx, space_id, space.dim, ids.tolist())
        images = catalog.images(tx, ids.tolist())
    cosines = proposals.cosines_of(vector, np.zeros(len(ids), np.int64), vectors, np.arange(len(ids)))
    order = np.lexsort((ids, -cosines))[:k]
    return [(images[int(ids[i])], paths[int(ids[i])], float(cosines[i])) for i in order]


def nearest_here(
    store: Store, opened: OpenIndex, space_id: int, space: Space, vector: Vectors, k: int, say: Say
) -> list[Near]:
    """The k nearest stored images that have a file that is there now, best first; what is away is said."""
    asked = k
    while True:
        found = nearest(store, opened, space_id, space, vector, asked)
        with store.read() as tx:
            looked = look(tx, catalog.present_files(tx, (image.id for image, _, _ in found)))
        if len(looked.here) >= k or len(found) < asked:
            break
        asked *= 4
    for folder, away in looked.away_folders:
        say(f"{away:,} of the nearest files are away: {files.display(folder)} cannot be looked at as it was indexed.")
    return [_near(image, looked, cosine) for image, _, cosine in found if image.id in looked.here][:k]


def _near(image: StoredImage, looked: Looked, cosine: float) -> Near:
    paths = tuple(sorted(stat.path for stat in looked.here[image.id]))
    return Near(image, paths, looked.links.get(paths[0], ()), cosine)


def _match(near: Near, outcome: Verification) -> Match:
    score = outcome.score if outcome.verdict.is_copy else unproven_score(near.cosine)
    return Match(
        near.paths[0],
        outcome.verdict,
        score,
        near.cosine,
        outcome.ssim,
        outcome.relation,
        outcome.transform if outcome.verdict.is_copy else None,
        near.image.info.width_px,
        near.image.info.height_px,
        near.image.size_bytes,
        near.paths[1:],
        near.links,
    )


def _best(found: list[Match], k: int) -> list[Match]:
    def key(match: Match) -> tuple[int, float, bytes]:
        rank = BEST_FIRST.index(match.verdict) if match.verdict.is_copy else BEST_FIRST.index(Verdict.SIMILAR)
        return rank, -match.score, match.path

    return sorted(found, key=key)[:k]
