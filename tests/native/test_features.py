"""Compiled features, matches and votes, against OpenCV and NumPy."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray

from imgindex import native
from imgindex.pictures.features import root_sift
from tests.proof.test_register import scene

pytestmark = pytest.mark.usefixtures("each_library")

TOLERANCES = (10.0, 6.0, 3.5, 3.5)


def test_features_are_those_of_opencv() -> None:
    """Prevents: other points, sizes, angles or bins than everything that was measured with OpenCV's SIFT relied on."""
    luma = scene(5)
    detector = cv2.SIFT.create(nfeatures=150, nOctaveLayers=2, contrastThreshold=0.02, enable_precise_upscale=True)
    keypoints, raw = detector.detectAndCompute(luma, None)
    points, descriptors = native.sift(luma, 2, 0.02, 150)
    assert len(points) == 150
    theirs = np.array([(*k.pt, k.size, k.angle) for k in keypoints])
    mine, other = (rows.astype(float) for rows in (root_sift(descriptors), root_sift(np.asarray(raw, np.float32))))
    cosines = []
    for row, point in zip(other, theirs, strict=True):
        apart = np.abs(points - point)
        apart[:, 3] = np.minimum(apart[:, 3], 360 - apart[:, 3])
        same = np.flatnonzero((apart < (0.3, 0.3, 0.5, 4.0)).all(axis=1))
        if len(same):
            one = mine[same[0]]
            cosines.append(float(one @ row / np.linalg.norm(one) / np.linalg.norm(row)))
    assert len(cosines) > 0.9 * len(theirs)
    assert np.median(cosines) > 0.9975
    assert min(cosines) > 0.97


def test_a_feature_is_found_once() -> None:
    """Prevents: two votes for one match, where two pixels settled at one place."""
    points, _ = native.sift(scene(1), 3, 0.005, 2000)
    assert len(points) == len(np.unique(points, axis=0)) > 500


@pytest.mark.parametrize("shape", [(1, 1), (1, 40), (40, 1), (3, 200), (11, 11), (33, 257), (160, 7)])
def test_features_of_odd_shapes(shape: tuple[int, int]) -> None:
    """Prevents: reading outside of a picture that is smaller than a blur, or a row that no vector register divides."""
    luma = np.random.default_rng(1).integers(0, 256, shape, np.uint8)
    points, descriptors = native.sift(luma, 3, 0.01, 50)
    assert len(points) == len(descriptors) <= 50
    assert np.isfinite(points).all() and np.isfinite(descriptors).all()
    assert (points[:, 0] < shape[1]).all() and (points[:, 1] < shape[0]).all() and (points[:, :2] > -1).all()


def features(count: int, dims: int, seed: int) -> tuple[native.Features, list[NDArray[np.float32]]]:
    rng = np.random.default_rng(seed)
    even, odd = (rng.integers(-20, 20, (count, dims)).astype(np.float32) for _ in range(2))
    points = rng.uniform(0, 300, (count, 2)).astype(np.float32)
    sizes, angles = (rng.uniform(*span, count).astype(np.float32) for span in ((2, 20), (0, 360)))
    arrays = [even, odd, points, sizes, angles]
    return native.Features(*arrays), arrays


