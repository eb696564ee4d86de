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


_ALONG = np.linspace(0.1, 0.9, SAMPLES)
"""Places along a side: its ends are those of its neighbours."""

_ACROSS = np.array([-3, -1, 1, 3])[:, None] * REACH_PX
"""Lines beside it, from the inside to the outside, in pixels."""


def is_inset(outer: Luma, corners: NDArray[np.float64]) -> bool:
    """Whether the picture whose corners lie at float[4, 2] (x, y; in order around it) in `outer` is set into it."""
    height, width = outer.shape
    area = _area(corners)
    if abs(area) > MAX_SHARE * width * height:
        return False
    points = [complex(x, y) for x, y in corners.tolist()]
    lines = []
    for start, end in zip(points, points[1:] + points[:1], strict=True):
        edge = end - start
        if abs(edge) < 2 * MARGIN_PX:
            continue
        outwards = (-1j if area >= 0 else 1j) * edge / abs(edge)
        ends = (start + share * edge + MARGIN_PX * outwards for share in (_ALONG[0], _ALONG[-1]))
        if all(0 <= far.real <= width and 0 <= far.imag <= height for far in ends):
            lines.append(start + _ALONG * edge + _ACROSS * outwards)
    if len(lines) < BROKEN_SIDES:
        return False
    levels = _sampled(outer, np.stack(lines))
    inside, across, outside = np.abs(levels[:, 1:] - levels[:, :-1]).mean(axis=2).T
    broken = across > np.maximum(MIN_STEP, MIN_STEP_RATIO * (inside + outside) / 2)
    return int(broken.sum()) >= BROKEN_SIDES


def _sampled(luma: Luma, points: NDArray[np.complex128]) -> NDArray[np.float32]:
    """float32[sides, lines, SAMPLES]: grey levels at x + iy, continuous coordinates (the first pixel's centre is 0.5,
    0.5), bilinear."""
    at = points.reshape(-1, SAMPLES) - (0.5 + 0.5j)
    levels = cv2.remap(luma, at.real.astype(np.float32), at.imag.astype(np.float32), cv2.INTER_LINEAR)
    return levels.reshape(points.shape).astype(np.float32)


def _area(corners: NDArray[np.float64]) -> float:
    (ax, ay), (bx, by), (cx, cy), (dx, dy) = corners.tolist()
    return float((cx - ax) * (dy - by) - (dx - bx) * (cy - ay)) / 2
