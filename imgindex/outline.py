"""Where a picture has content, and small pictures of it: how one whole frame may lie on another."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgindex import native, structure, transform
from imgindex.records import Box, Luma, Outline, Thumb

THUMB_PX = 24
"""Side of the square thumbnails whose correlation ranks the eight orientations of a frame."""


def outline(luma: Luma) -> Outline:
    """The outline of a working picture."""
    height, width = luma.shape
    content = structure.content_polygon(luma)
    boxes = dict.fromkeys([(0.0, 0.0, float(width), float(height)), transform.bounding_box(content)])
    return Outline(content, tuple(thumb(luma, box) for box in boxes))


def thumb(luma: Luma, box: Box) -> Thumb:
    """The thumbnail of a part of a picture."""
    x0, y0 = int(box[0]), int(box[1])
    part = luma[y0 : max(y0 + 1, round(box[3])), x0 : max(x0 + 1, round(box[2]))]
    return of_small(box, native.resize_area(part, THUMB_PX, THUMB_PX))


def of_small(box: Box, small: NDArray[np.uint8]) -> Thumb:
    """A thumbnail whose pixels are at hand."""
    values = small.astype(np.float32).reshape(-1)
    values -= values.mean()
    norm = float(np.linalg.norm(values))
    return Thumb(box, small, values / norm if norm > 1e-3 else np.zeros_like(values))
