"""The quick answer: whether two aligned pictures are the same already as they are, before any tone map is fitted."""

from __future__ import annotations

from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.canvases import Canvas
from imgindex.records import Luma

LEVELS, TINTS = 12, 8
"""Grey levels by which luma and colour may be apart on flat ground: JPEG at quality 40 stays below."""

SLOPE = 0.3
"""and this share of the local contrast of the one that has less of it, on top: some half pixel of shift."""

LEAST_PIXELS = 4
"""Fewer pixels that differ are noise."""

PRINT_LEVELS, PRINT_SLOPE = 5, 0.12
"""What may differ where print is: one other digit on a page of 52 lines is some 20 levels in two pixels there."""

TILE_PX = 8
SHARPER = 1.5
LEAST_TILES = 3
LEAST_DETAIL = 1.0
"""A tile hints at another focus where one has so many times the other's fine detail, in grey levels."""

_SQUARE = np.ones((3, 3), np.uint8)


def is_same(luma: Canvas, tints: tuple[Canvas, Canvas]) -> bool:
    """Whether nothing differs but noise and half a pixel, in luma and in colour, and neither is sharper in places."""
    if _differing(luma, LEVELS, SLOPE) >= LEAST_PIXELS or any(
        _differing(t, TINTS, SLOPE) >= LEAST_PIXELS for t in tints
    ):
        return False
    return not may_be_focus(luma.a, luma.b, luma.mask)


def is_same_print(luma: Canvas) -> bool:
    """Whether so little differs that no digit can."""
    return _differing(luma, PRINT_LEVELS, PRINT_SLOPE) <= 1


def _differing(canvas: Canvas, levels: int, slope: float) -> int:
    """How many pixels inside the mask, but for its rim, differ by more than they may."""
    a, b = cv2.blur(canvas.a, (3, 3)), cv2.blur(canvas.b, (3, 3))
    contrast = cv2.dilate(cv2.min(*(cv2.morphologyEx(p, cv2.MORPH_GRADIENT, _SQUARE) for p in (a, b))), _SQUARE)
    over = cv2.subtract(cv2.absdiff(a, b), cv2.addWeighted(contrast, slope, contrast, 0.0, levels)) > 0
    inside = cv2.erode(canvas.mask.astype(np.uint8), np.ones((5, 5), np.uint8), borderValue=0) > 0
    return int(np.count_nonzero(over & inside))


def may_be_focus(a: Luma, b: Luma, mask: NDArray[np.bool_]) -> bool:
    """Whether each has tiles with more fine detail than the other."""
    rows, columns = a.shape[0] // TILE_PX, a.shape[1] // TILE_PX
    if not rows or not columns:
        return False
    fine_a, fine_b = (_tiles(cv2.absdiff(p, cv2.blur(p, (3, 3))), rows, columns) for p in (a, b))
    inside = _tiles(mask.astype(np.uint8) * 255, rows, columns) > 250
    sharper_a = (fine_a > SHARPER * fine_b + LEAST_DETAIL) & inside
    sharper_b = (fine_b > SHARPER * fine_a + LEAST_DETAIL) & inside
    return bool(min(int(sharper_a.sum()), int(sharper_b.sum())) >= LEAST_TILES)


def _tiles(plane: NDArray[Any], rows: int, columns: int) -> NDArray[np.float32]:
    cut = plane[: rows * TILE_PX, : columns * TILE_PX].astype(np.float32)
    return np.asarray(cv2.resize(cut, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)
