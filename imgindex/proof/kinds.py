"""What is measured of each part that differs, and what kind of difference it is."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.align import FINE_PX
from imgindex.proof.parts import Explained
from imgindex.proof.sheet import Planes

JOIN_PX = 7
"""What lies as near as that is one part, as the letters of a word."""

LEAST_MASS = 10.0
"""Smaller parts are noise: the sum over its pixels of how far they exceed what is allowed."""

MAX_PARTS = 16
"""Parts that are measured, those of the largest mass."""

SHIFTS_PX = 2
MOST_SHIFTED_PIXELS = 40_000
FLAT_LEVELS = 4.0
NOISE_LEVELS = 8.0
LEAST_UNIT_PX = 400
"""The letters of a small sheet are not thinner than its pixels."""

STRONG = 1.6
"""The colours of a part are those of the pixels that exceed what is allowed by this factor, not of its rim."""

FEW = 0.65
SEEN_AGREE, SEEN_SLOPE = 0.85, 0.95
"""Paint has few colours; or what is beneath it shows through, with less contrast."""

BESIDE = 1.5
BESIDE_PX = 12
CLOSE, CLOSE_PX = 0.3, 5
"""What lies so far around a part, in its shorter side, or in pixels, is beside it."""

CELLS_PX = (8, 16)
"""What is compared coarsely is compared in cells of so many pixels: see `coarse`."""


@dataclass(frozen=True, slots=True)
class Part:
    """A part of a sheet that differs; all numbers but the box and the mass lie in [-1, 1].

    box      x0, y0, x1, y1 in pixels of the sheet
    mass     sum over its pixels of how far they exceed what is allowed
    strength mean of how far its pixels exceed what is allowed, at most 4
    share    of the sheet's content
    own      how far its outline is an edge of b: 1 of b alone, 0 of a alone, 0.5 of both
    balance  share of what differs in luma that has the rarer sign, at most 0.5: near 0 where one lies over the other
    paint_a  share of its pixels that are paint in a: see `_paint`; paint_b likewise
    stroke   mean width of what differs, over the sheet's longer side (of a long page, twice the shorter)
    agree    correlation of the two inside it, finely
    shifted  the same of a part of print, after the shift of at most two pixels that makes most of it; else `agree`
    coarse   and by means of cells, at least 0: 1 where one is the other made coarser
    slope_b  how much of a's contrast inside it b has, slope_a the reverse: less than 1 beneath see-through paint
    tint     share of what differs that is colour and not luma
    sharp    steepest tenth of the outline, per pixel, over how far the two are apart
    flat_a   share of its inside where a is one tone, nothing but noise; flat_b likewise; -1 where it has no inside
    ink_a    median luma, Cr and Cb of its strongest pixels in a; ink_b likewise
    ground   share of what surrounds it that is one tone in both, nothing but noise
    beside_a shares of what surrounds it in a that have the colour of b's ink, that of the ground beneath that ink, and
             one of both or a mixture: where that is all there is, print stands beside it; beside_b the reverse
    detail_a standard deviation of the luma inside it, of a; detail_b likewise; in grey levels
    """

    box: tuple[int, int, int, int]
    mass: float
    strength: float
    share: float
    own: float
    balance: float
    paint_a: float
    paint_b: float
    stroke: float
    agree: float
    shifted: float
    coarse: float
    slope_a: float
    slope_b: float
    tint: float
    sharp: float
    flat_a: float
    flat_b: float
    ink_a: tuple[int, int, int]
    ink_b: tuple[int, int, int]
    ground: float
    beside_a: tuple[float, ...]
    beside_b: tuple[float, ...]
    detail_a: float
    detail_b: float


def found(explained: Explained) -> list[Part]:
    """The parts, largest mass first."""
    over = explained.excess > 1.0
    if not over.any():
        return []
    labels, stats, mass = _labelled(explained.excess, over)
    order = [int(i) for i in np.argsort(-mass)[:MAX_PARTS] if mass[i] >= LEAST_MASS]
    total = max(1, int(explained.sheet.mask.sum()))
    parts = []
    for i in order:
        x, y, w, h = (int(v) for v in stats[i, :4])
        own = np.asarray(labels[y : y + h, x : x + w] == i, np.uint8)
        parts.append(_measured(explained, (x, y, x + w, y + h), own, over, float(mass[i]), total))
    return parts


def largest_mass(explained: Explained) -> float:
    """Of the largest part; 0 where nothing differs."""
    over = explained.excess > 1.0
    return float(_labelled(explained.excess, over)[2].max()) if over.any() else 0.0


def _labelled(
    excess: NDArray[np.float32], over: NDArray[np.bool_]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.float64]]:
    """The number of its part for each pixel, 0 for none; OpenCV's statistics and the mass of each part."""
    reach = JOIN_PX if max(over.shape) > FINE_PX else JOIN_PX // 2
    joined = cv2.morphologyEx(over.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((reach, reach), np.uint8))
    count, labels, stats, _ = cv2.connectedComponentsWithStats(joined)
    weights = np.where(over, np.minimum(excess, 4.0) - 0.5, 0.0)
    mass = np.bincount(labels.ravel(), weights=weights.ravel(), minlength=count)
    mass[0] = 0.0
    return np.asarray(labels, np.int32), np.asarray(stats, np.int32), mass


