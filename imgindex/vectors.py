"""Vector indexes: inner product over unit vectors. The FAISS file on disk is a cache; the store is the truth."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, BinaryIO

import faiss
import numpy as np
from numpy.typing import NDArray

from imgindex.records import Vectors

NO_ID = -1


class FlatIndex:
    """Exact search with FAISS: `IndexFlatIP` under `IndexIDMap2`."""

    def __init__(self, dim: int) -> None:
        self._ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._index: Any = faiss.IndexIDMap2(faiss.IndexFlatIP(dim))

    @property
    def dim(self) -> int:
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def ids(self) -> NDArray[np.int64]:
        """int64[n], ascending."""
        return self._ids

    def add(self, ids: NDArray[np.int64], vectors: Vectors) -> None:
        """Append; raises ValueError on an id that is there already, which FAISS itself would accept."""
        self._ids = merged_ids(self._ids, ids)
        if len(ids):
            self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), ids)

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `ports.VectorIndex.search`."""
        cosines, ids = self._index.search(np.ascontiguousarray(queries, np.float32), k)
        cosines[ids == NO_ID] = -np.inf
        return cosines, ids

    def range_search(
        self, queries: Vectors, min_cosine: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
        """See `ports.VectorIndex.range_search`. FAISS compares with >, so the radius is one step below."""
        radius = float(np.nextafter(np.float32(min_cosine), np.float32(-2)))
        limits, cosines, ids = self._index.range_search(np.ascontiguousarray(queries, np.float32), radius)
        return limits.astype(np.int64), cosines, ids

    def write(self, handle: BinaryIO) -> None:
        """Write the index as FAISS's own format to an open file."""
        faiss.write_index(self._index, _writer(handle))

    @classmethod
    def load(cls, path: Path, digest: bytes) -> FlatIndex | None:
        """The index saved at `path`; None where the file is gone, unreadable or its sha256 is not `digest`.

        FAISS loads a file with a flipped byte without complaint, so the digest is checked first.
        """
        try:
            if file_digest(path) != digest:
                return None
            inner: Any = faiss.read_index(str(path))
        except (OSError, RuntimeError):
            return None
        index = cls(inner.d)
        index._index = inner
        index._ids = np.sort(faiss.vector_to_array(inner.id_map))
        return index


class NumpyIndex:
    """The plain twin: exact, in memory, no FAISS."""

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
        """Append; raises ValueError on an id that is there already."""
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

    def range_search(
        self, queries: Vectors, min_cosine: float
    ) -> tuple[NDArray[np.int64], NDArray[np.float32], NDArray[np.int64]]:
        """See `ports.VectorIndex.range_search`."""
        similarity = np.asarray(queries, np.float32) @ self._vectors.T
        near = similarity >= np.float32(min_cosine)
        limits = np.concatenate([[0], np.cumsum(near.sum(axis=1))]).astype(np.int64)
        return limits, similarity[near], self._rows[np.nonzero(near)[1]]


def _writer(handle: BinaryIO) -> Any:
    return faiss.PyCallbackIOWriter(handle.write)  # type: ignore[attr-defined]


def merged_ids(have: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    """Both, ascending; raises ValueError where an id would be there twice."""
    merged = np.sort(np.concatenate([have, np.asarray(more, np.int64)]))
    twice = merged[1:][merged[1:] == merged[:-1]]
    if len(twice):
        raise ValueError(f"id {twice[0]} is in the index already")
    return merged


def file_digest(path: Path) -> bytes:
    """sha256 of a file's bytes; raises OSError where it cannot be read."""
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").digest()
