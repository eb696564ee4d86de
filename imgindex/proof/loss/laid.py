"""Two pictures on one grid, in their own tones and in each other's."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.pictures.whole import Whole
from imgindex.proof.loss import grid, history, tone
from imgindex.proof.loss.grid import Grid, Placing
from imgindex.records import Rgb

LEAST_MEANS = 60
"""Means that a tone must rest on; with fewer all are taken."""


@dataclass(frozen=True, slots=True, eq=False)
class LaidPair:
    """Both pictures on the grid that shows all they share; `forward` where a is seen in b's tones, which has no more
    contrast, and else it is b that is seen in a's."""

    placing: Placing
    full: Grid
    grid: Grid
    a: Rgb
    b: Rgb
    inside: NDArray[np.bool_]
    means_a: NDArray[np.float32]
    means_b: NDArray[np.float32]
    means_inside: NDArray[np.bool_]
    a_to_b: tone.Tone
    b_to_a: tone.Tone
    uneven: float
    toned_a: Rgb
    toned_b: Rgb
    light: tone.Light | None
    forward: bool
    same: float

    @property
    def shift(self) -> float:
        """Mean change of tone in grey levels, in the direction that changes less."""
        return round(min(self.a_to_b.shift, self.b_to_a.shift), 3)


@dataclass(frozen=True, slots=True, eq=False)
class _Placed:
    """Both pictures on the grid of one placing, means of them, and the tone of b that a has."""

    full: Grid
    shown: Grid
    a: Rgb
    b: Rgb
    inside: NDArray[np.bool_]
    means_a: NDArray[np.float32]
    means_b: NDArray[np.float32]
    usable: NDArray[np.bool_]
    a_to_b: tone.Tone


def _placed(a: Whole, b: Whole, placing: Placing) -> _Placed:
    full = grid.grid_of(placing, a.size, b.size)
    shown = full.reduced(grid.WHOLE_PX)
    seen_a = grid.seen(a.rgb, shown.to_a, shown.size)
    seen_b = grid.seen(b.rgb, shown.to_b, shown.size)
    inside = grid.covered(shown, a.size, b.size)
    means_a, means_b, usable = tone.means(seen_a), tone.means(seen_b), usable_means(inside)
    a_to_b = tone.fit(means_a[usable], means_b[usable])
    return _Placed(full, shown, seen_a, seen_b, inside, means_a, means_b, usable, a_to_b)


def _moved(placing: Placing, on: _Placed) -> Placing:
    """The placing made exact by what is seen with it."""
    if placing.snapped == "frame":
        return placing
    luma_a, luma_b = history.luma(np.clip(on.a_to_b.of(on.a), 0, 255).astype(np.uint8)), history.luma(on.b)
    if placing.snapped == "pixels" and on.shown is on.full:
        return grid.nudged(placing, on.shown, luma_a, luma_b)
    return placing if placing.snapped else grid.straightened(placing, on.shown, luma_a, luma_b)


def lay(a: Whole, b: Whole, placing: Placing) -> LaidPair:
    """Place b on a exactly, and find the tone that one is seen in by the other."""
    on = _placed(a, b, placing)
    moved = _moved(placing, on)
    if moved is not placing and np.abs(moved.affine - placing.affine).max() > 1e-9:
        on = _placed(a, b, moved)
    means_a, means_b, usable = on.means_a, on.means_b, on.usable
    b_to_a = tone.fit(means_b[usable], means_a[usable])
    forward = _contrast(means_a[usable]) >= _contrast(means_b[usable])
    source, target, across = (means_a, means_b, on.a_to_b) if forward else (means_b, means_a, b_to_a)
    light = None if across.still else tone.uneven(source, target, usable, across)
    toned = in_tones_of(on.a if forward else on.b, across, light)
    mask = on.inside.astype(np.uint8)
    difference = cv2.mean(cv2.absdiff(on.a, on.b), mask)[:3] if mask.any() else (99.0,)
    return LaidPair(
        placing=moved,
        full=on.full,
        grid=on.shown,
        a=on.a,
        b=on.b,
        inside=on.inside,
        means_a=means_a,
        means_b=means_b,
        means_inside=usable,
        a_to_b=on.a_to_b,
        b_to_a=b_to_a,
        uneven=0.0 if light is None else round(light.swing, 3),
        toned_a=toned if forward else on.a,
        toned_b=on.b if forward else toned,
        light=light,
        forward=forward,
        same=round(sum(difference) / len(difference), 4),
    )


def in_tones_of(rgb: Rgb, across: tone.Tone, light: tone.Light | None) -> Rgb:
    if across.still and light is None:
        return rgb
    levels = across.of(rgb)
    if light is not None:
        levels = levels * light.of(rgb.shape[1], rgb.shape[0])[..., None]
    return np.asarray(cv2.convertScaleAbs(np.clip(levels, 0, 255)))


def usable_means(inside: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """bool: the means that rest on what both show alone."""
    height, width = inside.shape
    size = max(4, width // tone.MEAN_PX), max(4, height // tone.MEAN_PX)
    usable = cv2.resize(inside.astype(np.float32), size, interpolation=cv2.INTER_AREA) > 0.99
    return usable if np.count_nonzero(usable) >= LEAST_MEANS else np.ones_like(usable)


MOST_POINTS = 4_000
"""Means that a deviation or a share is taken of at most."""


def _contrast(levels: NDArray[np.float32]) -> float:
    return float(levels[:: max(1, len(levels) // MOST_POINTS)].std(axis=0).sum())
