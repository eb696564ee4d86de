"""Both pictures on one grid, pixel on pixel where they allow it.

A map found by features is good to some pixel, and most copies are made by programs that move by none: whole frames onto
whole frames, or cuttings at whole pixels. So the map is snapped to one of these where its corners agree, and else
straightened by its pixels. The grid lies along a's axes; along each it is as coarse as the coarser picture.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.pictures import outline
from imgindex.proof import maps
from imgindex.proof.maps import Affine
from imgindex.proof.medians import median
from imgindex.records import Rgb

WHOLE_PX = 640
"""Longer side of the grid that shows all of what is shared: overlays, tones and frames are seen there."""

PART_PX = 208
PARTS_ALONG = 3
"""Of larger pictures so many parts along either axis are looked at pixel by pixel: as many pixels as the whole has."""

SNAP_PX, SNAP_SHARE = 2.0, 0.004
"""How far corners may move when the map is snapped: the error of alignment on a picture of 320 px."""

SEARCH_PX = 3
"""A cutting may lie this many pixels from where alignment saw it."""

EDGE_PX = 2
"""Pixels at the edge of a picture, which resizing blends with nothing, are not compared."""


AnyPlane = TypeVar("AnyPlane", Rgb, NDArray[np.float32])
"""A picture, or a luma in grey levels."""


@dataclass(frozen=True, slots=True, eq=False)
class Placing:
    """Where b lies on a: the map of continuous coordinates, and how it was made exact: "frame" (whole onto whole),
    "pixels" (one to one, a whole number of pixels away) or "" (straightened)."""

    affine: Affine
    snapped: str

    @property
    def exact(self) -> bool:
        """Whether each pixel of one is one pixel of the other."""
        linear = self.affine[:, :2]
        return bool(self.snapped) and bool(np.abs(np.abs(linear).sum(axis=0) - 1).max() < 1e-6)

    @property
    def inverse(self) -> Placing:
        return Placing(maps.invert(self.affine), self.snapped)


def snap(affine: Affine, size_a: tuple[int, int], size_b: tuple[int, int]) -> Placing:
    """The exact map that this one nearly is; itself where it is none. Sizes are (width, height)."""
    corners = outline.frame(*size_a)
    reach = max(SNAP_PX, SNAP_SHARE * max(size_b))
    sizes = np.abs(affine[:, :2])
    turned = sizes[0, 1] + sizes[1, 0] > sizes[0, 0] + sizes[1, 1]
    signs = np.sign(affine[:, :2]) * (np.array([[0, 1], [1, 0]]) if turned else np.eye(2))
    per = (size_a[1], size_a[0]) if turned else size_a
    for name, linear in (("frame", signs * (np.array([size_b]).T / np.array([per]).T)), ("pixels", signs)):
        snapped = np.column_stack([linear, np.zeros(2)])
        if name == "frame":
            snapped[:, 2] = [side if row.sum() < 0 else 0.0 for row, side in zip(signs, size_b, strict=True)]
        else:
            away = np.median(maps.apply(affine, corners) - maps.apply(snapped, corners), axis=0)
            snapped[:, 2] = np.round(away)
        if np.abs(maps.apply(snapped, corners) - maps.apply(affine, corners)).max() < reach:
            return Placing(snapped, name)
    return Placing(affine, "")


@dataclass(frozen=True, slots=True, eq=False)
class Grid:
    """Maps of a grid of `width` x `height` points to both pictures."""

    to_a: Affine
    to_b: Affine
    width: int
    height: int

    @property
    def size(self) -> tuple[int, int]:
        return self.width, self.height

    def part(self, x: int, y: int, width: int, height: int) -> Grid:
        at = np.array([[1.0, 0.0, x], [0.0, 1.0, y]])
        return Grid(maps.compose(self.to_a, at), maps.compose(self.to_b, at), width, height)

    def reduced(self, long_side_px: int) -> Grid:
        """The same at no more than this many points along the longer side."""
        factor = max(self.size) / long_side_px
        if factor <= 1:
            return self
        width, height = (max(8, round(side / factor)) for side in self.size)
        by = maps.scaling(self.width / width, self.height / height)
        return Grid(maps.compose(self.to_a, by), maps.compose(self.to_b, by), width, height)

    def parts(self) -> list[Grid]:
        """This grid, or parts of it, spread evenly, where it is larger than the one that shows all."""
        if max(self.size) <= WHOLE_PX:
            return [self]
        spread = [
            sorted({round(k * (side - min(side, PART_PX)) / (PARTS_ALONG - 1)) for k in range(PARTS_ALONG)})
            for side in self.size
        ]
        width, height = (min(side, PART_PX) for side in self.size)
        return [self.part(x, y, width, height) for y in spread[1] for x in spread[0]]


def grid_of(placing: Placing, size_a: tuple[int, int], size_b: tuple[int, int]) -> Grid:
    """The finest grid over what the two share on which neither is enlarged."""
    back = maps.invert(placing.affine)
    corners = maps.apply(back, outline.frame(*size_b))
    low, high = np.maximum(corners.min(axis=0), 0.0), np.minimum(corners.max(axis=0), size_a)
    if placing.snapped:
        low, high = np.floor(low + 0.01), np.ceil(high - 0.01)
    span = np.maximum(high - low, 1.0)
    per_a = np.array([math.hypot(*placing.affine[:, 0]), math.hypot(*placing.affine[:, 1])])
    step = np.maximum(1.0, 1.0 / per_a)
    step[np.abs(step - 1) < 0.01] = 1.0
    size = np.maximum(np.floor(span / step + 1e-6), 8)
    if placing.snapped == "frame" and (step != 1).any():
        size = np.maximum(np.round(span / step), 8)
        step = span / size
    to_a = np.column_stack([np.diag(step), low])
    return Grid(to_a, maps.compose(placing.affine, to_a), int(size[0]), int(size[1]))


def seen(picture: AnyPlane, to_picture: Affine, size: tuple[int, int], how: int = cv2.INTER_CUBIC) -> AnyPlane:
    """The picture as a grid of `size` (width, height) sees it: averaged where the grid is coarser, and exact where its
    points are the picture's pixels."""
    height, width = picture.shape[:2]
    corners = maps.apply(to_picture, outline.frame(*size))
    margin = 4 + 4 * max(1.0, float(np.abs(to_picture[:, :2]).max()))
    x0, y0 = np.clip(np.floor(corners.min(axis=0) - margin), 0, [width - 1, height - 1]).astype(int)
    x1, y1 = np.clip(np.ceil(corners.max(axis=0) + margin), [x0 + 1, y0 + 1], [width, height]).astype(int)
    if (x1 - x0) * (y1 - y0) < 0.7 * width * height:
        picture, to_picture = picture[y0:y1, x0:x1], _moved(to_picture, -x0, -y0)
        height, width = picture.shape[:2]
    coarser = [max(1.0, math.hypot(*to_picture[i, :2])) for i in (0, 1)]
    if max(coarser) > 1.02:
        small = max(1, round(width / coarser[0])), max(1, round(height / coarser[1]))
        picture = _as(picture, cv2.resize(picture, small, interpolation=cv2.INTER_AREA))
        to_picture = maps.compose(maps.scaling(small[0] / width, small[1] / height), to_picture)
    if picture.shape[1::-1] == size and np.abs(to_picture - maps.IDENTITY).max() < 1e-3:
        return picture
    is_exact = (
        np.abs(to_picture[:, :2] - np.round(to_picture[:, :2])).max() < 1e-6
        and np.abs(to_picture[:, 2] - np.round(to_picture[:, 2])).max() < 1e-3
    )
    picked = _picked(picture, to_picture, size) if is_exact else None
    if picked is not None:
        return picked
    flags = (cv2.INTER_NEAREST if is_exact else how) | cv2.WARP_INVERSE_MAP
    centres = maps.to_pixel_centres(to_picture)
    return _as(picture, cv2.warpAffine(picture, centres, size, flags=flags, borderMode=cv2.BORDER_REPLICATE))


