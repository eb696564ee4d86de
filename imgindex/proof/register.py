"""Guess how one picture may lie on another: from their local features, and from their frames.

A guess is an affine map with no proof: `align` and `verify` look at the pixels. Guesses come from
1. one feature match each: position, size and angle of a SIFT feature fix a similarity, all other matches vote for it
   (after D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004, section 7.3, with every match
   as a bin); the voters then give an affine map by least squares. Deterministic, and right with a few true matches
   among hundreds;
2. the frames: eight orientations of one whole picture stretched onto the other, ranked by correlation of icons.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgindex import native
from imgindex.pictures.features import Halves
from imgindex.pictures.outline import ICON_PX
from imgindex.proof import maps
from imgindex.proof.maps import Affine
from imgindex.records import Box, Icon

RATIO = 0.93
"""Distance of the best match over that of the second best. Loose: the vote of geometry is what rejects."""

LEAST_SECOND = 2.0
"""Squared distance that the second nearest counts as at least: descriptors that occur twice match nothing clearly."""

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

POLISH_PX = (10.0, 6.0, INLIER_PX, INLIER_PX)
"""The same, from the first map on."""

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


@dataclass(frozen=True, slots=True, eq=False)
class FeatureMatches:
    """Tentative matches of two feature sets: `rows` as `native.match_features` gives them.

    `side_px` is the longer side of the larger of the two working pictures.
    """

    rows: NDArray[np.float64]
    side_px: int

    def __len__(self) -> int:
        return len(self.rows)

    def similarity(self, row: int) -> Affine:
        """What one match stands for on its own."""
        return self.rows[row, native.MATCH_MAP].reshape(2, 3)


@dataclass(frozen=True, slots=True, eq=False)
class Ballot:
    """Matches, and what each says of the others: bool[n, n], row i marking the matches that agree with match i."""

    matches: FeatureMatches
    agree: NDArray[np.bool_]
    most_votes: int


def match_features(a: Halves, b: Halves) -> tuple[FeatureMatches, FeatureMatches]:
    """Mutual nearest matches that pass the ratio test, a as it is and a mirrored; the MAX_MATCHES clearest of each."""
    side_px = _side_px(a, b)
    as_it_is, mirrored = native.match_features(a.matched, b.matched, RATIO, LEAST_SECOND, MAX_MATCHES)
    return FeatureMatches(as_it_is, side_px), FeatureMatches(mirrored, side_px)


def ballots(a: Halves, b: Halves) -> list[Ballot]:
    """The votes of a's matches with b, as it is and mirrored, most votes first."""
    return sorted((held(matches) for matches in match_features(a, b)), key=lambda ballot: -ballot.most_votes)


def needed_votes(a: Halves, b: Halves) -> int:
    """How many matches must agree on a map for it to be worth trying."""
    return MIN_VOTES_FEW if min(len(a), len(b)) < FEW_FEATURES else MIN_VOTES


def held(matches: FeatureMatches) -> Ballot:
    """The vote of these matches."""
    most, agree = native.vote(matches.rows, _tolerance(matches.side_px))
    return Ballot(matches, agree, most)


def agree(a: Halves, b: Halves) -> bool:
    """Whether so many matches agree on one map that it is worth trying."""
    tolerance = _tolerance(_side_px(a, b))
    return native.agree(a.matched, b.matched, RATIO, LEAST_SECOND, MAX_MATCHES, tolerance, needed_votes(a, b))


def _tolerance(side_px: int) -> native.Tolerance:
    return native.Tolerance(VOTE_REACH * side_px, VOTE_LOG_SCALE, math.radians(VOTE_DEGREES))


def _side_px(a: Halves, b: Halves) -> int:
    return max(a.features.width, a.features.height, b.features.width, b.features.height)


def from_votes(ballot: Ballot, least: int = 3, limit: int = 2) -> list[Guess]:
    """The best-supported maps among the matches, most inliers first; none with fewer than `least` voters."""
    matches, agree = ballot.matches, ballot.agree
    if len(matches) < least:
        return []
    guesses: list[Guess] = []
    alive = np.ones(len(matches), np.bool_)
    for _ in range(limit):
        leader, votes = native.leader(agree, alive)
        if votes < least:
            break
        affine, chosen, inliers = native.polish(matches.rows, agree[leader], matches.similarity(leader), POLISH_PX)
        if maps.decompose(affine).plausible:
            guesses.append(Guess(affine, inliers, "features"))
        alive &= ~(chosen | agree[leader])
    return sorted(guesses, key=lambda g: -g.inliers)


@functools.lru_cache(maxsize=1)
def orientations() -> tuple[list[Affine], NDArray[np.int32]]:
    """The eight maps of the unit square onto itself; int32[8, n] permutations that do them to a flat icon."""
    grid = np.arange(ICON_PX * ICON_PX).reshape(ICON_PX, ICON_PX)
    found, orders = [], []
    for mirror in (False, True):
        for quarter in range(4):
            turned = np.rot90(grid[:, ::-1] if mirror else grid, quarter)
            affine = np.array([[-1.0, 0.0, 1.0], [0.0, 1.0, 0.0]]) if mirror else maps.IDENTITY
            for _ in range(quarter):  # counter-clockwise: (x, y) -> (y, 1 - x)
                affine = maps.compose(np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 1.0]]), affine)
            found.append(affine)
            orders.append(turned.reshape(-1))
    return found, np.stack(orders).astype(np.int32)


def from_frames(icons_a: Sequence[Icon], icons_b: Sequence[Icon], floor: float) -> tuple[float, Guess | None]:
    """The best correlation of a box of a with a box of b in eight orientations, and that guess; none below `floor`."""
    turns, orders = orientations()
    laid = [
        (found, a.box, b.box, orientation)
        for a in icons_a
        for b in icons_b
        for found, orientation in zip(native.ordered_products(a.unit, b.unit, orders).tolist(), turns, strict=True)
        if found >= floor
    ]
    for found, box_a, box_b, orientation in sorted(laid, key=lambda one: -one[0]):
        affine = box_map(box_a, box_b, orientation)
        if maps.decompose(affine).plausible:
            return found, Guess(affine, 0, "frames")
    return 0.0, None


def box_map(a: Box, b: Box, orientation: Affine) -> Affine:
    """The map that lays box a on box b after an orientation of the unit square."""
    to_unit = maps.invert(np.array([[a[2] - a[0], 0.0, a[0]], [0.0, a[3] - a[1], a[1]]]))
    from_unit = np.array([[b[2] - b[0], 0.0, b[0]], [0.0, b[3] - b[1], b[1]]])
    return maps.compose(from_unit, maps.compose(orientation, to_unit))
