"""Local features of a picture, and what two pictures have in common by them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgindex.native import library
from imgindex.native.library import dense
from imgindex.records import Luma

DESCRIPTOR_VALUES = 128

MATCH_A, MATCH_B, MATCH_MAP = slice(0, 2), slice(2, 4), slice(6, 12)
MATCH_VALUES = 12
"""Of a row of `match_features`, where 4 is the scale and 5 the turn."""


def sift(
    luma: Luma, layers: int, contrast_threshold: float, limit: int
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The `limit` strongest SIFT features, strongest first; `layers` and the threshold are those of OpenCV's SIFT.

    float32[n, 4]: x and y in pixels, 0 being the first pixel's centre; diameter in pixels; angle in degrees, [0, 360).
    float32[n, 128]: descriptors, not normalised. Raises MemoryError.
    """
    count, keypoints, descriptors = library.kernels().sift(dense(luma), layers, contrast_threshold, limit)
    return keypoints[:count], descriptors[:count]


def halves(
    descriptors: NDArray[np.uint8], first: NDArray[np.integer], second: NDArray[np.integer]
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float32[n, 64] each: sums and differences of 64 pairs of the values of descriptors uint8[n, 128]."""
    if descriptors.shape[1:] != (DESCRIPTOR_VALUES,):
        raise ValueError(f"descriptors of {descriptors.shape[1:]} values, not {DESCRIPTOR_VALUES}")
    one, other = (descriptors.take(places, axis=1).astype(np.int16) for places in (first, second))
    return (one + other).astype(np.float32), (one - other).astype(np.float32)


def residual_sums(
    descriptors: NDArray[np.uint8], centroids: NDArray[np.float32], mirror: NDArray[np.integer]
) -> NDArray[np.float32]:
    """float32[c, 128]: per centroid (float32[c, 128], of norm 1) the sum of the unit residuals of the descriptors
    uint8[n, 128], made of norm 1, that have the largest product with it.

    One that has it with `centroids[:, mirror]` counts as its own mirror image. H. Jegou et al., "Aggregating local
    descriptors into a compact image representation", CVPR 2010, with residuals of unit length.
    """
    rows, count = _unit(descriptors.astype(np.float32)), len(centroids)
    best = (rows @ np.concatenate([centroids, centroids[:, mirror]]).T).argmax(axis=1)
    turned = np.where((best >= count)[:, None], rows[:, mirror], rows)
    own = best % count
    is_own = (np.arange(count)[:, None] == own).astype(np.float32)
    return np.asarray(is_own @ _unit(turned - centroids[own]), np.float32)


def _unit(rows: NDArray[np.float32]) -> NDArray[np.float32]:
    lengths = np.sqrt(np.einsum("ij,ij->i", rows, rows))
    return np.asarray(rows / np.maximum(lengths, np.float32(1e-9))[:, None], np.float32)


class Features:
    """Local features of one picture as `match_features` takes them.

    even, odd float32[n, d]: what mirroring keeps of descriptors and what it negates; points float32[n, 2] with the
    first pixel's centre at 0, 0; float32[n] sizes; float32[n] angles in degrees.
    """

    def __init__(
        self,
        even: NDArray[np.float32],
        odd: NDArray[np.float32],
        points: NDArray[np.float32],
        sizes: NDArray[np.float32],
        angles: NDArray[np.float32],
    ) -> None:
        squared = (even * even).sum(axis=1) + (odd * odd).sum(axis=1)
        self.arrays = even, odd, squared, np.column_stack([points, sizes, angles])

    def __len__(self) -> int:
        return len(self.arrays[0])


def match_features(
    a: Features, b: Features, ratio: float, least_second: float, limit: int
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Features of a and b that are each other's nearest, at most `limit`, clearest first: of a as it is, and mirrored.

    The squared distance is less than `ratio` squared times that of the second nearest, which counts as at least
    `least_second`. float64[m, MATCH_VALUES] each: both places in continuous coordinates (MATCH_A, MATCH_B), b's size
    over a's, the turn from a's angle to b's in [-pi, pi) radians, and the similarity that these are (MATCH_MAP, an
    affine map). Raises MemoryError.
    """
    if min(len(a), len(b)) < 2:  # there is no second nearest
        return np.empty((0, MATCH_VALUES)), np.empty((0, MATCH_VALUES))
    found, counts = library.kernels().match(*a.arrays, *b.arrays, ratio * ratio, least_second, limit)
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
    t = tolerance
    most, agree = library.kernels().vote(matches, t.reach, t.log_scale, t.turn)
    return most, agree


def leader(agree: NDArray[np.bool_], alive: NDArray[np.bool_]) -> tuple[int, int]:
    """(row, votes) of the match that the most of those `alive` bool[n] agree with, itself one of them, where row i of
    `agree` bool[n, n] marks what agrees with match i. (0, 0) where none is alive."""
    votes = np.count_nonzero(agree[:, alive], axis=1) * alive
    row = int(votes.argmax())
    return row, int(votes[row])


def agree(
    a: Features, b: Features, ratio: float, least_second: float, limit: int, tolerance: Tolerance, enough: int
) -> bool:
    """Whether as many as `enough` of the matches that `match_features` gives, of a as it is or of a mirrored, agree
    with one of them. Raises MemoryError."""
    both = match_features(a, b, ratio, least_second, limit)
    return any(len(matches) >= enough and vote(matches, tolerance)[0] >= enough for matches in both)


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
    within = np.array(tolerances, np.float64)
    places, marked, affine = library.kernels().polish(matches, similarity, within, chosen)
    return affine, marked, places