def _measured(
    explained: Explained,
    box: tuple[int, int, int, int],
    own: NDArray[np.uint8],
    over: NDArray[np.bool_],
    mass: float,
    total: int,
) -> Part:
    x0, y0, x1, y1 = box
    a, b = (np.ascontiguousarray(p[:, y0:y1, x0:x1]) for p in (explained.a, explained.b))
    core = over[y0:y1, x0:x1] & (own > 0)
    apart = np.abs(a - b)[:, core]
    own_b, sharp = _outline(explained, box, own, float(apart.sum(axis=0).mean()))
    strong = core & (explained.excess[y0:y1, x0:x1] > STRONG)
    strong = strong if strong.sum() >= 8 else core
    inner = cv2.erode(own, np.ones((7, 7), np.uint8), borderType=cv2.BORDER_CONSTANT, borderValue=0) > 0
    level = FLAT_LEVELS + 4.0 * explained.noise
    ink_a, ink_b = _ink(a, strong), _ink(b, strong)
    agree, slope_b, slope_a = _line(a[0][own > 0], b[0][own > 0])
    return Part(
        box, round(mass, 1), round(float(np.minimum(explained.excess[y0:y1, x0:x1], 4.0)[core].mean()), 2),
        round(float(own.sum()) / total, 5), own_b,
        _balance(b[0][core] - a[0][core]), _paint(a, b, strong), _paint(b, a, strong), round(_stroke(core) / max(_unit(over.shape), LEAST_UNIT_PX), 4), agree,
        _shifted(a[0], b[0], own > 0, agree), _coarse(a[0], b[0], own), slope_a, slope_b,
        round(float(apart[1:].sum() / max(apart.sum(), 1e-3)), 3),
        sharp, _flat(a[0], inner, level), _flat(b[0], inner, level), ink_a, ink_b,
        _ground(explained, box, over, level), _beside(explained.a, box, over, ink_b, ink_a), _beside(explained.b, box, over, ink_a, ink_b),
        round(float(a[0][own > 0].std()), 2), round(float(b[0][own > 0].std()), 2),
    )  # fmt: skip


