"""compare: one pair, its verdict and what differs. Needs no store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex import decode, difference, transform
from imgindex.difference import Difference, Region
from imgindex.features import WORKING_SIDE_PX
from imgindex.pipeline.prepare import Wish
from imgindex.pipeline.query import directed, read_picture
from imgindex.pipeline.sources import Sources
from imgindex.records import Marked, PictureInfo, Rgb
from imgindex.report import pictures
from imgindex.report.model import Comparison
from imgindex.report.pictures import Shots
from imgindex.verify import SAME_FRAME

WISH = Wish(WORKING_SIDE_PX, features=False)
"""What `compare` decodes to align two files, where no embedder asks for another size."""

CANVAS_PX = 1600
"""Longer side at most of the pictures that are compared pixel by pixel and drawn: more than a screen shows."""


def compare(a: str, b: str, out: Path | None = None) -> Comparison:
    """Compare two picture files; with `out`, write pictures of the difference there.

    Raises UsageError where a file cannot be read, OSError where `out` cannot be written.
    """
    sources = Sources(WISH)
    (data_a, picture_a), (data_b, picture_b) = (read_picture(path, WISH) for path in (a, b))
    outcome = directed(sources.of_bytes(data_a, picture_a), sources.of_bytes(data_b, picture_b))
    info_a, info_b = picture_a.info, picture_b.info
    if outcome.matrix is None:
        return Comparison(outcome, info_a, info_b, None)
    matrix = np.array(outcome.matrix, np.float64).reshape(2, 3)
    shots, zoom = lay_out(decoded(data_a, info_a), info_a, decoded(data_b, info_b), info_b, matrix)
    found = differing(shots)
    if outcome.regions:
        found = replace(found, regions=tuple(_region(mark, zoom) for mark in outcome.regions))
    shots = _with_outlines(shots, found, matrix, zoom, info_b)
    written = () if out is None else tuple(pictures.write(out, shots, found))
    return Comparison(outcome, info_a, info_b, tuple(_full_size(r, zoom) for r in found.regions), written)


def lay_out(
    raw_a: Rgb,
    info_a: PictureInfo,
    raw_b: Rgb,
    info_b: PictureInfo,
    matrix: NDArray[np.float64],
    canvas_px: int = CANVAS_PX,
) -> tuple[Shots, float]:
    """(both pictures in a's frame, canvas pixels per pixel of a); `matrix` maps a's full-size coordinates to b's.

    The raw pictures are whole, oriented and of any size; see `decoded`. What lies in one frame but for SAME_FRAME is
    not moved: the estimate is no better than that.
    """
    same_frame = info_a.size == info_b.size and _displacement(matrix, info_a) <= SAME_FRAME * max(info_a.size)
    if same_frame:
        matrix = transform.IDENTITY
    zoom = min(1.0, canvas_px / max(info_a.size))
    width, height = (max(1, round(side * zoom)) for side in info_a.size)
    rgb_a = _scaled(raw_a, width, height)
    rows, columns = raw_b.shape[:2]
    to_full = transform.scaling(info_b.width_px / columns, info_b.height_px / rows)
    from_b = transform.compose(
        transform.scaling(width / info_a.width_px, height / info_a.height_px),
        transform.compose(transform.invert(matrix), to_full),
    )
    centred = transform.to_pixel_centres(from_b)
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
    return transform.apply(transform.compose(matrix, transform.scaling(1 / zoom, 1 / zoom)), corners)


def _with_outlines(
    shots: Shots, found: Difference, matrix: NDArray[np.float64], zoom: float, info_b: PictureInfo
) -> Shots:
    if shots.b_own is None or not found.regions:
        return shots
    to_own = transform.scaling(shots.b_own.shape[1] / info_b.width_px, shots.b_own.shape[0] / info_b.height_px)
    return replace(shots, b_outlines=transform.apply(to_own, outlines(found.regions, matrix, zoom)))


def _displacement(matrix: NDArray[np.float64], info: PictureInfo) -> float:
    """How far the map moves the corner of a picture that it moves most, in pixels."""
    w, h = info.size
    corners = np.array([[0, 0], [w, 0], [w, h], [0, h]], np.float64)
    return float(np.linalg.norm(transform.apply(matrix, corners) - corners, axis=1).max())


def decoded(data: bytes, info: PictureInfo, canvas_px: int = CANVAS_PX) -> Rgb:
    """The picture with its longer side at `canvas_px` or a little more, a smaller one as it is."""
    short = min(info.size) * min(1.0, canvas_px / max(info.size))
    return decode.decode(data, short_side_px=max(1, round(short))).rgb


def _scaled(rgb: Rgb, width: int, height: int) -> Rgb:
    return np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8)


def _prefiltered(rgb: Rgb, affine: NDArray[np.float64]) -> Rgb:
    """Smoothed where the map makes it much smaller, so that sampling makes no patterns of its own."""
    shrink = 1.0 / max(transform.parts(affine).scale, 1e-6)
    return rgb if shrink < 1.5 else np.asarray(cv2.GaussianBlur(rgb, (0, 0), 0.4 * shrink), np.uint8)


def _luma(rgb: Rgb) -> NDArray[np.uint8]:
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def _region(mark: Marked, zoom: float) -> Region:
    """The box around a mark, in pixels of the canvas."""
    corners = np.array(mark.corners) * zoom
    (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    width, height = max(1, int(x1 - x0)), max(1, int(y1 - y0))
    return Region(max(0, int(x0)), max(0, int(y0)), width, height, width * height)


def _full_size(region: Region, zoom: float) -> Region:
    x, y, width, height = (round(v / zoom) for v in (region.x, region.y, region.width, region.height))
    return Region(x, y, width, height, round(region.area_px / zoom**2))
