"""Vector indexes: inner product over unit vectors. A FAISS file on disk is a cache; the store is the truth."""

from imgindex.search.vectors.faiss_index import (
    EXACT_VECTORS,
    TRAINING_VECTORS,
    FaissIndex,
    FlatIndex,
    ListIndex,
    empty_like,
    file_digest,
    is_outgrown,
    lists_for,
    load,
)
from imgindex.search.vectors.twin import NumpyIndex

__all__ = [
    "EXACT_VECTORS",
    "TRAINING_VECTORS",
    "FaissIndex",
    "FlatIndex",
    "ListIndex",
    "NumpyIndex",
    "empty_like",
    "file_digest",
    "is_outgrown",
    "lists_for",
    "load",
]
