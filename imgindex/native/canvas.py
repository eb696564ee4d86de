"""Two pictures on one canvas: laying them there, the statistics of their windows, and how far they agree."""

from __future__ import annotations

import ctypes
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgindex.native import library
from imgindex.native.library import LANES, address_of, check, mask_of, of_one_shape
from imgindex.records import Luma


def intersection(a: NDArray[np.float64], b: NDArray[np.float64], least_area: float) -> NDArray[np.float64]:
    """float64[m, 2]: the corners of what two convex polygons share, float64[n, 2] each; none where one of them has less
    than `least_area`. Raises MemoryError."""
    a, b = np.ascontiguousarray(a, np.float64), np.ascontiguousarray(b, np.float64)
    corners = np.empty((2 * (len(a) + len(b)), 2))
    count = library.kernels().imgindex_intersect(
        address_of(a), len(a), address_of(b), len(b), least_area, address_of(corners), len(corners)
    )
    check(min(0, count))
    return corners[:count]


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """Two pictures at one place and one size: uint8[h, w] lumas, and bool[h, w] where both have content.

    The maps float64[2, 3] lay the lumas on the canvas, the shares are of each one's polygon.
    """

    a: Luma
    b: Luma
    mask: NDArray[np.bool_]
    from_a: NDArray[np.float64]
    from_b: NDArray[np.float64]
    share_a: float
    share_b: float


class _Picture(ctypes.Structure):
    _fields_ = (("pixels", ctypes.c_void_p), ("height", ctypes.c_int), ("width", ctypes.c_int))


class _Polygon(ctypes.Structure):
    _fields_ = (("corners", ctypes.c_void_p), ("count", ctypes.c_int))


def lay(
    a: Luma,
    b: Luma,
    affine: NDArray[np.float64],
    polygon_a: NDArray[np.float64],
    polygon_b: NDArray[np.float64],
    least_area: float,
    smallest_px: int,
    long_side_px: int,
    margin: float,
) -> Laid | None:
    """Two pictures on a canvas around what they share, by a map of a to b; polygons float64[n, 2] are convex.

    None where they share less than `least_area`, or the canvas would be smaller than `smallest_px` along its longer
    side or a third of it along the other. Raises MemoryError. See `structure.lay`.
    """
    a, b = np.ascontiguousarray(a, np.uint8), np.ascontiguousarray(b, np.uint8)
    affine, polygon_a, polygon_b = (np.ascontiguousarray(one, np.float64) for one in (affine, polygon_a, polygon_b))
    room = long_side_px * long_side_px
    out_a, out_b, mask = np.empty(room, np.uint8), np.empty(room, np.uint8), np.empty(room, np.bool_)
    known, sizes = np.empty(14), (ctypes.c_int * 2)()
    done = library.kernels().imgindex_lay(
        ctypes.byref(_Picture(address_of(a), *a.shape)), ctypes.byref(_Picture(address_of(b), *b.shape)),
        address_of(affine), ctypes.byref(_Polygon(address_of(polygon_a), len(polygon_a))),
        ctypes.byref(_Polygon(address_of(polygon_b), len(polygon_b))), least_area, smallest_px, long_side_px, margin,
        address_of(out_a), address_of(out_b), address_of(mask), address_of(known), sizes,
    )  # fmt: skip
    check(min(0, done))
    if not done:
        return None
    height, width = sizes
    used, shape = height * width, (height, width)
    return Laid(
        out_a[:used].reshape(shape), out_b[:used].reshape(shape), mask[:used].reshape(shape),
        known[:6].reshape(2, 3), known[6:12].reshape(2, 3), float(known[12]), float(known[13]),
    )  # fmt: skip


