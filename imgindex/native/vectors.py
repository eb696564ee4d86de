"""What is computed of the vectors of pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

TOGETHER = 256
"""Products that are computed at once: a few megabytes of doubles."""


def products(
    a: NDArray[np.float32], b: NDArray[np.float32], rows: NDArray[np.integer], others: NDArray[np.integer]
) -> NDArray[np.float64]:
    """float64[n]: products of some rows int[n] of a float32[m, dim] with as many others of b float32[k, dim], each the
    same whatever else is asked for."""
    if a.shape[1:] != b.shape[1:] or len(rows) != len(others):
        raise ValueError(f"vectors of {a.shape} and {b.shape}, {len(rows)} of these and {len(others)} of those")
    for which, of in ((rows, a), (others, b)):
        if len(which) and not 0 <= np.min(which) <= np.max(which) < len(of):
            raise ValueError("a row that is not there")
    found = np.empty(len(rows))
    for first in range(0, len(rows), TOGETHER):
        part = slice(first, first + TOGETHER)
        np.multiply(a[rows[part]], b[others[part]], dtype=np.float64).sum(axis=1, out=found[part])
    return found
