"""Insets: a picture on a page against a part cut out of a picture."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import Image

from imgindex.proof.inset import is_inset
from tests.pictures import scene


def luma(picture: Image.Image) -> np.ndarray:
    return np.asarray(picture.convert("L"))


def corners(x: float, y: float, width: float, height: float) -> np.ndarray:
    return np.array([[x, y], [x + width, y], [x + width, y + height], [x, y + height]], float)


@pytest.mark.parametrize("seed", range(5))
def test_a_picture_on_a_page_is_inset(seed: int) -> None:
    """The page would become the keeper of a small photo that it shows enlarged."""
    page = Image.new("RGB", (320, 250), (236, 236, 240))
    page.paste(scene(seed, 180, 135), (110, 60))
    assert is_inset(luma(page), corners(110, 60, 180, 135))


@pytest.mark.parametrize("seed", range(5))
def test_a_part_cut_out_of_a_picture_is_not(seed: int) -> None:
    """The whole photo is the keeper of its crops."""
    whole = scene(seed, 320, 240)
    assert not is_inset(luma(whole), corners(70.3, 50.8, 160, 120))


def test_a_captioned_or_framed_picture_is_not_set_into_a_page() -> None:
    captioned = Image.new("RGB", (240, 220), "white")
    captioned.paste(scene(1, 240, 180), (0, 40))
    assert not is_inset(luma(captioned), corners(0, 40, 240, 180))
    framed = Image.new("RGB", (280, 220), "black")
    framed.paste(scene(1, 240, 180), (20, 20))
    assert not is_inset(luma(framed), corners(20, 20, 240, 180))


def test_degenerate_corners_are_no_inset() -> None:
    assert not is_inset(luma(scene(1)), corners(10, 10, 0, 0))
    assert not is_inset(luma(scene(1)), corners(-500, -500, 20, 20))
