"""What is made of the pixels of one picture."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.native import library
from imgindex.native.library import address_of, check, mask_of, of_one_shape
from imgindex.records import Luma

MAX_LAYOUT_PX = 64


def resize_area(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A picture uint8[h, w] or uint8[h, w, channels] in another size by pixel-area averaging: OpenCV's INTER_AREA.

    OpenCV computes a factor of two, and a side that grows; for all others it takes up to ten times as long as this.
    Raises MemoryError.
    """
    rows, columns = picture.shape[:2]
    if height > rows or width > columns or (rows, columns) == (2 * height, 2 * width):
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    channels = picture.shape[2] if picture.ndim == 3 else 1
    if picture.strides[1:] != (channels, 1)[-picture.ndim + 1 :]:
        picture = np.ascontiguousarray(picture)
    found = np.empty((height, width, *picture.shape[2:]), np.uint8)
    at, stride = address_of(picture), picture.strides[0]
    check(library.kernels().imgindex_reduce(at, stride, rows, columns, channels, address_of(found), height, width))
    return found


def layout(
    rgb: NDArray[np.uint8], frequencies: int, tones: int, hues: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Of a square picture uint8[n, n, 3] with at most MAX_LAYOUT_PX a side: squares of the first coefficients of the
    cosine transform of its luma, float32[frequencies, frequencies]; the share of each of some levels of luma (counted
    twice), and of both colour differences, float32[tones + 2 hues]; the standard deviation of luma in grey levels."""
    side = len(rgb)
    if rgb.shape != (side, side, 3) or not frequencies <= side <= MAX_LAYOUT_PX or min(tones, hues) < 2:
        raise ValueError(f"no layout of {rgb.shape}")
    rgb = np.ascontiguousarray(rgb, np.uint8)
    power, colours = np.empty((frequencies, frequencies), np.float32), np.empty(tones + 2 * hues, np.float32)
    sizes = side, frequencies, tones, hues
    deviation = library.kernels().imgindex_layout(address_of(rgb), *sizes, address_of(power), address_of(colours))
    return power, colours, deviation


@dataclass(frozen=True, slots=True)
class Paper:
    """The commonest tone of a picture: its grey level, the share of the pixels that are within 12 levels of it, and how
    many pixels were looked at."""

    tone: int
    share: float
    pixels: int


def paper(luma: Luma, mask: NDArray[np.bool_] | None) -> Paper:
    """The commonest tone of what the mask (None: everywhere) marks."""
    luma, found = np.ascontiguousarray(luma, np.uint8), (ctypes.c_int * 2)()
    marked = mask_of(mask, luma)
    share = library.kernels().imgindex_paper(address_of(luma), address_of(marked), luma.size, found)
    return Paper(found[0], share, found[1])


def block_distances(a: NDArray[np.float32], b: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """float32[n]: root mean squares of the difference in the whole blocks of side x side of two pictures."""
    a, b = of_one_shape(a, b, np.float32)
    height, width = a.shape
    found = np.empty((height // side) * (width // side), np.float32)
    library.kernels().imgindex_block_distances(address_of(a), address_of(b), height, width, side, address_of(found))
    return found


def content(luma: Luma, tolerance: int) -> tuple[NDArray[np.int32], int]:
    """int32[height, 2]: the first pixel of each row, and the one after the last, that no flood from a corner reaches.

    A flood goes on within `tolerance` of the level of its corner; a row that it takes whole has (width, 0). And how
    many pixels are reached. Raises MemoryError.
    """
    luma = np.ascontiguousarray(luma, np.uint8)
    ends = np.empty((len(luma), 2), np.int32)
    count = library.kernels().imgindex_content(address_of(luma), *luma.shape, tolerance, address_of(ends))
    check(min(0, count))
    return ends, int(count)


def even_out(luma: Luma, side: int, evened: float, floor: float) -> Luma:
    """The picture around 128 with the mean of the window of side x side around each pixel taken away, and a deviation
    of s grey levels in it made `evened` * s / (s + `floor`); the picture goes on as its reflection.

    Raises MemoryError.
    """
    if side % 2 == 0 or not luma.size:
        raise ValueError(f"no window of {side} px around a pixel of {luma.shape}")
    luma = np.ascontiguousarray(luma, np.uint8)
    found = np.empty_like(luma)
    check(library.kernels().imgindex_even_out(address_of(luma), *luma.shape, side, evened, floor, address_of(found)))
    return found


def ordered_products(a: NDArray[np.float32], b: NDArray[np.float32], orders: NDArray[np.int32]) -> NDArray[np.float32]:
    """float32[m]: the products of b float32[n] with a float32[n] in each of the orders int32[m, n] of its values."""
    a, b = np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32)
    found = np.empty(len(orders), np.float32)
    at = address_of(a), address_of(b), address_of(orders)
    library.kernels().imgindex_ordered_products(*at, *orders.shape, address_of(found))
    return found
