"""How much of what exact search finds does the search index of a store find?"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgindex.ports import VectorIndex
from imgindex.records import Vectors
from imgindex.store import Store, spaces

SAMPLE = 200
NEAREST = 10
SEED = 0

LEAST_RECALL = 0.9


def recall(store: Store, space_id: int, index: VectorIndex) -> float:
    """Share of the NEAREST nearest of SAMPLE stored images that are among as many answers of `index`.

    A seed chooses the images; the vectors are read in blocks, once.
    """
    with store.read() as tx:
        ids = spaces.vector_ids(tx, space_id)
        chosen = np.sort(np.random.default_rng(SEED).choice(ids, min(SAMPLE, len(ids)), replace=False))
        queries = spaces.vectors_of(tx, space_id, index.dim, chosen.tolist())
        cosines, exact = np.empty((len(chosen), 0), np.float32), np.empty((len(chosen), 0), np.int64)
        for part, vectors in spaces.vector_blocks(tx, space_id, index.dim):
            cosines, exact = _nearest(np.hstack([cosines, queries @ vectors.T]), _beside(exact, part))
    found = index.search(queries, exact.shape[1])[1]
    return float(np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]))


def _beside(ids: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    return np.hstack([ids, np.broadcast_to(more, (len(ids), len(more)))])


def _nearest(cosines: Vectors, ids: NDArray[np.int64]) -> tuple[Vectors, NDArray[np.int64]]:
    order = np.argsort(-cosines, axis=1, kind="stable")[:, :NEAREST]
    return np.take_along_axis(cosines, order, axis=1), np.take_along_axis(ids, order, axis=1)