def _outline(
    explained: Explained, box: tuple[int, int, int, int], own: NDArray[np.uint8], apart_by: float
) -> tuple[float, float]:
    """b's share of the energy of the steps across the outline; and how steep the steepest tenth of what differs is
    there, per pixel, over `apart_by`."""
    height, width = explained.excess.shape
    x0, y0, x1, y1 = box[0] - 4, box[1] - 4, box[2] + 4, box[3] + 4
    framed = np.asarray(cv2.copyMakeBorder(own, 4, 4, 4, 4, cv2.BORDER_CONSTANT, value=0), np.uint8)
    contours, _ = cv2.findContours(framed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    cv2.drawContours(framed, contours, -1, 1, cv2.FILLED)
    ring = cv2.dilate(framed, np.ones((5, 5), np.uint8)) - cv2.erode(framed, np.ones((3, 3), np.uint8))
    soft = cv2.GaussianBlur(framed.astype(np.float32), (0, 0), 2.0)
    cut = slice(max(y0, 0), min(y1, height)), slice(max(x0, 0), min(x1, width))
    inside = slice(cut[0].start - y0, cut[0].stop - y0), slice(cut[1].start - x0, cut[1].stop - x0)
    ring = ring[inside] > 0
    across = [cv2.Scharr(soft, cv2.CV_32F, *direction)[inside][ring] for direction in ((1, 0), (0, 1))]
    length = np.sqrt(across[0] ** 2 + across[1] ** 2) + 1e-6
    edges_a = edges_b = 0.0
    steep = np.zeros(len(length), np.float32)
    for a, b in zip(explained.a[(slice(None), *cut)], explained.b[(slice(None), *cut)], strict=True):
        step_a, step_b = (
            sum(
                cv2.Scharr(np.ascontiguousarray(p), cv2.CV_32F, *direction)[ring] * normal / length
                for direction, normal in zip(((1, 0), (0, 1)), across, strict=True)
            )
            for p in (a, b)
        )
        edges_a += float(np.vdot(step_a, step_a))
        edges_b += float(np.vdot(step_b, step_b))
        steep += np.square((step_b - step_a) / 32.0)
    edge = float(np.sqrt(np.quantile(steep, 0.9))) if len(steep) else 0.0
    return round(edges_b / max(edges_a + edges_b, 1e-6), 3), round(edge / max(apart_by, 1.0), 3)


def _flat(luma: NDArray[np.float32], inner: NDArray[np.bool_], level: float) -> float:
    """Share of the inside where the luma varies by no more than `level` between neighbours."""
    if inner.sum() < 25:
        return -1.0
    return round(float((_spread(luma)[inner] <= level).mean()), 3)


def _unit(shape: tuple[int, ...]) -> float:
    return float(min(max(shape), 2 * min(shape)))


def _ink(planes: Planes, core: NDArray[np.bool_]) -> tuple[int, int, int]:
    luma, cr, cb = (round(float(v)) for v in np.median(planes[:, core], axis=1))
    return luma, cr, cb


def _beside(
    planes: Planes,
    box: tuple[int, int, int, int],
    over: NDArray[np.bool_],
    ink: tuple[int, int, int],
    ground: tuple[int, int, int],
) -> tuple[float, ...]:
    """How much of what lies around a part, and is the same in both, has the colour of an ink, how much that of the
    ground, and how much one of the two or what is between them."""
    rows, columns = _around(box, over.shape, BESIDE, BESIDE_PX)
    same = cv2.dilate(over[rows, columns].astype(np.uint8), np.ones((3, 3), np.uint8)) == 0
    around = planes[:, rows, columns][:, same]
    if around.shape[1] < 16:
        return 0.0, 0.0, 0.0
    to_ink, to_ground = _distance(around, ink), _distance(around, ground)
    apart = float(_distance(np.array(ink, np.float32)[:, None], ground)[0])
    inked = to_ink < 0.25 * apart
    grounded = to_ground < 0.25 * apart
    between = to_ink + to_ground < 1.15 * apart + NOISE_LEVELS
    return tuple(round(float(marks.mean()), 3) for marks in (inked, grounded, inked | grounded | between))


def _around(box: tuple[int, int, int, int], shape: tuple[int, ...], share: float, least_px: int) -> tuple[slice, slice]:
    """Rows and columns of a part and of what lies so far around it."""
    reach = max(least_px, round(share * min(box[2] - box[0], box[3] - box[1])))
    rows, columns = (
        slice(max(0, low - reach), min(limit, high + reach))
        for low, high, limit in ((box[1], box[3], shape[0]), (box[0], box[2], shape[1]))
    )
    return rows, columns


def _ground(explained: Explained, box: tuple[int, int, int, int], over: NDArray[np.bool_], level: float) -> float:
    rows, columns = _around(box, over.shape, CLOSE, CLOSE_PX)
    same = cv2.dilate(over[rows, columns].astype(np.uint8), np.ones((5, 5), np.uint8)) == 0
    if same.sum() < 16:
        return 0.0
    spread = np.maximum(*(_spread(np.ascontiguousarray(p[0][rows, columns])) for p in (explained.a, explained.b)))
    return round(float((spread[same] <= level).mean()), 3)


def _spread(luma: NDArray[np.float32]) -> NDArray[np.float32]:
    """How far the luma varies between neighbours."""
    square = np.ones((3, 3), np.uint8)
    return np.asarray(cv2.dilate(luma, square) - cv2.erode(luma, square), np.float32)


def _distance(planes: NDArray[np.float32], colour: tuple[int, int, int]) -> NDArray[np.float32]:
    return np.asarray(np.abs(planes - np.array(colour, np.float32)[:, None]).sum(axis=0), np.float32)


def _balance(apart: NDArray[np.float32]) -> float:
    brighter, darker = (float(np.maximum(sign * apart, 0.0).sum()) for sign in (1.0, -1.0))
    return round(min(brighter, darker) / max(brighter + darker, 1e-3), 3)


def _stroke(core: NDArray[np.bool_]) -> float:
    """Mean width in pixels of what differs, were it made of strokes."""
    closed = cv2.morphologyEx(np.pad(core, 2).astype(np.uint8), cv2.MORPH_CLOSE, np.ones((3, 3), np.uint8))
    depth = cv2.distanceTransform(closed, cv2.DIST_L2, 3)
    return round(4.0 * float(depth[closed > 0].mean()) - 1.0, 2)


def _paint(planes: Planes, other: Planes, core: NDArray[np.bool_]) -> float:
    """Share of some pixels that are paint in `planes`. What is brighter than in the other picture, what is darker and
    what is of another colour is looked at apart, and is paint where four colours make most of it, or where the other
    picture is seen through it."""
    apart = planes[0] - other[0]
    painted = 0
    for part in (core & (apart > 4.0), core & (apart < -4.0), core & (np.abs(apart) <= 4.0)):
        count = int(part.sum())
        if count and (_few(planes, part) >= FEW or _is_seen_through(planes[0][part], other[0][part])):
            painted += count
    return round(painted / max(1, int(core.sum())), 3)


def _few(planes: Planes, core: NDArray[np.bool_]) -> float:
    """Share of the pixels of a part that have one of its four commonest colours."""
    values = planes[:, core]
    bins = ((values + 8.0) / np.array([[24.0], [16.0], [16.0]], np.float32)).astype(np.int64)
    counts = np.sort(np.bincount((bins[0] * 20 + bins[1]) * 20 + bins[2]))[-4:]
    return float(counts.sum()) / values.shape[1]


def _is_seen_through(painted: NDArray[np.float32], beneath: NDArray[np.float32]) -> bool:
    agree, slope, _ = _line(beneath, painted)
    return agree >= SEEN_AGREE and slope <= SEEN_SLOPE


def _line(a: NDArray[np.float32], b: NDArray[np.float32]) -> tuple[float, float, float]:
    """Correlation, slope of b on a, slope of a on b."""
    x, y = a - a.mean(), b - b.mean()
    both, power_a, power_b = float(np.vdot(x, y)), float(np.vdot(x, x)), float(np.vdot(y, y))
    floor = 4.0 * len(a)
    correlation = both / (max(power_a, floor) * max(power_b, floor)) ** 0.5
    slopes = (float(np.clip(both / max(power, floor), -2.0, 2.0)) for power in (power_a, power_b))
    return round(correlation, 3), *(round(s, 3) for s in slopes)  # type: ignore[return-value]


def _shifted(a: NDArray[np.float32], b: NDArray[np.float32], own: NDArray[np.bool_], agree: float) -> float:
    """The best correlation inside the part under shifts of b by whole pixels."""
    height, width = a.shape
    reach = SHIFTS_PX
    if height * width > MOST_SHIFTED_PIXELS or min(height, width) <= 2 * reach:
        return agree
    inner = own[reach:-reach, reach:-reach]
    if inner.sum() < 12:
        return agree
    still = a[reach:-reach, reach:-reach][inner]
    best = agree
    for dy in range(2 * reach + 1):
        for dx in range(2 * reach + 1):
            moved = b[dy : height - 2 * reach + dy, dx : width - 2 * reach + dx][inner]
            best = max(best, _line(still, moved)[0])
    return best


def _coarse(a: NDArray[np.float32], b: NDArray[np.float32], own: NDArray[np.uint8]) -> float:
    """Correlation of the means of cells that lie in the part, of the size of cell that gives the best; 0 where there
    are fewer than twelve."""
    return max(0.0, *(_coarse_at(a, b, own, cell) for cell in CELLS_PX))


def _coarse_at(a: NDArray[np.float32], b: NDArray[np.float32], own: NDArray[np.uint8], cell: int) -> float:
    rows, columns = own.shape[0] // cell, own.shape[1] // cell
    if rows * columns < 12:
        return 0.0
    inside, x, y = (
        cv2.resize(p[: rows * cell, : columns * cell], (columns, rows), interpolation=cv2.INTER_AREA)
        for p in (own, a, b)
    )
    full = inside > 0
    return _line(x[full], y[full])[0] if full.sum() >= 12 else 0.0
