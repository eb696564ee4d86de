"""A compared pair on one canvas, and where the two differ, for a person to look at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof import difference, maps
from imgindex.proof.difference import Difference
from imgindex.proof.verify import SAME_FRAME
from imgindex.records import PictureInfo, Rgb
from imgindex.results import Region

CANVAS_PX = 1600
"""Longer side at most of the pictures that are compared pixel by pixel and drawn: more than a screen shows."""


def lay_out(
    raw_a: Rgb,
    info_a: PictureInfo,
    raw_b: Rgb,
    info_b: PictureInfo,
    matrix: NDArray[np.float64],
    canvas_px: int = CANVAS_PX,
) -> tuple[Shots, float]:
    """(both pictures in a's frame, canvas pixels per pixel of a); `matrix` maps a's full-size coordinates to b's.

    The raw pictures are whole, oriented and of any size; see `prepare.decoded`. What lies in one frame but for
    SAME_FRAME is not moved: the estimate is no better than that.
    """
    same_frame = info_a.size == info_b.size and _displacement(matrix, info_a) <= SAME_FRAME * max(info_a.size)
    if same_frame:
        matrix = maps.IDENTITY
    zoom = min(1.0, canvas_px / max(info_a.size))
    width, height = (max(1, round(side * zoom)) for side in info_a.size)
    rgb_a = _scaled(raw_a, width, height)
    rows, columns = raw_b.shape[:2]
    to_full = maps.scaling(info_b.width_px / columns, info_b.height_px / rows)
    from_b = maps.compose(
        maps.scaling(width / info_a.width_px, height / info_a.height_px),
        maps.compose(maps.invert(matrix), to_full),
    )
    centred = maps.to_pixel_centres(from_b)
    laid = cv2.warpAffine(_prefiltered(raw_b, from_b), centred, (width, height), flags=cv2.INTER_LINEAR)
    inside = cv2.warpAffine(np.ones((rows, columns), np.uint8), centred, (width, height), flags=cv2.INTER_NEAREST)
    own_zoom = min(1.0, canvas_px / max(info_b.size))
    own = None
    if not same_frame:
        own = _scaled(raw_b, *(max(1, round(side * own_zoom)) for side in info_b.size))
    return Shots(rgb_a, np.asarray(laid, np.uint8), own, inside > 0, np.zeros((0, 4, 2))), zoom


def differing(shots: Shots) -> Difference:
    """Where the two differ over what they share. Elsewhere the second is given the first's pixels: the end of what a
    picture shows is no difference, which it was found to be in pictures of some 300 px."""
    filled = np.where(shots.shared[..., None], shots.b, shots.a)
    return difference.difference(_luma(shots.a), _luma(filled), shots.shared)


def outlines(regions: Sequence[Region], matrix: NDArray[np.float64], zoom: float) -> NDArray[np.float64]:
    """float64[k, 4, 2]: corners of regions found on a's canvas, in full-size pixels of b."""
    boxes = [
        [[r.x, r.y], [r.x + r.width, r.y], [r.x + r.width, r.y + r.height], [r.x, r.y + r.height]] for r in regions
    ]
    corners = np.array(boxes, np.float64).reshape(-1, 4, 2)
    return maps.apply(maps.compose(matrix, maps.scaling(1 / zoom, 1 / zoom)), corners)


def _displacement(matrix: NDArray[np.float64], info: PictureInfo) -> float:
    """How far the map moves the corner of a picture that it moves most, in pixels."""
    w, h = info.size
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float64)
    return float(np.linalg.norm(maps.apply(matrix, corners) - corners, axis=1).max())


def _scaled(rgb: Rgb, width: int, height: int) -> Rgb:
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _prefiltered(rgb: Rgb, affine: NDArray[np.float64]) -> Rgb:
    """Smoothed where the map makes it much smaller, so that sampling makes no patterns of its own."""
    shrink = 1.0 / max(maps.decompose(affine).scale, 1e-6)
    return rgb if shrink < 1.5 else np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.4 * shrink), np.uint8)


def _luma(rgb: Rgb) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


@dataclass(frozen=True, slots=True, eq=False)
class Shots:
    """A compared pair on one canvas.

    a, b          uint8[h, w, 3]: the first picture, and the second laid onto it
    b_own         uint8: the second in its own frame; None where it is `b`
    shared        bool[h, w]: where both show something
    b_outlines    float[k, 4, 2]: the regions' corners in `b_own`
    """

    a: Rgb
    b: Rgb
    b_own: Rgb | None
    shared: NDArray[np.bool_]
    b_outlines: NDArray[np.float64]
