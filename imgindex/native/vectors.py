"""What is computed of the vectors of pictures."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgindex.native import library
from imgindex.native.library import address_of


def products(
    a: NDArray[np.float32], b: NDArray[np.float32], rows: NDArray[np.integer], others: NDArray[np.integer]
) -> NDArray[np.float64]:
    """float64[n]: products of some rows int[n] of a float32[m, dim] with as many others of b float32[k, dim], each the
    same whatever else is asked for."""
    a, b = np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32)
    rows, others = np.ascontiguousarray(rows, np.int64), np.ascontiguousarray(others, np.int64)
    if a.shape[1:] != b.shape[1:] or len(rows) != len(others):
        raise ValueError(f"vectors of {a.shape} and {b.shape}, {len(rows)} of these and {len(others)} of those")
    for which, of in ((rows, a), (others, b)):
        if len(which) and not 0 <= which.min() <= which.max() < len(of):
            raise ValueError("a row that is not there")
    found = np.empty(len(rows))
    at = address_of(a), address_of(b), address_of(rows), address_of(others)
    library.kernels().imgindex_products(*at, len(rows), a.shape[1], address_of(found))
    return found
