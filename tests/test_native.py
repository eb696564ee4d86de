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
from imgindex.native import library
from imgindex.pictures.features import root_sift
from imgindex.proof import maps
from tests.script_modules import script_module
from tests.test_register import scene


@pytest.fixture(params=library.usable(), autouse=True, scope="module")
def each_library(request: pytest.FixtureRequest) -> Iterator[None]:
    """All libraries that run here: other tests load the fastest only."""
    loaded = library.Kernels(request.param)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(library, "kernels", lambda: loaded)
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
    tolerance = native.Tolerance(14.0, 0.5, 0.4)
    assert native.vote(np.empty((0, native.MATCH_VALUES)), tolerance)[0] == 0
    assert not native.agree(one, other, 0.9, 2.0, 120, tolerance, 1)


def test_votes_are_of_those_that_agree() -> None:
    """Prevents: a vote that counts a match with another size or turn, or one that lands elsewhere."""
    one, other = features(80, 8, 3)[0], features(80, 8, 4)[0]
    both = native.match(one, other, 1.0, 2.0, 120)
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


KERNEL = np.ascontiguousarray(cv2.getGaussianKernel(5, 0.8).reshape(-1), np.float32)


def window_statistics(
    a: NDArray[np.uint8], b: NDArray[np.uint8], mask: NDArray[np.bool_] | None, step: int, stabiliser: float
) -> dict[str, NDArray[np.float64]]:
    """What `native.Windows` has, in NumPy."""
    rows, columns = a.shape[0] // step, a.shape[1] // step
    soft = [cv2.sepFilter2D(one, cv2.CV_64F, KERNEL, KERNEL)[: rows * step, : columns * step] for one in (a, b)]

    def means(layer: NDArray[np.float64]) -> NDArray[np.float64]:
        windows = np.lib.stride_tricks.sliding_window_view(layer, (2 * step, 2 * step))[::step, ::step]
        return np.asarray(windows.mean(axis=(2, 3)).ravel())

    marked = np.ones(a.shape) if mask is None else mask.astype(float)
    inside = means(marked[: rows * step, : columns * step]) > 0.9
    mean_a, mean_b = (means(one)[inside] for one in soft)
    var_a, var_b = (means(one * one)[inside] - mean**2 for one, mean in zip(soft, (mean_a, mean_b), strict=True))
    cov = means(soft[0] * soft[1])[inside] - mean_a * mean_b
    alike, gain = cov / np.sqrt((var_a + 1) * (var_b + 1)), 1.0
    if len(alike):
        trusted = alike >= max(0.5, np.quantile(alike, 0.6))
        if trusted.any():
            gain = float(np.clip(np.median(np.sqrt((var_b + 1) / (var_a + 1))[trusted]), 0.2, 5.0))
    unit_a, unit_b = max(1.0, gain), max(1.0, 1 / gain)
    var_a, var_b, cov = var_a * unit_a**2, var_b * unit_b**2, cov * unit_a * unit_b
    y, x = (one.ravel()[inside] for one in np.mgrid[1:rows, 1:columns])
    return {
        "centres": np.stack([x, y], axis=1) * float(step),
        "apart": (x % 2 == 1) & (y % 2 == 1),
        "gain": np.array(gain),
        "var_a": var_a,
        "var_b": var_b,
        "agreement": (2 * cov + stabiliser) / (var_a + var_b + stabiliser),
    }


@pytest.mark.parametrize(
    ("shape", "step"), [((48, 64), 4), ((37, 53), 8), ((9, 24), 2), ((16, 16), 8), ((8, 25), 3), ((4, 4), 2)]
)
@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("contrast", [0.1, 0.6, 1.0, 7.0])
def test_windows_are_those_of_blurred_pictures(
    shape: tuple[int, int], step: int, masked: bool, contrast: float
) -> None:
    """Prevents: a window that is off by a pixel, an edge that is not blurred against its reflection, a gain that a
    window without likeness has a say in, and one outside of the mask that counts."""
    rng = np.random.default_rng(2)
    a = cv2.GaussianBlur(rng.integers(90, 160, shape, np.uint8), (0, 0), 1.0)
    other = np.where(rng.random(shape) < 0.1, 200, a)
    b = np.asarray(np.clip(128 + contrast * (other - 128.0), 0, 255), np.uint8)
    mask = None
    if masked:
        mask = np.zeros(shape, np.bool_)
        mask[2:, : shape[1] - 3] = True
    found, expected = native.Windows(a, b, mask, KERNEL, step, 20.0), window_statistics(a, b, mask, step, 20.0)
    assert found.size == 2 * step
    for name, values in expected.items():
        assert np.allclose(getattr(found, name), values, rtol=2e-3, atol=2e-2), name
    textured = np.maximum(expected["var_a"], expected["var_b"])
    floor = float(np.median(textured)) if len(textured) else 1.0
    clear = np.abs(textured - floor) > 0.01 * floor
    assert np.array_equal(found.textured(floor)[clear], (textured > floor)[clear])