def straighten(
    affine: NDArray[np.float64],
    laid: Laid,
    places: NDArray[np.float64],
    shifts: NDArray[np.float64],
    tracked: NDArray[np.bool_],
    scale: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The map float64[2, 3] of a laid pair after a robust fit through the tracked shifts, and float64[n]: the lengths
    of what the fit leaves of each shift.

    Places (the first pixel's centre at 0, 0) and shifts are float64[n, 2] in pixels of the canvas. Least squares are
    reweighted by Geman-McClure's weights, shrinking to `scale` pixels. The map as it is, and the whole shifts, where
    the tracked are fewer than six or lie on one line. Raises MemoryError.
    """
    places, shifts = np.ascontiguousarray(places, np.float64), np.ascontiguousarray(shifts, np.float64)
    tracked = np.ascontiguousarray(tracked, np.bool_)
    if not len(places) == len(shifts) == len(tracked):
        raise ValueError("shifts of other places")
    found, left = np.array(affine, np.float64), np.empty(len(places))
    done = library.kernels().imgindex_straighten(
        address_of(places), address_of(shifts), address_of(tracked), len(places), scale,
        address_of(laid.from_a), address_of(laid.from_b), address_of(found), address_of(left),
    )  # fmt: skip
    check(min(0, done))
    return found, left


class _Windows(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("soft_a", "soft_b", "inside", "apart", "centres")),
        *((name, ctypes.c_void_p) for name in ("mean_a", "mean_b", "var_a", "var_b", "agreement")),
        ("gain", ctypes.c_double),
        *((name, ctypes.c_int) for name in ("step", "rows", "columns", "count")),
    )


class Windows:
    """Statistics of square windows of 2 `step` pixels at every `step` pixels of two pictures of one shape, of those of
    which nine tenths lie in the mask (of all, where that is None). Both pictures are softened by the five taps of
    `kernel` along both axes.

    centres float64[n, 2]; apart bool[n] marks windows that do not overlap one another
    gain the contrast of b over a, by the median over the windows most alike
    var_a, var_b float64[n] variances (grey levels squared) at the contrast of the stronger of them
    agreement float64[n], in [-1, 1]: (2 cov + stabiliser) / (var + var + stabiliser)

    `step` is at most half of either side. Raises MemoryError.
    """

    def __init__(
        self,
        a: Luma,
        b: Luma,
        mask: NDArray[np.bool_] | None,
        kernel: NDArray[np.float32],
        step: int,
        stabiliser: float,
    ) -> None:
        a, b = of_one_shape(a, b, np.uint8)
        height, width = a.shape
        rows, columns = height // step, width // step
        windows = (rows - 1) * (columns - 1)
        soft = np.empty((2, rows * columns * step * step + LANES), np.float32)
        marks = np.empty(2 * windows, np.bool_)
        values = np.empty(7 * windows)
        self._kept = soft, marks, values
        soft_at, marks_at, at = address_of(soft), address_of(marks), address_of(values)
        self._struct = _Windows(
            soft_at, soft_at + soft.nbytes // 2, marks_at, marks_at + windows, at,
            *(at + 8 * windows * layer for layer in range(2, 7)), 1.0, step, rows, columns, 0,
        )  # fmt: skip
        marked = mask_of(mask, a)
        taps = np.ascontiguousarray(kernel, np.float32)
        check(
            library.kernels().imgindex_windows(
                address_of(a), address_of(b), address_of(marked), height, width, address_of(taps), stabiliser,
                ctypes.byref(self._struct),
            )
        )  # fmt: skip
        count = self._struct.count
        self.size = 2 * step
        self.gain: float = self._struct.gain
        self.centres = values[: 2 * count].reshape(count, 2)
        self.apart = marks[windows : windows + count]
        self.var_a, self.var_b, self.agreement = (values[k * windows : k * windows + count] for k in (4, 5, 6))

    def textured(self, floor: float) -> NDArray[np.bool_]:
        """bool[n]: windows with a variance above `floor` in either picture."""
        return np.asarray(np.maximum(self.var_a, self.var_b) > floor, np.bool_)

    def offsets(self, asked: NDArray[np.bool_], evened: float, floor: float) -> NDArray[np.float64]:
        """float64[m, 2]: how far b is shifted against a in each of the windows that `asked` bool[n] marks, in pixels.

        One step of Lucas-Kanade with the mean of each window taken away and its contrast evened out: a deviation of
        s grey levels becomes `evened` * s / (s + `floor`). Raises MemoryError.
        """
        asked = np.ascontiguousarray(asked, np.bool_)
        if asked.shape != self.apart.shape:
            raise ValueError("marks of other windows")
        shifts = np.empty((int(np.count_nonzero(asked)), 2))
        check(
            library.kernels().imgindex_offsets(
                ctypes.byref(self._struct), address_of(asked), evened, floor, address_of(shifts)
            )
        )
        return shifts


def least_variance(
    a: NDArray[np.float32], b: NDArray[np.float32] | None, size: int, places: NDArray[np.integer]
) -> NDArray[np.float32]:
    """float32[n]: how much a differs from b in windows of size x size around places int[n, 2] (x, y), as a variance.

    b float32[h + 2, w + 2] has a frame of one pixel around the size of a, and may lie in it where it differs least; the
    variance of a itself where b is None. Windows reach beyond an edge as OpenCV's `boxFilter` does. Raises MemoryError.
    """
    a, places = np.ascontiguousarray(a, np.float32), np.ascontiguousarray(places, np.int32)
    height, width = a.shape
    if b is not None:
        if b.shape != (height + 2, width + 2):
            raise ValueError(f"a frame of {b.shape} for a picture of {a.shape}")
        b = np.ascontiguousarray(b, np.float32)
    if len(places) and (places.min() < 0 or (places.max(axis=0) >= (width, height)).any()):
        raise ValueError("a place outside of the picture")
    found = np.empty(len(places), np.float32)
    at = address_of(a), address_of(b), height, width, size, address_of(places), len(places), address_of(found)
    check(library.kernels().imgindex_least_variance(*at))
    return found


def mean_ssim(a: Luma, b: Luma, mask: NDArray[np.bool_] | None, edge_px: int, c1: float, c2: float) -> float:
    """Mean SSIM with these constants of the pixels that the mask (None: all) marks, `edge_px` or more from every side;
    0 where there are none.

    In windows of 7 x 7, with sample covariance, and the pictures reflected at their sides. Raises MemoryError.
    """
    a, b = of_one_shape(a, b, np.uint8)
    mean, marked = ctypes.c_double(), mask_of(mask, a)
    at = address_of(a), address_of(b), address_of(marked)
    check(library.kernels().imgindex_mean_ssim(*at, *a.shape, edge_px, c1, c2, ctypes.byref(mean)))
    return mean.value
