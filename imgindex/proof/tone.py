"""The one smooth change of tone and colour that turns one picture into another, and light that falls unevenly."""

from __future__ import annotations

import functools
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

BLOCK_PX = 4
"""The fit looks at means of blocks of so many pixels: neither sharpness nor grain nor a small shift matters to it."""

ROUNDS = 5
RIDGE_LINEAR, RIDGE_CURVED, RIDGE_PLACE = 1e-5, 1e-4, 3e-3
"""What pulls a coefficient back to no change, as a share of the weights: where a picture has few colours, the map is
not free to invent what becomes of the others."""

CHUNK = 1 << 13
LEAST_BLOCKS = 24
BIN_LEVELS = 16
"""Side of the cubes of colour in which blocks are counted: see `_rarity`."""


CLIPPED_WEIGHT = 0.1
"""Where the other picture is at black or white, the map may lie beyond it."""


TERMS = 21


def _terms(planes: NDArray[np.float32], x: NDArray[np.float32], y: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[21, n] of float32[3, n] planes and places in [-1, 1]: affine, squares, luma cubed, and light over the
    place."""
    out = np.empty((TERMS, planes.shape[1]), np.float32)
    out[0] = 1.0
    out[1] = (planes[0] - 128.0) / 128.0
    out[2:4] = (planes[1:] - 128.0) / 64.0
    for row, (one, other) in enumerate(((1, 1), (2, 2), (3, 3), (1, 2), (1, 3), (2, 3), (1, 4)), start=4):
        np.multiply(out[one], out[other], out=out[row])
    out[11], out[12] = x, y
    out[13], out[14], out[15] = x * x, x * y, y * y
    np.multiply(out[11:16], (planes[0] + 16.0) / 128.0, out=out[16:])
    return out


@dataclass(frozen=True, slots=True, eq=False)
class Tone:
    """A map of (luma, Cr, Cb, place): float32[21, 3] weights; `residual` is the median absolute error of the fit, by
    plane, in grey levels."""

    weights: NDArray[np.float32]
    residual: tuple[float, float, float]

    def of(self, planes: NDArray[np.float32]) -> NDArray[np.float32]:
        """float32[3, h, w]: the planes in the tones of the other picture, without what no screen shows: a channel
        beyond black or white."""
        y, x = _places(planes.shape[1:])
        flat = planes.reshape(3, -1)
        weights = _TO_RGB @ self.weights.T
        weights[:, :1] -= _TO_RGB @ _GREY
        out = np.empty_like(flat)
        for start in range(0, flat.shape[1], CHUNK):
            part = slice(start, start + CHUNK)
            rgb = weights @ _terms(flat[:, part], x[part], y[part])
            np.matmul(_FROM_RGB, np.clip(rgb, 0.0, 255.0, out=rgb), out=out[:, part])
        out[1:] += _GREY[1:]
        return out.reshape(planes.shape)


_TO_RGB = np.array([[1.0, 1.403, 0.0], [1.0, -0.714, -0.344], [1.0, 0.0, 1.773]], np.float32)
_FROM_RGB = np.linalg.inv(_TO_RGB)
_GREY = np.array([[0.0], [128.0], [128.0]], np.float32)


def to_rgb(planes: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[3, n] red, green and blue, not clipped, of float32[3, n] luma, Cr and Cb."""
    return _mixed(planes, np.hstack([_TO_RGB, -_TO_RGB @ _GREY]))


def from_rgb(rgb: NDArray[np.float32]) -> NDArray[np.float32]:
    """The inverse of `to_rgb`."""
    return _mixed(rgb, np.hstack([_FROM_RGB, _GREY]))


def _mixed(planes: NDArray[np.float32], matrix: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[3, n]: a matrix float32[3, 4] times (planes, 1)."""
    mixed = cv2.transform(np.ascontiguousarray(planes.T)[:, None], matrix)[:, 0]
    return np.ascontiguousarray(mixed.T, np.float32)


def _is_clipped(planes: NDArray[np.float32]) -> NDArray[np.bool_]:
    rgb = to_rgb(planes)
    return np.asarray((rgb.max(axis=0) > 249.0) | (rgb.min(axis=0) < 4.0))


@functools.lru_cache(maxsize=8)
def _places(shape: tuple[int, ...]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float32[h * w] each, to be read only: how far down and across each pixel of a picture lies, in [-1, 1]."""
    y, x = (2.0 * (np.arange(side, dtype=np.float32) + np.float32(0.5)) / side - 1.0 for side in shape)
    return np.repeat(y, shape[1]), np.tile(x, shape[0])


def fit(a: NDArray[np.float32], b: NDArray[np.float32], mask: NDArray[np.bool_]) -> Tone | None:
    """The map of a's float32[3, h, w] planes to b's where `mask`; None where there is too little to see.

    Iteratively reweighted least squares; what fits badly (something laid over, another content) loses its weight.
    """
    block = BLOCK_PX
    while mask.size > block * block * 800:
        block *= 2
    whole = blocks(mask[None].astype(np.float32), block)[0] > 0.999
    if whole.sum() < LEAST_BLOCKS:
        return None
    y, x = (p.reshape(whole.shape)[whole] for p in _places(whole.shape))
    source, target = (blocks(p, block)[:, whole] for p in (a, b))
    terms = _terms(source, x, y).T.astype(np.float64)
    identity = np.zeros((terms.shape[1], 3))
    identity[0] = 128.0
    identity[1, 0], identity[2, 1], identity[3, 2] = 128.0, 64.0, 64.0
    left = target.T.astype(np.float64) - terms @ identity
    pull = np.diag([1e-9, *[RIDGE_LINEAR] * 3, *[RIDGE_CURVED] * 7, *[RIDGE_PLACE] * 10]) * len(terms)
    rare = _rarity(source) * np.where(_is_clipped(target), CLIPPED_WEIGHT, 1.0)
    weight = rare
    found, error = identity, left
    for _ in range(ROUNDS):
        weighted = terms * weight[:, None]
        change = np.linalg.solve(weighted.T @ terms + pull, weighted.T @ left)
        found, error = identity + change, left - terms @ change
        size = np.abs(error).sum(1)
        weight = rare / (1.0 + (size / (3.0 * float(np.median(size)) + 1.5)) ** 2) ** 2
    medians = np.median(np.abs(error), axis=0)
    return Tone(found.astype(np.float32), (float(medians[0]), float(medians[1]), float(medians[2])))


def _rarity(planes: NDArray[np.float32]) -> NDArray[np.float64]:
    """float64[n] of mean 1: what a colour weighs, so that print counts beside the paper that it stands on."""
    bins = (planes / np.float32(BIN_LEVELS)).astype(np.int64)
    keys = (bins[0] * 32 + bins[1]) * 32 + bins[2]
    _, place, counts = np.unique(keys, return_inverse=True, return_counts=True)
    weight = 1.0 / np.sqrt(counts[place])
    return np.asarray(weight / weight.mean(), np.float64)


def blocks(planes: NDArray[np.float32], block: int) -> NDArray[np.float32]:
    """float32[k, h // block, w // block]: means of whole blocks."""
    rows, columns = planes.shape[1] // block, planes.shape[2] // block
    if not rows or not columns:
        return np.zeros((len(planes), rows, columns), np.float32)
    cut = planes[:, : rows * block, : columns * block]
    return np.stack([cv2.resize(p, (columns, rows), interpolation=cv2.INTER_AREA) for p in cut])
