from __future__ import annotations

import io

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data as samples

from imgindex.pictures import texture as texture_of
from imgindex.pictures.features import luma_of
from imgindex.pictures.texture import TEXTURE_FLOOR


def texture(rgb: NDArray[np.uint8]) -> float:
    return texture_of.texture(luma_of(rgb))


HEIGHT, WIDTH = 600, 800
DOWN, ACROSS = np.mgrid[0:HEIGHT, 0:WIDTH]


def grey(values: NDArray[np.float64]) -> NDArray[np.uint8]:
    return np.repeat(np.clip(values, 0, 255).astype(np.uint8)[..., None], 3, axis=2)


def as_jpeg(rgb: NDArray[np.uint8], quality: int) -> NDArray[np.uint8]:
    out = io.BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=quality)
    return np.asarray(Image.open(out).convert("RGB"))


EMPTY = {
    "black": grey(np.zeros((HEIGHT, WIDTH))),
    "white": grey(np.full((HEIGHT, WIDTH), 255.0)),
    "gradient": grey(255.0 * DOWN / HEIGHT),
    "diagonal": grey(60.0 + 100.0 * (DOWN + ACROSS) / (HEIGHT + WIDTH)),
    "radial": grey(255.0 * (1 - np.hypot(ACROSS - WIDTH / 2, DOWN - HEIGHT / 2) / np.hypot(WIDTH / 2, HEIGHT / 2))),
    "lens cap": grey(np.random.default_rng(3).normal(6, 10, (HEIGHT, WIDTH))),
}


@pytest.mark.parametrize("name", EMPTY)
@pytest.mark.parametrize("quality", [95, 60, 20])
def test_blank_frames_and_gradients_have_next_to_none(name: str, quality: int) -> None:
    """Prevents all black frames and skies of a collection from being each other's candidates."""
    assert texture(as_jpeg(EMPTY[name], quality)) < TEXTURE_FLOOR


def test_a_page_with_one_word_has_texture() -> None:
    """Prevents scanned pages from being left out for their white."""
    page = np.full((3508, 2480, 3), 252, np.uint8)
    cv2.putText(page, "Hello", (300, 600), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (40, 40, 40), 4, cv2.LINE_AA)
    assert texture(as_jpeg(page, 85)) > TEXTURE_FLOOR


@pytest.mark.parametrize("name", ["astronaut", "chelsea", "coffee", "rocket"])
def test_photos_have_texture(name: str) -> None:
    """Prevents a floor that leaves out photos."""
    assert texture(getattr(samples, name)()) > 2 * TEXTURE_FLOOR


@pytest.mark.parametrize("size", [(1, 1), (1, 50), (15, 400), (400, 15), (16, 16)])
def test_tiny_pictures_have_a_finite_texture(size: tuple[int, int]) -> None:
    """Prevents a division by no blocks."""
    rgb = np.zeros((*size, 3), np.uint8)
    assert texture(rgb) == 0.0