def test_windows_of_another_shape_are_refused() -> None:
    """Prevents: reading beyond a picture or a mask."""
    a, b = np.zeros((40, 40), np.uint8), np.zeros((8, 8), np.uint8)
    with pytest.raises(ValueError, match=r"b is uint8\[8, 8\], not uint8\[40, 40\]"):
        native.Windows(a, b, None, KERNEL, 2, 20.0)
    with pytest.raises(ValueError, match="mask is"):
        native.Windows(a, a, np.ones((8, 8), np.bool_), KERNEL, 2, 20.0)


@pytest.mark.parametrize("masked", [False, True])
@pytest.mark.parametrize("contrast", [1.0, 0.5])
def test_offsets_are_how_far_a_picture_was_moved(contrast: float, masked: bool) -> None:
    """Prevents: a shift of the wrong sign or size, one that a darker copy has for being darker, and one for a window
    that nobody asked for."""
    luma = cv2.GaussianBlur(scene(7), (0, 0), 2.0)
    moved = cv2.warpAffine(luma, np.array([[1, 0, 0.3], [0, 1, -0.2]]), luma.shape[::-1], borderMode=cv2.BORDER_REFLECT)
    other = np.asarray(np.rint(moved * contrast + 60 * (1 - contrast)), np.uint8)
    mask = None
    if masked:
        mask = np.zeros(luma.shape, np.bool_)
        mask[40:200, 30:290] = True
        other[~mask] = 0
    windows = native.Windows(luma, other, mask, np.array([0, 0, 1, 0, 0], np.float32), 16, 20.0)
    asked = np.arange(len(windows.centres)) % 4 > 0
    shifts = windows.offsets(asked, 48.0, 4.0)
    assert shifts.shape == (asked.sum(), 2) and len(shifts) > 40
    with pytest.raises(ValueError, match="other windows"):
        windows.offsets(asked[:-1], 48.0, 4.0)
    assert np.allclose(np.median(shifts, axis=0), (0.3, -0.2), atol=0.08)
    assert np.percentile(np.abs(shifts - (0.3, -0.2)), 80 if masked else 90) < 0.2


def test_offsets_are_one_step_of_lucas_kanade() -> None:
    """Prevents: a gradient, a mean or a damping that is not the one that the thresholds were measured with."""
    rng, step = np.random.default_rng(9), 5
    a, b = (cv2.GaussianBlur(rng.integers(0, 256, (33, 47), np.uint8), (0, 0), 1.2) for _ in range(2))
    windows = native.Windows(a, b, None, KERNEL, step, 20.0)
    unit_a, unit_b = max(1.0, windows.gain), max(1.0, 1 / windows.gain)
    soft = [cv2.sepFilter2D(one, cv2.CV_64F, KERNEL, KERNEL)[:30, :45] for one in (a, b)]
    first, second = soft[0] * unit_a, soft[1] * unit_b
    gx, gy = (cv2.Scharr((first + second) / 2, cv2.CV_64F, *axis) / 32 for axis in ((1, 0), (0, 1)))
    expected = []
    for x, y in windows.centres.astype(int):
        cut = np.s_[y - step : y + step, x - step : x + step]
        even = [48 * (one[cut] - one[cut].mean()) / (one[cut].std() + 4) for one in (first, second)]
        spreads = [one[cut].std() for one in (first, second)]
        contrast = sum(48 * s / (s + 4) for s in spreads) / sum(spreads)
        px, py = contrast * gx[cut], contrast * gy[cut]
        xx, xy, yy = (px * px).mean(), (px * py).mean(), (py * py).mean()
        damping = 0.02 * (xx + yy) + 1
        normal = np.array([[xx + damping, xy], [xy, yy + damping]])
        expected.append(np.linalg.solve(normal, [(px * (even[0] - even[1])).mean(), (py * (even[0] - even[1])).mean()]))
    asked = np.random.default_rng(3).random(len(expected)) < 0.6
    assert np.allclose(windows.offsets(asked, 48.0, 4.0), np.array(expected)[asked], atol=2e-3)


