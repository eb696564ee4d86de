"""Lay two pictures on one canvas, straighten what is left, and measure how far their structure agrees.

All lumas are uint8[height, width]; all maps are `maps.Affine` from a's working picture to b's.
"""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex import native
from imgindex.proof import maps
from imgindex.proof.maps import Affine
from imgindex.records import Luma, Polygon

WINDOWS_ALONG = 16
"""The longer side of the canvas is cut in so many windows; they are sampled at every half window."""

MIN_WINDOW_PX = 8
MIN_CANVAS_PX = 24

STABILISER = 20.0
"""Variance (grey levels squared) added to numerator and denominator of the structure term: noise of a JPEG at
quality 50 has some 10; SSIM's own C2 is 58.5."""


def quantiles(values: NDArray[np.floating], shares: tuple[float, ...]) -> list[float]:
    """Quantiles of at least one value, linear between neighbours: `numpy.quantile`, at a tenth of its time on few."""
    ordered = np.sort(values)
    last = len(ordered) - 1
    found = []
    for share in shares:
        low = int(share * last)
        below, above = float(ordered[low]), float(ordered[min(low + 1, last)])
        found.append(below + (above - below) * (share * last - low))
    return found


class Canvas:
    """Two pictures as `native.lay` puts them at one place and one size; share_a, share_b are of each one's content."""

    def __init__(self, laid: native.Laid) -> None:
        self.laid = laid
        self.a, self.b, self.mask = laid.a, laid.b, laid.mask
        self.share_a, self.share_b = laid.share_a, laid.share_b

    @functools.cached_property
    def inside(self) -> NDArray[np.bool_] | None:
        """The mask; None where both have content everywhere."""
        return None if self.mask.all() else self.mask

    @functools.cached_property
    def papers(self) -> tuple[native.Paper, native.Paper]:
        """The commonest tone of a, and of b."""
        return native.paper(self.a, self.inside), native.paper(self.b, self.inside)

    @functools.cached_property
    def evened(self) -> tuple[Luma, Luma]:
        """Both lumas with local mean and contrast evened out."""
        a, b = (native.even_out(luma, EVENED_PX, EVENED, EVENED_FLOOR) for luma in (self.a, self.b))
        return a, b


EVENED_PX = 31
"""Side of the window in which contrast is evened out, about two windows of the 256 px canvas."""


def lay(
    a: Luma, b: Luma, affine: Affine, polygon_a: Polygon, polygon_b: Polygon, long_side_px: int, margin: float = 0.0
) -> Canvas | None:
    """Both pictures on a canvas around what they share, in a's axes; None where they share next to nothing.

    The canvas has the resolution of the coarser of the two, and at most `long_side_px` along its longer side. It
    reaches `margin` of that side beyond what is shared, outside the mask.
    """
    laid = native.lay(a, b, affine, polygon_a, polygon_b, maps.LEAST_AREA, MIN_CANVAS_PX, long_side_px, margin)
    return None if laid is None else Canvas(laid)


EVENED, EVENED_FLOOR = 48.0, 4.0
"""Where contrast is evened out, a standard deviation of s grey levels becomes EVENED * s / (s + EVENED_FLOOR)."""

_SOFT = np.ascontiguousarray(cv2.getGaussianKernel(5, 0.8).reshape(-1), np.float32)


def windows(canvas: Canvas, size: int | None = None) -> native.Windows:
    """Statistics of square windows at every half window, by default so many along the longer side as WINDOWS_ALONG.

    The contrast of the stronger picture sets the scale of the stabiliser, so neither order of a and b nor a dimmed copy
    matters.
    """
    height, width = canvas.mask.shape
    size = size or max(MIN_WINDOW_PX, round(max(height, width) / WINDOWS_ALONG))
    step = max(2, min(size, height, width) // 2)
    return native.Windows(canvas.a, canvas.b, canvas.inside, _SOFT, step, STABILISER)


def offsets(found: native.Windows, asked: NDArray[np.bool_]) -> NDArray[np.float64]:
    """float64[m, 2]: how far b is shifted against a in each of the windows that `asked` marks, in canvas pixels.

    One Gauss-Newton step of Lucas-Kanade with the mean and contrast of each window evened out, damped so that a
    direction without structure (along an edge) counts as in place; exact for shifts below a pixel, which is what
    is left of a copy after alignment.
    """
    return found.offsets(asked, EVENED, EVENED_FLOOR)


@dataclass(frozen=True, slots=True, eq=False)
class Flow:
    """Where points of canvas a are found in canvas b: float64[n, 2] points and shifts in canvas pixels.

    `tracked` is False where there was nothing to hold on to, or the point went astray."""

    points: NDArray[np.float64]
    shifts: NDArray[np.float64]
    tracked: NDArray[np.bool_]

    def typical_px(self) -> float:
        """Median length of the tracked shifts; 0 where there are none."""
        lengths = maps.lengths(self.shifts[self.tracked])
        return quantiles(lengths, (0.5,))[0] if len(lengths) else 0.0


def flow(canvas: Canvas, points: NDArray[np.float64], window_px: int = 15, levels: int = 2) -> Flow:
    """Lucas-Kanade shifts at the given points (B. Lucas, T. Kanade, IJCAI 1981; pyramidal, OpenCV)."""
    if len(points) == 0:
        return Flow(np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0, np.bool_))
    size = max(9, window_px)
    a, b = canvas.evened
    start = points.astype(np.float32).reshape(-1, 1, 2)
    end, status, _ = cv2.calcOpticalFlowPyrLK(
        a, b, start, start.copy(), winSize=(size, size), maxLevel=levels,
        criteria=(cv2.TERM_CRITERIA_EPS | cv2.TERM_CRITERIA_COUNT, 12, 0.02),
        flags=cv2.OPTFLOW_USE_INITIAL_FLOW, minEigThreshold=1e-3,
    )  # fmt: skip
    shifts = (end - start).reshape(-1, 2).astype(np.float64)
    ok = (status.reshape(-1) == 1) & (np.abs(shifts).max(axis=1) < 2.0 * size)
    return Flow(points, shifts, ok)


