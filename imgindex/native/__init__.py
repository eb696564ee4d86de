"""What is computed for every pixel, in C: local features, and the sums over two pictures that lie on each other.

The libraries are compiled when the package is installed (`scripts/build_native.py`). Sums of floats differ in their
last bits between processors, as OpenCV's do.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import platform
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.records import Luma

MISSING = "imgindex's compiled part is missing or outdated; install it again: pip install --editable ."

DESCRIPTOR_VALUES = 128
MAX_LAYERS = 5

AVX2, FMA3 = 11, 12
"""Of OpenCV's `CpuFeatures`, which its Python does not name."""

MATCH_A, MATCH_B, MATCH_MAP = slice(0, 2), slice(2, 4), slice(6, 12)
MATCH_VALUES = 12
"""Of a row of `match`, where 4 is the scale and 5 the turn."""

PRODUCTS = 5
"""a, b, aa, bb, ab: what `window_means` gives the means of."""

FOLDER = Path(__file__).parent


def has_avx2() -> bool:
    """Whether the processor has what `kernels-avx2.so` is compiled for."""
    x86 = platform.machine().lower() in ("x86_64", "amd64")
    return x86 and cv2.checkHardwareSupport(AVX2) and cv2.checkHardwareSupport(FMA3)


@functools.cache
def kernels() -> ctypes.CDLL:
    """The library for this processor. Raises ImportError as `load` does."""
    return load("kernels-avx2.so" if has_avx2() else "kernels.so")


def load(name: str) -> ctypes.CDLL:
    """A compiled library. Raises ImportError where there is none, or one of other sources than lie here."""
    code = b"".join(path.read_bytes() for path in sorted(FOLDER.glob("*.[ch]")))
    try:
        loaded = ctypes.CDLL(str(FOLDER / name))
        loaded.imgindex_sources.restype = ctypes.c_char_p
        compiled = loaded.imgindex_sources()
    except (OSError, AttributeError) as error:
        raise ImportError(f"{MISSING} ({error})") from error
    if compiled != hashlib.sha256(code).hexdigest().encode():
        raise ImportError(f"{MISSING} ({name} was compiled from other sources)")
    at, whole, real, double = ctypes.c_void_p, ctypes.c_int, ctypes.c_float, ctypes.c_double
    loaded.imgindex_sift.argtypes = [at, whole, whole, whole, real, whole, at, at]
    loaded.imgindex_match.argtypes = [at, at, real, real, whole, at, at]
    loaded.imgindex_vote.argtypes = [at, whole, real, real, real, at]
    loaded.imgindex_window_means.argtypes = [at, at, whole, whole, at, whole, whole, whole, at, at, at]
    loaded.imgindex_offsets.argtypes = [at, at, real, real, *[whole] * 3, *[at] * 5, double, double, at]
    loaded.imgindex_fit.argtypes = [at, at, whole, double, at]
    loaded.imgindex_polish.argtypes = [at, whole, at, at, whole, at, at]
    loaded.imgindex_intersect.argtypes = [at, whole, at, whole, double, at, whole]
    loaded.imgindex_reduce.argtypes = [at, whole, whole, whole, whole, at, whole, whole]
    loaded.imgindex_content.argtypes = [at, whole, whole, whole, at]
    loaded.imgindex_ordered_products.argtypes = [at, at, at, whole, whole, at]
    loaded.imgindex_least_variance.argtypes = [at, at, whole, whole, whole, at, whole, at]
    loaded.imgindex_ssim.argtypes = [at, at, whole, whole, real, real, at]
    return loaded


