"""Where two pictures in one tone differ in parts, and which of the two carries what makes them differ.

What was laid over a picture ends where an edge is that the clean picture does not have; see-through paint takes
contrast from what is beneath it; opaque paint has few colours; a mosaic or blur in one place takes the detail out.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.medians import median as median_of
from imgindex.records import Rgb

DIFFER_LEVELS, DIFFER_FACTOR = 16.0, 5.0
GRADIENT_SHARE, GRADIENT_CAP = 0.5, 60.0
"""A pixel differs by more than DIFFER_LEVELS, DIFFER_FACTOR times the median, and half the gradient that both have, for
there a fraction of a pixel makes as much."""

LOSSLESS, CODED_ANEW, CODED_FINELY = (0.0, 0.0), (3.0, 0.0), (8.0, 0.35)
"""The same where the pixels that one file gives are repeated in the other, and at least half of all are equal: nothing
but a change in that part makes a difference in a lossless file, or in a JPEG that is laid on the other coded anew."""

FEW_COLOURS_FACTOR = 2.5
"""By how much further pixels must differ where one picture has few colours."""

SLOW_PX, SLOW_SIGMA = 4, 1.0
SLOW_LEVELS, SLOW_CONTRAST = 5.0, 0.3
"""and on means over some pixels by so much, and so much of the contrast around: blur, grain and coarse coding change
each pixel, but not their mean."""

LEAST_PART_PX = 25
LEAST_SHARE = 0.0004
MOST_PLACES = 12
"""Smaller parts are noise of coding; so many places are named."""

LEAST_CORE_PX = 30

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Paint:
    """What the parts are in one picture, as a function of the other's pixels there.

    slope     contrast left of the other's
    unlike    what paint of one colour does not explain, over what differs
    few       share of its three commonest colours
    """

    slope: float
    unlike: float
    few: float


@dataclass(frozen=True, slots=True)
class DifferingParts:
    """Parts that differ.

    share   of what both show; `count` of them, largest first in `places`, boxes in shares of the grid
    edge    gradient along their outlines in the picture that has more of it, in grey levels per pixel
    own     how far the outlines are an edge in b and not in a, in [-1, 1]
    """

    share: float
    count: int
    own: float
    edge: float
    paint_a: Paint
    paint_b: Paint
    places: tuple[tuple[float, float, float, float], ...]
    covered: float


@dataclass(frozen=True, slots=True, eq=False)
class Differing:
    """bool[h, w]: the pixels of the parts, and what is known of them; None where there are none."""

    mask: NDArray[np.bool_]
    parts: DifferingParts | None


def gradient(luma: Plane) -> Plane:
    """Grey levels per pixel."""
    across, down = (cv2.Scharr(luma, cv2.CV_32F, *axis, scale=1 / 16) for axis in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(across, down))


@dataclass(frozen=True, slots=True)
class Coding:
    """What is known of how the two are coded: whether one has few colours; and where one repeats the pixels of the
    other but for parts, how far a repeated pixel may be off, in grey levels and in shares of the gradient."""

    few_colours: bool
    off: tuple[float, float] | None


def differing(a: Rgb, b: Rgb, luma_a: Plane, luma_b: Plane, inside: NDArray[np.bool_], coding: Coding) -> Differing:
    """Of two pictures in one tone on one grid, and their lumas."""
    edges_a, edges_b = gradient(luma_a), gradient(luma_b)
    hot = (_far(a, b, edges_a, edges_b, inside, coding) & inside).astype(np.uint8)
    hot = np.asarray(cv2.morphologyEx(hot, cv2.MORPH_OPEN, np.ones((2, 2), np.uint8)), np.uint8)
    total = max(int(np.count_nonzero(inside)), 1)
    share = int(np.count_nonzero(hot)) / total
    if share <= LEAST_SHARE:
        return Differing(np.zeros_like(inside), None)
    count, labels, stats, _ = cv2.connectedComponentsWithStats(cv2.dilate(hot, np.ones((5, 5), np.uint8)))
    sizes = np.bincount(labels[hot > 0], minlength=count)
    kept = sizes >= LEAST_PART_PX
    kept[0] = False
    if not kept.any():
        return Differing(np.zeros_like(inside), None)
    mask = kept[labels] & (hot > 0)
    height, width = mask.shape
    order = np.argsort(-sizes * kept, kind="stable")[: min(MOST_PLACES, int(kept.sum()))]
    boxes = stats[order, :4].astype(float)
    places = tuple(
        (round(x / width, 4), round(y / height, 4), round((x + w) / width, 4), round((y + h) / height, 4))
        for x, y, w, h in boxes
    )
    body = mask.astype(np.uint8)
    own, edge = _outline(body, inside, edges_a, edges_b)
    shown_a, shown_b = a[mask].astype(np.float32), b[mask].astype(np.float32)
    covered = float(stats[1:, cv2.CC_STAT_AREA][kept[1:]].sum()) / total
    parts = DifferingParts(
        share=share,
        count=int(kept.sum()),
        own=own,
        edge=edge,
        paint_a=paint(shown_b, shown_a),
        paint_b=paint(shown_a, shown_b),
        places=places,
        covered=min(covered, 1.0),
    )
    return Differing(mask, parts)


def _far(
    a: Rgb, b: Rgb, edges_a: Plane, edges_b: Plane, inside: NDArray[np.bool_], coding: Coding
) -> NDArray[np.bool_]:
    """bool[h, w]: pixels that differ by more than coding, blur and the error of the map make."""
    most = _most(cv2.absdiff(cv2.GaussianBlur(a, (0, 0), 0.8), cv2.GaussianBlur(b, (0, 0), 0.8)))
    some = most[::3, ::3][inside[::3, ::3]]
    median = median_of(some) if len(some) else 0.0
    if median == 0 and coding.off is not None and not coding.few_colours:
        levels, share = coding.off
        return np.asarray(most > levels + share * cv2.min(edges_a, edges_b))
    factor = FEW_COLOURS_FACTOR if coding.few_colours else 1.0
    both = cv2.GaussianBlur(cv2.erode(cv2.min(edges_a, edges_b), np.ones((3, 3))), (0, 0), 1)
    threshold = max(DIFFER_LEVELS, DIFFER_FACTOR * median) + GRADIENT_SHARE * np.minimum(both, GRADIENT_CAP)
    hot = most > factor * threshold
    if not hot.any():
        return np.asarray(hot)
    height, width = most.shape
    small = max(1, width // SLOW_PX), max(1, height // SLOW_PX)
    means = (cv2.GaussianBlur(cv2.resize(x, small, interpolation=cv2.INTER_AREA), (0, 0), SLOW_SIGMA) for x in (a, b))
    slow = _most(cv2.absdiff(*means)).astype(np.float32)
    busy = cv2.resize(cv2.max(edges_a, edges_b), small, interpolation=cv2.INTER_AREA)
    over = slow - SLOW_CONTRAST * cv2.boxFilter(busy, -1, (3, 3)) - np.float32(factor * SLOW_LEVELS)
    return np.asarray(hot & (cv2.resize(over, (width, height), interpolation=cv2.INTER_LINEAR) > 0))


def _most(rgb: NDArray[Any]) -> NDArray[np.uint8]:
    red, green, blue = cv2.split(rgb)
    return np.asarray(cv2.max(cv2.max(red, green), blue), np.uint8)


def _outline(body: NDArray[np.uint8], inside: NDArray[np.bool_], edges_a: Plane, edges_b: Plane) -> tuple[float, float]:
    """How far the outlines of the parts are b's own edges, and how strong they are."""
    outline = cv2.dilate(body, np.ones((5, 5), np.uint8)) - cv2.erode(body, np.ones((3, 3), np.uint8))
    on = (outline > 0) & inside
    strongest = cv2.max(edges_a, edges_b)
    rest = inside & ~on & (strongest > 8)
    balance = []
    for mask in (on, rest):
        of_a, of_b = float(edges_a[mask].sum()), float(edges_b[mask].sum())
        balance.append((of_b - of_a) / max(of_b + of_a, 1e-6))
    return balance[0] - balance[1], float(strongest[on].mean()) if on.any() else 0.0


def paint(clean: NDArray[np.float32], painted: NDArray[np.float32]) -> Paint:
    """float32[n, 3] levels of both at the same places."""
    apart = float(((painted - clean) ** 2).mean())
    x, y = clean.mean(axis=1), painted.mean(axis=1)
    spread = float(x.var())
    slope = float(((x - x.mean()) * (y - y.mean())).mean() / max(spread, 1.0))
    left = painted - (painted.mean(axis=0) + slope * (clean - clean.mean(axis=0)))
    coarse = (np.clip(painted, 0, 255) / 32).astype(np.int64)
    commonest = np.sort(np.bincount(coarse @ [64, 8, 1], minlength=512))[-3:]
    return Paint(slope, float((left**2).mean()) / max(apart, 1.0), float(commonest.sum()) / len(painted))
