"""The plain twin of the FAISS indexes: exact, in memory."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgindex.records import Vectors
from imgindex.search.vectors.ids import NO_ID, merged_ids


class NumpyIndex:
    """See `ports.VectorIndex`."""

    def __init__(self, dim: int) -> None:
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._vectors = np.empty((0, dim), np.float32)
        self._rows: NDArray[np.int64] = np.empty(0, np.int64)

    @property
    def dim(self) -> int:
        return int(self._vectors.shape[1])

    def __len__(self) -> int:
        return len(self._vectors)

    def add(self, ids: NDArray[np.int64], vectors: Vectors) -> None:
        """See `ports.VectorIndex.add`."""
        self._ids = merged_ids(self._ids, ids)
        self._rows = np.concatenate([self._rows, ids])
        self._vectors = np.concatenate([self._vectors, np.asarray(vectors, np.float32)])

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `ports.VectorIndex.search`."""
        similarity = np.asarray(queries, np.float32) @ self._vectors.T
        cosines = np.full((len(queries), k), -np.inf, np.float32)
        ids = np.full((len(queries), k), NO_ID, np.int64)
        order = np.argsort(-similarity, axis=1, kind="stable")[:, :k]
        cosines[:, : order.shape[1]] = np.take_along_axis(similarity, order, axis=1)
        ids[:, : order.shape[1]] = self._rows[order]
        return cosines, ids