def sift(
    luma: Luma, layers: int, contrast_threshold: float, limit: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The `limit` strongest SIFT features, strongest first; `layers` and the threshold are those of OpenCV's SIFT.

    float32[n, 4]: x and y in pixels, 0 being the first pixel's centre; diameter in pixels; angle in degrees, [0, 360).
    float32[n, 128]: descriptors, not normalised. Raises MemoryError.
    """
    if not 1 <= layers <= MAX_LAYERS:
        raise ValueError(f"{layers} layers, not 1 to {MAX_LAYERS}")
    luma = np.ascontiguousarray(luma, np.uint8)
    points = np.empty((limit, 4), np.float32)
    descriptors = np.empty((limit, DESCRIPTOR_VALUES), np.float32)
    height, width = luma.shape
    count = kernels().imgindex_sift(
        luma.ctypes.data, height, width, layers, contrast_threshold, limit, points.ctypes.data, descriptors.ctypes.data
    )
    _check(min(0, count))
    return points[:count], descriptors[:count]


class Features:
    """Local features of one picture as `match` takes them.

    even, odd float32[n, d]: what mirroring keeps of descriptors and what it negates; points float32[n, 2] with the
    first pixel's centre at 0, 0; float32[n] sizes; float32[n] angles in degrees.
    """

    def __init__(self, *arrays: NDArray[np.float32]) -> None:
        even, odd, *places = (np.ascontiguousarray(array, np.float32) for array in arrays)
        squared = (even * even).sum(axis=1) + (odd * odd).sum(axis=1)
        self._arrays = (even, odd, squared, *places)
        self.struct = _Features(*(array.ctypes.data for array in self._arrays), *even.shape)

    def __len__(self) -> int:
        return len(self._arrays[0])


class _Features(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("even", "odd", "squared", "points", "sizes", "angles")),
        ("count", ctypes.c_int),
        ("dims", ctypes.c_int),
    )


def match(
    a: Features, b: Features, ratio: float, least_second: float, limit: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features of a and b that are each other's nearest, at most `limit`, clearest first: of a as it is, and mirrored.

    The squared distance is less than `ratio` squared times that of the second nearest, which counts as at least
    `least_second`. float64[m, MATCH_VALUES] each: both places in continuous coordinates (MATCH_A, MATCH_B), b's size
    over a's, the turn from a's angle to b's in [-pi, pi) radians, and the similarity that these are (MATCH_MAP, an
    affine map). Raises MemoryError.
    """
    if a.struct.dims != b.struct.dims:
        raise ValueError("features of two kinds")
    if min(len(a), len(b)) < 2:
        return np.empty((0, MATCH_VALUES)), np.empty((0, MATCH_VALUES))
    found, counts = np.empty((2, limit, MATCH_VALUES)), (ctypes.c_int * 2)()
    one, other = ctypes.byref(a.struct), ctypes.byref(b.struct)
    _check(kernels().imgindex_match(one, other, ratio * ratio, least_second, limit, found.ctypes.data, counts))
    return found[0, : counts[0]], found[1, : counts[1]]


def vote(
    matches: NDArray[np.float64], reach: float, log_scale: float, turn: float, agree: NDArray[np.bool_] | None = None
) -> int:
    """How many of the matches agree with the one that most agree with.

    A match agrees with another whose similarity brings its place in a within `reach` of that in b (times the scale
    where that is below 1), and whose size ratio and turn are within a factor of exp(`log_scale`) and `turn` radians of
    its own. Row i of `agree` bool[n, n] is filled with what agrees with match i. Raises MemoryError.
    """
    into = None if agree is None else agree.ctypes.data
    most = kernels().imgindex_vote(matches.ctypes.data, len(matches), reach, log_scale, turn, into)
    _check(min(0, most))
    return int(most)


def ordered_products(a: NDArray[np.float32], b: NDArray[np.float32], orders: NDArray[np.int32]) -> NDArray[np.float32]:
    """float32[m]: the products of b float32[n] with a float32[n] in each of the orders int32[m, n] of its values."""
    a, b = np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32)
    found = np.empty(len(orders), np.float32)
    at = a.ctypes.data, b.ctypes.data, orders.ctypes.data
    kernels().imgindex_ordered_products(*at, *orders.shape, found.ctypes.data)
    return found


def polish(
    matches: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    similarity: NDArray[np.float64],
    tolerances: Sequence[float],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """Least squares over the chosen matches, and again over those that then agree, within each of the tolerances.

    The affine map (a similarity, mirrored if `similarity` is, where the matches are few or nearly on one line), the
    matches that agreed last, and how many of these stand at distinct places of both pictures.
    """
    affine, chosen, within = np.empty((2, 3)), chosen.copy(), np.array(tolerances, np.float64)
    start = np.ascontiguousarray(similarity, np.float64)
    count = kernels().imgindex_polish(
        matches.ctypes.data, len(matches), start.ctypes.data, within.ctypes.data, len(within), chosen.ctypes.data,
        affine.ctypes.data,
    )  # fmt: skip
    return affine, chosen, int(count)


def fit(points: NDArray[np.float64], targets: NDArray[np.float64], scale: float) -> NDArray[np.float64] | None:
    """Robust affine map float64[2, 3] of points to targets, float64[n, 2] each, by reweighted least squares.

    The weights are Geman-McClure's, shrinking to `scale`. None where the points are fewer than six or lie on one line.
    """
    points, targets = np.ascontiguousarray(points, np.float64), np.ascontiguousarray(targets, np.float64)
    found = np.empty((2, 3))
    done = kernels().imgindex_fit(points.ctypes.data, targets.ctypes.data, len(points), scale, found.ctypes.data)
    return found if done else None


def intersection(a: NDArray[np.float64], b: NDArray[np.float64], least_area: float) -> NDArray[np.float64]:
    """float64[m, 2]: the corners of what two convex polygons share, float64[n, 2] each; none where one of them has less
    than `least_area`. Raises MemoryError."""
    a, b = np.ascontiguousarray(a, np.float64), np.ascontiguousarray(b, np.float64)
    corners = np.empty((2 * (len(a) + len(b)), 2))
    count = kernels().imgindex_intersect(
        a.ctypes.data, len(a), b.ctypes.data, len(b), least_area, corners.ctypes.data, len(corners)
    )
    _check(min(0, count))
    return corners[:count]


def window_means(
    a: Luma, b: Luma, kernel: NDArray[np.float32], step: int
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float64]]:
    """Both pictures softened by the five taps of `kernel` along both axes, and means over their windows.

    A window is two by two blocks of `step` x `step` pixels, and there is one at every block but the last of a row or
    column. float32[rows * step, columns * step] twice: what whole blocks cover; float64[PRODUCTS, (rows - 1) *
    (columns - 1)]. Both pictures have one shape; `step` is at most half of either side. Raises MemoryError.
    """
    a, b = _of_one_shape(a, b)
    height, width = a.shape
    rows, columns = height // step, width // step
    soft_a = np.empty((rows * step, columns * step), np.float32)
    soft_b = np.empty_like(soft_a)
    means = np.empty((PRODUCTS, (rows - 1) * (columns - 1)))
    _check(
        kernels().imgindex_window_means(
            a.ctypes.data, b.ctypes.data, height, width, kernel.ctypes.data, step, rows, columns,
            soft_a.ctypes.data, soft_b.ctypes.data, means.ctypes.data,
        )
    )  # fmt: skip
    return soft_a, soft_b, means


