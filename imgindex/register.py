"""Guess how one picture may lie on another: from their local features, and from their frames.

A guess is an affine map with no proof: `structure` and `verify` look at the pixels. Guesses come from
1. one feature match each: position, size and angle of a SIFT feature fix a similarity, all other matches vote for it
   (after D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004, section 7.3, with every match
   as a bin); the voters then give an affine map by least squares. Deterministic, and right with a few true matches
   among hundreds;
2. the frames: eight orientations of one whole picture stretched onto the other, ranked by correlation of thumbnails.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgindex import features as local
from imgindex import transform
from imgindex.outline import THUMB_PX, Box, Thumb
from imgindex.records import LocalFeatures
from imgindex.transform import Affine

RATIO = 0.93
"""Distance of the best match over that of the second best. Loose: the vote of geometry is what rejects."""

FEW_FEATURES = 80
MIN_VOTES = 5
MIN_VOTES_FEW = 3
"""Matches that must agree before pixels are looked at; fewer where a picture has few features, as a flat drawing."""

MAX_MATCHES = 120
"""The clearest matches are voted on: enough for a proof by pixels, and voting takes the square of their number."""

VOTE_REACH = 14 / 320
"""How far from a single match's similarity another may land, as a share of the larger picture's longer side: a 1.33
stretch, which one match cannot see, moves a point 100 px away by up to 15 px. (14 px in small pictures, too, let 35 %
of all pairs of 29 px tiles pass.)"""

INLIER_PX = 3.5
"""How far from the final affine map a match may land."""

VOTE_LOG_SCALE = 0.5
VOTE_DEGREES = 25.0
"""A voter's own scale and turn must agree this far with the match it votes for."""


@dataclass(frozen=True, slots=True)
class Guess:
    """A map from a's working picture to b's (continuous coordinates) and what spoke for it.

    `inliers` matches agree with it within INLIER_PX, no two at one place; 0 for a guess from the frames.
    """

    affine: Affine
    inliers: int
    origin: str


@dataclass(frozen=True, slots=True)
class Matches:
    """Tentative matches of two feature sets: float64[n, 2] positions, float64[n] scale ratios and turns (radians).

    `side_px` is the longer side of the larger of the two working pictures.
    """

    a: NDArray[np.float64]
    b: NDArray[np.float64]
    scale: NDArray[np.float64]
    turn: NDArray[np.float64]
    mirrored: bool
    side_px: int

    def __len__(self) -> int:
        return len(self.a)


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """The features of a picture, ready to be matched as they are and mirrored.

    even, odd  float32[n, d] sums and differences of the bins that mirroring swaps (d = 64), or what stands for them: it
               keeps the sums and negates the differences, so the product of two pictures is even + odd, with one of
               them mirrored even - odd. Whole numbers whose products stay below 2 ** 24, so both are exact.
    squared    float32[n] squared lengths of (even, odd)
    """

    features: LocalFeatures
    even: NDArray[np.float32]
    odd: NDArray[np.float32]
    squared: NDArray[np.float32]

    @classmethod
    def of(cls, features: LocalFeatures, even: NDArray[np.float32], odd: NDArray[np.float32]) -> Halves:
        return cls(features, even, odd, (even * even).sum(axis=1) + (odd * odd).sum(axis=1))

    def __len__(self) -> int:
        return len(self.even)


@dataclass(frozen=True, slots=True, eq=False)
class Ballot:
    """Matches, and what each says of the others: float64[n, 2, 3] the similarity that each stands for on its own;
    bool[n, n], row i marking the matches that agree with the similarity of match i."""

    matches: Matches
    maps: NDArray[np.float64]
    agree: NDArray[np.bool_]

    @property
    def most_votes(self) -> int:
        return int(np.count_nonzero(self.agree, axis=1).max(initial=0))


_KEPT = np.flatnonzero(np.arange(len(local.MIRROR_PERMUTATION)) < local.MIRROR_PERMUTATION)
_KEPT_THEN_SWAPPED = np.concatenate([_KEPT, local.MIRROR_PERMUTATION[_KEPT]])


def halves(features: LocalFeatures) -> Halves:
    """`Halves` of all features."""
    return Halves.of(features, *sums_and_differences(features.descriptors))


