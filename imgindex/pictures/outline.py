"""Where a picture has content, and small pictures of it: how one whole frame may lie on another."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex import native
from imgindex.records import Box, Icon, Luma, Outline, Polygon

ICON_PX = 24
"""Side of the square icons whose correlation ranks the eight orientations of a frame."""

BORDER_TOLERANCE = 4
"""Grey levels by which a bar, frame or background may differ from its corner's value and still be "uniform":
JPEG at quality 90 rings by up to 3 on the 320 px working picture."""

MIN_SIDE_PX = 16
"""Smaller pictures have no border that could be told from them."""


def outline(luma: Luma) -> Outline:
    """The outline of a working picture."""
    height, width = luma.shape
    content = content_polygon(luma)
    boxes = dict.fromkeys([(0.0, 0.0, float(width), float(height)), bounding_box(content)])
    return Outline(content, tuple(icon(luma, box) for box in boxes))


def icon(luma: Luma, box: Box) -> Icon:
    """The icon of a part of a picture."""
    x0, y0 = int(box[0]), int(box[1])
    part = luma[y0 : max(y0 + 1, round(box[3])), x0 : max(x0 + 1, round(box[2]))]
    return of_small(box, native.resize_area(part, ICON_PX, ICON_PX))


def of_small(box: Box, small: NDArray[np.uint8]) -> Icon:
    """An icon whose pixels are at hand."""
    values = small.astype(np.float32).reshape(-1)
    values -= values.mean()
    norm = float(np.linalg.norm(values))
    return Icon(box, small, values / norm if norm > 1e-3 else np.zeros_like(values))


def content_polygon(luma: Luma) -> Polygon:
    """Convex hull of what is not uniform border: bars, frames, the black corners of a turned picture are outside.

    The border is what a flood from the four corners reaches within BORDER_TOLERANCE of the corner's own value.
    The whole frame where nothing or everything is reached.
    """
    rows, columns = luma.shape
    whole = frame(columns, rows)
    if min(rows, columns) < MIN_SIDE_PX:
        return whole
    width, height = columns // 2, rows // 2
    small = native.resize_area(luma, width, height)
    ends, filled = native.content(small, BORDER_TOLERANCE)
    if filled < 0.004 * small.size or filled > 0.995 * small.size:
        return whole
    ys = np.flatnonzero(ends[:, 1])
    sides = ends[ys].T
    ends = np.concatenate([np.stack([x, ys + dy], 1) for x in sides for dy in (0, 1)])
    hull = cv2.convexHull(ends.astype(np.int32)).reshape(-1, 2) * np.array([columns / width, rows / height])
    return hull.astype(np.float64) if len(hull) >= 3 else whole


def frame(width: int, height: int) -> Polygon:
    """The corners of a whole picture."""
    return np.array([[0, 0], [width, 0], [width, height], [0, height]], np.float64)


def bounding_box(polygon: Polygon) -> tuple[float, float, float, float]:
    (x0, y0), (x1, y1) = polygon.min(axis=0), polygon.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)