def laid_by_numpy(luma: NDArray[np.uint8], onto: NDArray[np.float64], height: int, width: int) -> NDArray[np.float64]:
    """A picture under a map, between its four nearest pixels, its edge going on beyond it."""
    whole = np.vstack([onto, [0, 0, 1]])
    y, x = np.mgrid[0:height, 0:width] + 0.5
    at = np.linalg.inv(whole) @ np.stack([x.ravel(), y.ravel(), np.ones(x.size)])
    xs, ys = (np.clip(at[axis] - 0.5, 0, luma.shape[1 - axis] - 1) for axis in (0, 1))
    left, top = (np.minimum(v.astype(int), limit - 2) for v, limit in ((xs, luma.shape[1]), (ys, luma.shape[0])))
    right, below, values = xs - left, ys - top, luma.astype(float)
    upper = values[top, left] * (1 - right) + values[top, left + 1] * right
    lower = values[top + 1, left] * (1 - right) + values[top + 1, left + 1] * right
    return np.asarray((upper * (1 - below) + lower * below).reshape(height, width))


FRAME = np.array([[0, 0], [160, 0], [160, 120], [0, 120]], float)


@pytest.mark.parametrize("margin", [0.0, 0.1])
@pytest.mark.parametrize(
    "affine",
    [
        [[1, 0, 0], [0, 1, 0]],
        [[0.9, 0.3, -10], [-0.3, 0.9, 30]],
        [[-1, 0, 160], [0, 1, 0]],
        [[0.8, 0, 20.5], [0, 0.9, -7.25]],
        [[0.1, -1.1, 120], [1.2, 0.2, -20]],
        [[0.4, 0.1, 10], [-0.1, 0.4, 30]],
        [[2.0, 0.3, -30], [-0.3, 2.0, -60]],
    ],
)
def test_two_pictures_are_laid_on_what_they_share(affine: list[list[float]], margin: float) -> None:
    """Prevents: a canvas that shows either picture at another place than the map says, or a mask of another part."""
    a, b, map_ = scene(1, 160, 120), scene(2, 160, 120), np.array(affine, float)
    polygon = np.array([[10, 5], [150, 0], [160, 100], [80, 120], [0, 90]], float)
    laid = native.lay(a, b, map_, FRAME, polygon, 1e-3, 24, 96, margin)
    assert laid is not None
    back = cv2.invertAffineTransform(map_)
    corners = native.intersection(FRAME, polygon @ back[:, :2].T + back[:, 2], 1e-3)
    low, high = corners.min(axis=0), corners.max(axis=0)
    beyond = margin * (high - low).max()
    size = high - low + 2 * beyond
    zoom = min(1.0, maps.parts(map_).scale, 96 / size.max())
    assert np.allclose(laid.from_a[:, :2], np.eye(2) * zoom)
    assert laid.a.shape == laid.b.shape == laid.mask.shape == tuple(np.rint(size * zoom).astype(int)[::-1])
    assert np.allclose(laid.from_a[:, 2], (beyond - low) * zoom)
    whole = np.vstack([map_, [0, 0, 1]])
    assert np.allclose(laid.from_b, laid.from_a @ np.linalg.inv(whole))
    shared = area(corners)
    assert laid.share_a == pytest.approx(shared / area(FRAME), rel=1e-6)
    assert laid.share_b == pytest.approx(shared * abs(np.linalg.det(map_[:, :2])) / area(polygon), rel=1e-6)
    height, width = laid.mask.shape
    for luma, onto, found in ((a, laid.from_a, laid.a), (b, laid.from_b, laid.b)):
        scales = np.linalg.norm(onto[:, :2], axis=0)
        if scales.min() > 0.75:
            assert np.abs(found - laid_by_numpy(luma, onto, height, width)).max() < 2.5
        else:
            down, across = (max(2, round(side * min(1.0, s))) for side, s in zip(luma.shape, scales[::-1], strict=True))
            small = cv2.resize(luma, (across, down), interpolation=cv2.INTER_AREA)
            grown = onto @ np.diag([luma.shape[1] / across, luma.shape[0] / down, 1.0])
            assert np.abs(found - laid_by_numpy(np.asarray(small, np.uint8), grown, height, width)).max() < 4.0
    drawn = np.zeros((height, width), np.uint8)
    outlined = np.rint(corners @ laid.from_a[:, :2].T + laid.from_a[:, 2] - 0.5).astype(np.int32)
    cv2.fillConvexPoly(drawn, outlined, 1)
    assert (laid.mask != (drawn > 0)).sum() <= 0.02 * drawn.sum()
    near = np.ones((5, 5), np.uint8)
    assert not cv2.erode(drawn, near)[~laid.mask].any() and not laid.mask[cv2.dilate(drawn, near) == 0].any()


