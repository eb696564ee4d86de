"""Tells a picture that is set into another, as on a page, in an album program or a collage, from a part cut out of it.

A cut continues across its edge; a picture on a page ends there.
"""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.records import Luma

REACH_PX = 2.0
"""How far inside and outside of the edge is looked: beyond the error of alignment and the blur of resizing."""

MARGIN_PX = 3 * REACH_PX
"""A side nearer than this to the outer picture's own edge has no outside to look at."""

MIN_STEP = 10.0
MIN_STEP_RATIO = 1.8
"""A side is broken where grey levels change across it, on average, by more than MIN_STEP and by more than this many
times what they change over the same distance just inside and just outside: foliage changes everywhere."""

BROKEN_SIDES = 2
"""One broken side is a caption bar, or the seam of a collage of two."""

MAX_SHARE = 0.7
"""A picture that fills more of the other than this is framed, not set into it."""

SAMPLES = 64


def is_inset(outer: Luma, corners: NDArray[np.float64]) -> bool:
    """Whether the picture whose corners lie at float[4, 2] (x, y; in order around it) in `outer` is set into it."""
    height, width = outer.shape
    if abs(_area(corners)) > MAX_SHARE * width * height:
        return False
    edges = corners[[1, 2, 3, 0]] - corners
    lengths = np.sqrt((edges * edges).sum(axis=1))
    normals = np.stack([edges[:, 1], -edges[:, 0]], axis=1) / np.maximum(lengths, 1e-9)[:, None]
    if _area(corners) < 0:
        normals = -normals
    lines = corners[:, None] + np.linspace(0.1, 0.9, SAMPLES)[None, :, None] * edges[:, None]
    far = lines + MARGIN_PX * normals[:, None]
    seen = (lengths >= 2 * MARGIN_PX) & np.all((far >= 0) & (far <= (width, height)), axis=(1, 2))
    if seen.sum() < BROKEN_SIDES:
        return False
    steps = np.array([-3, -1, 1, 3]) * REACH_PX
    levels = _sampled(outer, lines[seen, None] + steps[:, None, None] * normals[seen, None, None])
    inside, across, outside = np.abs(np.diff(levels, axis=1)).mean(axis=2).T
    broken = across > np.maximum(MIN_STEP, MIN_STEP_RATIO * (inside + outside) / 2)
    return int(broken.sum()) >= BROKEN_SIDES


def _sampled(luma: Luma, points: NDArray[np.float64]) -> NDArray[np.float32]:
    """float32[sides, lines, SAMPLES]: grey levels at continuous coordinates float[sides, lines, SAMPLES, 2] (the first
    pixel's centre is 0.5, 0.5), bilinear."""
    at = (points - 0.5).astype(np.float32).reshape(-1, SAMPLES, 2)
    levels = cv2.remap(luma, at[..., 0], at[..., 1], cv2.INTER_LINEAR)
    return levels.reshape(points.shape[:-1]).astype(np.float32)


def _area(corners: NDArray[np.float64]) -> float:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners.tolist()
    return float((cx - ax) * (dy - by) - (dx - bx) * (cy - ay)) / 2
