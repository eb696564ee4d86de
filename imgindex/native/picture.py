"""What is made of the pixels of one picture."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.native import library
from imgindex.records import Luma


def resize_area(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A picture uint8[h, w] or uint8[h, w, channels] in another size by pixel-area averaging: OpenCV's INTER_AREA.

    OpenCV computes a factor of two, and a side that grows; for all others it takes up to ten times as long as this.
    Raises MemoryError.
    """
    rows, columns = picture.shape[:2]
    if height > rows or width > columns or (rows, columns) == (2 * height, 2 * width):
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    if picture.strides[1:] != (1,) and picture.strides[1:] != (picture.shape[-1], 1):
        picture = np.ascontiguousarray(picture)
    reduced = library.kernels().reduce(picture.reshape(rows, columns, -1), height, width)
    return np.asarray(reduced.reshape(height, width, *picture.shape[2:]), np.uint8)


def layout(
    rgb: NDArray[np.uint8], frequencies: int, tones: int, hues: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Of a square picture uint8[n, n, 3]: squares of the first coefficients of the cosine transform of its luma,
    float32[frequencies, frequencies]; the share of each of some levels of luma (counted twice), and of both colour
    differences, float32[tones + 2 hues]; the standard deviation of luma in grey levels."""
    side = len(rgb)
    if rgb.shape != (side, side, 3) or frequencies > side:
        raise ValueError(f"no layout of {rgb.shape}")
    red, _, blue = pixels = rgb.reshape(-1, 3).T.astype(np.float32)
    luma = np.array([0.299, 0.587, 0.114], np.float32) @ pixels
    power = np.square(cv2.dct(luma.reshape(side, side))[:frequencies, :frequencies])
    chroma = (((colour - luma) * unit + 63.5) / 127.0 for colour, unit in ((blue, 0.564), (red, 0.713)))
    shares = [2.0 * _shares(luma / 255.0, tones), *(_shares(one, hues) for one in chroma)]
    return np.asarray(power, np.float32), np.concatenate(shares).astype(np.float32), float(luma.std())


def _shares(values: NDArray[np.floating], bins: int) -> NDArray[np.float64]:
    """The share of each of the levels that are spread from 0 to 1, a value counting for the two nearest."""
    at = np.clip(values, 0.0, 1.0) * np.float32(bins - 1)
    below = np.minimum(at.astype(np.intp), bins - 2)
    above = np.bincount(below, at - below, bins)
    counts = np.bincount(below, minlength=bins) - above
    counts[1:] += above[:-1]
    return np.asarray(counts / len(values), np.float64)


@dataclass(frozen=True, slots=True)
class Paper:
    """The commonest tone of a picture: its grey level, the share of the pixels that are within 12 levels of it, and how
    many pixels were looked at."""

    tone: int
    share: float
    pixels: int


TONES, NEAR_TONES = 64, 2
"""Tones of a picture, and how many on either side count as one with a tone."""


def paper(luma: Luma, mask: NDArray[np.bool_] | None) -> Paper:
    """The commonest tone of what the mask (None: everywhere) marks."""
    if mask is not None and mask.shape != luma.shape:
        raise ValueError(f"a mask of {mask.shape} for a picture of {luma.shape}")
    marks = None if mask is None else mask.view(np.uint8)
    tones = cv2.calcHist([luma], [0], marks, [TONES], [0, 256]).ravel()
    near = np.convolve(tones, np.ones(1 + 2 * NEAR_TONES, np.float32), "same")
    pixels, most = int(tones.sum()), int(near.argmax())
    if not pixels:
        return Paper(0, 0.0, 0)
    return Paper(256 // TONES * most + 128 // TONES, float(near[most]) / pixels, pixels)


def block_distances(a: NDArray[np.float32], b: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """float32[n]: root mean squares of the difference in the whole blocks of side x side of two pictures."""
    if a.shape != b.shape:
        raise ValueError(f"pictures of two shapes: {a.shape} and {b.shape}")
    down, across = a.shape[0] // side, a.shape[1] // side
    if not down or not across:
        return np.empty(0, np.float32)
    apart = np.square((a - b)[: down * side, : across * side])
    power = cv2.resize(apart, (across, down), interpolation=cv2.INTER_AREA)
    return np.asarray(np.sqrt(power).ravel(), np.float32)


def content(luma: Luma, tolerance: int) -> tuple[NDArray[np.int32], int]:
    """int32[height, 2]: the first pixel of each row, and the one after the last, that no flood from a corner reaches.

    A flood goes on within `tolerance` of the level of its corner; a row that it takes whole has (width, 0). And how
    many pixels are reached.
    """
    height, width = luma.shape
    filled = np.zeros((height + 2, width + 2), np.uint8)
    flags = 4 | (1 << 8) | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    for x, y in ((0, 0), (width - 1, 0), (0, height - 1), (width - 1, height - 1)):
        if not filled[y + 1, x + 1]:
            cv2.floodFill(luma, filled, (x, y), 0, tolerance, tolerance, flags)
    inside = filled[1:-1, 1:-1] == 0
    ends = np.stack([inside.argmax(axis=1), width - inside[:, ::-1].argmax(axis=1)], axis=1)
    ends[~inside.any(axis=1)] = width, 0
    return ends.astype(np.int32), height * width - int(np.count_nonzero(inside))


def even_out(luma: Luma, side: int, evened: float, floor: float) -> Luma:
    """The picture around 128 with the mean of the window of side x side around each pixel taken away, and a deviation
    of s grey levels in it made `evened` * s / (s + `floor`); the picture goes on as its reflection.
    """
    if side % 2 == 0 or not luma.size:
        raise ValueError(f"no window of {side} px around a pixel of {luma.shape}")
    window = side, side
    mean, power = cv2.boxFilter(luma, cv2.CV_32F, window), cv2.sqrBoxFilter(luma, cv2.CV_32F, window)
    deviation = np.sqrt(np.maximum(power - mean * mean, 0.0))
    value = 128.0 + np.float32(evened) * (luma - mean) / (deviation + np.float32(floor))
    return np.asarray(np.clip(value, 0.0, 255.0), np.uint8)


def ordered_products(a: NDArray[np.float32], b: NDArray[np.float32], orders: NDArray[np.int32]) -> NDArray[np.float32]:
    """float32[m]: the products of b float32[n] with a float32[n] in each of the orders int32[m, n] of its values."""
    return a[orders] @ b
