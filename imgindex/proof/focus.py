"""Whether each of two pictures is sharper somewhere, as the pictures of a focus bracket are."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.sheet import Planes

TILE_PX = 16
OCTAVES = 1.3
LEAST_ENERGY = 3.0
COHERES = 0.7
"""A tile where one has 1.3 octaves more of fine detail, and both show the same at a coarser scale."""


def sides(a: Planes, b: Planes, mask: NDArray[np.bool_]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """bool[h // 16, w // 16] twice: the tiles where a is sharper, and where b is, in areas of two by two tiles or more;
    none at all where only one of the two can be.

    Both planes in the same tones.
    """
    x, y = a[0], b[0]
    fine_x, fine_y = (_tiles(np.square(p - _soft(p, 1.5))) for p in (x, y))
    more = np.log2((fine_x + 1.0) / (fine_y + 1.0))
    sharper_x, sharper_y = (more > OCTAVES) & (fine_x > LEAST_ENERGY), (more < -OCTAVES) & (fine_y > LEAST_ENERGY)
    if not (_areas(sharper_x).any() and _areas(sharper_y).any()):
        return np.zeros_like(sharper_x), np.zeros_like(sharper_y)
    coarse_x, coarse_y = _soft(x, 2.5), _soft(y, 2.5)
    box = (2 * TILE_PX, 2 * TILE_PX)
    mean_x, mean_y = (cv2.boxFilter(p, -1, box) for p in (coarse_x, coarse_y))
    power_x, power_y = (cv2.sqrBoxFilter(p, -1, box) - m * m for p, m in ((coarse_x, mean_x), (coarse_y, mean_y)))
    both = cv2.boxFilter(coarse_x * coarse_y, -1, box) - mean_x * mean_y
    coherence = both / np.sqrt(np.maximum(power_x * power_y, 1e-3))
    usable = (_tiles(mask.astype(np.float32)) > 0.98) & (_tiles(coherence) > COHERES)
    usable &= _tiles(np.minimum(power_x, power_y)) > 3.0
    return _areas(sharper_x & usable), _areas(sharper_y & usable)


def _areas(tiles: NDArray[np.bool_]) -> NDArray[np.bool_]:
    opened = cv2.morphologyEx(tiles.astype(np.uint8), cv2.MORPH_OPEN, np.ones((2, 2), np.uint8), borderValue=0)
    return np.asarray(opened > 0)


def _soft(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def _tiles(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    rows, columns = plane.shape[0] // TILE_PX, plane.shape[1] // TILE_PX
    cut = plane[: rows * TILE_PX, : columns * TILE_PX]
    if not rows or not columns:
        return np.zeros((rows, columns), np.float32)
    return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
