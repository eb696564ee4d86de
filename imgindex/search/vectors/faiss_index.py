"""FAISS indexes: exact for as many vectors as one query goes through in time, above that inverted lists.

Both are one kind of object that is written to a file, read from it, and takes in another of its kind: an index on disk
is a base file and appended segments, each a whole FAISS index of its own.
"""

from __future__ import annotations

import hashlib
import os
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, BinaryIO

import faiss
import numpy as np
from numpy.typing import NDArray

from imgindex.records import Vectors
from imgindex.search.vectors.ids import NO_ID, merged_ids

EXACT_VECTORS = 50_000
"""Vectors up to which a query goes through all of them."""

TRAINING_VECTORS = 1 << 16
"""Vectors that an approximate index is trained on: 128 MB of 512 numbers, 21 s of CPU time for 2,048 lists."""

KMEANS_ROUNDS = 10

PROBES = 32
"""Inverted lists that a query goes through. Of the 10 nearest of edited copies among 1,000,000 vectors of CLIP in 2,048
lists, 26 answers held 98.2 % with 8 lists (0.7 ms of CPU time), 99.2 % with 16 (1.2), 99.8 % with 32 (2.3), 99.9 % with
64 (4.3). Numbers of 16 bits instead of 8 found the same in twice the memory; RaBitQ (1 bit, 256 answers) 99.4 % in 0.6
ms and a fifth of the memory, but a query would then read ten times the vectors from the store; product quantization (4
bits for each 4 numbers, 256 answers) 92.8 %."""

OUTGROWN = 4
"""An index whose vectors would be given so many times its lists is trained again."""


class FaissIndex(ABC):
    """What the exact and the approximate index have in common; `ports.VectorIndex`."""

    def __init__(self, inner: Any, ids: NDArray[np.int64] | None = None) -> None:
        self._index = inner
        self._ids = np.empty(0, np.int64) if ids is None else ids

    @property
    def dim(self) -> int:
        return int(self._index.d)

    def __len__(self) -> int:
        return int(self._index.ntotal)

    @property
    def ids(self) -> NDArray[np.int64]:
        """int64[n], ascending."""
        return self._ids

    @property
    @abstractmethod
    def lists(self) -> int:
        """Inverted lists; 1 in an exact index, which goes through everything."""

    def add(self, ids: NDArray[np.int64], vectors: Vectors) -> None:
        """Append; raises ValueError on an id that is there already, which FAISS itself would accept."""
        self._ids = merged_ids(self._ids, ids)
        if len(ids):
            self._index.add_with_ids(np.ascontiguousarray(vectors, np.float32), np.ascontiguousarray(ids, np.int64))

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """See `ports.VectorIndex.search`."""
        with _threads_for(queries):
            cosines, ids = self._index.search(np.ascontiguousarray(queries, np.float32), k)
        cosines[ids == NO_ID] = -np.inf
        return cosines, ids

    def write(self, handle: BinaryIO) -> None:
        """Write the index in FAISS's own format to an open file."""
        faiss.write_index(self._index, faiss.PyCallbackIOWriter(handle.write))  # type: ignore[attr-defined]

    @abstractmethod
    def empty_like(self) -> FaissIndex:
        """One without vectors that this one can take in."""

    def take_in(self, other: FaissIndex) -> None:
        """Move all vectors of `other`, which is of no use afterwards; ValueError on an id that is there already."""
        self._ids = merged_ids(self._ids, other._ids)
        self._index.merge_from(other._index, 0)


class FlatIndex(FaissIndex):
    """Exact search: `IndexFlatIP` under `IndexIDMap2`."""

    def __init__(self, dim: int) -> None:
        super().__init__(faiss.IndexIDMap2(faiss.IndexFlatIP(dim)))

    @property
    def lists(self) -> int:
        return 1

    def empty_like(self) -> FlatIndex:
        return FlatIndex(self.dim)

    @classmethod
    def of(cls, inner: Any) -> FlatIndex:
        index = cls.__new__(cls)
        FaissIndex.__init__(index, inner, np.sort(faiss.vector_to_array(inner.id_map)))
        return index