@given(
    st.lists(st.floats(-3, 3), min_size=4, max_size=4),
    st.lists(st.floats(-400, 400), min_size=2, max_size=2),
    st.tuples(st.integers(1, 60), st.integers(1, 60), st.integers(1, 60), st.integers(1, 60)),
)
@settings(max_examples=150, deadline=None)
def test_any_map_lays_or_does_not(linear: list[float], move: list[float], sides: tuple[int, int, int, int]) -> None:
    """Prevents: a crash on a map that flattens, a picture that is a line, or two that do not meet."""
    height, width, tall, wide = sides
    a, b = np.full((height, width), 40, np.uint8), np.full((tall, wide), 200, np.uint8)
    map_ = np.array([[*linear[:2], move[0]], [*linear[2:], move[1]]])
    frames = (np.array([[0, 0], [w, 0], [w, h], [0, h]], float) for h, w in (a.shape, b.shape))
    laid = native.lay(a, b, map_, *frames, 1e-3, 24, 64, 0.05)
    if laid is not None:
        assert max(laid.mask.shape) <= 64 and min(laid.mask.shape) >= 8
        assert (laid.a == 40).all() and (laid.b == 200).all() and laid.mask.any()


def test_a_map_of_no_numbers_lays_nothing() -> None:
    """Prevents: reading at a place that is no number."""
    a = scene(1, 160, 120)
    for broken in (math.nan, math.inf):
        assert native.lay(a, a, np.array([[1, 0, broken], [0, 1, 0]]), FRAME, FRAME, 1e-3, 24, 96, 0.0) is None
        assert native.lay(a, a, np.array([[broken, 0, 0], [0, 1, 0]]), FRAME, FRAME, 1e-3, 24, 96, 0.0) is None


@pytest.mark.parametrize("masked", [False, True])
def test_paper_is_the_commonest_tone(masked: bool) -> None:
    """Prevents: a page that counts as a photo, or the other way round."""
    rng = np.random.default_rng(1)
    luma = np.asarray(np.clip(rng.normal(233, 4, (50, 70)), 0, 255), np.uint8)
    luma[:12] = rng.integers(0, 256, (12, 70))
    mask = np.ones(luma.shape, np.bool_)
    if masked:
        mask[30:, 20:] = False
    found = native.paper(luma, mask if masked else None)
    counts = np.convolve(np.histogram(luma[mask], 64, (0, 256))[0], np.ones(5), "same")
    assert (found.tone, found.pixels) == (4 * int(counts.argmax()) + 2, mask.sum())
    assert found.share == pytest.approx(counts.max() / mask.sum())
    assert native.paper(luma, np.zeros(luma.shape, np.bool_)) == native.Paper(0, 0.0, 0)
    with pytest.raises(ValueError, match="mask"):
        native.paper(luma, np.ones((3, 3), np.bool_))


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


@pytest.mark.parametrize("shape", [(40, 61), (16, 16), (15, 90)])
def test_distances_are_of_whole_blocks(shape: tuple[int, int]) -> None:
    """Prevents: a page with one word that is blank, as another block's contrast is taken for its own."""
    a, b = np.random.default_rng(14).normal(0, 30, (2, *shape)).astype(np.float32)
    found = native.block_distances(a, b, 16)
    blocks = [(a - b)[y : y + 16, x : x + 16] for y in range(0, shape[0] - 15, 16) for x in range(0, shape[1] - 15, 16)]
    assert np.allclose(found, [np.sqrt(np.square(block).mean()) for block in blocks], rtol=1e-4)
    with pytest.raises(ValueError, match="shapes"):
        native.block_distances(a, b[:-1], 16)


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
    places = np.array([(x, y) for y in range(1, shape[0], 3) for x in range(0, shape[1], 4)], np.int32)

    def variances(values: NDArray[np.float64]) -> NDArray[np.float64]:
        mean, power = (cv2.boxFilter(v, -1, (size, size)) for v in (values, values * values))
        return np.asarray((power - mean * mean)[places[:, 1], places[:, 0]])

    moved = [framed[y : y + shape[0], x : x + shape[1]].astype(float) for y in range(3) for x in range(3)]
    expected = np.min([variances(a - one) for one in moved], axis=0)
    assert np.allclose(native.least_variance(a, np.asarray(framed, np.float32), size, places), expected, rtol=1e-4)
    assert np.allclose(native.least_variance(a, None, size, places), variances(a.astype(float)), rtol=1e-4)
    with pytest.raises(ValueError, match="b is float32"):
        native.least_variance(a, b, size, places)
    for beyond in (places + np.int32(shape[1]), places - np.int32(1)):
        with pytest.raises(ValueError, match="places has an index out of range"):
            native.least_variance(a, None, size, beyond)


