"""Affine maps between two pictures: algebra, limits, and the words for them; and convex polygons under them.

Every map here works on *continuous* coordinates: x in [0, width], y in [0, height], the first pixel covers
[0, 1] x [0, 1] and its centre is (0.5, 0.5). Changing the resolution of a picture is then a pure scaling;
only `to_pixel_centres` knows of OpenCV's centres at integers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex import native
from imgindex.records import Polygon

Affine: TypeAlias = NDArray[np.float64]
"""float64[2, 3]: (x, y) -> A @ (x, y) + t."""

IDENTITY: Affine = np.array([[1.0, 0.0, 0.0], [0.0, 1.0, 0.0]])

MIN_SCALE, MAX_SCALE = 0.05, 20.0
"""A copy at less than a twentieth of the size has some 16 px of a working picture: nothing to compare."""

MAX_ANISOTROPY = 3.2
"""Stretch of one axis against the other: 16:9 made square is 1.78, a 640 x 277 panorama made square 2.31."""

MAX_SHEAR = 0.2
"""Of a guess: editors do not shear, what is here is the error of few features. A proof allows far less."""


@dataclass(frozen=True, slots=True)
class Decomposition:
    """What an affine map does: mirror first (left to right), then turn counter-clockwise, stretch before or after.

    `scale_x`, `scale_y` are > 0, along the axes of the picture that was stretched; `degrees` is in (-180, 180];
    `shear` is in [0, 1]: 0 for every map made of stretches along the axes of *one* of the pictures, turns and mirrors,
    which is what editors do; another viewpoint of something flat has more.
    """

    mirrored: bool
    scale_x: float
    scale_y: float
    degrees: float
    shear: float

    @property
    def scale(self) -> float:
        return math.sqrt(self.scale_x * self.scale_y)

    @property
    def anisotropy(self) -> float:
        return max(self.scale_x, self.scale_y) / max(min(self.scale_x, self.scale_y), 1e-12)

    @property
    def plausible(self) -> bool:
        limits = MIN_SCALE < self.scale < MAX_SCALE and self.anisotropy < MAX_ANISOTROPY
        return limits and self.shear < MAX_SHEAR


def decompose(affine: Affine) -> Decomposition:
    """Mirror, scales, turn and shear of a map."""
    (a, b, _), (c, d, _) = affine.tolist()
    mirrored = a * d - b * c < 0
    if mirrored:
        a, c = -a, -c
    columns = max(math.hypot(a, c), 1e-12), max(math.hypot(b, d), 1e-12)
    rows = max(math.hypot(a, b), 1e-12), max(math.hypot(c, d), 1e-12)
    column_shear = abs(a * b + c * d) / (columns[0] * columns[1])
    row_shear = abs(a * c + b * d) / (rows[0] * rows[1])
    if column_shear <= row_shear:  # stretched, then turned
        scale_x, scale_y = columns
        sine, cosine = c / scale_x - b / scale_y, a / scale_x + d / scale_y
    else:  # turned, then stretched
        scale_x, scale_y = rows
        sine, cosine = c / scale_y - b / scale_x, a / scale_x + d / scale_y
    degrees = -math.degrees(math.atan2(sine, cosine))  # y points down
    return Decomposition(
        mirrored, scale_x, scale_y, 180.0 if degrees <= -180.0 else degrees, min(column_shear, row_shear)
    )


def compose(second: Affine, first: Affine) -> Affine:
    """The map that does `first`, then `second`."""
    out = second[:, :2] @ first
    out[:, 2] += second[:, 2]
    return np.asarray(out, np.float64)


def determinant(affine: Affine) -> float:
    """By how much areas grow; negative where the map mirrors."""
    (a, b, _), (c, d, _) = affine.tolist()
    return float(a * d - b * c)


def invert(affine: Affine) -> Affine:
    """The inverse map; raises numpy.linalg.LinAlgError where the map flattens the plane."""
    (a, b, x), (c, d, y) = affine.tolist()
    grown = determinant(affine)
    if grown == 0.0:
        raise np.linalg.LinAlgError("the map flattens the plane")
    a, b, c, d = d / grown, -b / grown, -c / grown, a / grown
    return np.array([[a, b, -a * x - b * y], [c, d, -c * x - d * y]])


def scaling(x: float, y: float) -> Affine:
    return np.array([[x, 0.0, 0.0], [0.0, y, 0.0]])


def apply(affine: Affine, points: NDArray[np.floating]) -> NDArray[np.float64]:
    """float64[n, 2]: the images of float[n, 2] points."""
    return np.asarray(points @ affine[:, :2].T + affine[:, 2], np.float64)


def lengths(vectors: NDArray[np.floating]) -> NDArray[np.float64]:
    """float64[n]: the lengths of float[n, 2] vectors."""
    return np.asarray(np.sqrt((vectors * vectors).sum(axis=1)), np.float64)


def to_pixel_centres(affine: Affine) -> Affine:
    """The same map for coordinates whose integers are pixel centres, as OpenCV's warps and keypoints have them."""
    out = affine.copy()
    out[:, 2] += affine[:, :2] @ np.array([0.5, 0.5]) - 0.5
    return out


def describe(affine: Affine, share_a: float, share_b: float) -> str:
    """Words for what turns the first picture into the second, e.g. "mirrored, rotated 25 degrees, resized 0.50x"."""
    found = decompose(affine)
    words = []
    degrees = round(found.degrees)
    if found.mirrored and abs(degrees) == 180:
        words.append("mirrored top to bottom")
    else:
        if found.mirrored:
            words.append("mirrored")
        if degrees % 360:
            words.append(f"rotated {degrees} degrees")
    if share_a < 0.97:
        words.append(f"crop {100 * share_a:.0f} % of area")
    if share_b < 0.97:
        words.append(f"set in a larger picture ({100 * share_b:.0f} % of area)")
    if found.anisotropy > 1.03:
        words.append(f"stretched {found.scale_x:.2f}x by {found.scale_y:.2f}x")
    elif abs(found.scale - 1.0) > 0.015:
        words.append(f"resized {found.scale:.2f}x")
    return ", ".join(words) or "same frame"


def area(polygon: Polygon) -> float:
    return float(cv2.contourArea(polygon.astype(np.float32)))


LEAST_AREA = 1e-3
"""Polygons of less area than this, in pixels, are lines."""


def intersection(a: Polygon, b: Polygon) -> tuple[float, Polygon]:
    """(area, corners) of what two convex polygons share; (0, empty) where they do not meet.

    I. Sutherland, G. Hodgman, "Reentrant polygon clipping", CACM 1974. OpenCV's `intersectConvexConvex` finds nothing
    shared by some polygons that are nearly equal, which copies have.
    """
    corners = native.intersection(a, b, LEAST_AREA)
    found = area(corners) if len(corners) >= 3 else 0.0
    return (found, corners) if found > 0 else (0.0, np.zeros((0, 2)))
