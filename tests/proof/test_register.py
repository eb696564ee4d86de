"""Guesses: the right map must be among them for every turn, mirror, stretch and crop, and none may be an exception."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgindex.pictures import features, outline
from imgindex.proof import maps, register
from imgindex.proof.maps import Affine
from imgindex.records import Luma


def scene(seed: int = 0, width: int = 320, height: int = 240) -> Luma:
    """A picture of many overlapping shapes."""
    rng = np.random.default_rng(seed)
    picture = np.full((height, width), 128, np.uint8)
    for _ in range(120):
        centre = (int(rng.integers(width)), int(rng.integers(height)))
        axes = (int(rng.integers(3, 26)), int(rng.integers(3, 26)))
        cv2.ellipse(picture, centre, axes, float(rng.integers(180)), 0, 360, int(rng.integers(256)), -1)
    return np.asarray(cv2.GaussianBlur(picture, (0, 0), 0.8), np.uint8)


def warped(luma: Luma, affine: Affine, width: int, height: int) -> Luma:
    centres = maps.to_pixel_centres(affine)
    return np.asarray(cv2.warpAffine(luma, centres, (width, height), borderMode=cv2.BORDER_REPLICATE), np.uint8)


def largest_error(found: Affine, true: Affine, width: int, height: int) -> float:
    corners = np.array([[0, 0], [width, 0], [width, height], [0, height]], float)
    return float(np.linalg.norm(maps.apply(found, corners) - maps.apply(true, corners), axis=1).max())


def turned(degrees: float, scale: float, mirror: bool, width: int = 320, height: int = 240) -> Affine:
    cosine, sine = math.cos(math.radians(degrees)) * scale, math.sin(math.radians(degrees)) * scale
    linear = np.array([[cosine, sine], [-sine, cosine]]) @ np.diag([-1.0 if mirror else 1.0, 1.0])
    centre = np.array([width / 2, height / 2])
    return np.hstack([linear, (centre - linear @ centre)[:, None]])


@pytest.mark.parametrize(
    ("degrees", "scale", "mirror"), [(0, 1, False), (25, 1, False), (90, 0.6, True), (-140, 0.8, False), (10, 1, True)]
)
def test_features_find_turns_scales_and_mirrors(degrees: float, scale: float, mirror: bool) -> None:
    """A wrong sign of SIFT's angle or of the mirror permutation would lose every turned or mirrored copy."""
    a, true = scene(), turned(degrees, scale, mirror)
    b = warped(a, true, 320, 240)
    matches = register.match_features(features.halves(features.extract(a)), features.halves(features.extract(b)))
    best = register.from_votes(register.held(matches[mirror]))[0]
    assert best.inliers > 15
    assert largest_error(best.affine, true, 320, 240) < 6


def test_both_halves_of_a_descriptor_give_the_mirrored_match() -> None:
    """Sums and differences of swapped bins must give the products of the descriptors, and of the mirrored ones."""
    a, b = features.extract(scene(1)), features.extract(scene(2))
    first, second = features.halves(a), features.halves(b)
    even, odd = first.even @ second.even.T, first.odd @ second.odd.T
    whole = b.descriptors[: len(second)].astype(np.int64).T
    assert np.array_equal((even + odd) / 2, a.descriptors[: len(first)] @ whole)
    assert np.array_equal((even - odd) / 2, features.mirror_descriptors(a.descriptors[: len(first)]) @ whole)


def test_a_picture_turned_and_then_squared_is_plausible() -> None:
    """Turning and then stretching shears the axes of the first picture: a limit on that shear lost all such copies."""
    stretched = maps.compose(maps.scaling(0.75, 1.0), turned(25, 1.0, False))
    assert maps.decompose(stretched).plausible
    assert maps.decompose(stretched).shear < 1e-9
    assert not maps.decompose(np.array([[1.0, 0.5, 0], [0.0, 1.0, 0]])).plausible


@given(st.sampled_from(range(8)), st.floats(0.4, 2.0), st.floats(0.4, 2.0))
@settings(max_examples=25, deadline=None)
def test_frames_find_all_eight_orientations(index: int, x: float, y: float) -> None:
    """The permutation of the icon and the map that goes with it must be one and the same orientation."""
    a = scene(3)
    box_a = (0.0, 0.0, 320.0, 240.0)
    orientation = register.orientations()[0][index]
    width, height = round(320 * x), round(240 * y)
    true = register.box_map(box_a, (0.0, 0.0, float(width), float(height)), orientation)
    b = warped(a, true, width, height)
    box_b = (0.0, 0.0, float(width), float(height))
    icons = [outline.icon(a, box_a)], [outline.icon(b, box_b)]
    if maps.decompose(true).plausible:
        correlation, guess = register.from_frames(*icons, 0.5)
        assert correlation > 0.95
        assert guess is not None
        assert largest_error(guess.affine, true, 320, 240) < 1e-6


@given(st.floats(-179, 180), st.floats(0.3, 3), st.floats(0.5, 2), st.booleans(), st.floats(-50, 50), st.booleans())
@settings(max_examples=100, deadline=None)
def test_parts_name_what_made_the_map(
    degrees: float, scale: float, stretch: float, mirror: bool, offset: float, before: bool
) -> None:
    """The words of a report come from here; inverse and composition must agree with it."""
    turn, widen = turned(degrees, scale, mirror), maps.scaling(stretch, 1.0)
    affine = maps.compose(turn, widen) if before else maps.compose(widen, turn)
    affine[:, 2] += offset
    found = maps.decompose(affine)
    assert found.mirrored == mirror
    assert found.scale == pytest.approx(scale * math.sqrt(stretch))
    assert found.shear == pytest.approx(0, abs=1e-9)
    assert found.anisotropy == pytest.approx(max(stretch, 1 / stretch))
    identity = maps.compose(maps.invert(affine), affine)
    assert np.allclose(identity, maps.IDENTITY, atol=1e-6)
    at = np.array([[3.0, 7.0]])
    centres = maps.to_pixel_centres(affine)
    assert np.allclose(maps.apply(centres, at) + 0.5, maps.apply(affine, at + 0.5))


def test_words() -> None:
    """A person reads these: a copy as it is says so, and every change is named."""
    assert maps.describe(maps.IDENTITY, 1, 1) == "same frame"
    assert maps.describe(maps.scaling(0.5, 0.5), 1, 1) == "resized 0.50x"
    assert maps.describe(turned(90, 1, True), 1, 1) == "mirrored, rotated 90 degrees"
    assert maps.describe(turned(180, 1, True), 1, 1) == "mirrored top to bottom"
    assert "crop 49 % of area" in maps.describe(maps.scaling(0.71, 0.71), 0.49, 1)


@pytest.mark.parametrize("size", [(8, 8), (1, 320), (320, 1), (1, 1), (240, 320)])
def test_empty_and_tiny_pictures_give_no_guess(size: tuple[int, int]) -> None:
    """A blank or tiny picture has no features; matching it must be an empty answer, not an exception."""
    blank = features.halves(features.extract(np.full(size, 200, np.uint8)))
    other = features.halves(features.extract(scene()))
    for pair in ((blank, other), (other, blank), (blank, blank)):
        assert [register.from_votes(register.held(matches)) for matches in register.match_features(*pair)] == [[], []]
        assert [ballot.most_votes for ballot in register.ballots(*pair)] == [0, 0]
    box = (0.0, 0.0, float(size[1]), float(size[0]))
    assert not outline.icon(np.full(size, 200, np.uint8), box).unit.any()
