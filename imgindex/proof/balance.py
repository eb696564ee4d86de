"""What white balance, contrast and saturation do to colours: no hue turns but by the gains of the channels."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from imgindex.proof.tone import from_rgb, to_rgb

SATURATIONS = (0.3, 0.6, 0.8, 1.0, 1.25, 1.6, 2.0, 2.6)
LEAST_GAIN, MOST_GAIN = 0.65, 1.5
"""Of a channel, over the mean of the three."""

ROUNDS = 3


def predicted(a: NDArray[np.float32], b: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[3, n]: a's planes under the saturation, gains and offsets of the channels that bring them nearest to b's.

    A robust line for each channel, under each of SATURATIONS.
    """
    rgb, target = to_rgb(a), to_rgb(b)
    luma = a[:1]
    best, least = a, np.inf
    for saturation in SATURATIONS:
        laid = np.clip(_lines(luma + np.float32(saturation) * (rgb - luma), target), 0.0, 255.0)
        error = float(np.minimum(np.abs(laid - target), 40.0).mean())
        if error < least:
            best, least = from_rgb(laid), error
    return best


def _lines(x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    inner = ((y > 4.0) & (y < 250.0)).astype(np.float32) + 0.02
    weight = inner
    gain, offset = np.ones((3, 1), np.float32), np.zeros((3, 1), np.float32)
    for _ in range(ROUNDS):
        total = weight.sum(1, keepdims=True)
        mean_x, mean_y = ((weight * v).sum(1, keepdims=True) / total for v in (x, y))
        spread = (weight * (x - mean_x) ** 2).sum(1, keepdims=True) + 25.0 * total
        gain = ((weight * (x - mean_x) * (y - mean_y)).sum(1, keepdims=True) + 25.0 * total) / spread
        gain = np.clip(gain, LEAST_GAIN * gain.mean(), MOST_GAIN * gain.mean())
        offset = mean_y - gain * mean_x
        weight = inner / (1.0 + ((y - gain * x - offset) / 12.0) ** 2)
    return np.asarray(gain * x + offset, np.float32)