def straightened(canvas: Canvas, affine: Affine, moved: Flow, scale_px: float) -> tuple[Affine, NDArray[np.float64]]:
    """The map after a robust fit through the shifts, and the length of what it leaves of each, in canvas pixels."""
    return native.straighten(affine, canvas.laid, moved.points, moved.shifts, moved.tracked, scale_px)


@dataclass(frozen=True, slots=True, eq=False)
class Overlay:
    """Where b is a with something drawn over it: bool[h, w] mask, its share of the canvas content, how far all
    differences have one sign, in [0.5, 1], and bool[h, w], what a square of SOLID_SHARE within the mask reaches.

    A watermark only brightens (or only darkens) and is made of strokes; a moved scene does both, and another photo on
    the same page is one solid piece.
    """

    mask: NDArray[np.bool_]
    share: float
    one_sided: float
    solid: NDArray[np.bool_]


OVERLAY_LEVELS = 10.0
"""Grey levels of difference from which a pixel belongs to an overlay."""


SOLID_SHARE = 21 / 256
"""Of the canvas' longer side: wider than the strokes of a watermark, and narrower than a caption's bar."""


def overlay(canvas: Canvas, gain: float) -> Overlay:
    """Pixels of b that a tone line b = gain * a + offset (robust) does not explain."""
    inside = canvas.mask
    if inside.sum() < 16:
        return Overlay(np.zeros_like(inside), 0.0, 0.5, np.zeros_like(inside))
    a, b = cv2.blur(canvas.a.astype(np.float32), (3, 3)), cv2.blur(canvas.b.astype(np.float32), (3, 3))
    few = np.flatnonzero(inside)[::7]
    x, y = a.ravel()[few], b.ravel()[few]
    slope, offset = gain, float(np.median(y - gain * x))
    for _ in range(4):
        weight = 1.0 / (1.0 + ((y - slope * x - offset) / 8.0) ** 2) ** 2
        total = float(weight.sum())
        mean_x, mean_y = float((weight * x).sum()) / total, float((weight * y).sum()) / total
        spread = float((weight * (x - mean_x) ** 2).sum())
        if spread > 25.0 * total:
            slope = float(np.clip((weight * (x - mean_x) * (y - mean_y)).sum() / spread, 0.2, 5.0))
        offset = mean_y - slope * mean_x
    difference = (b - np.float32(slope) * a - np.float32(offset)) * inside
    mask = (np.abs(difference) > OVERLAY_LEVELS * max(1.0, slope)).astype(np.uint8)
    difference *= mask
    above = float(np.maximum(difference, 0.0).sum(dtype=np.float64))
    below = above - float(difference.sum(dtype=np.float64))
    one_sided = max(above, below) / (above + below) if above + below > 0 else 0.5
    wide = (cv2.dilate(mask, np.ones((3, 3), np.uint8)) > 0) & inside
    side = max(5, round(SOLID_SHARE * max(wide.shape)))
    square = np.ones((side, side), np.uint8)
    solid = cv2.morphologyEx(
        wide.astype(np.uint8), cv2.MORPH_OPEN, square, borderType=cv2.BORDER_CONSTANT, borderValue=0
    )
    return Overlay(wide, float(wide.sum() / inside.sum()), one_sided, solid > 0)


def window_means(values: NDArray[np.float32], centres: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """float64[n]: means over square windows at the given centres."""
    boxed = cv2.boxFilter(values, -1, (size, size), borderType=cv2.BORDER_REFLECT)
    at = centres.astype(np.int64)
    return np.asarray(boxed[at[:, 1], at[:, 0]], np.float64)
