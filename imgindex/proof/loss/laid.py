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
class Laid:
    """Both pictures on the grid that shows all they share, a in b's tones; `poorer_b` tells that b has less contrast,
    and else it is b that is seen in a's."""

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


def lay(a: Whole, b: Whole, placing: Placing) -> Laid:
    """Place b on a exactly, and find the tone that one is seen in by the other."""
    full = grid.grid_of(placing, a.size, b.size)
    shown = full.reduced(grid.WHOLE_PX)
    seen_a = grid.seen(a.rgb, shown.to_a, shown.size)
    seen_b = grid.seen(b.rgb, shown.to_b, shown.size)
    inside = grid.covered(shown, a.size, b.size)
    means_a, means_b, usable = tone.means(seen_a), tone.means(seen_b), usable_means(inside)
    a_to_b = tone.fit(means_a[usable], means_b[usable])
    moved = placing
    if placing.snapped != "frame":
        luma_a, luma_b = history.luma(np.clip(a_to_b.of(seen_a), 0, 255).astype(np.uint8)), history.luma(seen_b)
        if placing.snapped == "pixels" and shown is full:
            moved = grid.nudged(placing, shown, luma_a, luma_b)
        elif not placing.snapped:
            moved = grid.straightened(placing, shown, luma_a, luma_b)
    if moved is not placing and np.abs(moved.affine - placing.affine).max() > 1e-9:
        full = grid.grid_of(moved, a.size, b.size)
        shown = full.reduced(grid.WHOLE_PX)
        seen_a = grid.seen(a.rgb, shown.to_a, shown.size)
        seen_b = grid.seen(b.rgb, shown.to_b, shown.size)
        inside = grid.covered(shown, a.size, b.size)
        means_a, means_b, usable = tone.means(seen_a), tone.means(seen_b), usable_means(inside)
        a_to_b = tone.fit(means_a[usable], means_b[usable])
    b_to_a = tone.fit(means_b[usable], means_a[usable])
    forward = _contrast(means_a[usable]) >= _contrast(means_b[usable])
    source, target, across = (means_a, means_b, a_to_b) if forward else (means_b, means_a, b_to_a)
    light = None if across.still else tone.uneven(source, target, usable, across)
    toned = in_tones_of(seen_a if forward else seen_b, across, light)
    mask = inside.astype(np.uint8)
    difference = cv2.mean(cv2.absdiff(seen_a, seen_b), mask)[:3] if mask.any() else (99.0,)
    return Laid(
        moved, full, shown, seen_a, seen_b, inside, means_a, means_b, usable, a_to_b, b_to_a,
        0.0 if light is None else round(light.swing, 3),
        toned if forward else seen_a, seen_b if forward else toned, light, forward,
round(sum(difference) / len(difference), 4),
    )  # fmt: skip


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
