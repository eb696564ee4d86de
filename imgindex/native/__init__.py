"""What is computed for every pixel, pair of features or window, in C: what is made of one picture (local features and
their sums, averages, content, contrast), and of two (matches, both on one canvas, statistics of windows, SSIM).

The libraries are compiled when the package is installed (`scripts/build_native.py`). Sums of floats differ in their
last bits between processors, as OpenCV's do.
"""

from __future__ import annotations

import ctypes
import functools
import hashlib
import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.records import Luma

MISSING = "imgindex's compiled part is missing or outdated; install it again: pip install --editable ."

DESCRIPTOR_VALUES = 128
MAX_LAYERS = 5
MAX_LAYOUT_PX = 64

AVX2, FMA3 = 11, 12
"""Of OpenCV's `CpuFeatures`, which its Python does not name."""

MATCH_A, MATCH_B, MATCH_MAP = slice(0, 2), slice(2, 4), slice(6, 12)
MATCH_VALUES = 12
"""Of a row of `match`, where 4 is the scale and 5 the turn."""

LANES = 8
"""Of `common.h`."""

FOLDER = Path(__file__).parent

T = TypeVar("T", np.uint8, np.float32)


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
        compiled, lanes = loaded.imgindex_sources(), loaded.imgindex_lanes()
    except (OSError, AttributeError) as error:
        raise ImportError(f"{MISSING} ({error})") from error
    if compiled != hashlib.sha256(code).hexdigest().encode():
        raise ImportError(f"{MISSING} ({name} was compiled from other sources)")
    assert lanes == LANES
    at, whole, real, double = ctypes.c_void_p, ctypes.c_int, ctypes.c_float, ctypes.c_double
    loaded.imgindex_sift.argtypes = [at, whole, whole, whole, real, whole, at, at]
    loaded.imgindex_match.argtypes = [at, at, real, real, whole, at, at]
    loaded.imgindex_vote.argtypes = [at, whole, real, real, real, at]
    loaded.imgindex_lay.argtypes = [at, at, at, at, at, double, whole, whole, double, *[at] * 5]
    loaded.imgindex_windows.argtypes = [at, at, at, whole, whole, at, double, at]
    loaded.imgindex_offsets.argtypes = [at, at, double, double, at]
    loaded.imgindex_straighten.argtypes = [at, at, at, whole, double, at, at, at, at]
    loaded.imgindex_polish.argtypes = [at, whole, at, at, whole, at, at]
    loaded.imgindex_intersect.argtypes = [at, whole, at, whole, double, at, whole]
    loaded.imgindex_reduce.argtypes = [at, whole, whole, whole, whole, at, whole, whole]
    loaded.imgindex_paper.argtypes, loaded.imgindex_paper.restype = [at, at, whole, at], double
    loaded.imgindex_residual_sums.argtypes = [at, whole, at, whole, at, at]
    loaded.imgindex_layout.argtypes, loaded.imgindex_layout.restype = [at, whole, whole, whole, whole, at, at], real
    loaded.imgindex_block_distances.argtypes = [at, at, whole, whole, whole, at]
    loaded.imgindex_content.argtypes = [at, whole, whole, whole, at]
    loaded.imgindex_ordered_products.argtypes = [at, at, at, whole, whole, at]
    loaded.imgindex_least_variance.argtypes = [at, at, whole, whole, whole, at, whole, at]
    loaded.imgindex_mean_ssim.argtypes = [at, at, at, whole, whole, whole, real, real, at]
    loaded.imgindex_even_out.argtypes = [at, whole, whole, whole, real, real, at]
    loaded.imgindex_halves.argtypes = [at, whole, at, at, at, at]
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
        _at(luma), height, width, layers, contrast_threshold, limit, _at(points), _at(descriptors)
    )
    _check(min(0, count))
    return points[:count], descriptors[:count]


