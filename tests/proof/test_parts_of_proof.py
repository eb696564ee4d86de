"""The numbers behind a variant: tone map, what exceeds it, paint, strokes, hue, pages."""

from __future__ import annotations

import dataclasses

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from skimage import data

from imgindex.pictures.outline import frame
from imgindex.proof import balance, focus, hue, kinds, marks, parts, rules, tone
from imgindex.proof.maps import IDENTITY
from imgindex.proof.sheet import Layer, Sheet, lay


def layer(rgb: NDArray[np.uint8]) -> Layer:
    return Layer.of_rgb(rgb, frame(rgb.shape[1], rgb.shape[0]))


def sheet_of(a: NDArray[np.uint8], b: NDArray[np.uint8], long_side_px: int = 400) -> Sheet:
    found = lay(layer(a), layer(b), IDENTITY, long_side_px)
    assert found is not None
    return found


def explained(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> parts.Explained:
    found = parts.explain(sheet_of(a, b))
    assert found is not None
    return found


COFFEE = data.coffee()


@given(
    gains=st.tuples(*[st.floats(0.7, 1.2)] * 3), offset=st.floats(-10, 10), gamma=st.floats(0.8, 1.3)
)  # fmt: skip
@settings(max_examples=12, deadline=None)
def test_a_smooth_change_of_tone_is_explained(gains: tuple[float, ...], offset: float, gamma: float) -> None:
    changed = 255.0 * (COFFEE / 255.0) ** gamma * np.array(gains) + offset
    found = explained(COFFEE, np.clip(changed, 0, 255).astype(np.uint8))
    assert not {rules.kind_of(dataclasses.asdict(part)) for part in kinds.found(found)} & rules.VARIANT_KINDS
    assert found.noise() < 2.0


@given(x=st.integers(20, 450), y=st.integers(20, 300), side=st.integers(40, 80))
@settings(max_examples=12, deadline=None)
def test_another_picture_in_one_place_is_found_there(x: int, y: int, side: int) -> None:
    other = COFFEE.copy()
    other[y : y + side, x : x + side] = data.chelsea()[100 : 100 + side, 100 : 100 + side]
    changed = np.abs(other.astype(int) - COFFEE).max(axis=2) > 40
    found = kinds.found(explained(COFFEE, other))
    assert bool(found) or changed.sum() < 400
    for part in found:
        x0, y0, x1, y1 = (v * COFFEE.shape[1] / 400 for v in part.box)
        assert x - 8 < x0 < x1 < x + side + 8
        assert y - 8 < y0 < y1 < y + side + 8


def test_light_that_falls_off_is_explained() -> None:
    height, width = COFFEE.shape[:2]
    y, x = np.mgrid[-1 : 1 : height * 1j, -1 : 1 : width * 1j]
    lit = COFFEE * (1.0 - 0.12 * (x * x + y * y))[..., None]
    assert kinds.largest_mass(explained(COFFEE, lit.astype(np.uint8))) < 40.0


def test_colour_is_taken_from_the_picture_that_has_it() -> None:
    grey = np.repeat(data.coffee().mean(axis=2, keepdims=True), 3, axis=2).astype(np.uint8)
    assert explained(COFFEE, grey).forward
    assert not explained(grey, COFFEE).forward
    assert kinds.largest_mass(explained(grey, COFFEE)) == 0.0


def test_the_side_whose_outline_it_is() -> None:
    other = COFFEE.copy()
    other[100:160, 200:320] = (230, 30, 40)
    (part,) = kinds.found(explained(COFFEE, other))
    assert part.own > 0.8
    assert part.paint_b == 1.0
    (back,) = kinds.found(explained(other, COFFEE))
    assert back.own == pytest.approx(1.0 - part.own, abs=0.02)


def test_strokes_and_balance() -> None:
    lines = np.zeros((60, 60), np.bool_)
    lines[::10, 5:55] = True
    lines[1::10, 5:55] = True
    assert marks.stroke(lines) < 4.0
    assert marks.stroke(np.ones((60, 60), np.bool_)) > 30.0
    assert marks.balance(np.array([5.0, 5.0, -10.0], np.float32)) == 0.5
    assert marks.balance(np.array([5.0, 5.0], np.float32)) == 0.0


def test_a_shift_is_found_and_another_letter_is_not() -> None:
    text = (np.random.default_rng(0).random((40, 60)) < 0.4).astype(np.float32) * 200
    own = np.ones(text.shape, np.bool_)
    assert marks.shifted(text, np.roll(text, (1, -2), (0, 1)), own) > 0.9
    assert marks.shifted(text, text[::-1, ::-1].copy(), own) < 0.5


def test_one_hue_that_turns_and_many_that_do() -> None:
    """A red field among others turns: a variant; all turn: a change of the whole picture."""
    patches = np.zeros((300, 400, 3), np.uint8) + 128
    colours = [(200, 60, 60), (60, 160, 60), (70, 90, 210), (200, 180, 60), (180, 70, 190), (60, 180, 190)]
    for n, colour in enumerate(colours):
        patches[40 + n // 3 * 120 : 140 + n // 3 * 120, 20 + n % 3 * 130 : 120 + n % 3 * 130] = colour
    one = patches.copy()
    one[40:140, 20:120] = (60, 60, 200)
    turned = hue.turn(explained(patches, one))
    assert turned is not None
    everything = hue.turn(explained(patches, patches[..., [1, 2, 0]]))
    assert everything is not None
    assert everything.modes >= 3 > turned.modes


def test_balance_explains_a_warm_filter_and_no_turned_hue() -> None:
    rng = np.random.default_rng(1)
    planes = np.stack([rng.uniform(60, 200, 500), rng.uniform(90, 170, 500), rng.uniform(90, 170, 500)]).astype(
        np.float32
    )
    rgb = tone.to_rgb(planes)
    warm = tone.from_rgb(rgb * np.array([[1.1], [1.0], [0.85]], np.float32))
    assert np.abs(balance.predicted(planes, warm) - warm).mean() < 4.0
    turned = tone.from_rgb(rgb[[1, 2, 0]])
    assert np.abs(balance.predicted(planes, turned) - turned).mean() > 10.0


def test_rgb_and_back() -> None:
    planes = np.random.default_rng(2).uniform(0, 255, (3, 50)).astype(np.float32)
    np.testing.assert_allclose(tone.from_rgb(tone.to_rgb(planes)), planes, atol=0.01)


def test_each_side_is_sharper_where_it_is() -> None:
    soft = cv2.GaussianBlur(COFFEE, (0, 0), 3)
    left, right = COFFEE.copy(), COFFEE.copy()
    left[:, 300:], right[:, :300] = soft[:, 300:], soft[:, :300]
    found = explained(left, right)
    sharper_a, sharper_b = focus.sides(*found.toned, found.sheet.mask)
    middle = sharper_a.shape[1] // 2
    assert sharper_a[:, :middle].sum() >= 4
    assert sharper_b[:, middle:].sum() >= 4
    assert sharper_a[:, middle + 1 :].sum() == sharper_b[:, : middle - 1].sum() == 0
    same = focus.sides(*explained(COFFEE, soft).toned, found.sheet.mask)
    assert not same[1].any()