@dataclass(frozen=True, slots=True, eq=False)
class Softened:
    """One of two pictures on a grid of windows: `soft` of `window_means`, how often it counts, and float64[n] means and
    variances, so multiplied, of the windows that are asked for."""

    soft: NDArray[np.float32]
    unit: float
    mean: NDArray[np.float64]
    variance: NDArray[np.float64]


def offsets(
    a: Softened, b: Softened, step: int, inside: NDArray[np.bool_], evened: float, floor: float
) -> NDArray[np.float64]:
    """float64[n, 2]: how far b is shifted against a in each window that `inside` marks of those of `window_means`.

    One step of Lucas-Kanade with the mean of each window taken away and its contrast evened out: a deviation of
    s grey levels becomes `evened` * s / (s + `floor`). Raises MemoryError.
    """
    rows, columns = a.soft.shape[0] // step, a.soft.shape[1] // step
    if a.soft.shape != b.soft.shape or len(inside) != (rows - 1) * (columns - 1) or inside.sum() != len(a.mean):
        raise ValueError("windows of two grids")
    shifts = np.empty((len(a.mean), 2))
    arrays = [np.ascontiguousarray(array, np.float64) for array in (a.mean, b.mean, a.variance, b.variance)]
    _check(
        kernels().imgindex_offsets(
            a.soft.ctypes.data, b.soft.ctypes.data, a.unit, b.unit, step, rows, columns, inside.ctypes.data,
            *(array.ctypes.data for array in arrays), evened, floor, shifts.ctypes.data,
        )
    )  # fmt: skip
    return shifts


def resize_area(picture: NDArray[np.uint8], width: int, height: int) -> NDArray[np.uint8]:
    """A picture uint8[h, w] or uint8[h, w, channels] in another size by pixel-area averaging: OpenCV's INTER_AREA.

    OpenCV computes whole factors, and a side that grows; for all others it takes twice to ten times as long as this.
    Raises MemoryError.
    """
    rows, columns = picture.shape[:2]
    if height > rows or width > columns or (rows % height == 0 and columns % width == 0):
        return np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    channels = picture.shape[2] if picture.ndim == 3 else 1
    if picture.strides[1:] != (channels, 1)[-picture.ndim + 1 :]:
        picture = np.ascontiguousarray(picture)
    found = np.empty((height, width, *picture.shape[2:]), np.uint8)
    at, stride = picture.ctypes.data, picture.strides[0]
    _check(kernels().imgindex_reduce(at, stride, rows, columns, channels, found.ctypes.data, height, width))
    return found


def content(luma: Luma, tolerance: int) -> tuple[NDArray[np.int32], int]:
    """int32[height, 2]: the first pixel of each row, and the one after the last, that no flood from a corner reaches.

    A flood goes on within `tolerance` of the level of its corner; a row that it takes whole has (width, 0). And how
    many pixels are reached. Raises MemoryError.
    """
    luma = np.ascontiguousarray(luma, np.uint8)
    ends = np.empty((len(luma), 2), np.int32)
    count = kernels().imgindex_content(luma.ctypes.data, *luma.shape, tolerance, ends.ctypes.data)
    _check(min(0, count))
    return ends, int(count)


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
    framed = None if b is None else b.ctypes.data
    at = a.ctypes.data, framed, height, width, size, places.ctypes.data, len(places), found.ctypes.data
    _check(kernels().imgindex_least_variance(*at))
    return found


def ssim_map(a: Luma, b: Luma, c1: float, c2: float) -> NDArray[np.float32]:
    """float32[height, width]: SSIM with these constants in windows of 7 x 7, sample covariance, and the pictures
    reflected at their edges. Raises MemoryError."""
    a, b = _of_one_shape(a, b)
    found = np.empty(a.shape, np.float32)
    _check(kernels().imgindex_ssim(a.ctypes.data, b.ctypes.data, *a.shape, c1, c2, found.ctypes.data))
    return found


def _of_one_shape(a: Luma, b: Luma) -> tuple[Luma, Luma]:
    if a.shape != b.shape:
        raise ValueError(f"pictures of two shapes, {a.shape} and {b.shape}")
    return np.ascontiguousarray(a, np.uint8), np.ascontiguousarray(b, np.uint8)


def _check(status: int) -> None:
    if status:
        raise MemoryError
