"""Printed pages: how much of a canvas is paper, whether there is text on it, and whether two show the same text."""

from __future__ import annotations

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex import structure
from imgindex.records import Luma
from imgindex.structure import Canvas

PAPER_SHARE = 0.6
STROKE_PX = 7
MAX_THICK = 0.25
"""Printed: 60 % of the canvas within 12 levels of the paper, and at most a quarter of the marks survives an opening by
7 px of the 256 px canvas. The recipe's forms have 0.88 and 0.00; of 160 photos one passes."""

BLURS = ((0.6, 0.6), (0.9, 0.6), (1.3, 0.6), (1.8, 0.6), (2.5, 0.6), (0.6, 0.9), (0.6, 1.3), (0.6, 1.8), (0.6, 2.5))
"""Gaussian blurs of a and b, in canvas pixels, that are tried: one sharper than the other by up to a third of the
size."""

CHARACTERS_ALONG = 60
"""A window has about the size of a character or two: a sixtieth of the longer side, within 7 to 17 px."""


def text_like(canvas: Canvas) -> bool:
    """Whether both pictures look printed: most of each is one flat tone with small strong marks on it."""
    lumas = zip((canvas.a, canvas.b), canvas.tones, strict=True)
    return all(_printed(luma, tones, canvas.mask) for luma, tones in lumas)


def _printed(luma: Luma, tones: NDArray[np.float64], mask: NDArray[np.bool_]) -> bool:
    total = float(tones.sum())
    if total < 64:
        return False
    paper, share = _paper(tones)
    if share < PAPER_SHARE:
        return False
    marks = ((np.abs(luma.astype(np.int16) - paper) > 30) & mask).astype(np.uint8)
    thick = cv2.morphologyEx(marks, cv2.MORPH_OPEN, np.ones((STROKE_PX, STROKE_PX), np.uint8))
    return bool(marks.sum() > 0.003 * total and thick.sum() < MAX_THICK * marks.sum())


def ground_share(canvas: Canvas) -> float:
    """Share of what two pictures share that is one flat tone in each of them, of the one that has less of it."""
    return min(_paper(tones)[1] for tones in canvas.tones)


def _paper(counts: NDArray[np.float64]) -> tuple[int, float]:
    """The commonest tone, and the share of the content within 12 levels of it."""
    near = np.convolve(counts, np.ones(5), "same")
    return int(near.argmax()) * 4 + 2, float(near.max() / max(1.0, counts.sum()))


def worst_change(canvas: Canvas) -> tuple[float, float]:
    """How much of a printed character differs at the worst place: 0 for a perfect copy, about 1 for another character;
    and how many times that is what differs at a bad but usual place (the ninth decile).

    Energy of the difference in a window over the energy of a typical printed window. The sharper picture is blurred
    until it fits the other best, contrast is evened out, shifts of a pixel are forgiven, and what is typical of all
    windows (recompression, another resampling) is not counted.
    """
    size = int(np.clip(max(canvas.mask.shape) / CHARACTERS_ALONG, 7, 17))
    a, b, _ = _matched(canvas)
    best = np.full(a.shape, np.inf, np.float32)
    for dy in (-1.0, 0.0, 1.0):
        for dx in (-1.0, 0.0, 1.0):
            shift = np.array([[1.0, 0.0, dx], [0.0, 1.0, dy]])
            moved = cv2.warpAffine(b, shift, (b.shape[1], b.shape[0]), borderMode=cv2.BORDER_REPLICATE)
            difference = a - moved
            mean = cv2.boxFilter(difference, -1, (size, size))
            power = cv2.boxFilter(difference * difference, -1, (size, size))
            best = np.minimum(best, power - mean * mean)
    found = structure.windows(Canvas(canvas.a, canvas.b, canvas.mask, canvas.from_a, canvas.from_b, 1.0, 1.0), size)
    if len(found.centres) == 0:
        return 0.0, 0.0
    at = found.centres.astype(np.int64)
    mean_a, mean_b = cv2.boxFilter(a, -1, (size, size)), cv2.boxFilter(b, -1, (size, size))
    power_a = cv2.boxFilter(a * a, -1, (size, size)) - mean_a * mean_a
    power_b = cv2.boxFilter(b * b, -1, (size, size)) - mean_b * mean_b
    power = np.maximum(power_a, power_b)[at[:, 1], at[:, 0]]
    busy = power > 0.1 * float(np.quantile(power, 0.98))
    typical = float(np.median(power[busy]))
    energy = best[at[:, 1], at[:, 0]]
    usual = float(np.quantile(energy[busy], 0.9))
    worst = float(energy.max())
    return (worst - float(np.median(energy[busy]))) / max(typical, 1.0), worst / max(usual, 0.002 * typical, 1e-6)


def _matched(canvas: Canvas) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Both pictures with one blur and one contrast, and the energy of the difference over that of the second."""
    a, b = canvas.a.astype(np.float32), canvas.b.astype(np.float32)
    inside = canvas.mask
    found: tuple[NDArray[np.float32], NDArray[np.float32], float] | None = None
    for sigma_a, sigma_b in BLURS:
        soft_a, soft_b = cv2.GaussianBlur(a, (0, 0), sigma_a), cv2.GaussianBlur(b, (0, 0), sigma_b)
        x, y = soft_a[inside], soft_b[inside]
        x_mean, y_mean = float(x.mean()), float(y.mean())
        x, y = x - x_mean, y - y_mean
        xx, yy, xy = float(x @ x), float(y @ y), float(x @ y)
        left = 1.0 - xy * xy / max(xx * yy, 1.0)
        if found is None or left < found[2]:
            gain = max(xy, 0.0) / max(xx, 1.0)
            unit = 100.0 / max(float(np.sqrt(yy / max(len(y), 1))), 1.0)
            found = (soft_a - x_mean) * gain * unit, (soft_b - y_mean) * unit, left
    assert found is not None
    return found