def residual_sums(
    descriptors: NDArray[np.uint8], centroids: NDArray[np.float32], mirror: NDArray[np.integer]
) -> NDArray[np.float32]:
    """float32[c, 128]: per centroid (float32[c, 128], of norm 1) the sum of the unit residuals of the descriptors
    uint8[n, 128], made of norm 1, that have the largest product with it.

    One that has it with `centroids[:, mirror]` counts as its own mirror image. Raises MemoryError.
    """
    if not len(centroids):
        raise ValueError("no centroids")
    descriptors, centroids = np.ascontiguousarray(descriptors, np.uint8), np.ascontiguousarray(centroids, np.float32)
    order, sums = np.ascontiguousarray(mirror, np.int32), np.empty_like(centroids)
    if not descriptors.shape[1] == centroids.shape[1] == len(order) == DESCRIPTOR_VALUES:
        raise ValueError(f"descriptors that do not have {DESCRIPTOR_VALUES} values")
    at = _at(descriptors), len(descriptors), _at(centroids), len(centroids), _at(order)
    _check(kernels().imgindex_residual_sums(*at, _at(sums)))
    return sums


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
    deviation = kernels().imgindex_layout(_at(rgb), *sizes, _at(power), _at(colours))
    return power, colours, deviation


class Features:
    """Local features of one picture as `match` takes them.

    even, odd float32[n, d]: what mirroring keeps of descriptors and what it negates; points float32[n, 2] with the
    first pixel's centre at 0, 0; float32[n] sizes; float32[n] angles in degrees.
    """

    def __init__(self, *arrays: NDArray[np.float32]) -> None:
        even, odd, *places = (np.ascontiguousarray(array, np.float32) for array in arrays)
        squared = (even * even).sum(axis=1) + (odd * odd).sum(axis=1)
        self._arrays = (even, odd, squared, *places)
        self.struct = _Features(*(_at(array) for array in self._arrays), *even.shape)

    def __len__(self) -> int:
        return len(self._arrays[0])


class _Features(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("even", "odd", "squared", "points", "sizes", "angles")),
        ("count", ctypes.c_int),
        ("dims", ctypes.c_int),
    )