def _picked(picture: AnyPlane, to_picture: Affine, size: tuple[int, int]) -> AnyPlane | None:
    """The pixels that an exact map picks; None where some lie outside of the picture."""
    linear, away = np.round(to_picture[:, :2]).astype(int), np.round(to_picture[:, 2]).astype(int)
    across, down = linear.sum(axis=1).tolist()
    x, y = away.tolist()
    if not linear[0, 0]:
        picture, across, down, x, y = picture.swapaxes(0, 1), down, across, y, x
    height, width = picture.shape[:2]
    columns, rows = _run(x, across, size[0], width), _run(y, down, size[1], height)
    return None if columns is None or rows is None else _as(picture, np.ascontiguousarray(picture[rows, columns]))


def _run(away: int, step: int, count: int, side: int) -> slice | None:
    """`count` indices from `away` on, or those below it downwards; None where one is not below `side`."""
    first, last = (away, away + count) if step > 0 else (away - count, away)
    if first < 0 or last > side:
        return None
    return slice(first, last) if step > 0 else slice(last - 1, first - 1 if first else None, -1)


def _as(like: AnyPlane, found: NDArray[Any]) -> AnyPlane:
    return np.asarray(found, like.dtype)


def _moved(affine: Affine, x: float, y: float) -> Affine:
    out = affine.copy()
    out[:, 2] += (x, y)
    return out


