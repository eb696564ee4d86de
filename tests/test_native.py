"""The compiled part: each function against OpenCV or NumPy, by the library for this processor and by that for any."""

from __future__ import annotations

import math
import shutil
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgindex import native
from imgindex.features import root_sift
from tests.script_modules import script_module
from tests.test_register import scene

LIBRARIES = ("kernels.so", "kernels-avx2.so") if native.has_avx2() else ("kernels.so",)


@pytest.fixture(params=LIBRARIES, autouse=True, scope="module")
def library(request: pytest.FixtureRequest) -> Iterator[None]:
    """Both libraries: a processor without AVX2 runs the plain one, which no other test loads."""
    loaded = native.load(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(native, "kernels", lambda: loaded)
        yield


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
    for mirrored, found in enumerate(native.match(a, b, ratio, least, 120)):
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
    assert [len(found) for found in native.match(one, other, 0.9, 2.0, 120)] == [0, 0]
    assert native.vote(np.empty((0, native.MATCH_VALUES)), 14.0, 0.5, 0.4) == 0


def test_votes_are_of_those_that_agree() -> None:
    """Prevents: a vote that counts a match with another size or turn, or one that lands elsewhere."""
    matches = np.concatenate(native.match(features(80, 8, 3)[0], features(80, 8, 4)[0], 1.0, 2.0, 120))
    matches = np.concatenate([matches, matches + np.eye(native.MATCH_VALUES)[2] * 3.0])
    reach, log_scale, turn = 60.0, 1.0, math.radians(70)
    agree = np.empty((len(matches), len(matches)), np.bool_)
    most = native.vote(matches, reach, log_scale, turn, agree)
    assert most == agree.sum(axis=1).max() == native.vote(matches, reach, log_scale, turn) > 2
    for row, match in enumerate(matches):
        landed = matches[:, :2] @ match[native.MATCH_MAP].reshape(2, 3)[:, :2].T + match[native.MATCH_MAP][2::3]
        apart = np.abs((matches[:, 5] - match[5] + math.pi) % (2 * math.pi) - math.pi)
        near = np.linalg.norm(landed - matches[:, 2:4], axis=1) < reach * min(1.0, match[4])
        assert np.array_equal(
            agree[row], near & (np.abs(np.log(matches[:, 4] / match[4])) < log_scale) & (apart < turn)
        )


@pytest.mark.parametrize(("shape", "step"), [((48, 64), 4), ((37, 53), 8), ((9, 24), 2), ((16, 16), 8), ((4, 4), 2)])
def test_window_means_are_those_of_a_blurred_picture(shape: tuple[int, int], step: int) -> None:
    """Prevents: a window that is off by a pixel, or an edge that is not blurred against its reflection."""
    rng = np.random.default_rng(2)
    a, b = (rng.integers(0, 256, shape, np.uint8) for _ in range(2))
    kernel = np.ascontiguousarray(cv2.getGaussianKernel(5, 0.8).reshape(-1), np.float32)
    soft_a, soft_b, means = native.window_means(a, b, kernel, step)
    rows, columns = shape[0] // step, shape[1] // step
    for soft, luma in ((soft_a, a), (soft_b, b)):
        blurred = cv2.sepFilter2D(luma, cv2.CV_32F, kernel, kernel)[: rows * step, : columns * step]
        assert np.allclose(soft, blurred, atol=1e-3)
    layers = (soft_a, soft_b, soft_a**2, soft_b**2, soft_a * soft_b)
    for found, layer in zip(means, layers, strict=True):
        windows = np.lib.stride_tricks.sliding_window_view(layer.astype(float), (2 * step, 2 * step))[::step, ::step]
        assert np.allclose(found, windows.mean(axis=(2, 3)).ravel(), rtol=1e-4)


def test_offsets_are_how_far_a_picture_was_moved() -> None:
    """Prevents: a shift of the wrong sign or size, one that a darker copy has for being darker, and one for a window
    that nobody asked for."""
    luma = cv2.GaussianBlur(scene(7), (0, 0), 2.0)
    moved = cv2.warpAffine(luma, np.array([[1, 0, 0.3], [0, 1, -0.2]]), luma.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    dark = np.asarray(np.rint(moved * 0.5 + 30), np.uint8)
    kernel, step = np.array([0, 0, 1, 0, 0], np.float32), 16
    for other, unit in ((np.asarray(moved, np.uint8), 1.0), (dark, 2.0)):
        soft_a, soft_b, means = native.window_means(luma, other, kernel, step)
        mean_a, mean_b, square_a, square_b, _ = means
        inside = np.arange(len(mean_a)) % 3 > 0
        a = native.Softened(soft_a, 1.0, mean_a[inside], (square_a - mean_a**2)[inside])
        b = native.Softened(soft_b, unit, unit * mean_b[inside], (square_b - mean_b**2)[inside] * unit**2)
        shifts = native.offsets(a, b, step, inside, 48.0, 4.0)
        assert shifts.shape == (inside.sum(), 2)
        assert np.allclose(np.median(shifts, axis=0), (0.3, -0.2), atol=0.08)
        assert np.percentile(np.abs(shifts - (0.3, -0.2)), 90) < 0.2


@given(st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.integers(1, 70), st.sampled_from((1, 3)))
@settings(max_examples=60, deadline=None)
def test_areas_are_averaged_as_opencv_does(height: int, width: int, down: int, across: int, channels: int) -> None:
    """Prevents: a picture that is shifted or darker than the one that thresholds were measured on."""
    rng = np.random.default_rng(height * width + down)
    picture = np.squeeze(rng.integers(0, 256, (height, width, channels), np.uint8), axis=2 if channels == 1 else ())
    found = native.resize_area(picture, across, down)
    expected = cv2.resize(picture, (across, down), interpolation=cv2.INTER_AREA)
    assert np.abs(found.astype(int) - expected).max() <= 1


def test_a_part_of_a_picture_is_averaged_in_place() -> None:
    """Prevents: rows of a part that are read as if they were the whole picture's."""
    part = scene(4)[20:111, 33:147]
    for view in (part, part[:, ::-1], part.T):
        assert np.array_equal(native.resize_area(view, 24, 24), native.resize_area(view.copy(), 24, 24))


def signed_area(polygon: NDArray[np.float64]) -> float:
    x, y = polygon.T
    return float(0.5 * np.sum(x * np.roll(y, -1) - y * np.roll(x, -1)))


def area(polygon: NDArray[np.float64]) -> float:
    return abs(signed_area(polygon)) if len(polygon) else 0.0


@given(st.integers(3, 9), st.floats(-40, 60), st.floats(0, 7), st.floats(0.01, 60), st.integers(3, 8))
@settings(max_examples=80, deadline=None)
def test_what_polygons_share_lies_in_both(count: int, middle: float, turn: float, tall: float, sides: int) -> None:
    """Prevents: a canvas that reaches beyond one of two pictures, or that misses a part of what they share."""
    turns, others = np.arange(count) * 2 * math.pi / count + turn, -np.arange(sides) * 2 * math.pi / sides
    a = np.stack([middle + 40 * np.cos(turns), tall * np.sin(turns)], axis=1)
    b = np.stack([10 + 40 * np.cos(others), 30 * np.sin(others)], axis=1)
    corners = native.intersection(a, b, 1e-3)
    found, other = (area(native.intersection(*pair, 1e-3)) for pair in ((a, b), (b, a)))
    assert found == pytest.approx(other, abs=1e-6)
    theirs, _ = cv2.intersectConvexConvex(a.astype(np.float32), b.astype(np.float32))
    assert found >= theirs - 0.05 - 1e-3 * theirs or area(a) <= 1e-3
    for polygon in (a, b):
        edges, away = np.roll(polygon, -1, axis=0) - polygon, corners[None] - polygon[:, None]
        inside = edges[:, :1] * away[..., 1] - edges[:, 1:] * away[..., 0]
        inside *= 1 if signed_area(polygon) > 0 else -1
        assert (inside >= -1e-6 * (1 + np.abs(edges).max())).all()


@pytest.mark.parametrize("seed", range(6))
def test_borders_are_what_opencv_floods(seed: int) -> None:
    """Prevents: content that is taken for a border, or a bar that is taken for content."""
    luma = cv2.GaussianBlur(scene(seed)[: 60 + seed, :90], (0, 0), 3.0)
    luma[: 7 * (seed % 3)], luma[:, 80:] = 40, 42
    luma[20:30, 75:85] = 40
    mask = np.zeros((luma.shape[0] + 2, luma.shape[1] + 2), np.uint8)
    flags = 4 | (255 << 8) | cv2.FLOODFILL_FIXED_RANGE | cv2.FLOODFILL_MASK_ONLY
    for x, y in ((0, 0), (89, 0), (0, luma.shape[0] - 1), (89, luma.shape[0] - 1)):
        if not mask[y + 1, x + 1]:
            cv2.floodFill(np.ascontiguousarray(luma), mask, (x, y), 0, 4, 4, flags)
    ends, count = native.content(luma, 4)
    inside = mask[1:-1, 1:-1] == 0
    assert count == (~inside).sum() > 0
    for row, (first, last) in zip(inside, ends.tolist(), strict=True):
        kept = np.flatnonzero(row)
        assert (first, last) == ((kept[0], kept[-1] + 1) if len(kept) else (len(row), 0))


@pytest.mark.parametrize(("shape", "size"), [((40, 61), 7), ((33, 24), 8), ((9, 20), 17), ((90, 130), 12)])
def test_least_variances_are_those_of_box_filters(shape: tuple[int, int], size: int) -> None:
    """Prevents: a changed digit that is compared at another place than its own."""
    rng = np.random.default_rng(8)
    a, b = (rng.normal(0, 90, shape).astype(np.float32) for _ in range(2))
    framed = cv2.copyMakeBorder(b, 1, 1, 1, 1, cv2.BORDER_REPLICATE)
    places = np.array([(x, y) for y in range(1, shape[0], 3) for x in range(0, shape[1], 4)])

    def variances(values: NDArray[np.float64]) -> NDArray[np.float64]:
        mean, power = (cv2.boxFilter(v, -1, (size, size)) for v in (values, values * values))
        return np.asarray((power - mean * mean)[places[:, 1], places[:, 0]])

    moved = [framed[y : y + shape[0], x : x + shape[1]].astype(float) for y in range(3) for x in range(3)]
    expected = np.min([variances(a - one) for one in moved], axis=0)
    assert np.allclose(native.least_variance(a, np.asarray(framed, np.float32), size, places), expected, rtol=1e-4)
    assert np.allclose(native.least_variance(a, None, size, places), variances(a.astype(float)), rtol=1e-4)
    with pytest.raises(ValueError, match="frame"):
        native.least_variance(a, b, size, places)
    with pytest.raises(ValueError, match="outside"):
        native.least_variance(a, None, size, places + shape[1])


def test_a_fit_is_robust() -> None:
    """Prevents: a fit that a third of outliers pulls away, and one through points that fix no map."""
    rng = np.random.default_rng(3)
    points = rng.uniform(0, 256, (60, 2))
    true = np.array([[0.9, 0.1, 5.0], [-0.1, 1.1, -3.0]])
    targets = points @ true[:, :2].T + true[:, 2]
    targets[::3] += rng.uniform(4, 30, (20, 2))
    found = native.fit(points, targets, 0.3)
    assert found is not None and np.allclose(found, true, atol=1e-2)
    noisy = targets + rng.normal(0, 0.4, targets.shape)
    again = native.fit(points, noisy, 0.3)
    design, weights = np.hstack([points, np.ones((60, 1))]), np.ones(60)
    for width in (2.4, 1.2, 0.6, 0.3, None):
        root = np.sqrt(weights)[:, None]
        solution = np.linalg.lstsq(root * design, root * noisy, rcond=None)[0]
        left = ((noisy - design @ solution) ** 2).sum(axis=1)
        weights = weights if width is None else (1 + left / width**2) ** -2.0
    assert again is not None and np.allclose(again, solution.T, atol=1e-5)
    line = np.stack([np.arange(9.0), 2 * np.arange(9.0)], axis=1)
    assert native.fit(line, line, 0.3) is None
    assert native.fit(points[:5], targets[:5], 0.3) is None


def test_products_are_of_the_values_in_that_order() -> None:
    """Prevents: an orientation of a thumbnail that is compared as another."""
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(2, 31)).astype(np.float32)
    orders = np.stack([rng.permutation(31) for _ in range(5)]).astype(np.int32)
    assert np.allclose(native.ordered_products(a, b, orders), a[orders] @ b, atol=1e-5)


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


TOLERANCES = (10.0, 6.0, 3.5, 3.5)


def test_two_shapes_or_kinds_are_refused() -> None:
    """Prevents: reading beyond the smaller of two pictures."""
    a, b = np.zeros((40, 40), np.uint8), np.zeros((8, 8), np.uint8)
    with pytest.raises(ValueError, match="shapes"):
        native.ssim_map(a, b, 1.0, 1.0)
    with pytest.raises(ValueError, match="shapes"):
        native.window_means(a, b, np.ones(5, np.float32), 2)
    with pytest.raises(ValueError, match="kinds"):
        native.match(features(5, 8, 1)[0], features(5, 16, 1)[0], 0.9, 2.0, 9)
    with pytest.raises(ValueError, match="layers"):
        native.sift(a, 6, 0.02, 10)


@pytest.mark.parametrize("shape", [(7, 7), (8, 31), (40, 9), (64, 65)])
def test_ssim_is_that_of_box_filters_to_the_very_edge(shape: tuple[int, int]) -> None:
    """Prevents: a score that depends on what lies beside a picture in memory."""
    rng = np.random.default_rng(5)
    a = rng.integers(0, 256, shape, np.uint8)
    b = np.clip(a.astype(int) + rng.integers(-60, 60, shape), 0, 255).astype(np.uint8)
    x, y, c1, c2 = a.astype(np.float64), b.astype(np.float64), 6.5, 58.5

    def mean(values: NDArray[np.float64]) -> NDArray[np.float64]:
        return np.asarray(cv2.boxFilter(values, -1, (7, 7)))

    mx, my, sample = mean(x), mean(y), 49 / 48
    vx, vy, both = (sample * (mean(p) - q) for p, q in ((x * x, mx * mx), (y * y, my * my), (x * y, mx * my)))
    expected = (2 * mx * my + c1) * (2 * both + c2) / ((mx * mx + my * my + c1) * (vx + vy + c2))
    assert np.allclose(native.ssim_map(a, b, c1, c2), expected, atol=1e-4)


def test_a_library_that_was_not_compiled_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a traceback of ctypes for whoever runs a checkout without installing it."""
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    with pytest.raises(ImportError, match="pip install"):
        native.load("kernels.so")


def test_a_library_of_other_sources_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a checkout that was updated and calls last month's functions with other arguments."""
    for path in native.FOLDER.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    monkeypatch.setattr(native, "FOLDER", tmp_path)
    native.load("kernels.so")
    with (tmp_path / "sift.c").open("a") as source:
        source.write("\n")
    with pytest.raises(ImportError, match="other sources"):
        native.load("kernels.so")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    return script_module("build_native")


def test_a_failed_build_shows_what_the_compiler_said(build: ModuleType, tmp_path: Path) -> None:
    """Prevents: an installation that ends in an exit code, or that leaves half a library to be loaded."""
    if build.system_compiler() is None:
        pytest.skip("no C compiler here")
    (tmp_path / "broken.c").write_text("int f( {")
    with pytest.raises(RuntimeError, match=r"broken\.c"):
        build.compile_libraries(tmp_path, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.c"]