def halves(
    descriptors: NDArray[np.uint8], first: NDArray[np.integer], second: NDArray[np.integer]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float32[n, 64] each: sums and differences of 64 pairs of the values of descriptors uint8[n, 128]."""
    descriptors = np.ascontiguousarray(descriptors, np.uint8)
    pairs = np.ascontiguousarray(np.concatenate([first, second]), np.int32)
    if descriptors.shape[1] != DESCRIPTOR_VALUES or len(pairs) != DESCRIPTOR_VALUES:
        raise ValueError(f"descriptors that do not have {DESCRIPTOR_VALUES} values")
    sums = np.empty((len(descriptors), DESCRIPTOR_VALUES // 2), np.float32)
    differences = np.empty_like(sums)
    half = pairs.nbytes // 2
    at = _at(descriptors), len(descriptors), _at(pairs), _at(pairs) + half
    kernels().imgindex_halves(*at, _at(sums), _at(differences))
    return sums, differences


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
    _check(kernels().imgindex_match(one, other, ratio * ratio, least_second, limit, _at(found), counts))
    return found[0, : counts[0]], found[1, : counts[1]]


def vote(
    matches: NDArray[np.float64], reach: float, log_scale: float, turn: float, agree: NDArray[np.bool_] | None = None
) -> int:
    """How many of the matches agree with the one that most agree with.

    A match agrees with another whose similarity brings its place in a within `reach` of that in b (times the scale
    where that is below 1), and whose size ratio and turn are within a factor of exp(`log_scale`) and `turn` radians of
    its own. Row i of `agree` bool[n, n] is filled with what agrees with match i. Raises MemoryError.
    """
    most = kernels().imgindex_vote(_at(matches), len(matches), reach, log_scale, turn, _at(agree))
    _check(min(0, most))
    return int(most)


def ordered_products(a: NDArray[np.float32], b: NDArray[np.float32], orders: NDArray[np.int32]) -> NDArray[np.float32]:
    """float32[m]: the products of b float32[n] with a float32[n] in each of the orders int32[m, n] of its values."""
    a, b = np.ascontiguousarray(a, np.float32), np.ascontiguousarray(b, np.float32)
    found = np.empty(len(orders), np.float32)
    at = _at(a), _at(b), _at(orders)
    kernels().imgindex_ordered_products(*at, *orders.shape, _at(found))
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
        _at(matches), len(matches), _at(start), _at(within), len(within), _at(chosen),
        _at(affine),
    )  # fmt: skip
    return affine, chosen, int(count)


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
    done = kernels().imgindex_straighten(
        _at(places), _at(shifts), _at(tracked), len(places), scale,
        _at(laid.from_a), _at(laid.from_b), _at(found), _at(left),
    )  # fmt: skip
    _check(min(0, done))
    return found, left


def intersection(a: NDArray[np.float64], b: NDArray[np.float64], least_area: float) -> NDArray[np.float64]:
    """float64[m, 2]: the corners of what two convex polygons share, float64[n, 2] each; none where one of them has less
    than `least_area`. Raises MemoryError."""
    a, b = np.ascontiguousarray(a, np.float64), np.ascontiguousarray(b, np.float64)
    corners = np.empty((2 * (len(a) + len(b)), 2))
    count = kernels().imgindex_intersect(_at(a), len(a), _at(b), len(b), least_area, _at(corners), len(corners))
    _check(min(0, count))
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
    done = kernels().imgindex_lay(
        ctypes.byref(_Picture(_at(a), *a.shape)), ctypes.byref(_Picture(_at(b), *b.shape)),
        _at(affine), ctypes.byref(_Polygon(_at(polygon_a), len(polygon_a))),
        ctypes.byref(_Polygon(_at(polygon_b), len(polygon_b))), least_area, smallest_px, long_side_px, margin,
        _at(out_a), _at(out_b), _at(mask), _at(known), sizes,
    )  # fmt: skip
    _check(min(0, done))
    if not done:
        return None
    height, width = sizes
    used, shape = height * width, (height, width)
    return Laid(
        out_a[:used].reshape(shape), out_b[:used].reshape(shape), mask[:used].reshape(shape),
        known[:6].reshape(2, 3), known[6:12].reshape(2, 3), float(known[12]), float(known[13]),
    )  # fmt: skip


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
        a, b = _of_one_shape(a, b, np.uint8)
        height, width = a.shape
        rows, columns = height // step, width // step
        windows = (rows - 1) * (columns - 1)
        soft = np.empty((2, rows * columns * step * step + LANES), np.float32)
        marks = np.empty(2 * windows, np.bool_)
        values = np.empty(7 * windows)
        self._kept = soft, marks, values
        soft_at, marks_at, at = _at(soft), _at(marks), _at(values)
        self._struct = _Windows(
            soft_at, soft_at + soft.nbytes // 2, marks_at, marks_at + windows, at,
            *(at + 8 * windows * layer for layer in range(2, 7)), 1.0, step, rows, columns, 0,
        )  # fmt: skip
        marked = _mask_of(mask, a)
        taps = np.ascontiguousarray(kernel, np.float32)
        _check(
            kernels().imgindex_windows(
                _at(a), _at(b), _at(marked), height, width, _at(taps), stabiliser,
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
        _check(kernels().imgindex_offsets(ctypes.byref(self._struct), _at(asked), evened, floor, _at(shifts)))
        return shifts


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
    at, stride = _at(picture), picture.strides[0]
    _check(kernels().imgindex_reduce(at, stride, rows, columns, channels, _at(found), height, width))
    return found


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
    marked = _mask_of(mask, luma)
    share = kernels().imgindex_paper(_at(luma), _at(marked), luma.size, found)
    return Paper(found[0], share, found[1])


def block_distances(a: NDArray[np.float32], b: NDArray[np.float32], side: int) -> NDArray[np.float32]:
    """float32[n]: root mean squares of the difference in the whole blocks of side x side of two pictures."""
    a, b = _of_one_shape(a, b, np.float32)
    height, width = a.shape
    found = np.empty((height // side) * (width // side), np.float32)
    kernels().imgindex_block_distances(_at(a), _at(b), height, width, side, _at(found))
    return found


def content(luma: Luma, tolerance: int) -> tuple[NDArray[np.int32], int]:
    """int32[height, 2]: the first pixel of each row, and the one after the last, that no flood from a corner reaches.

    A flood goes on within `tolerance` of the level of its corner; a row that it takes whole has (width, 0). And how
    many pixels are reached. Raises MemoryError.
    """
    luma = np.ascontiguousarray(luma, np.uint8)
    ends = np.empty((len(luma), 2), np.int32)
    count = kernels().imgindex_content(_at(luma), *luma.shape, tolerance, _at(ends))
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
    at = _at(a), _at(b), height, width, size, _at(places), len(places), _at(found)
    _check(kernels().imgindex_least_variance(*at))
    return found


def mean_ssim(a: Luma, b: Luma, mask: NDArray[np.bool_] | None, edge_px: int, c1: float, c2: float) -> float:
    """Mean SSIM with these constants of the pixels that the mask (None: all) marks, `edge_px` or more from every side;
    0 where there are none.

    In windows of 7 x 7, with sample covariance, and the pictures reflected at their sides. Raises MemoryError.
    """
    a, b = _of_one_shape(a, b, np.uint8)
    mean, marked = ctypes.c_double(), _mask_of(mask, a)
    at = _at(a), _at(b), _at(marked)
    _check(kernels().imgindex_mean_ssim(*at, *a.shape, edge_px, c1, c2, ctypes.byref(mean)))
    return mean.value


def even_out(luma: Luma, side: int, evened: float, floor: float) -> Luma:
    """The picture around 128 with the mean of the window of side x side around each pixel taken away, and a deviation
    of s grey levels in it made `evened` * s / (s + `floor`); the picture goes on as its reflection.

    Raises MemoryError.
    """
    if side % 2 == 0 or not luma.size:
        raise ValueError(f"no window of {side} px around a pixel of {luma.shape}")
    luma = np.ascontiguousarray(luma, np.uint8)
    found = np.empty_like(luma)
    _check(kernels().imgindex_even_out(_at(luma), *luma.shape, side, evened, floor, _at(found)))
    return found


def _mask_of(mask: NDArray[np.bool_] | None, luma: Luma) -> NDArray[np.bool_] | None:
    if mask is None:
        return None
    if mask.shape != luma.shape:
        raise ValueError(f"a mask of {mask.shape} for a picture of {luma.shape}")
    return np.ascontiguousarray(mask, np.bool_)


def _at(array: NDArray[Any] | None) -> Any:
    """Where the values of an array begin, for C: `array.ctypes.data`, which takes a microsecond, at a third of that
    where the array may be written to and is in one piece. None is C's NULL."""
    if array is None:
        return None
    try:
        return ctypes.addressof(_BYTE_OF(array))
    except (TypeError, ValueError):
        return int(array.ctypes.data)


_BYTE_OF: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer


def _of_one_shape(a: NDArray[T], b: NDArray[T], kind: type[T]) -> tuple[NDArray[T], NDArray[T]]:
    if a.shape != b.shape or not a.size:
        raise ValueError(f"pictures of two shapes, or empty: {a.shape} and {b.shape}")
    return np.ascontiguousarray(a, kind), np.ascontiguousarray(b, kind)


def _check(status: int) -> None:
    if status:
        raise MemoryError
