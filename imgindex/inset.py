"""Tells a picture that is set into another, as on a page, in an album program or a collage, from a part cut out of it.

A cut continues across its edge; a picture on a page ends there.
"""

from __future__ import annotations

from itertools import pairwise

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
    centre = corners.mean(axis=0)
    broken = 0
    for start, end in zip(corners, np.roll(corners, -1, axis=0), strict=True):
        normal = np.array([end[1] - start[1], start[0] - end[0]])
        length = float(np.linalg.norm(normal))
        if length < 2 * MARGIN_PX:
            continue
        normal /= length
        if normal @ ((start + end) / 2 - centre) < 0:
            normal = -normal
        line = start + np.linspace(0.1, 0.9, SAMPLES)[:, None] * (end - start)
        far = line + MARGIN_PX * normal
        if np.any(far < 0) or np.any(far > (width, height)):
            continue
        broken += _is_broken([_sampled(outer, line + at * REACH_PX * normal) for at in (-3, -1, 1, 3)])
    return broken >= BROKEN_SIDES


def _is_broken(lines: list[NDArray[np.float32]]) -> bool:
    inside, across, outside = (float(np.abs(a - b).mean()) for a, b in pairwise(lines))
    return across > max(MIN_STEP, MIN_STEP_RATIO * (inside + outside) / 2)


def _sampled(luma: Luma, points: NDArray[np.float64]) -> NDArray[np.float32]:
    """Grey levels at continuous coordinates (the first pixel's centre is 0.5, 0.5), bilinear."""
    at = (points - 0.5).astype(np.float32)
    return np.asarray(cv2.remap(luma, at[:, :1], at[:, 1:], cv2.INTER_LINEAR).ravel(), np.float32)


def _area(corners: NDArray[np.float64]) -> float:
    x, y = corners.T
    return float(0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))
