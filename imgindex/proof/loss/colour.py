"""Colour and tone that one picture has and the other lost: hues taken out, highlights and shadows clipped."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.loss.tone import Levels, Tone
from imgindex.records import Rgb

CLIPPED_HIGH, CLIPPED_LOW = 254, 1
LEAST_CLIPPED_PX = 60
SLOW_PX = 25
VARIES, VARIES_NOISE = 4.0, 2.5
"""Where one is clipped, the other still shows something if it varies by more than this and so many times its noise."""


@dataclass(frozen=True, slots=True)
class Chroma:
    """Of one picture, in grey levels squared: how much its chroma varies, and what of it the other does not predict."""

    varies: float
    unexplained: float


def chroma(own: Levels, other: Levels, from_other: Tone) -> Chroma:
    """Of `own`, float32[n, 3] means, given the means of the other picture at the same places."""
    shown, expected = _differences(own), _differences(from_other.of_points(other))
    return Chroma(float(shown.var(axis=0).mean()), float(((shown - expected) ** 2).mean()))


def _differences(levels: NDArray[np.floating]) -> NDArray[np.float64]:
    return np.stack([levels[:, 0] - levels[:, 1], levels[:, 2] - levels[:, 1]], axis=1).astype(np.float64) / 2


def lost(clipped: Rgb, other: Rgb, clean: NDArray[np.bool_], noise: float) -> float:
    """Share of what both show in which `clipped` is at an end of the scale and the other still varies. `noise` is that
    of the other, in grey levels."""
    total = max(3 * int(np.count_nonzero(clean)), 1)
    usable = clean.astype(np.uint8)
    found = 0
    for channel in range(3):
        levels = cv2.extractChannel(clipped, channel)
        ends = cv2.bitwise_or(cv2.inRange(levels, CLIPPED_HIGH, 255), cv2.inRange(levels, 0, CLIPPED_LOW))
        core = cv2.erode(cv2.bitwise_and(ends, ends, mask=usable), np.ones((3, 3), np.uint8)) > 0
        if np.count_nonzero(core) <= LEAST_CLIPPED_PX:
            continue
        marked = core.astype(np.float32)
        shown = cv2.multiply(cv2.extractChannel(other, channel).astype(np.float32), marked)
        size = (SLOW_PX, SLOW_PX)
        mean = cv2.divide(cv2.boxFilter(shown, -1, size), np.maximum(cv2.boxFilter(marked, -1, size), 1e-6))
        varies = cv2.absdiff(shown, mean)
        found += int(np.count_nonzero(varies[core] > VARIES + VARIES_NOISE * noise))
    return found / total
