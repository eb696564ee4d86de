"""One smooth change of tone and colour between two pictures on one grid, fitted both ways.

On means of MEAN_PX pixels, so that coding and small overlays count little: an affine map of RGB, drawn towards none,
and quadratic terms, drawn towards zero; reweighted, so that what was painted over does not pull it. A change of light
that is uneven over the frame (a vignette) is a log gain, quadratic in x and y.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.medians import median, quantile
from imgindex.records import Rgb

MEAN_PX = 4
ROUNDS = 4

RIDGE_LINEAR, RIDGE_QUADRATIC = 1e-5, 1e-4

MOST_MEANS = 2_500
"""Points that a fit takes at most."""

STILL = 2.0
"""Grey levels up to which a fitted change is none: coding makes as much, and pictures are then compared as they are."""

UNEVEN_SWING, UNEVEN_GAIN = 0.12, 0.75
"""A log gain over the frame counts where it swings by so much and leaves at most this share of the median residual."""

Levels = NDArray[np.float32]
"""float32[h, w, 3] or [n, 3]: grey levels."""


@dataclass(frozen=True, slots=True, eq=False)
class Tone:
    """What turns levels of one picture into those of the other.

    weights   float64[10, 3] of 1, r, g, b, r2, g2, b2, rg, rb, gb, levels in [0, 1] to levels in [0, 255]
    residual  median of what the fit leaves, in grey levels summed over the channels
    shift     mean change in grey levels, over the pixels and channels
    """

    weights: NDArray[np.float64]
    residual: float
    shift: float
    farthest: float

    @property
    def still(self) -> bool:
        """Whether there is as good as no change: `farthest` is what a hundredth of the pixels exceeds."""
        return self.farthest < STILL

    def of_points(self, points: Levels) -> NDArray[np.float64]:
        """float64[n, 3]: the levels that [n, 3] become."""
        return np.asarray(_terms(points) @ self.weights)

    def of(self, rgb: Rgb) -> Levels:
        """float32[h, w, 3]: the picture in the other's tones."""
        levels = rgb.astype(np.float32)
        if self.still:
            return levels
        w = self.weights.T
        linear = np.column_stack([w[:, 1:4] / 255, w[:, 0]]).astype(np.float32)
        squares, products = (w[:, at] / 255**2 for at in (slice(4, 7), slice(7, 10)))
        out = np.asarray(cv2.transform(levels, linear), np.float32)
        out += cv2.transform(cv2.multiply(levels, levels), squares.astype(np.float32))
        red, green, blue = cv2.split(levels)
        mixed = cv2.merge([cv2.multiply(red, green), cv2.multiply(red, blue), cv2.multiply(green, blue)])
        out += cv2.transform(mixed, products.astype(np.float32))
        return np.asarray(np.clip(out, -20, 275, out=out))


def _terms(points: NDArray[np.floating]) -> NDArray[np.float64]:
    red, green, blue = np.asarray(points, np.float64).T / 255
    ones = np.ones_like(red)
    both = (red * green, red * blue, green * blue)
    return np.stack([ones, red, green, blue, red * red, green * green, blue * blue, *both], axis=1)


def fit(source: Levels, target: Levels) -> Tone:
    """From float32[n, 3] levels to those of the same places in the other picture."""
    step = max(1, len(source) // MOST_MEANS)
    source, target = source[::step].astype(np.float64), target[::step].astype(np.float64)
    terms = _terms(source)
    none = np.zeros((10, 3))
    none[1:4] = 255 * np.eye(3)
    ridge = np.diag([1e-9] + [RIDGE_LINEAR] * 3 + [RIDGE_QUADRATIC] * 6) * len(terms)
    change = target - terms @ none
    weight, found, left = np.ones(len(terms)), none, np.zeros(len(terms))
    for _ in range(ROUNDS):
        weighted = terms * weight[:, None]
        found = np.linalg.solve(weighted.T @ terms + ridge, weighted.T @ change) + none
        left = np.abs(target - terms @ found).sum(axis=1)
        weight = 1 / (1 + (left / (3 * median(left) + 1.5)) ** 2)
    moved = np.abs(terms @ (found - none))
    return Tone(found, median(left), float(moved.mean()), quantile(moved, 0.99))


def means(rgb: Rgb) -> Levels:
    """float32[h / 4, w / 4, 3]: means over MEAN_PX pixels."""
    height, width = rgb.shape[:2]
    size = max(4, width // MEAN_PX), max(4, height // MEAN_PX)
    return np.asarray(cv2.resize(rgb, size, interpolation=cv2.INTER_AREA), np.float32)


@dataclass(frozen=True, slots=True, eq=False)
class Light:
    """A log gain over the frame, quadratic in x and y, both in [-0.5, 0.5]; `swing` is its highest gain over its
    lowest, less 1."""

    weights: NDArray[np.float64]
    swing: float

    def of(self, width: int, height: int) -> NDArray[np.float32]:
        """float32[h, w]: the gain at each pixel."""
        x, y = (np.arange(side) / side - 0.5 for side in (width, height))
        c = self.weights
        across, down = c[1] * x + c[3] * x * x, c[0] + c[2] * y + c[4] * y * y
        gain = np.exp(across[None, :] + down[:, None] + c[5] * y[:, None] * x[None, :])
        return np.asarray(gain, np.float32)


def uneven(source: Levels, target: Levels, mask: NDArray[np.bool_], tone: Tone) -> Light | None:
    """The light that falls otherwise on the target; None where there is no such change. Levels are means over the
    grid, the mask of their shape."""
    ys, xs = np.nonzero(mask)
    expected, found = tone.of_points(source[mask]).mean(axis=1), target[mask].mean(axis=1)
    ok = (expected > 12) & (found > 12) & (expected < 250) & (found < 250)
    if ok.sum() <= 100:
        return None
    height, width = mask.shape
    u, v = xs[ok] / width - 0.5, ys[ok] / height - 0.5
    gain = np.log(found[ok] / expected[ok])
    terms = np.stack([np.ones_like(u), u, v, u * u, v * v, u * v], axis=1)
    weight, weights, left = np.ones(len(gain)), np.zeros(6), gain
    for _ in range(ROUNDS):
        weighted = terms * weight[:, None]
        weights = np.linalg.solve(weighted.T @ terms + 1e-3 * np.eye(6), weighted.T @ gain)
        left = np.abs(gain - terms @ weights)
        weight = 1 / (1 + (left / (3 * median(left) + 0.01)) ** 2)
    light = Light(weights, 0.0)
    gains = light.of(32, 32)
    swing = float(gains.max() / gains.min() - 1)
    before = float(np.median(np.abs(gain - np.median(gain))))
    is_there = swing > UNEVEN_SWING and float(np.median(left)) < UNEVEN_GAIN * before
    return Light(weights, swing) if is_there else None