def sums_and_differences(descriptors: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float32[n, 64] each, of the bins that mirroring swaps."""
    bins = descriptors[:, _KEPT_THEN_SWAPPED].astype(np.float32)
    first, second = bins[:, : len(_KEPT)], bins[:, len(_KEPT) :]
    return first + second, first - second


def match(a: Halves, b: Halves) -> tuple[Matches, Matches]:
    """Mutual nearest matches that pass the ratio test, a as it is and a mirrored; the MAX_MATCHES clearest of each."""
    if len(a) < 2 or len(b) < 2:
        none = np.zeros((0, 2)), np.zeros((0, 2)), np.zeros(0), np.zeros(0)
        return Matches(*none, False, 1), Matches(*none, True, 1)
    one = np.ones((max(len(a), len(b)), 1), np.float32)
    left = np.hstack([-2 * a.even, a.squared[:, None], one[: len(a)]])
    even = left @ np.hstack([b.even, one[: len(b)], b.squared[:, None]]).T
    odd = (2 * a.odd) @ b.odd.T
    return _chosen(even - odd, a.features, b.features, False), _chosen(even + odd, a.features, b.features, True)


def _chosen(distances: NDArray[np.float32], a: LocalFeatures, b: LocalFeatures, mirrored: bool) -> Matches:
    """The matches in a matrix of squared distances."""
    every = np.arange(len(distances))
    best = distances.argmin(axis=1)
    top = distances[every, best]
    rows = np.flatnonzero(top <= distances.min(axis=0)[best])
    columns, top = best[rows], top[rows]
    rest = distances[rows]
    rest[every[: len(rows)], columns] = np.inf
    ratio = np.maximum(top, 0.0) / np.maximum(rest.min(axis=1), 2.0)
    order = np.argsort(ratio, kind="stable")[:MAX_MATCHES]
    order = order[ratio[order] < RATIO**2]
    rows, columns = rows[order], columns[order]
    angles = a.angles[rows].astype(np.float64)
    if mirrored:
        angles = 180.0 - angles
    turn = np.deg2rad((b.angles[columns] - angles + 180.0) % 360.0 - 180.0)
    scale = b.sizes[columns].astype(np.float64) / np.maximum(a.sizes[rows], 1e-6)
    side_px = max(a.width, a.height, b.width, b.height)
    return Matches(a.points[rows] + 0.5, b.points[columns] + 0.5, scale, turn, mirrored, side_px)


def single_match_maps(matches: Matches) -> NDArray[np.float64]:
    """float64[n, 2, 3]: the similarity that each match stands for on its own."""
    cos, sin = np.cos(matches.turn) * matches.scale, np.sin(matches.turn) * matches.scale
    flip = -1.0 if matches.mirrored else 1.0
    maps = np.empty((len(matches), 2, 3))
    maps[:, 0, 0], maps[:, 0, 1], maps[:, 1, 0], maps[:, 1, 1] = flip * cos, -sin, flip * sin, cos
    x, y = matches.a[:, 0], matches.a[:, 1]
    maps[:, :, 2] = matches.b - maps[:, :, 0] * x[:, None] - maps[:, :, 1] * y[:, None]
    return maps


def vote(matches: Matches, maps: NDArray[np.float64]) -> NDArray[np.bool_]:
    """bool[n, n]: row i marks the matches that agree with the similarity of match i, `maps[i]`."""
    count = len(matches)
    points, minus_one = np.ones((4, count), np.float32), np.full((count, 1), -1.0)
    points[:2] = matches.a.T
    squared = np.zeros((count, count), np.float32)
    for axis in (0, 1):
        points[3] = matches.b[:, axis]
        error = np.hstack([maps[:, axis], minus_one]).astype(np.float32) @ points
        error *= error
        squared += error
    reach = (VOTE_REACH * matches.side_px * np.minimum(1.0, matches.scale)) ** 2
    log_scale, turn = np.log(matches.scale).astype(np.float32), matches.turn.astype(np.float32)
    turns = np.abs(turn[:, None] - turn[None, :])  # of angles in [-pi, pi)
    near = squared < reach.astype(np.float32)[:, None]
    near &= np.abs(log_scale[:, None] - log_scale[None, :]) < VOTE_LOG_SCALE
    near &= (turns < math.radians(VOTE_DEGREES)) | (turns > math.radians(360.0 - VOTE_DEGREES))
    return np.asarray(near, np.bool_)


def ballots(a: Halves, b: Halves) -> list[Ballot]:
    """The votes of a's matches with b, as it is and mirrored, most votes first."""
    return sorted((held(matches) for matches in match(a, b)), key=lambda ballot: -ballot.most_votes)


def needed_votes(a: Halves, b: Halves) -> int:
    """How many matches must agree on a map for it to be worth trying."""
    return MIN_VOTES_FEW if min(len(a), len(b)) < FEW_FEATURES else MIN_VOTES


def held(matches: Matches) -> Ballot:
    """The vote of these matches."""
    maps = single_match_maps(matches)
    return Ballot(matches, maps, vote(matches, maps))


def _places(matches: Matches, chosen: NDArray[np.bool_]) -> int:
    """How many of the chosen matches stand at distinct places (3 px cells) of both pictures."""
    cells = [{tuple(cell) for cell in (points[chosen] / 3.0).astype(int).tolist()} for points in (matches.a, matches.b)]
    return min(map(len, cells))


def _least_squares(a: NDArray[np.float64], b: NDArray[np.float64], similarity: NDArray[np.float64]) -> Affine:
    """The affine map of the points, or a similarity where they are few or nearly on one line."""
    centre_a, centre_b = a.mean(axis=0), b.mean(axis=0)
    da, db = a - centre_a, b - centre_b
    (xx, xy), (_, yy) = (da.T @ da).tolist()
    middle, half = (xx + yy) / 2, ((xx - yy) ** 2 / 4 + xy * xy) ** 0.5
    longest, shortest = (middle + half) ** 0.5, max(middle - half, 0.0) ** 0.5
    if len(a) >= 4 and shortest > max(0.2 * longest, 12.0):
        determinant = xx * yy - xy * xy
        linear = (db.T @ da) @ np.array([[yy, -xy], [-xy, xx]]) / determinant
    elif len(a) >= 2 and longest > 12.0:
        flip = np.diag([-1.0 if transform.determinant(similarity) < 0 else 1.0, 1.0])
        mirrored = da @ flip
        real = float((mirrored * db).sum())
        imaginary = float((mirrored[:, 0] * db[:, 1] - mirrored[:, 1] * db[:, 0]).sum())
        total = float((da**2).sum())
        linear = np.array([[real, -imaginary], [imaginary, real]]) / total @ flip
    else:
        linear = similarity[:, :2]
    return np.hstack([linear, (centre_b - linear @ centre_a)[:, None]])


def _polish(
    matches: Matches, voters: NDArray[np.bool_], start: NDArray[np.float64]
) -> tuple[Affine, NDArray[np.bool_]]:
    """Least squares over the voters, again over the matches that then agree, with a shrinking tolerance."""
    affine, chosen = start, voters
    for tolerance in (10.0, 6.0, INLIER_PX, INLIER_PX):
        affine = _least_squares(matches.a[chosen], matches.b[chosen], start)
        scale = abs(transform.determinant(affine)) ** 0.5
        error = transform.lengths(transform.apply(affine, matches.a) - matches.b)
        agreeing = error < tolerance * min(1.0, max(scale, 0.3))
        if agreeing.sum() < 2:
            break
        chosen = agreeing
    return affine, chosen


def from_votes(ballot: Ballot, least: int = 3, limit: int = 2) -> list[Guess]:
    """The best-supported maps among the matches, most inliers first; none with fewer than `least` voters."""
    matches, maps, agree = ballot.matches, ballot.maps, ballot.agree
    if len(matches) < least:
        return []
    guesses: list[Guess] = []
    alive = np.ones(len(matches), np.bool_)
    for _ in range(limit):
        counts = np.count_nonzero(agree & alive[None, :], axis=1) * alive
        leader = int(counts.argmax())
        if counts[leader] < least:
            break
        affine, chosen = _polish(matches, agree[leader], maps[leader])
        if transform.parts(affine).plausible:
            guesses.append(Guess(affine, _places(matches, chosen), "features"))
        alive &= ~(chosen | agree[leader])
    return sorted(guesses, key=lambda g: -g.inliers)


@functools.lru_cache(maxsize=1)
def orientations() -> tuple[list[Affine], NDArray[np.int64]]:
    """The eight maps of the unit square onto itself; int64[8, n] permutations that do them to a flat thumbnail."""
    grid = np.arange(THUMB_PX * THUMB_PX).reshape(THUMB_PX, THUMB_PX)
    maps, orders = [], []
    for mirror in (False, True):
        for quarter in range(4):
            turned = np.rot90(grid[:, ::-1] if mirror else grid, quarter)
            affine = np.array([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]) if mirror else transform.IDENTITY
            for _ in range(quarter):  # counter-clockwise: (x, y) -> (y, 1 - x)
                affine = transform.compose(np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]), affine)
            maps.append(affine)
            orders.append(turned.reshape(-1))
    return maps, np.stack(orders).astype(np.int64)


