"""Earlier coding in the pixels: which of two pictures that lie pixel on pixel was made from the other.

A JPEG's cosine coefficients lie on a lattice, the multiples of its quantisation steps. What is made from its pixels
without moving them keeps them near that lattice, even after another tone, turn or coding at finer steps:

lattice       mean distance of the child's coefficients, on the parent's blocks and in its tone, from the nearest
              multiple; 0.25 where the two have nothing to do with each other
rival         the least such distance from lattices of other steps: what was coded earlier, at another quality, lies
              nearer to those
recompressed  share of a JPEG's quantised coefficients that coding the other picture anew gives
recoded       how far the other picture, coded anew as this JPEG was, is from it, over how far it is uncoded
blocky        how far differences across the borders of some 8-pixel grid stand out: coding whose file is gone
"""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass
from io import BytesIO

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgindex.pictures import outline
from imgindex.pictures.whole import Coder, Whole
from imgindex.proof import maps
from imgindex.proof.loss import grid
from imgindex.proof.loss.grid import Placing
from imgindex.proof.maps import Affine
from imgindex.proof.medians import quantile
from imgindex.records import Rgb

Plane = NDArray[np.float32]
"""float32[h, w]: luma in grey levels, on stored axes."""

BLOCK_PX = 8

MOST_BLOCKS = 2_400
"""Blocks that are looked at, spread over the picture: 640 x 480 has twice as many, and a pair takes four transforms."""

REPEATS = 0.14
"""Mean distance from the other's lattice below which the pixels are those decoded from it, but for parts."""

LEAST_PIXELS = 2_000
LEAST_COEFFICIENTS = 400
LEAST_LIVE = 200
LEAST_BLOCKS = 60
"""What a share or a mean must rest on."""

LEAST_STEP, LEAST_RECODED_STEP = 3.0, 4.0
"""Steps below these say nothing: rounding to whole grey levels moves coefficients by some 0.3."""

COARSER = 0.75
"""A child coded at more than this share of the parent's step has moved the coefficient off its lattice."""

FAR_LEVELS, OTHER_LEVELS = 16.0, 40.0
"""Blocks with a pixel that differs by more are painted over."""

CURVED = 0.12
"""Mean distance from which another tone curve is tried, level by level."""