def test_a_map_is_straightened_robustly() -> None:
    """Prevents: a fit that a third of outliers pulls away, one through points that fix no map, one through shifts that
    are not to be believed, and a map that is composed the wrong way round."""
    rng = np.random.default_rng(3)
    places = rng.uniform(0, 256, (80, 2))
    true = np.array([[0.9, 0.1, 5.0], [-0.1, 1.1, -3.0]])
    targets = places @ true[:, :2].T + true[:, 2]
    targets[:60:3] += rng.uniform(4, 30, (20, 2))
    tracked = np.arange(80) < 60
    targets[60:] += 1000.0
    blank = np.zeros((30, 40), np.uint8)
    from_a, from_b = np.array([[0.5, 0, 7.0], [0, 0.5, -2.0]]), np.array([[0.3, -0.1, 1.0], [0.2, 0.4, 3.0]])
    laid = native.Laid(blank, blank, blank > 0, from_a, from_b, 1.0, 1.0)

    def straightened(ends: NDArray[np.float64]) -> NDArray[np.float64]:
        start = np.array([[1.0, 0, 0], [0, 1, 0]])
        found, left = native.straighten(start, laid, places, ends - places, tracked, 0.3)
        onto, back = np.vstack([from_b, [0, 0, 1]]), np.vstack([from_a, [0, 0, 1]])
        between = onto @ np.vstack([found, [0, 0, 1]]) @ np.linalg.inv(back)  # of continuous coordinates
        fitted = between[:2] @ np.array([[1, 0, 0.5], [0, 1, 0.5], [0, 0, 1]]) - [[0, 0, 0.5], [0, 0, 0.5]]
        assert np.allclose(left, np.linalg.norm(ends - places @ fitted[:, :2].T - fitted[:, 2], axis=1))
        return np.asarray(fitted)

    assert np.allclose(straightened(targets), true, atol=1e-2)
    noisy = targets + rng.normal(0, 0.4, targets.shape)
    design, weights = np.hstack([places, np.ones((80, 1))])[tracked], np.ones(60)
    for width in (2.4, 1.2, 0.6, 0.3, None):
        root = np.sqrt(weights)[:, None]
        solution = np.linalg.lstsq(root * design, root * noisy[tracked], rcond=None)[0]
        rest = ((noisy[tracked] - design @ solution) ** 2).sum(axis=1)
        weights = weights if width is None else (1 + rest / width**2) ** -2.0
    assert np.allclose(straightened(noisy), solution.T, atol=1e-5)
    line, moved = np.stack([np.arange(9.0), 2 * np.arange(9.0)], axis=1), np.full((9, 2), (3.0, -4.0))
    for at, few in ((line, np.ones(9, np.bool_)), (places[:9], np.arange(9) < 5)):
        found, left = native.straighten(true, laid, at, moved, few, 0.3)
        assert np.array_equal(found, true) and np.allclose(left, 5.0)
    with pytest.raises(ValueError, match="shifts is"):
        native.straighten(true, laid, places, targets[:5], tracked, 0.3)


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
    with pytest.raises(ValueError, match="b is uint8"):
        native.mean_ssim(a, b, None, 0, 1.0, 1.0)
    with pytest.raises(ValueError, match="even_b is float32"):
        native.match(features(5, 8, 1)[0], features(5, 16, 1)[0], 0.9, 2.0, 9)
    with pytest.raises(ValueError, match="even_b is float32"):
        native.agree(features(5, 8, 1)[0], features(5, 16, 1)[0], 0.9, 2.0, 9, native.Tolerance(9.0, 1.0, 1.0), 2)
    with pytest.raises(ValueError, match="layers is 6"):
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
    assert native.mean_ssim(a, b, None, 0, c1, c2) == pytest.approx(expected.mean(), abs=1e-4)
    assert native.mean_ssim(a, b, None, 3, c1, c2) == pytest.approx(expected[3:-3, 3:-3].mean(), abs=1e-4)
    for mask in (*(np.arange(a.size).reshape(shape) % 11 == k for k in range(11)), np.eye(*shape) > 0):
        assert native.mean_ssim(a, b, mask, 0, c1, c2) == pytest.approx(expected[mask].mean(), abs=1e-4)
    assert native.mean_ssim(a, b, np.zeros(shape, np.bool_), 0, c1, c2) == 0.0
    with pytest.raises(ValueError, match="mask is"):
        native.mean_ssim(a, b, np.ones((3, 3), np.bool_), 0, c1, c2)


