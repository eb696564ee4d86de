"""Whether the finest detail of one picture is what a filter makes of the other: then it may have been sharpened into
being, and nothing that is known of the scene goes with it.

A filter that acts alike everywhere and in all directions is a weighted sum of the rings around each pixel. The weights
are those that explain most (least squares over structured tiles, H. Wiener's filter with finite support).
"""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.loss.detail import FINE_SIGMA, STRUCTURED_QUANTILE, TILE_PX, Plane, SharedPart, tiles

REACH_PX = 3
"""Of the filter to each side."""

LEAST_ENERGY = 3.0
"""Of the finest band of a tile that is asked, in grey levels squared: as much as `detail` asks for."""

MOST_TILES, LEAST_TILES = 150, 8
DARKEST, LIGHTEST = 2, 253
"""Grey levels beyond which a filter was cut off."""

UNKNOWN = 1.0


def explained(parts: Sequence[SharedPart]) -> tuple[float, float]:
    """Share of the energy of the finest band of a that a filter of b gives, and the reverse, in [0, 1]; 1.0 where there
    is too little structure to tell."""
    rows = [_tiles(part) for part in parts]
    inner_a, inner_b, around_a, around_b = (np.concatenate(column) for column in zip(*rows, strict=True))
    if len(inner_a) < LEAST_TILES:
        return UNKNOWN, UNKNOWN
    kept = slice(None, None, -(-len(inner_a) // MOST_TILES))
    return _share(inner_a[kept], around_b[kept]), _share(inner_b[kept], around_a[kept])


def _tiles(part: SharedPart) -> tuple[Plane, Plane, Plane, Plane]:
    """float32[n, TILE_PX, TILE_PX] of a and of b, and the same with REACH_PX around them."""
    fine_a, fine_b = _finest(part.a), _finest(part.b)
    usable = part.clean & _within_range(part.a) & _within_range(part.b)
    usable = cv2.erode(usable.astype(np.uint8), np.ones((2 * REACH_PX + 1,) * 2, np.uint8)) > 0
    energy = np.maximum(tiles(cv2.multiply(fine_a, fine_a)), tiles(cv2.multiply(fine_b, fine_b)))
    asked = (tiles(usable.astype(np.float32)) > MOSTLY) & (energy > LEAST_ENERGY)
    asked[:1] = asked[-1:] = asked[:, :1] = asked[:, -1:] = False
    if asked.any():
        asked &= energy >= np.quantile(energy[asked], STRUCTURED_QUANTILE)
    corners = np.argwhere(asked) * TILE_PX
    return (
        _cut(fine_a, corners, 0), _cut(fine_b, corners, 0), _cut(fine_a, corners, REACH_PX),
        _cut(fine_b, corners, REACH_PX),
    )  # fmt: skip


def _finest(plane: Plane) -> Plane:
    return np.asarray(cv2.subtract(plane, cv2.GaussianBlur(plane, (0, 0), FINE_SIGMA)), np.float32)


def _within_range(plane: Plane) -> NDArray[np.bool_]:
    return (plane >= DARKEST) & (plane <= LIGHTEST)


MOSTLY = 0.9
"""Share of a tile that is seen in both and cut off in neither."""


def _cut(plane: Plane, corners: NDArray[np.intp], reach: int) -> Plane:
    side = TILE_PX + 2 * reach
    cut = [plane[y - reach : y + TILE_PX + reach, x - reach : x + TILE_PX + reach] for y, x in corners]
    return np.stack(cut) if cut else np.zeros((0, side, side), np.float32)


def _share(wanted: Plane, around: Plane) -> float:
    """Share of the energy of `wanted` that weighted rings of `around` give."""
    rings = _rings(around)
    target = wanted.reshape(-1).astype(np.float64)
    product = rings @ rings.T
    weights = np.linalg.solve(product + np.eye(len(product)) * 1e-9 * np.trace(product), rings @ target)
    left = target - weights @ rings
    return float(np.clip(1 - left @ left / max(float(target @ target), 1e-9), 0.0, 1.0))


def _rings(around: Plane) -> NDArray[np.float64]:
    """float64[rings, pixels]: for each distance along the two axes, in either order, the mean of what lies there."""
    found: dict[tuple[int, int], list[Plane]] = {}
    reach = range(-REACH_PX, REACH_PX + 1)
    for dy in reach:
        for dx in reach:
            y, x = REACH_PX + dy, REACH_PX + dx
            seen = around[:, y : y + TILE_PX, x : x + TILE_PX]
            found.setdefault((max(abs(dy), abs(dx)), min(abs(dy), abs(dx))), []).append(seen)
    return np.stack([np.mean(ring, axis=0).reshape(-1) for ring in found.values()]).astype(np.float64)
