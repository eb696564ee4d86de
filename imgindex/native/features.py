"""Local features of a picture, and what two pictures have in common by them."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgindex.native import library
from imgindex.native.library import address_of, check
from imgindex.records import Luma

DESCRIPTOR_VALUES = 128
MAX_LAYERS = 5

MATCH_A, MATCH_B, MATCH_MAP = slice(0, 2), slice(2, 4), slice(6, 12)
MATCH_VALUES = 12
"""Of a row of `match`, where 4 is the scale and 5 the turn."""


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
    count = library.kernels().imgindex_sift(
        address_of(luma), height, width, layers, contrast_threshold, limit, address_of(points), address_of(descriptors)
    )
    check(min(0, count))
    return points[:count], descriptors[:count]


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
    at = address_of(descriptors), len(descriptors), address_of(pairs), address_of(pairs) + half
    library.kernels().imgindex_halves(*at, address_of(sums), address_of(differences))
    return sums, differences


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
    at = address_of(descriptors), len(descriptors), address_of(centroids), len(centroids), address_of(order)
    check(library.kernels().imgindex_residual_sums(*at, address_of(sums)))
    return sums


class _Features(ctypes.Structure):
    _fields_ = (
        *((name, ctypes.c_void_p) for name in ("even", "odd", "squared", "points", "sizes", "angles")),
        ("count", ctypes.c_int),
        ("dims", ctypes.c_int),
    )


class Features:
    """Local features of one picture as `match` takes them.

    even, odd float32[n, d]: what mirroring keeps of descriptors and what it negates; points float32[n, 2] with the
    first pixel's centre at 0, 0; float32[n] sizes; float32[n] angles in degrees.
    """

    def __init__(self, *arrays: NDArray[np.float32]) -> None:
        even, odd, *places = (np.ascontiguousarray(array, np.float32) for array in arrays)
        squared = (even * even).sum(axis=1) + (odd * odd).sum(axis=1)
        self._arrays = (even, odd, squared, *places)
        self.struct = _Features(*(address_of(array) for array in self._arrays), *even.shape)

    def __len__(self) -> int:
        return len(self._arrays[0])


def _can_match(a: Features, b: Features) -> bool:
    """Whether both have a nearest and a second nearest. Raises ValueError where they are of two kinds."""
    if a.struct.dims != b.struct.dims:
        raise ValueError("features of two kinds")
    return min(len(a), len(b)) >= 2


def match(
    a: Features, b: Features, ratio: float, least_second: float, limit: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features of a and b that are each other's nearest, at most `limit`, clearest first: of a as it is, and mirrored.

    The squared distance is less than `ratio` squared times that of the second nearest, which counts as at least
    `least_second`. float64[m, MATCH_VALUES] each: both places in continuous coordinates (MATCH_A, MATCH_B), b's size
    over a's, the turn from a's angle to b's in [-pi, pi) radians, and the similarity that these are (MATCH_MAP, an
    affine map). Raises MemoryError.
    """
    if not _can_match(a, b):
        return np.empty((0, MATCH_VALUES)), np.empty((0, MATCH_VALUES))
    found, counts = np.empty((2, limit, MATCH_VALUES)), (ctypes.c_int * 2)()
    one, other = ctypes.byref(a.struct), ctypes.byref(b.struct)
    check(library.kernels().imgindex_match(one, other, ratio * ratio, least_second, limit, address_of(found), counts))
    return found[0, : counts[0]], found[1, : counts[1]]


@dataclass(frozen=True, slots=True)
class Tolerance:
    """A match agrees with another whose similarity brings its place in a within `reach` of that in b (times the scale
    where that is below 1), and whose size ratio and turn are within a factor of exp(`log_scale`) and `turn` radians of
    its own."""

    reach: float
    log_scale: float
    turn: float


def vote(matches: NDArray[np.float64], tolerance: Tolerance) -> tuple[int, NDArray[np.bool_]]:
    """How many of the matches agree with the one that most agree with; and bool[n, n], row i marking what agrees with
    match i. Raises MemoryError."""
    agree, t = np.empty((len(matches), len(matches)), np.bool_), tolerance
    most = library.kernels().imgindex_vote(
        address_of(matches), len(matches), t.reach, t.log_scale, t.turn, len(matches) + 1, address_of(agree)
    )
    check(min(0, most))
    return int(most), agree


def leader(agree: NDArray[np.bool_], alive: NDArray[np.bool_]) -> tuple[int, int]:
    """(row, votes) of the match that the most of those `alive` bool[n] agree with, itself one of them, where row i of
    `agree` bool[n, n] marks what agrees with match i. (0, 0) where none is alive."""
    votes = ctypes.c_int()
    found = library.kernels().imgindex_leader(address_of(agree), address_of(alive), len(agree), ctypes.byref(votes))
    return int(found), votes.value


def agree(
    a: Features, b: Features, ratio: float, least_second: float, limit: int, tolerance: Tolerance, enough: int
) -> bool:
    """Whether as many as `enough` of the matches that `match` gives, of a as it is or of a mirrored, agree with one of
    them. Raises MemoryError."""
    if not _can_match(a, b):
        return False
    one, other, t = ctypes.byref(a.struct), ctypes.byref(b.struct), tolerance
    found = library.kernels().imgindex_agree(
        one, other, ratio * ratio, least_second, limit, t.reach, t.log_scale, t.turn, enough
    )
    check(min(0, found))
    return bool(found)


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
    count = library.kernels().imgindex_polish(
        address_of(matches), len(matches), address_of(start), address_of(within), len(within), address_of(chosen),
        address_of(affine),
    )  # fmt: skip
    return affine, chosen, int(count)