def from_frames(thumbs_a: Sequence[Thumb], thumbs_b: Sequence[Thumb], floor: float) -> tuple[float, Guess | None]:
    """The best correlation of a box of a with a box of b in eight orientations, and that guess; none below `floor`."""
    maps, orders = orientations()
    turned = np.concatenate([thumb.unit[orders] for thumb in thumbs_a])
    correlations = turned @ np.stack([thumb.unit for thumb in thumbs_b]).T
    for flat in np.argsort(-correlations, axis=None, kind="stable"):
        row, column = divmod(int(flat), len(thumbs_b))
        found = float(correlations[row, column])
        if found < floor:
            break
        box_a, box_b = thumbs_a[row // len(maps)].box, thumbs_b[column].box
        affine = box_map(box_a, box_b, maps[row % len(maps)])
        if transform.parts(affine).plausible:
            return found, Guess(affine, 0, "frames")
    return 0.0, None


def box_map(a: Box, b: Box, orientation: Affine) -> Affine:
    """The map that lays box a on box b after an orientation of the unit square."""
    to_unit = transform.invert(np.array([[a[2] - a[0], 0.0, a[0]], [0.0, a[3] - a[1], a[1]]]))
    from_unit = np.array([[b[2] - b[0], 0.0, b[0]], [0.0, b[3] - b[1], b[1]]])
    return transform.compose(from_unit, transform.compose(orientation, to_unit))
