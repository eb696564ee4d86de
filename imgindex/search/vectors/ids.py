"""Ids of vectors: each is in an index once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

NO_ID = -1


def merged_ids(have: NDArray[np.int64], more: NDArray[np.int64]) -> NDArray[np.int64]:
    """Both, ascending; raises ValueError where an id would be there twice."""
    merged = np.sort(np.concatenate([have, np.asarray(more, np.int64)]))
    twice = merged[1:][merged[1:] == merged[:-1]]
    if len(twice):
        raise ValueError(f"id {twice[0]} is in the index already")
    return merged