_COSINES = np.array(
    [
        [math.sqrt((1 if k == 0 else 2) / 8) * math.cos(math.pi * (2 * n + 1) * k / 16) for n in range(8)]
        for k in range(8)
    ]
)
_TRANSFORM = np.ascontiguousarray(np.kron(_COSINES, _COSINES).T, np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class History:
    """What one picture's pixels tell of it as the child of the other; None where it cannot be asked."""

    lattice: float | None
    agreeing: float
    rival: float
    recompressed: float | None
    recoded: float | None


def of_pair(a: Whole, b: Whole, placing: Placing, with_recoded: bool = True) -> tuple[History, History]:
    """Of a as made from b, and of b as made from a; `placing` is exact."""
    b_of_a = _Coded(a, b, placing.affine) if a.table is not None else None
    a_of_b = _Coded(b, a, maps.invert(placing.affine)) if b.table is not None else None
    return (
        History(
            *(a_of_b.lattice() if a_of_b else NOTHING), *(b_of_a.coded_again(with_recoded) if b_of_a else (None, None))
        ),
        History(
            *(b_of_a.lattice() if b_of_a else NOTHING), *(a_of_b.coded_again(with_recoded) if a_of_b else (None, None))
        ),
    )


NOTHING = (None, 0.0, 1.0)

NEAR = 0.2
"""Mean distance from which nothing lies on a lattice, and no rival need be asked."""

RIVALS = (0.7, 0.76, 0.82, 0.88, 0.94, 1.06, 1.13, 1.2, 1.3, 1.4, 1.5, 1.75, 2.0, 3.0)
"""Steps of other lattices, over those of the parent: quantisation tables of one coder are multiples of each other, and
half a step fits whatever the whole step fits."""


class _Coded:
    """A JPEG (`own`) and the other picture (`other`) on the JPEG's stored pixels."""

    def __init__(self, own: Whole, other: Whole, to_other: Affine) -> None:
        assert own.table is not None
        self.steps = own.table
        self.coder = own.coder
        self.other_steps = None if other.table is None else np.maximum(other.table, other.table.T)
        stored = as_stored(own.rgb, own.orientation)
        self.height, self.width = (side // BLOCK_PX * BLOCK_PX for side in stored.shape[:2])
        from_stored = maps.compose(to_other, oriented_from_stored(own.orientation, stored.shape[1], stored.shape[0]))
        self.covered = _footprint(from_stored, other.size, stored.shape[1], stored.shape[0])
        rows, columns = self._box()
        self.own_rgb = stored[rows, columns]
        height, width = self.own_rgb.shape[:2]
        at = maps.compose(from_stored, np.array([[1.0, 0.0, columns.start], [0.0, 1.0, rows.start]]))
        self.other_rgb = grid.seen(other.rgb, at, (width, height))
        self.inside = self.covered[rows, columns]
        self.own, self.other = luma(self.own_rgb), luma(self.other_rgb)

    def _box(self) -> tuple[slice, slice]:
        """Whole blocks around what is covered, no more than are looked at of a large picture's middle."""
        ys, xs = np.flatnonzero(self.covered.any(axis=1)), np.flatnonzero(self.covered.any(axis=0))
        if not len(ys) or not len(xs):
            return slice(0, BLOCK_PX), slice(0, BLOCK_PX)
        ends = []
        for at, side in ((ys, self.height), (xs, self.width)):
            first = at[0] // RECODED_ALIGN * RECODED_ALIGN
            last = min(side, (at[-1] + BLOCK_PX) // BLOCK_PX * BLOCK_PX)
            spare = max(0, last - first - MOST_SIDE_PX) // (2 * RECODED_ALIGN) * RECODED_ALIGN
            ends.append(slice(int(first + spare), int(max(last - spare, first + spare + BLOCK_PX))))
        return ends[0], ends[1]

    def lattice(self) -> tuple[float | None, float, float]:
        """Mean distance of the other's coefficients from the lattice of this JPEG, None where too little can be seen;
        the share of them that are nearest to the very multiples that this JPEG has; and the distance from the nearest
        of other lattices."""
        own, other = self.own, self.other
        good = self.inside & (own > 8) & (own < 247) & (other > 8) & (other < 247)
        if np.count_nonzero(good) < LEAST_PIXELS:
            return NOTHING
        line = _line(other[good], own[good])
        if line is None or not 0.4 < line[0] < 1.6:
            return NOTHING
        gain, offset = line
        asked = self.steps >= LEAST_STEP
        asked[0, 0] = False
        if self.other_steps is not None:
            asked &= gain * self.other_steps <= COARSER * self.steps
        if not asked.any():
            return NOTHING
        found = self._distance(np.float32(gain) * other + np.float32(offset), good, asked)
        moved = float(cv2.absdiff(own, other)[good].mean())
        if found is not None and found[0] > CURVED and moved > 2:
            curved = self._by_levels(good)
            again = None if curved is None else self._distance(curved, good, asked)
            found = found if again is None else min(found, again)
        return NOTHING if found is None else found

    def _distance(
        self, plane: Plane, good: NDArray[np.bool_], asked: NDArray[np.bool_]
    ) -> tuple[float, float, float] | None:
        kept = _whole_blocks(good & (cv2.absdiff(plane, self.own) <= FAR_LEVELS))
        coefficients = _coefficients(plane, kept)[:, asked.reshape(-1)] / self.steps[asked]
        nearest = np.rint(coefficients)
        live = nearest != 0
        if np.count_nonzero(live) < LEAST_COEFFICIENTS:
            return None
        own = np.rint(_coefficients(self.own, kept)[:, asked.reshape(-1)] / self.steps[asked])
        distance = float(np.abs(coefficients - nearest)[live].mean())
        rival = min(map(functools.partial(_distance_at, coefficients), RIVALS)) if distance < NEAR else 1.0
        return distance, float((own == nearest)[live].mean()), rival

    def _by_levels(self, good: NDArray[np.bool_]) -> Plane | None:
        """The other's luma in this JPEG's tone, each level of each channel becoming what it is on average here."""
        plane = np.zeros_like(self.own)
        marked = good.view(np.uint8)
        for channel, weight in enumerate((0.299, 0.587, 0.114)):
            levels, target = (cv2.extractChannel(rgb, channel) for rgb in (self.other_rgb, self.own_rgb))
            met = cv2.calcHist([levels, target], [0, 1], marked, [256, 256], [0, 256, 0, 256]).astype(np.float64)
            count, total = met.sum(axis=1), met @ np.arange(256.0)
            seen = count > 15
            if np.count_nonzero(seen) < 4:
                return None
            table = np.interp(np.arange(256), np.flatnonzero(seen), total[seen] / count[seen])
            plane += cv2.LUT(levels, (weight * table).astype(np.float32))
        return plane

    def coded_again(self, with_recoded: bool) -> tuple[float | None, float | None]:
        """What coding the other as this JPEG was gives: see `recompressed`, and `recoded`."""
        return self.recompressed(), self.recoded() if with_recoded else None

    def recoded(self) -> float | None:
        """Mean difference of the other, coded with this JPEG's tables, from it, over that of the other itself; None
        where these differ too little, or it does not show all of a part."""
        height, width = (side // RECODED_ALIGN * RECODED_ALIGN for side in self.own.shape)
        top, left = (max(0, side - RECODED_PX) // 2 // RECODED_ALIGN * RECODED_ALIGN for side in (height, width))
        part = slice(top, min(height, top + RECODED_PX)), slice(left, min(width, left + RECODED_PX))
        own, other = self.own_rgb[part], self.other_rgb[part]
        if self.coder is None or min(own.shape[:2]) < 4 * RECODED_ALIGN or not self.inside[part].all():
            return None
        again = coded(other, self.coder)
        inner = slice(RECODED_ALIGN, -RECODED_ALIGN), slice(RECODED_ALIGN, -RECODED_ALIGN)
        return left_over(own[inner], other[inner], again[inner])

    def recompressed(self) -> float | None:
        """Share of this JPEG's coefficients that coding the other with its steps gives."""
        kept = _whole_blocks(self.inside & (cv2.absdiff(self.own, self.other) < OTHER_LEVELS))
        if np.count_nonzero(kept) < LEAST_BLOCKS:
            return None
        steps = self.steps.reshape(-1)
        own, other = (np.rint(_coefficients(plane, kept) / steps) for plane in (self.own, self.other))
        live = ((own != 0) | (other != 0)) & (steps >= LEAST_RECODED_STEP)
        live[:, 0] = False
        return float((own == other)[live].mean()) if np.count_nonzero(live) > LEAST_LIVE else None


def _distance_at(coefficients: NDArray[np.float32], scale: float) -> float:
    """Mean distance of coefficients, in steps, from the nearest non-zero multiple of `scale` steps, in those."""
    scaled = coefficients * np.float32(1 / scale)
    nearest = np.rint(scaled)
    live = nearest != 0
    if np.count_nonzero(live) < LEAST_COEFFICIENTS:
        return 1.0
    return float(np.abs(scaled - nearest)[live].mean())


MOST_SIDE_PX = 1_024
"""Of larger pictures the middle is looked at."""


def luma(rgb: Rgb) -> Plane:
    """float32[h, w]: luma that is not rounded."""
    return np.asarray(cv2.cvtColor(rgb.astype(np.float32), cv2.COLOR_RGB2GRAY))


def as_stored(rgb: Rgb, orientation: int) -> Rgb:
    """The oriented picture as its file has it: EXIF orientation taken back."""
    if orientation in (5, 6, 7, 8):
        rgb = rgb.transpose(1, 0, 2)
    rows, columns = _BACK.get(orientation, (1, 1))
    return np.ascontiguousarray(rgb[::rows, ::columns])


_BACK = {2: (1, -1), 3: (-1, -1), 4: (-1, 1), 6: (-1, 1), 7: (-1, -1), 8: (1, -1)}
"""Steps along rows and columns, after the axes were swapped for the orientations above 4."""


def oriented_from_stored(orientation: int, width: int, height: int) -> Affine:
    """The map from stored pixels, of this size, to oriented ones."""
    rows, columns = _BACK.get(orientation, (1, 1))
    flip = np.array([[columns, 0.0, width if columns < 0 else 0.0], [0.0, rows, height if rows < 0 else 0.0]])
    swap = np.array([[0.0, 1.0, 0.0], [1.0, 0.0, 0.0]]) if orientation in (5, 6, 7, 8) else maps.IDENTITY
    return maps.compose(swap, flip)


def _footprint(to_other: Affine, other: tuple[int, int], width: int, height: int) -> NDArray[np.bool_]:
    """bool[h, w]: the pixels that the other picture covers; the map is exact."""
    corners = maps.apply(maps.invert(to_other), outline.frame(*other))
    (x0, y0), (x1, y1) = (np.round(ends).astype(int) for ends in (corners.min(axis=0), corners.max(axis=0)))
    covered = np.zeros((height, width), np.bool_)
    covered[max(y0, 0) : max(y1, 0), max(x0, 0) : max(x1, 0)] = True
    return covered


def _line(source: Plane, target: Plane) -> tuple[float, float] | None:
    """Gain and offset by least squares, the worst tenth left out each time; None where there is no contrast."""
    step = max(1, len(source) // 8_000)
    x, y = source[::step].astype(np.float64), target[::step].astype(np.float64)
    gain = offset = 0.0
    for _ in range(4):
        mean_x, mean_y = x.mean(), y.mean()
        spread = ((x - mean_x) ** 2).mean()
        if spread < 4:
            return None
        gain = float(((x - mean_x) * (y - mean_y)).mean() / spread)
        offset = float(mean_y - gain * mean_x)
        left = np.abs(gain * x + offset - y)
        kept = left <= quantile(left, 0.9)
        x, y = x[kept], y[kept]
    return gain, offset


def _whole_blocks(good: NDArray[np.bool_], most: int = MOST_BLOCKS) -> NDArray[np.bool_]:
    """bool[rows, columns]: blocks of which all pixels are good, every so many of them where there are many."""
    height, width = good.shape
    rows, columns = height // BLOCK_PX, width // BLOCK_PX
    blocks = good[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(rows, BLOCK_PX, columns, BLOCK_PX)
    kept: NDArray[np.bool_] = np.asarray(blocks.all(axis=(1, 3)), np.bool_)
    places = np.flatnonzero(kept)
    if len(places) > most:
        spread = np.zeros(kept.size, np.bool_)
        spread[places[(np.arange(most) * len(places)) // most]] = True
        kept = spread.reshape(kept.shape)
    return kept


def _coefficients(plane: Plane, kept: NDArray[np.bool_]) -> NDArray[np.float32]:
    """float32[n, 64]: the cosine transforms of the blocks that are kept, vertical frequencies first."""
    rows, columns = kept.shape
    blocks = plane[: rows * BLOCK_PX, : columns * BLOCK_PX].reshape(rows, BLOCK_PX, columns, BLOCK_PX).swapaxes(1, 2)
    return np.asarray(blocks[kept].reshape(-1, 64) @ _TRANSFORM)


LOW_FREQUENCIES = ((0, 1), (1, 0), (1, 1), (0, 2), (2, 0), (1, 2), (2, 1), (0, 3), (3, 0), (2, 2))
GUESSED_STEPS = np.concatenate([np.arange(4, 26), np.arange(26, 62, 2)]).astype(np.float32)
GUESSED_BLOCKS = 600
NEAR_LATTICE, OFF_LATTICE = 0.12, 0.19
LEAST_LIVE_BLOCKS = 25
"""A step of a coding whose file is gone is guessed for each of the low frequencies: the child lies on multiples of it
(0.25 is chance), namely on those nearest to the parent, which itself does not."""


def coarsened(parent: Plane, child: Plane, good: NDArray[np.bool_]) -> tuple[int, int]:
    """Of how many low frequencies the child looks like the parent in coarser steps, and how many could be asked.

    Both lumas lie on one 8-pixel grid, in one tone.
    """
    kept = _whole_blocks(good & (cv2.absdiff(parent, child) < OTHER_LEVELS), GUESSED_BLOCKS)
    at = [8 * row + column for row, column in LOW_FREQUENCIES]
    of_parent, of_child = (_coefficients(plane, kept)[:, at] for plane in (parent, child))
    found = asked = 0
    for column in range(len(at)):
        larger = np.maximum(np.abs(of_parent[:, column]), np.abs(of_child[:, column]))
        some = larger > GUESSED_STEPS[0] / 2
        x, y = of_parent[some, column, None], of_child[some, column, None]
        live = larger[some, None] > GUESSED_STEPS / 2
        count = np.maximum(live.sum(axis=0), 1)
        levels = x / GUESSED_STEPS
        nearest = np.rint(levels)
        off_child = (np.abs(y / GUESSED_STEPS - nearest) * live).sum(axis=0) / count
        off_parent = (np.abs(levels - nearest) * live).sum(axis=0) / count
        enough = count >= LEAST_LIVE_BLOCKS
        if enough.any():
            asked += 1
            found += bool((enough & (off_child < NEAR_LATTICE) & (off_parent > OFF_LATTICE)).any())
    return found, asked


RECODED_PX, RECODED_ALIGN = 512, 16
LEAST_RECODED = 0.08
"""Side of the part that is coded anew, cut where blocks of colour begin, and mean difference in grey levels below which
nothing can be said."""


MOST_CHANGED = 0.2


def left_over(own: Rgb, other: Rgb, again: Rgb) -> float | None:
    """Mean difference of the other coded anew from this one, over that of the other as it is; without the parts where
    most is left, a fifth of all: these may have been changed. None where the two differ too little."""
    rows, columns = (max(1, side // RECODED_ALIGN) for side in own.shape[:2])
    size = (columns, rows)
    left, before = (
        cv2.resize(cv2.absdiff(own, x), size, interpolation=cv2.INTER_AREA).astype(np.float32).mean(axis=2).reshape(-1)
        for x in (again, other)
    )
    kept = np.argsort(left, kind="stable")[: max(1, round(len(left) * (1 - MOST_CHANGED)))]
    total = float(before[kept].mean())
    return None if total < LEAST_RECODED else float(left[kept].mean()) / total


def coded(rgb: Rgb, coder: Coder) -> Rgb:
    """The picture after coding and decoding it as JPEG with these tables."""
    file = BytesIO()
    image = Image.fromarray(rgb).convert("L" if coder.grey else "RGB")
    tables = [list(steps) for steps in coder.tables]
    image.save(file, "JPEG", qtables=tables, **({} if coder.grey else {"subsampling": max(0, coder.sampling)}))
    with Image.open(file) as again:
        return np.asarray(again.convert("RGB"), np.uint8)


BLOCKY_CAP = 12.0
"""Second differences above this are edges of what is shown."""


def blockiness(plane: NDArray[np.uint8]) -> float:
    """Log of the mean second difference across the borders of the 8-pixel grid that stands out most, over that
    elsewhere; the lower of both directions."""
    found = []
    levels = plane.astype(np.int16)
    for rows in (levels[::3], levels.T[::3]):
        bent = np.abs(2 * rows[:, 1:-2] - rows[:, :-3] - 2 * rows[:, 2:-1] + rows[:, 3:])
        mean = np.minimum(bent, int(BLOCKY_CAP)).mean(axis=0)
        if len(mean) < 3 * BLOCK_PX:
            return 0.0
        by_offset = mean[: len(mean) // BLOCK_PX * BLOCK_PX].reshape(-1, BLOCK_PX).mean(axis=0)
        best = int(by_offset.argmax())
        found.append(math.log(max(by_offset[best], 0.02) / max(float(np.delete(by_offset, best).mean()), 0.02)))
    return min(found)
