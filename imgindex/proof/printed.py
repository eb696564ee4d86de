"""Printed pages: how much of a canvas is paper, whether there is text on it, and whether two show the same text."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex import native
from imgindex.proof import canvases
from imgindex.proof.canvases import Canvas
from imgindex.records import Luma

PAPER_SHARE = 0.6
STROKE_PX = 7
MAX_THICK = 0.25
"""Printed: 60 % of the canvas within 12 levels of the paper, and at most a quarter of the marks survives an opening by
7 px of the 256 px canvas. The recipe's forms have 0.88 and 0.00; of 160 photos one passes."""

LEAST_PIXELS = 64
"""What two pictures share is looked at for print from so many pixels on."""

BLURS = (0.6, 0.9, 1.3, 1.8, 2.5)
"""Gaussian blurs in canvas pixels: one of the two has the first, the other as much as makes it fit, where it is sharper
by up to a third of the size."""

CHARACTERS_ALONG = 60
"""A window has about the size of a character or two: a sixtieth of the longer side, within 7 to 17 px."""


def text_like(canvas: Canvas) -> bool:
    """Whether both pictures look printed: most of each is one flat tone with small strong marks on it."""
    lumas = zip((canvas.a, canvas.b), canvas.papers, strict=True)
    return all(_printed(luma, paper, canvas.mask) for luma, paper in lumas)


def _printed(luma: Luma, paper: native.Paper, mask: NDArray[np.bool_]) -> bool:
    if paper.pixels < LEAST_PIXELS or paper.share < PAPER_SHARE:
        return False
    marks = ((np.abs(luma.astype(np.int16) - paper.tone) > 30) & mask).astype(np.uint8)
    thick = cv2.morphologyEx(marks, cv2.MORPH_OPEN, np.ones((STROKE_PX, STROKE_PX), np.uint8))
    return bool(marks.sum() > 0.003 * paper.pixels and thick.sum() < MAX_THICK * marks.sum())


def ground_share(canvas: Canvas) -> float:
    """Share of what two pictures share that is one flat tone in each of them, of the one that has less of it."""
    return min(paper.share for paper in canvas.papers)


def worst_change(canvas: Canvas) -> tuple[float, float]:
    """How much of a printed character differs at the worst place: 0 for a perfect copy, about 1 for another character;
    and how many times that is what differs at a bad but usual place (the ninth decile).

    Energy of the difference in a window over the energy of a typical printed window. The sharper picture is blurred
    until it fits the other best, contrast is evened out, shifts of a pixel are forgiven, and what is typical of all
    windows (recompression, another resampling) is not counted.
    """
    size = int(np.clip(max(canvas.mask.shape) / CHARACTERS_ALONG, 7, 17))
    a, b = _matched(canvas)
    found = canvases.windows(canvas, size)
    if len(found.centres) == 0:
        return 0.0, 0.0
    at = found.centres.astype(np.int32)
    framed = cv2.copyMakeBorder(b, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    energy = native.least_variance(a, np.asarray(framed, np.float32), size, at)
    power = np.maximum(*(native.least_variance(picture, None, size, at) for picture in (a, b)))
    busy = power > 0.1 * float(np.quantile(power, 0.98))
    typical = float(np.median(power[busy]))
    usual = float(np.quantile(energy[busy], 0.9))
    worst = float(energy.max())
    return (worst - float(np.median(energy[busy]))) / max(typical, 1.0), worst / max(usual, 0.002 * typical, 1e-6)


def _matched(canvas: Canvas) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Both pictures with one blur and one contrast: the blurs that leave the least of b unexplained."""
    inside = None if canvas.inside is None else canvas.inside.astype(np.float32)
    a, b = canvas.a.astype(np.float32), canvas.b.astype(np.float32)
    plain_a, plain_b = _Soft.of(a, BLURS[0], inside), _Soft.of(b, BLURS[0], inside)
    plain = least = _unexplained(plain_a, plain_b)
    best = plain_a, plain_b
    for sharper_a in (True, False):
        before = plain
        for sigma in BLURS[1:]:
            pair = (_Soft.of(a, sigma, inside), plain_b) if sharper_a else (plain_a, _Soft.of(b, sigma, inside))
            left = _unexplained(*pair)
            if left >= before:
                break
            before = left
            if left < least:
                best, least = pair, left
    soft_a, soft_b = best
    gain = max(float(np.vdot(soft_a.deviation, soft_b.deviation)), 0.0) / max(soft_a.power, 1.0)
    unit = 100.0 / max((soft_b.power / max(int(np.count_nonzero(canvas.mask)), 1)) ** 0.5, 1.0)
    return soft_a.at(gain * unit), soft_b.at(unit)


@dataclass(frozen=True, slots=True, eq=False)
class _Soft:
    """A blurred picture; what it deviates from its mean inside the mask, 0 outside; and the sum of that squared."""

    blurred: NDArray[np.float32]
    mean: float
    deviation: NDArray[np.float32]
    power: float

    @classmethod
    def of(cls, luma: NDArray[np.float32], sigma: float, inside: NDArray[np.float32] | None) -> _Soft:
        blurred = np.asarray(cv2.GaussianBlur(luma, (0, 0), sigma), np.float32)
        mean = float(blurred.mean() if inside is None else np.vdot(blurred, inside) / max(float(inside.sum()), 1.0))
        deviation = blurred - np.float32(mean)
        if inside is not None:
            deviation *= inside
        return cls(blurred, mean, deviation, float(np.vdot(deviation, deviation)))

    def at(self, contrast: float) -> NDArray[np.float32]:
        """The picture around 0, at this many times its contrast."""
        return (self.blurred - np.float32(self.mean)) * np.float32(contrast)


def _unexplained(a: _Soft, b: _Soft) -> float:
    """Share of the power of b that no tone line of a explains, in [0, 1]."""
    both = float(np.vdot(a.deviation, b.deviation))
    return 1.0 - both * both / max(a.power * b.power, 1.0)