@pytest.mark.parametrize(("count", "others"), [(2, 2), (2, 90), (61, 83)])
def test_matches_are_mutual_and_clear(count: int, others: int) -> None:
    """Prevents: a match that the plain definition has and this has not, or the wrong map for one."""
    (a, of_a), (b, of_b) = features(count, 8, 1), features(others, 8, 2)
    for copied in range(min(count, others) // 4):  # equal to one of the other's, and some of them to two of them
        of_b[0][copied], of_b[1][copied] = of_a[0][copied], of_a[1][copied]
        if copied % 3 == 0:
            of_b[0][-1 - copied], of_b[1][-1 - copied] = of_a[0][copied], of_a[1][copied]
            of_b[0][copied, 0], of_b[0][-1 - copied, 1] = of_a[0][copied][:2] + 1
    b = native.Features(*of_b)
    ratio, least = 0.97, 2.0
    squared = [(arrays[0] ** 2 + arrays[1] ** 2).sum(axis=1) for arrays in (of_a, of_b)]
    for mirrored, found in enumerate(native.match_features(a, b, ratio, least, 120)):
        product = of_a[0] @ of_b[0].T + (-1 if mirrored else 1) * of_a[1] @ of_b[1].T
        distances = squared[0][:, None] + squared[1][None, :] - 2 * product
        expected = []
        for row, best in enumerate(distances.argmin(axis=1)):
            second = np.delete(distances[row], best).min()
            clear = distances[row, best] / max(second, least)
            if distances[row, best] <= distances[:, best].min() and clear < ratio**2:
                expected.append((clear, row, best))
        expected.sort()
        assert np.allclose(found[:, native.MATCH_A], [of_a[2][row] + 0.5 for _, row, _ in expected] or np.empty((0, 2)))
        assert np.allclose(found[:, native.MATCH_B], [of_b[2][best] + 0.5 for *_, best in expected] or np.empty((0, 2)))
        for match, (_, row, best) in zip(found, expected, strict=True):
            map_ = match[native.MATCH_MAP].reshape(2, 3)
            assert np.allclose(map_ @ [*match[native.MATCH_A], 1], match[native.MATCH_B])
            assert math.isclose(abs(np.linalg.det(map_[:, :2])) ** 0.5, of_b[3][best] / of_a[3][row], rel_tol=1e-5)
            assert (np.linalg.det(map_[:, :2]) < 0) == mirrored
            assert -math.pi <= match[5] < math.pi


def test_nothing_matches_a_single_feature() -> None:
    """Prevents: a ratio to a second nearest that there is not."""
    one, other = features(1, 8, 1)[0], features(9, 8, 2)[0]
    assert [len(found) for found in native.match_features(one, other, 0.9, 2.0, 120)] == [0, 0]
    tolerance = native.Tolerance(14.0, 0.5, 0.4)
    assert native.vote(np.empty((0, native.MATCH_VALUES)), tolerance)[0] == 0
    assert not native.agree(one, other, 0.9, 2.0, 120, tolerance, 1)


def test_votes_are_of_those_that_agree() -> None:
    """Prevents: a vote that counts a match with another size or turn, or one that lands elsewhere."""
    one, other = features(80, 8, 3)[0], features(80, 8, 4)[0]
    both = native.match_features(one, other, 1.0, 2.0, 120)
    matches = np.concatenate(both)
    matches = np.concatenate([matches, matches + np.eye(native.MATCH_VALUES)[2] * 3.0])
    reach, log_scale, turn = 60.0, 1.0, math.radians(70)
    tolerance = native.Tolerance(reach, log_scale, turn)
    most, agree = native.vote(matches, tolerance)
    assert most == agree.sum(axis=1).max() > 2
    enough = [native.vote(side, tolerance)[0] for side in both]
    assert [native.agree(one, other, 1.0, 2.0, 120, tolerance, max(enough) + more) for more in (0, 1)] == [True, False]
    for alive in (np.ones(len(matches), np.bool_), np.arange(len(matches)) % 3 > 0, np.zeros(len(matches), np.bool_)):
        counts = np.count_nonzero(agree & alive, axis=1) * alive
        assert native.leader(agree, alive) == (counts.argmax(), counts.max())
    for row, match in enumerate(matches):
        landed = matches[:, :2] @ match[native.MATCH_MAP].reshape(2, 3)[:, :2].T + match[native.MATCH_MAP][2::3]
        apart = np.abs((matches[:, 5] - match[5] + math.pi) % (2 * math.pi) - math.pi)
        near = np.linalg.norm(landed - matches[:, 2:4], axis=1) < reach * min(1.0, match[4])
        assert np.array_equal(
            agree[row], near & (np.abs(np.log(matches[:, 4] / match[4])) < log_scale) & (apart < turn)
        )


def test_residual_sums_are_those_of_the_nearest_centroids() -> None:
    """Prevents: a descriptor that counts for another centroid, or one mirrored that counts as it is."""
    rng = np.random.default_rng(12)
    centroids = np.abs(rng.normal(size=(7, 128))).astype(np.float32)
    centroids /= np.linalg.norm(centroids, axis=1, keepdims=True)
    mirror = np.argsort(rng.random(128))
    descriptors = rng.integers(0, 256, (30, 128)).astype(np.uint8)
    descriptors[4] = 0
    rows = descriptors / np.maximum(np.linalg.norm(descriptors, axis=1, keepdims=True), 1e-9)
    expected = np.zeros((7, 128))
    for row in rows:
        products = np.concatenate([centroids @ row, centroids[:, mirror] @ row])
        best = int(products.argmax())
        residual = (row[mirror] if best >= 7 else row) - centroids[best % 7]
        expected[best % 7] += residual / np.linalg.norm(residual)
    assert np.allclose(native.residual_sums(descriptors, centroids, mirror), expected, atol=1e-4)
    assert not native.residual_sums(descriptors[:0], centroids, mirror).any()
    with pytest.raises(ValueError, match="128"):
        native.residual_sums(descriptors[:, :64], centroids, mirror)


def test_a_layout_is_cosines_and_shares() -> None:
    """Prevents: colours or frequencies other than those that the projection was trained on."""
    rgb = np.random.default_rng(13).integers(0, 256, (32, 32, 3), np.uint8)
    rgb[:8, :8], rgb[:8, 8:16], rgb[8:16, :8] = (255, 0, 0), (0, 0, 255), (255, 255, 255)
    power, shares, deviation = native.layout(rgb, 7, 9, 6)
    luma = rgb.astype(np.float32) @ np.array([0.299, 0.587, 0.114], np.float32)
    assert np.allclose(power, np.square(cv2.dct(luma)[:7, :7]), rtol=1e-3, atol=1.0)
    assert deviation == pytest.approx(float(luma.std()), rel=1e-4)
    expected = []
    layers = (luma, (rgb[..., 2] - luma) * 0.564 + 127.5, (rgb[..., 0] - luma) * 0.713 + 127.5)
    for values, (bins, low, high, unit) in zip(layers, ((9, 0, 255, 2), (6, 64, 191, 1), (6, 64, 191, 1)), strict=True):
        at = np.clip((values.ravel() - low) / (high - low), 0, 1) * (bins - 1)
        expected += [unit * float(np.maximum(0, 1 - np.abs(at - i)).mean()) for i in range(bins)]
    assert np.allclose(shares, expected, atol=1e-5)
    with pytest.raises(ValueError, match="layout"):
        native.layout(rgb[:, :20], 7, 9, 6)


def polished(
    matches: NDArray[np.float64],
    chosen: NDArray[np.bool_],
    similarity: NDArray[np.float64],
    tolerances: tuple[float, ...],
) -> tuple[NDArray[np.float64], NDArray[np.bool_], int]:
    """What `native.polish` computes, in NumPy."""
    a, b = matches[:, :2], matches[:, 2:4]
    for tolerance in tolerances:
        centre_a, centre_b = a[chosen].mean(axis=0), b[chosen].mean(axis=0)
        da, db = a[chosen] - centre_a, b[chosen] - centre_b
        shortest, longest = np.sqrt(np.maximum(np.linalg.eigvalsh(da.T @ da), 0.0))
        linear = similarity[:, :2]
        if len(da) >= 4 and shortest > max(0.2 * longest, 12.0):
            linear = np.linalg.lstsq(da, db, rcond=None)[0].T
        elif len(da) >= 2 and longest > 12.0:
            flip = np.diag([-1.0 if np.linalg.det(similarity[:, :2]) < 0 else 1.0, 1.0])
            first, second = (da @ flip) @ (1, 1j), db @ (1, 1j)
            factor = (np.conj(first) @ second) / (np.conj(first) @ first).real
            linear = np.array([[factor.real, -factor.imag], [factor.imag, factor.real]]) @ flip
        affine = np.hstack([linear, (centre_b - linear @ centre_a)[:, None]])
        scale = abs(np.linalg.det(linear)) ** 0.5
        agreeing = np.linalg.norm(a @ linear.T + affine[:, 2] - b, axis=1) < tolerance * min(1.0, max(scale, 0.3))
        if agreeing.sum() < 2:
            break
        chosen = agreeing
    cells = [len({tuple(cell) for cell in (at[chosen] / 3.0).astype(int).tolist()}) for at in (a, b)]
    return affine, chosen, min(cells)


@pytest.mark.parametrize("mirrored", [False, True])
@pytest.mark.parametrize("scale", [0.1, 0.5, 1.5])
@pytest.mark.parametrize("spread", ["wide", "slim", "three", "one place"])
def test_polishing_is_least_squares_again_and_again(mirrored: bool, scale: float, spread: str) -> None:
    """Prevents: a map through false matches, an affine one through matches on a line, or a mirror that is lost."""
    rng = np.random.default_rng(4)
    flip = np.diag([-1.0 if mirrored else 1.0, 1.0])
    true = np.hstack([scale * np.array([[0.8, -0.6], [0.6, 0.8]]) @ flip, [[350.0], [300.0]]])
    count = 3 if spread == "three" else 40
    matches = np.zeros((count, native.MATCH_VALUES))
    extent = {"wide": (200, 200), "slim": (200, 15), "three": (200, 200), "one place": (2, 2)}[spread]
    matches[:, :2] = 20 + rng.uniform(0, extent, (count, 2))
    matches[:, 2:4] = matches[:, :2] @ true[:, :2].T + true[:, 2] + rng.normal(0, 1.2, (count, 2)) * scale
    if count > 3:
        matches[1, :2] = matches[0, :2]  # one place of a, two of b
        matches[30:, 2:4] += rng.uniform(3, 40, (10, 2))
    chosen = rng.random(count) < 0.8 if count > 3 else np.ones(3, np.bool_)
    start = true * 1.1
    found, expected = native.polish(matches, chosen, start, TOLERANCES), polished(matches, chosen, start, TOLERANCES)
    assert np.allclose(found[0], expected[0], atol=1e-6)
    assert np.array_equal(found[1], expected[1])
    assert found[2] == expected[2]


def test_two_shapes_or_kinds_are_refused() -> None:
    """Prevents: reading beyond the smaller of two pictures."""
    a, b = np.zeros((40, 40), np.uint8), np.zeros((8, 8), np.uint8)
    with pytest.raises(ValueError, match="b is uint8"):
        native.mean_ssim(a, b, None, 0, 1.0, 1.0)
    with pytest.raises(ValueError, match="even_b is float32"):
        native.match_features(features(5, 8, 1)[0], features(5, 16, 1)[0], 0.9, 2.0, 9)
    with pytest.raises(ValueError, match="even_b is float32"):
        native.agree(features(5, 8, 1)[0], features(5, 16, 1)[0], 0.9, 2.0, 9, native.Tolerance(9.0, 1.0, 1.0), 2)
    with pytest.raises(ValueError, match="layers is 6"):
        native.sift(a, 6, 0.02, 10)


def test_halves_are_sums_and_differences() -> None:
    """Prevents: a mirrored copy whose features are compared with those of the picture as it is."""
    rng = np.random.default_rng(16)
    descriptors, order = rng.integers(0, 256, (23, 128)).astype(np.uint8), rng.permutation(128)
    even, odd = native.halves(descriptors, order[:64], order[64:])
    first, second = (descriptors[:, part].astype(int) for part in (order[:64], order[64:]))
    assert np.array_equal(even, first + second) and np.array_equal(odd, first - second)
    with pytest.raises(ValueError, match="128"):
        native.halves(descriptors[:, :64], order[:64], order[64:])
