"""The compiled part: each function against OpenCV or NumPy, by the library for this processor and by that for any."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from imgindex import native
from tests.proof.test_register import scene

pytestmark = pytest.mark.usefixtures("each_library")


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


def test_products_are_of_the_values_in_that_order() -> None:
    """Prevents: an orientation of an icon that is compared as another."""
    rng = np.random.default_rng(6)
    a, b = rng.normal(size=(2, 31)).astype(np.float32)
    orders = np.stack([rng.permutation(31) for _ in range(5)]).astype(np.int32)
    assert np.allclose(native.ordered_products(a, b, orders), a[orders] @ b, atol=1e-5)


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
