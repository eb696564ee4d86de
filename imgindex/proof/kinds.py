"""The parts of a sheet that differ, and what is measured of each: see `rules` for what kind of difference it is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof import around, marks
from imgindex.proof.align import FINE_PX
from imgindex.proof.parts import Explained

JOIN_PX, COARSE_JOIN_PX = 7, 3
"""What lies as near as that is one part, as the letters of a word; on a coarse sheet."""

LEAST_MASS = 10.0
"""Smaller parts are noise: the sum over its pixels of how far they exceed what is allowed."""

MAX_PARTS = 16
"""Parts that are measured, those of the largest mass."""

STRONGEST = 4.0
STRONG = 1.6
LEAST_STRONG = 8
"""The colours of a part are those of the pixels that exceed what is allowed by this factor, not of its rim."""

INNER_PX = 7
FLAT_LEVELS, FLAT_NOISE = 4.0, 4.0
"""What is flat varies by so many levels, and so many times the noise, between neighbours."""

LEAST_UNIT_PX = 400
"""The letters of a small sheet are not thinner than its pixels."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sheet that differs; all numbers but box, mass, strength, inks and details lie in [-1, 1].

    box      x0, y0, x1, y1 in pixels of the sheet
    mass     sum over its pixels of how far they exceed what is allowed
    strength mean of how far they do, at most 4
    share    of the sheet's content
    own      how far its outline is an edge of b: 1 of b alone, 0 of a alone, 0.5 of both
    sharp    steepest tenth of the outline, per pixel, over how far the two are apart
    rim_a    steps of a across the outline over those inside; rim_b likewise: see `around.Rim`
    balance  share of what differs in luma that has the rarer sign, at most 0.5: near 0 where one lies over the other
    paint_a  share of its pixels that are paint in a: see `marks.paint`; paint_b likewise
    stroke   mean width of what differs, over the sheet's longer side (of a long page, twice the shorter)
    agree    correlation of the two inside it, pixel by pixel
    shifted  the same after the shift of at most two pixels that makes most of it
    coarse   and by means of cells, at least 0
    tint     share of what differs that is colour and not luma
    flat_a   share of its inside where a is one tone, nothing but noise; flat_b likewise; -1 where it has no inside
    ink_a    median luma, Cr and Cb of its strongest pixels in a; ink_b likewise
    beside_a shares of what surrounds it in a that have the colour of b's ink, that of the ground beneath that ink, and
             one of both or a mixture: where that is all there is, print stands beside it; beside_b the reverse
    detail_a standard deviation of the luma inside it, of a; detail_b likewise; in grey levels
    """

    box: around.Box
    mass: float
    strength: float
    share: float
    own: float
    sharp: float
    rim_a: float
    rim_b: float
    balance: float
    paint_a: float
    paint_b: float
    stroke: float
    agree: float
    shifted: float
    coarse: float
    tint: float
    flat_a: float
    flat_b: float
    ink_a: around.Ink
    ink_b: around.Ink
    beside_a: tuple[float, float, float]
    beside_b: tuple[float, float, float]
    detail_a: float
    detail_b: float


def found(explained: Explained) -> list[Part]:
    """The parts, largest mass first."""
    over = explained.excess > 1.0
    if not over.any():
        return []
    labels, boxes, mass = _labelled(explained.excess, over)
    order = [int(i) for i in np.argsort(-mass)[:MAX_PARTS] if mass[i] >= LEAST_MASS]
    sheet = _Sheet(explained, labels, over, explained.noise(), max(1, int(np.count_nonzero(explained.sheet.mask))))
    return [_measured(sheet, i, boxes[i], float(mass[i])) for i in order]


@dataclass(frozen=True, slots=True, eq=False)
class _Sheet:
    """What all parts of a sheet are measured with: the number of its part for each pixel, and which pixels differ; the
    noise of the whole, and of how many pixels the content is."""

    explained: Explained
    labels: NDArray[np.int32]
    over: NDArray[np.bool_]
    noise: float
    content: int


def largest_mass(explained: Explained) -> float:
    """Of the largest part; 0 where nothing differs."""
    over = explained.excess > 1.0
    return float(_labelled(explained.excess, over)[2].max()) if over.any() else 0.0


def _labelled(
    excess: NDArray[np.float32], over: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], list[around.Box], NDArray[np.float64]]:
    """The number of its part for each pixel, 0 for none; the box and the mass of each part."""
    reach = JOIN_PX if max(over.shape) > FINE_PX else COARSE_JOIN_PX
    joined = cv2.morphologyEx(over.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    weights = np.where(over, np.minimum(excess, STRONGEST) - 0.5, 0.0)
    mass = np.bincount(labels.ravel(), weights=weights.ravel(), minlength=count).astype(np.float64)
    mass[0] = 0.0
    boxes = [(int(x), int(y), int(x + w), int(y + h)) for x, y, w, h in stats[:, :4]]
    return np.asarray(labels, np.int32), boxes, mass


def _measured(sheet: _Sheet, number: int, box: around.Box, mass: float) -> Part:
    explained, over = sheet.explained, sheet.over
    rows, columns = slice(box[1], box[3]), slice(box[0], box[2])
    a, b = (np.ascontiguousarray(p[:, rows, columns]) for p in (explained.a, explained.b))
    own, excess = sheet.labels[rows, columns] == number, explained.excess[rows, columns]
    core = over[rows, columns] & own
    apart = np.abs(a - b)[:, core]
    strong = core & (excess > STRONG)
    strong = strong if strong.sum() >= LEAST_STRONG else core
    ink_a, ink_b = marks.ink(a, strong), marks.ink(b, strong)
    square = np.ones((INNER_PX, INNER_PX), np.uint8)
    solid = own.astype(np.uint8)
    inner = cv2.erode(solid, square, borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    level = FLAT_LEVELS + FLAT_NOISE * sheet.noise
    rim = around.rim(explained.a, explained.b, box, solid, float(apart.sum(axis=0).mean()))
    unit = max(min(max(over.shape), 2 * min(over.shape)), LEAST_UNIT_PX)
    return Part(
        box=box,
        mass=round(mass, 1),
        strength=round(float(np.minimum(excess, STRONGEST)[core].mean()), 2),
        share=round(float(own.sum()) / sheet.content, 5),
        own=rim.of_b,
        sharp=rim.sharp,
        rim_a=rim.rim_a,
        rim_b=rim.rim_b,
        balance=marks.balance(b[0][core] - a[0][core]),
        paint_a=marks.paint(a, b, strong),
        paint_b=marks.paint(b, a, strong),
        stroke=round(marks.stroke(core) / unit, 4),
        agree=marks.agree(a[0], b[0], own),
        shifted=marks.shifted(a[0], b[0], own),
        coarse=marks.coarse(a[0], b[0], own),
        tint=round(float(apart[1:].sum() / max(float(apart.sum()), 1e-3)), 3),
        flat_a=marks.flat(a[0], inner, level),
        flat_b=marks.flat(b[0], inner, level),
        ink_a=ink_a,
        ink_b=ink_b,
        beside_a=around.beside(explained.a, box, over, ink_b, ink_a),
        beside_b=around.beside(explained.b, box, over, ink_a, ink_b),
        detail_a=round(float(a[0][own].std()), 2),
        detail_b=round(float(b[0][own].std()), 2),
    )
