"""Local features: where they lie, what a mirror does to them, and that every picture gives some answer."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from skimage import data

from imgindex.pictures import features
from imgindex.records import LocalFeatures, Luma
from tests.pictures import scene

NEAR_PX = 1.5


@pytest.fixture(scope="module")
def luma() -> Luma:
    return features.working_luma(data.astronaut())


@pytest.fixture(scope="module")
def found(luma: Luma) -> LocalFeatures:
    return features.extract(luma)


def offsets(a: LocalFeatures, b: LocalFeatures) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Points of a with a point of b within NEAR_PX: (indices in a, indices in b, displacements)."""
    between = b.points[None] - a.points[:, None]
    distance = np.linalg.norm(between, axis=2)
    nearest = distance.argmin(axis=1)
    near = np.flatnonzero(distance.min(axis=1) < NEAR_PX)
    return near, nearest[near], between[near, nearest[near]]


def test_shapes_and_ranges(luma: Luma, found: LocalFeatures) -> None:
    """Prevents: features that break what `LocalFeatures` promises."""
    assert 0 < len(found) <= features.MAX_FEATURES
    assert (found.height, found.width) == luma.shape and max(luma.shape) == features.WORKING_SIDE_PX
    assert found.points.shape == (len(found), 2) and found.points.dtype == np.float32
    assert found.sizes.dtype == found.angles.dtype == np.float32 and (found.sizes > 0).all()
    assert (found.angles >= 0).all() and (found.angles < 360).all()
    assert found.descriptors.shape == (len(found), 128) and found.descriptors.dtype == np.uint8


def test_descriptors_are_root_sift(found: LocalFeatures) -> None:
    """Prevents: descriptors whose dot product is no Hellinger kernel (norm 512 but for rounding and clipping)."""
    norms = np.linalg.norm(found.descriptors.astype(np.float64), axis=1)
    assert abs(np.median(norms) - features.DESCRIPTOR_SCALE) < 3 and norms.min() > 0.9 * features.DESCRIPTOR_SCALE


def test_repeatable_and_strongest_first(luma: Luma, found: LocalFeatures) -> None:
    """Prevents: features that differ between two reads of one file, and a limit that keeps the weak ones."""
    again, fewer = features.extract(luma), features.extract(luma, limit=50)
    assert (again.points == found.points).all() and (again.descriptors == found.descriptors).all()
    strongest = {tuple(point) for point in found.points[:60].tolist()}
    assert sum(tuple(point) in strongest for point in fewer.points.tolist()) >= 45


def test_mirrored_features_are_those_of_the_mirrored_picture(luma: Luma, found: LocalFeatures) -> None:
    """Prevents: points half a pixel off, or descriptor bins in the wrong order."""
    predicted = features.mirrored(found)
    detected = features.extract(np.ascontiguousarray(luma[:, ::-1]))
    at, match, displaced = offsets(predicted, detected)
    assert len(at) > 0.9 * len(found)
    assert np.abs(np.median(displaced, axis=0)).max() < 0.02
    alike = np.einsum(
        "ij,ij->i", predicted.descriptors[at].astype(np.float64), detected.descriptors[match].astype(np.float64)
    )
    assert np.median(alike) / features.DESCRIPTOR_SCALE**2 > 0.99
    turn = (detected.angles[match] - predicted.angles[at] + 180) % 360 - 180
    assert np.abs(np.median(turn)) < 0.1


def test_mirroring_twice_is_nothing(found: LocalFeatures) -> None:
    """Prevents: a permutation that is not its own inverse."""
    back = features.mirrored(features.mirrored(found))
    assert (back.descriptors == found.descriptors).all()
    assert np.allclose(back.points, found.points, atol=1e-4)
    assert sorted(features.MIRROR_PERMUTATION.tolist()) == list(range(128))


def test_points_of_a_small_picture_lie_in_its_own_pixels(luma: Luma) -> None:
    """Prevents: an enlargement that shows outside, as points too far out or half a pixel off."""
    small = cv2.resize(luma, None, fx=0.5, fy=0.5, interpolation=cv2.INTER_AREA)
    found_small, found_full = features.extract(small), features.extract(luma)
    assert (found_small.height, found_small.width) == small.shape
    assert found_small.points.min() > -0.5 and (found_small.points < [small.shape[1], small.shape[0]]).all()
    mapped = LocalFeatures(
        (found_small.points + 0.5) * 2 - 0.5, found_small.sizes * 2, found_small.angles, found_small.descriptors, 1, 1
    )
    at, match, displaced = offsets(mapped, found_full)
    assert len(at) > 50
    assert np.abs(np.median(displaced, axis=0)).max() < 0.25
    assert 0.8 < np.median(found_full.sizes[match] / mapped.sizes[at]) < 1.25


def test_a_thumbnail_has_features_enough_to_be_recognised() -> None:
    """Prevents: small and flat copies that verification has nothing to hold on to."""
    thumbnail = cv2.cvtColor(np.asarray(scene(3).resize((107, 80))), cv2.COLOR_RGB2GRAY)
    faint = (118 + thumbnail.astype(np.float64) / 6).astype(np.uint8)
    assert len(features.extract(thumbnail)) > 50
    assert len(features.extract(faint)) > 20


@pytest.mark.parametrize("shape", [(1, 1), (1, 300), (200, 3), (240, 320)])
def test_a_picture_without_texture_has_none(shape: tuple[int, int]) -> None:
    """Prevents: a crash on blank and on tiny pictures."""
    none = features.extract(np.full(shape, 77, np.uint8))
    assert len(none) == 0 and none.points.shape == (0, 2) and none.descriptors.shape == (0, 128)
    assert (none.height, none.width) == shape
    assert len(features.mirrored(none)) == 0


def test_working_luma_reduces_and_never_enlarges() -> None:
    """Prevents: a working picture of another size than the registration counts on, or a side of 0 pixels."""
    assert features.working_luma(np.zeros((1000, 2000, 3), np.uint8)).shape == (160, 320)
    assert features.working_luma(np.zeros((30, 20, 3), np.uint8)).shape == (30, 20)
    assert features.reduce_luma(np.zeros((5000, 2), np.uint8), 320).shape == (320, 1)
    grey = features.working_luma(np.full((4, 4, 3), (255, 0, 0), np.uint8))
    assert grey[0, 0] == 76