def covered(grid: Grid, size_a: tuple[int, int], size_b: tuple[int, int]) -> NDArray[np.bool_]:
    """bool[h, w]: the points of the grid that lie in both pictures, EDGE_PX from the edge of either."""
    inside = np.ones((grid.height, grid.width), np.bool_)
    for affine, sides in ((grid.to_a, size_a), (grid.to_b, size_b)):
        for row, side in zip(affine, sides, strict=True):
            across = (row[0] * (np.arange(grid.width) + 0.5))[None, :].astype(np.float32)
            down = (row[1] * (np.arange(grid.height) + 0.5) + row[2])[:, None].astype(np.float32)
            at = across + down[:1] if row[1] == 0 else across[:, :1] + down if row[0] == 0 else across + down
            inside &= (at > EDGE_PX) & (at < side - EDGE_PX)
    return inside


def nudged(placing: Placing, grid: Grid, a: NDArray[np.float32], b: NDArray[np.float32]) -> Placing:
    """The placing by whole pixels that suits best, of those near by. a, b: lumas of one tone in the grid, one point a
    pixel."""
    edge = SEARCH_PX
    inner = a[edge:-edge:2, edge:-edge:2]
    if inner.size < 64:
        return placing
    best, offset = math.inf, (0, 0)
    height, width = a.shape
    for y in range(-edge, edge + 1):
        for x in range(-edge, edge + 1):
            other = b[edge + y : height - edge + y : 2, edge + x : width - edge + x : 2]
            mean = float(np.minimum(cv2.absdiff(inner, other), 20.0).mean())
            if mean < best - 1e-6 or (mean <= best + 1e-6 and (x, y) == (0, 0)):
                best, offset = mean, (x, y)
    moved = maps.compose(grid.to_b, np.array([[1.0, 0.0, offset[0]], [0.0, 1.0, offset[1]]]))
    affine = maps.compose(moved, maps.invert(grid.to_a))
    affine[:, :2], affine[:, 2] = np.round(affine[:, :2]), np.round(affine[:, 2])
    return replace(placing, affine=affine)


STEPS = 4
MOST_POINTS = 20_000
"""Gauss-Newton steps of straightening, and how many of the strongest edges it rests on."""


def straightened(placing: Placing, grid: Grid, a: NDArray[np.float32], b: NDArray[np.float32]) -> Placing:
    """The map after Gauss-Newton steps on all six of its numbers. a, b: lumas of one tone in the grid."""
    height, width = a.shape
    a, b = (np.asarray(cv2.GaussianBlur(x, (0, 0), 1.2), np.float32) for x in (a, b))
    edges = cv2.magnitude(cv2.Scharr(a, cv2.CV_32F, 1, 0), cv2.Scharr(a, cv2.CV_32F, 0, 1))
    edges[:4], edges[-4:], edges[:, :4], edges[:, -4:] = 0, 0, 0, 0
    floor = np.partition(edges.ravel(), -MOST_POINTS)[-MOST_POINTS] if edges.size > MOST_POINTS else 0.0
    ys, xs = np.nonzero(edges > floor)
    if len(ys) < 100:
        return placing
    u, v = (xs - width / 2) / width, (ys - height / 2) / height
    levels, total, now = a[ys, xs], maps.IDENTITY, b
    for _ in range(STEPS):
        gx, gy = (cv2.Scharr(now, cv2.CV_32F, *axis)[ys, xs] / 32 for axis in ((1, 0), (0, 1)))
        left = levels - now[ys, xs]
        ok = np.abs(left) < 3 * median(np.abs(left)) + 4
        jacobian = np.stack([gx * u, gx * v, gx, gy * u, gy * v, gy], axis=1)[ok].astype(np.float64)
        normal = jacobian.T @ jacobian
        moves = np.linalg.solve(normal + 1e-6 * np.trace(normal) * np.eye(6) / 6, jacobian.T @ left[ok])
        if np.abs(moves).max() > 6:
            break
        step = np.array(
            [[moves[0] / width, moves[1] / height, moves[2]], [moves[3] / width, moves[4] / height, moves[5]]]
        )
        step[:, 2] -= step[:, :2] @ [width / 2, height / 2]
        step[:, :2] += np.eye(2)
        total = maps.compose(total, step)
        flags = cv2.INTER_LINEAR | cv2.WARP_INVERSE_MAP
        moved = cv2.warpAffine(b, total, (width, height), flags=flags, borderMode=cv2.BORDER_REPLICATE)
        now = np.asarray(moved, np.float32)
        if np.abs(moves).max() < 0.02:
            break
    half = np.array([0.5, 0.5])
    total[:, 2] += half - total[:, :2] @ half
    affine = maps.compose(maps.compose(grid.to_b, total), maps.invert(grid.to_a))
    return replace(placing, affine=affine)
