"""Where print is on a canvas: pages, which are looked at in full, and pictures that have some print on them."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex import native
from imgindex.proof.canvases import Canvas
from imgindex.records import Luma

PAPER_SHARE, MUCH_PAPER = 0.35, 0.55
INK_LEVELS = 30
STROKE_PX = 7
MOST_THICK = 0.3
LEAST_INK = 0.003
"""A page: a third of both is one tone, and of what stands on it less than a third survives an opening by 7 px; or half
of both is, and thin marks stand on it, whatever bars and photos do beside them."""

MEDIAN_PX = 5
TILE_PX = 16
LINE_LEVELS = 20
LINE_SHARE = 0.04
GROUND_LEVELS = 18
PRINT_SHARE = 0.08
"""Print: on a twelfth of the tiles something thin stands on even ground. One training photo in eight has as much; of 24
kinds of documents those have less that are a photo with a label, or are too dense, which `is_page` is for."""


def is_page(canvas: Canvas) -> bool:
    """Whether both are mostly paper (of any tone) with thin marks on it."""
    lumas = zip((canvas.a, canvas.b), canvas.papers, strict=True)
    return all(_is_page(luma, paper, canvas.mask) for luma, paper in lumas)


def _is_page(luma: Luma, paper: native.Paper, mask: NDArray[np.bool_]) -> bool:
    if paper.share < PAPER_SHARE:
        return False
    marks = ((np.abs(luma.astype(np.int16) - paper.tone) > INK_LEVELS) & mask).astype(np.uint8)
    thick = cv2.morphologyEx(marks, cv2.MORPH_OPEN, np.ones((STROKE_PX, STROKE_PX), np.uint8))
    ink = int(marks.sum())
    if paper.share >= MUCH_PAPER:
        return ink - int(thick.sum()) > LEAST_INK * paper.pixels
    return ink > LEAST_INK * paper.pixels and int(thick.sum()) < MOST_THICK * ink


def has_print(canvas: Canvas) -> bool:
    """Whether both have thin marks on even ground in many places."""
    return all(_print_share(luma) >= PRINT_SHARE for luma in (canvas.a, canvas.b))


def _print_share(luma: Luma) -> float:
    rows, columns = luma.shape[0] // TILE_PX, luma.shape[1] // TILE_PX
    if not rows or not columns:
        return 0.0
    cut = luma[: rows * TILE_PX, : columns * TILE_PX]
    half = cv2.resize(cut, (cut.shape[1] // 2, cut.shape[0] // 2), interpolation=cv2.INTER_AREA)
    ground = cv2.resize(cv2.medianBlur(half, MEDIAN_PX), cut.shape[::-1], interpolation=cv2.INTER_LINEAR)
    lines = (cv2.absdiff(cut, ground) >= LINE_LEVELS).astype(np.float32)
    lined = cv2.resize(lines, (columns, rows), interpolation=cv2.INTER_AREA)
    tiles = ground.reshape(rows, TILE_PX, columns, TILE_PX)
    even = np.ptp(tiles, axis=(1, 3)) <= GROUND_LEVELS
    return float(((lined > LINE_SHARE) & even).mean())
