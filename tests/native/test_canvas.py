"""Compiled canvases, window statistics and SSIM, against OpenCV and NumPy."""

from __future__ import annotations

import math

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgindex import native
from imgindex.proof import maps
from tests.proof.test_register import scene

pytestmark = pytest.mark.usefixtures("each_library")

KERNEL = np.ascontiguousarray(cv2.getGaussianKernel(5, 0.8).reshape(-1), np.float32)

FRAME = np.array([[0, 0], [160, 0], [160, 120], [0, 120]], float)


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
    zoom = min(1.0, maps.decompose(map_).scale, 96 / size.max())
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
