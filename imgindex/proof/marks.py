"""Numbers of the pixels of one part, as both pictures show it: paint, strokes, and how far the two agree in it.

Lumas are float32[h, w], planes float32[3, h, w], masks bool[h, w] of the same box; shares are rounded to 3 digits.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.sheet import Planes

Mask = NDArray[np.bool_]
Plane = NDArray[np.float32]

LUMA_BIN, TINT_BIN = 24.0, 16.0
COMMONEST = 4
FEW = 0.65
SEEN_AGREE, SEEN_SLOPE = 0.85, 0.95
"""Paint has few colours: four make two thirds of it; or what is beneath shows through, with less contrast."""

SAME_LEVELS = 4.0
STABILISER = 4.0
"""Variance, in grey levels squared, that is noise and no contrast."""

CELLS_PX = (8, 16)
LEAST_CELLS = 12
SHIFTS_PX = 2
MOST_SHIFTED_PIXELS = 20_000
LEAST_INNER = 25


def line(a: Plane, b: Plane) -> tuple[float, float]:
    """Correlation of two lists of values, and the slope of b on a."""
    x, y = a - a.mean(), b - b.mean()
    both, power_a, power_b = float(np.vdot(x, y)), float(np.vdot(x, x)), float(np.vdot(y, y))
    floor = STABILISER * len(a)
    return both / (max(power_a, floor) * max(power_b, floor)) ** 0.5, both / max(power_a, floor)


def agree(a: Plane, b: Plane, own: Mask) -> float:
    """Correlation inside the part, pixel by pixel."""
    return round(line(a[own], b[own])[0], 3)


def shifted(a: Plane, b: Plane, own: Mask) -> float:
    """The best correlation inside the part under shifts of b by up to SHIFTS_PX; -1 where it is too large or small."""
    height, width = a.shape
    reach = SHIFTS_PX
    if height * width > MOST_SHIFTED_PIXELS or min(height, width) <= 2 * reach:
        return -1.0
    inner = own[reach:-reach, reach:-reach]
    if inner.sum() < LEAST_CELLS:
        return -1.0
    still = a[reach:-reach, reach:-reach][inner]
    x = still - still.mean()
    steps = np.arange(2 * reach + 1)
    moves = (steps[:, None] * width + steps).reshape(-1, 1)
    rows, columns = np.nonzero(inner)
    moved = b.reshape(-1)[rows * width + columns + moves]
    moved -= moved.mean(axis=1, keepdims=True)
    floor = STABILISER * len(x)
    powers = np.maximum(np.einsum("ij,ij->i", moved, moved), floor) * max(float(np.vdot(x, x)), floor)
    return round(float((moved @ x / np.sqrt(powers)).max()), 3)


def coarse(a: Plane, b: Plane, own: Mask) -> float:
    """Correlation of means of cells in the part, of the size of cell that gives the best; 0 where there are few."""
    return round(max(0.0, *(_coarse_at(a, b, own, cell) for cell in CELLS_PX)), 3)


def _coarse_at(a: Plane, b: Plane, own: Mask, cell: int) -> float:
    rows, columns = own.shape[0] // cell, own.shape[1] // cell
    if rows * columns < LEAST_CELLS:
        return 0.0
    inside, x, y = (
        np.asarray(
            cv2.resize(p[: rows * cell, : columns * cell], (columns, rows), interpolation=cv2.INTER_AREA), np.float32
        )
        for p in (own.astype(np.float32), a, b)
    )
    full = inside > 0.999
    return line(x[full], y[full])[0] if full.sum() >= LEAST_CELLS else 0.0


def balance(apart: NDArray[np.float32]) -> float:
    """Share of what differs that has the rarer sign, in [0, 0.5]."""
    brighter, darker = (float(np.maximum(sign * apart, 0.0).sum()) for sign in (1.0, -1.0))
    return round(min(brighter, darker) / max(brighter + darker, 1e-3), 3)


def stroke(core: Mask) -> float:
    """Mean width in pixels of what is marked, were it made of strokes."""
    closed = cv2.morphologyEx(np.pad(core, 2).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    depth = cv2.distanceTransform(closed, cv2.DIST_L2, 3)
    return 4.0 * float(np.mean(depth[closed > 0])) - 1.0


def paint(planes: Planes, other: Planes, core: Mask) -> float:
    """Share of some pixels that are paint in `planes`.

    What is brighter than in the other picture, what is darker, and what is of another colour is looked at apart; each
    is paint where few colours make most of it, or where the other picture is seen through it.
    """
    apart = planes[0] - other[0]
    painted = 0
    for part in (core & (apart > SAME_LEVELS), core & (apart < -SAME_LEVELS), core & (np.abs(apart) <= SAME_LEVELS)):
        count = int(part.sum())
        if count and (_few(planes[:, part]) >= FEW or _is_seen_through(planes[0][part], other[0][part])):
            painted += count
    return round(painted / max(1, int(core.sum())), 3)


def _few(values: NDArray[np.float32]) -> float:
    """Share of float32[3, n] pixels that have one of the commonest colours."""
    widths = np.array([[LUMA_BIN], [TINT_BIN], [TINT_BIN]], np.float32)
    bins = ((values + 8.0) / widths).astype(np.int64)
    counts = np.sort(np.bincount((bins[0] * 20 + bins[1]) * 20 + bins[2]))[-COMMONEST:]
    return float(counts.sum() / values.shape[1])


def _is_seen_through(painted: Plane, beneath: Plane) -> bool:
    correlation, slope = line(beneath, painted)
    return correlation >= SEEN_AGREE and slope <= SEEN_SLOPE


def ink(planes: Planes, core: Mask) -> tuple[int, int, int]:
    """The median luma, Cr and Cb of some pixels."""
    luma, cr, cb = (round(float(v)) for v in np.median(planes[:, core], axis=1))
    return luma, cr, cb


def flat(luma: Plane, inner: Mask, level: float) -> float:
    """Share of some pixels where the luma varies by no more than `level` between neighbours; -1 where they are few."""
    if inner.sum() < LEAST_INNER:
        return -1.0
    square = np.ones((3, 3), np.uint8)
    spread = cv2.dilate(luma, square) - cv2.erode(luma, square)
    return round(float((spread[inner] <= level).mean()), 3)