@pytest.mark.parametrize(("shape", "side"), [((40, 61), 31), ((9, 12), 31), ((33, 24), 7), ((8, 90), 9)])
def test_contrast_is_evened_out_in_the_window_around_a_pixel(shape: tuple[int, int], side: int) -> None:
    """Prevents: a darkened copy that shifts seem to be found in, as its windows lie elsewhere."""
    luma = np.random.default_rng(15).integers(0, 256, shape, np.uint8)
    luma[:, : shape[1] // 3] = 77
    values = luma.astype(np.float64)
    y, x = (np.pad(np.arange(count), side // 2, "reflect") for count in shape)
    windows = np.lib.stride_tricks.sliding_window_view(values[np.ix_(y, x)], (side, side))
    expected = 128 + 48 * (values - windows.mean(axis=(2, 3))) / (windows.std(axis=(2, 3)) + 4)
    found = native.even_out(luma, side, 48.0, 4.0)
    assert np.abs(found - np.clip(expected, 0, 255)).max() < 1.05
    with pytest.raises(ValueError, match="window"):
        native.even_out(luma, 8, 48.0, 4.0)


def test_halves_are_sums_and_differences() -> None:
    """Prevents: a mirrored copy whose features are compared with those of the picture as it is."""
    rng = np.random.default_rng(16)
    descriptors, order = rng.integers(0, 256, (23, 128)).astype(np.uint8), rng.permutation(128)
    even, odd = native.halves(descriptors, order[:64], order[64:])
    first, second = (descriptors[:, part].astype(int) for part in (order[:64], order[64:]))
    assert np.array_equal(even, first + second) and np.array_equal(odd, first - second)
    with pytest.raises(ValueError, match="128"):
        native.halves(descriptors[:, :64], order[:64], order[64:])


def test_a_library_that_was_not_compiled_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a traceback of ctypes for whoever runs a checkout without installing it."""
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    with pytest.raises(ImportError, match="pip install"):
        library.Kernels("kernels.so")


def test_a_library_of_other_sources_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a checkout that was updated and calls last month's functions with other arguments."""
    for path in library.FOLDER.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    library.Kernels("kernels.so")
    with (tmp_path / "sift.c").open("a") as source:
        source.write("\n")
    with pytest.raises(ImportError, match="other sources"):
        library.Kernels("kernels.so")


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


@pytest.mark.parametrize("dim", [1, 7, 8, 512, 1083])
def test_products_of_rows_do_not_depend_on_the_others(dim: int) -> None:
    """Prevents: a cosine that is another one where the search comes by in other blocks."""
    rng = np.random.default_rng(dim)
    a, b = rng.normal(size=(30, dim)).astype(np.float32), rng.normal(size=(50, dim)).astype(np.float32)
    rows, others = rng.integers(0, 30, 200), rng.integers(0, 50, 200)
    found = native.products(a, b, rows, others)
    assert np.allclose(found, (a[rows].astype(float) * b[others]).sum(axis=1), atol=1e-12 * dim)
    alone = [native.products(a[i : i + 1], b[j:], [0], [0])[0] for i, j in zip(rows, others, strict=True)]  # type: ignore[arg-type]
    assert found.tolist() == alone
    assert native.products(a, b, rows[:0], others[:0]).shape == (0,)


def test_rows_that_are_not_there_are_refused() -> None:
    """Prevents: reading what lies beside the vectors in memory."""
    a, b = np.zeros((3, 8), np.float32), np.zeros((4, 8), np.float32)
    one = np.zeros(1, np.int64)
    for rows, others in ((one + 3, one), (one - 1, one), (one, one + 4)):
        with pytest.raises(ValueError, match="not there"):
            native.products(a, b, rows, others)
    for bad in ((a, b[:, :7], one, one), (a, b, one, np.zeros(2, np.int64))):
        with pytest.raises(ValueError, match="vectors of"):
            native.products(*bad)
