"""Whether a picture with more pixels shows more.

The band just above what the coarser picture can hold is compared with the band just below: true detail falls off slowly
and has nothing to do with the coarser picture; an enlargement has next to nothing there, or what interpolation makes of
what is below.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof import maps
from imgindex.proof.loss import grid
from imgindex.proof.loss.detail import tiles
from imgindex.proof.loss.grid import Grid
from imgindex.proof.maps import Affine
from imgindex.proof.medians import quantile
from imgindex.records import Rgb

FINER = 1.08
"""Pixels along an axis per point of the grid from which there is a band to look at."""

WINDOW_PX = 384
"""Side of the middle of what is shared that is transformed, in pixels of the finer picture."""

LEAST_FREQUENCIES = 50


@dataclass(frozen=True, slots=True)
class Finer:
    """The band above the coarser picture's limit, in the one with more pixels.

    scale      pixels along its axes for one of the coarser's, at most; `least` along the other
    ratio      power there over that just below
    explained  share of it that interpolating the coarser gives, in [0, 1]
    rms, low   strength of the band, and of the one below, in grey levels
    even       its energy in the flattest fifth of the window over that in all of it: 1 in noise
    steep      its steepest edges over the coarser's, each per own pixel: 1 where they are as crisp, 1 / scale enlarged
    alien      share of the band below that the coarser picture does not explain, in [0, 1]
    """

    scale: float
    least: float
    ratio: float
    explained: float
    rms: float
    low: float
    even: float
    steep: float
    alien: float


def finer(picture: Rgb, to_picture: Affine, coarse: NDArray[np.float32], shared: Grid) -> Finer | None:
    """Of `picture`, to which `to_picture` maps the grid on which the luma `coarse` float32[h, w] is the other, in
    this one's tones as far as they are known. None where it has no more pixels along any axis."""
    scales = np.array([math.hypot(*to_picture[:, 0]), math.hypot(*to_picture[:, 1])])
    if scales.max() < FINER:
        return None
    scales = np.maximum(scales, 1.0)
    window = (np.minimum(np.array(shared.size) * scales, WINDOW_PX).astype(int) // 2 * 2).astype(int)
    if window.min() < 16:
        return None
    corner = np.maximum(np.array(shared.size) / 2 - window / scales / 2, 0)
    to_grid = np.column_stack([np.diag(1 / scales), corner])
    size = int(window[0]), int(window[1])
    seen = grid.seen(picture, maps.compose(to_picture, to_grid), size)
    taper = np.outer(np.hanning(size[1]), np.hanning(size[0])).astype(np.float32)
    fine = cv2.cvtColor(seen, cv2.COLOR_RGB2GRAY).astype(np.float32)
    spectrum = _spectrum(fine, taper)
    high, low = _bands(scales, size)
    if np.count_nonzero(high) < LEAST_FREQUENCIES or not low.any():
        return None
    power = np.abs(spectrum) ** 2
    shown = grid.seen(coarse, to_grid, size)
    above = spectrum[high]
    explained = 0.0
    for how in (cv2.INTER_NEAREST, cv2.INTER_LINEAR, cv2.INTER_CUBIC, cv2.INTER_LANCZOS4):
        guess = _spectrum(grid.seen(coarse, to_grid, size, how), taper)[high]
        both = float((power[high].sum()) * (np.abs(guess) ** 2).sum())
        explained = max(explained, float(np.abs((above * guess.conj()).sum()) ** 2) / max(both, 1e-9))
    energy = 2.0 / (float((taper**2).sum()) * size[0] * size[1])
    return Finer(
        scale=float(scales.max()),
        least=float(scales.min()),
        ratio=float(power[high].mean() / max(float(power[low].mean()), 1e-9)),
        explained=explained,
        rms=math.sqrt(float(power[high].sum()) * energy),
        low=math.sqrt(float(power[low].sum()) * energy),
        even=_even(spectrum * high, shown),
        steep=_steepest(fine) / max(_steepest(_same_part(coarse, to_grid, size)), 1.0),
        alien=_alien(spectrum[low], _spectrum(shown, taper)[low]),
    )


STEEPEST = 0.995


def _steepest(luma: NDArray[np.float32]) -> float:
    """Grey levels per pixel along the strongest edges."""
    across, down = (cv2.absdiff(luma[:-1, 1:], luma[:-1, :-1]), cv2.absdiff(luma[1:, :-1], luma[:-1, :-1]))
    return quantile(np.asarray(cv2.max(across, down), np.float32)[::2, ::2], STEEPEST)


def _same_part(coarse: NDArray[np.float32], to_grid: Affine, size: tuple[int, int]) -> NDArray[np.float32]:
    (x0, y0), (x1, y1) = maps.apply(to_grid, np.array([[0.0, 0.0], size])).round().astype(int)
    return coarse[max(y0, 0) : y1, max(x0, 0) : x1]


def _alien(fine: NDArray[np.complex64], coarse: NDArray[np.complex64]) -> float:
    both = float((np.abs(fine) ** 2).sum()) * float((np.abs(coarse) ** 2).sum())
    return 1.0 - float(np.abs((fine * coarse.conj()).sum()) ** 2) / max(both, 1e-9)


def _even(band: NDArray[np.complex64], coarse: NDArray[np.float32]) -> float:
    """See `Finer.even`; where it is flat the coarse picture tells."""
    height, width = coarse.shape
    shown = np.fft.irfft2(band, s=(height, width)).astype(np.float32)
    inner = (slice(height // 8, height - height // 8), slice(width // 8, width - width // 8))
    energy = tiles(np.ascontiguousarray(cv2.multiply(shown, shown)[inner]))
    structure = tiles(np.ascontiguousarray(cv2.absdiff(coarse, cv2.GaussianBlur(coarse, (0, 0), 3.0))[inner]))
    if energy.size < 10:
        return 1.0
    flattest = np.argsort(structure, axis=None, kind="stable")[: max(3, energy.size // 5)]
    return float(np.median(energy.reshape(-1)[flattest]) / max(float(energy.mean()), 1e-9))


def _spectrum(plane: NDArray[np.float32], taper: NDArray[np.float32]) -> NDArray[np.complex64]:
    """Of real numbers: half of the plane says it all."""
    return np.asarray(np.fft.rfft2((plane - plane.mean()) * taper))


def _bands(scales: NDArray[np.float64], size: tuple[int, int]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Frequencies above and below the grid's limit, along the axes that are finer."""
    x = np.fft.rfftfreq(size[0])[None, :] * scales[0] * 2
    y = np.abs(np.fft.fftfreq(size[1]))[:, None] * scales[1] * 2
    farthest = np.zeros((size[1], len(x[0])))
    for axis, scale in ((x, scales[0]), (y, scales[1])):
        if scale > 1.05:
            farthest = np.maximum(farthest, axis)
    within = (x < 0.97 * scales[0]) & (y < 0.97 * scales[1])
    top = min(1.6, 0.97 * float(scales.max()))
    return (farthest > 1.06) & (farthest < top) & within, (farthest > 0.6) & (farthest < 0.94) & within