class ListIndex(FaissIndex):
    """Approximate search: vectors of one byte a number in inverted lists, the PROBES nearest of which are searched."""

    @classmethod
    def trained(cls, sample: Vectors, lists: int) -> ListIndex:
        """One without vectors, its lists and its bytes made for those of `sample` (at least one vector a list)."""
        quantizer = faiss.IndexFlatIP(sample.shape[1])
        inner = cls._inner(quantizer, lists)
        inner.cp.niter, inner.cp.seed = KMEANS_ROUNDS, 1
        inner.cp.min_points_per_centroid, inner.cp.max_points_per_centroid = 1, len(sample)
        inner.train(np.ascontiguousarray(sample, np.float32))
        return cls(inner)

    def __init__(self, inner: Any) -> None:
        inner.nprobe = min(PROBES, inner.nlist)
        super().__init__(inner, _ids_in(inner.invlists))

    @staticmethod
    def _inner(quantizer: Any, lists: int) -> Any:
        return faiss.IndexIVFScalarQuantizer(
            quantizer, quantizer.d, lists, faiss.ScalarQuantizer.QT_8bit, faiss.METRIC_INNER_PRODUCT, True
        )

    @property
    def lists(self) -> int:
        return int(self._index.nlist)

    def empty_like(self) -> ListIndex:
        inner = self._inner(faiss.clone_index(self._index.quantizer), self.lists)
        inner.sq = self._index.sq
        inner.is_trained = True
        return ListIndex(inner)


def lists_for(vectors: int) -> int:
    """How many inverted lists an index of so many vectors should have; 1 up to EXACT_VECTORS, which is exact search."""
    if vectors <= EXACT_VECTORS:
        return 1
    return int(2 ** round(np.log2(2 * np.sqrt(vectors))))


def is_outgrown(index: FaissIndex, vectors: int) -> bool:
    """Whether an index should be built anew rather than hold so many vectors."""
    wanted = lists_for(vectors)
    return (index.lists == 1) != (wanted == 1) or wanted >= OUTGROWN * index.lists


def load(path: Path, digest: bytes) -> FaissIndex | None:
    """The index saved at `path`; None where the file is gone, unreadable or its sha256 is not `digest`.

    FAISS loads a file with a flipped byte without complaint, so the digest is checked first.
    """
    try:
        if file_digest(path) != digest:
            return None
        return _named(faiss.read_index(str(path)))
    except (OSError, RuntimeError, TypeError):
        return None


def empty_like(path: Path) -> FaissIndex | None:
    """One without vectors that the index saved at `path` can take in; None where that cannot be read.

    The vectors in the file are not read: the caller has checked its digest.
    """
    try:
        return _named(faiss.read_index(str(path), faiss.IO_FLAG_MMAP)).empty_like()
    except (OSError, RuntimeError, TypeError):
        return None


def _named(inner: Any) -> FaissIndex:
    if isinstance(inner, faiss.IndexIVFScalarQuantizer):
        return ListIndex(inner)
    if isinstance(inner, faiss.IndexIDMap2):
        return FlatIndex.of(inner)
    raise TypeError(f"{type(inner).__name__} is no index of this program")


def file_digest(path: Path) -> bytes:
    """sha256 of a file's bytes; raises OSError where it cannot be read. Nobody is waited for: a pipe in its place is
    read as an empty file."""
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    try:
        handle = open(descriptor, "rb")  # noqa: SIM115 - closed by the block below
    except OSError:  # a directory
        os.close(descriptor)
        raise
    with handle:
        return hashlib.file_digest(handle, "sha256").digest()


@contextmanager
def _threads_for(queries: Vectors) -> Iterator[None]:
    """One thread for one query: FAISS does not divide it, and on a busy machine waits for threads that have nothing to
    do (10,000 vectors of 512 numbers: 2.0 ms of CPU time with one, 9.7 ms with two)."""
    threads = faiss.omp_get_max_threads()
    if len(queries) == 1:
        faiss.omp_set_num_threads(1)
    try:
        yield
    finally:
        faiss.omp_set_num_threads(threads)


def _ids_in(lists: Any) -> NDArray[np.int64]:
    """The ids in inverted lists, ascending."""
    sizes = [(number, lists.list_size(number)) for number in range(lists.nlist)]
    parts = [faiss.rev_swig_ptr(lists.get_ids(number), size).copy() for number, size in sizes if size]
    return np.sort(np.concatenate([np.empty(0, np.int64), *parts]))
