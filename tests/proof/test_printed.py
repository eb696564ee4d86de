"""Printed pages: what is compared, and that a digit is seen."""

from __future__ import annotations

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageDraw, ImageFont

from imgindex.proof import canvases, printed
from imgindex.records import Luma
from tests.proof.test_ssim import laid

WORDS = "INVOICE 4071 of 12 May: 3 chairs 219.00, 1 table 560.00, total 779.00 due in 14 days, thank you. "


def page(text: str = WORDS, blur: float = 0.0, shift: tuple[float, float] = (0.0, 0.0)) -> Luma:
    """A sheet with lines of text on it, blurred and moved by this many pixels."""
    image = Image.new("L", (420, 300), 255)
    font = ImageFont.load_default(14)
    for row in range(13):
        ImageDraw.Draw(image).text((12, 10 + 21 * row), text[row * 3 :] + text[: row * 3], fill=20, font=font)
    move = np.array([[1.0, 0.0, shift[0]], [0.0, 1.0, shift[1]]])
    moved = cv2.warpAffine(np.asarray(image), move, image.size, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(cv2.GaussianBlur(moved, (0, 0), blur) if blur else moved, np.uint8)


def canvas(a: Luma, b: Luma, margin: int = 0) -> canvases.Canvas:
    mask = np.zeros(a.shape, np.bool_)
    mask[margin : a.shape[0] - margin, margin : a.shape[1] - margin] = True
    return laid(a, b, mask)


def unexplained(a: NDArray[np.float32], b: NDArray[np.float32], mask: NDArray[np.bool_]) -> float:
    return float(1 - np.corrcoef(a[mask], b[mask])[0, 1] ** 2)


@pytest.mark.parametrize("margin", [0, 25])
@pytest.mark.parametrize(
    ("blur_a", "blur_b", "shift"),
    [(0, 0, (0, 0)), (0, 1.2, (0, 0)), (1.5, 0, (0, 0)), (0, 1.0, (2, 1)), (0.9, 0, (2, 1)), (1.6, 0.6, (3, 2))],
)
def test_the_blur_is_the_one_that_fits_best(
    blur_a: float, blur_b: float, shift: tuple[float, float], margin: int
) -> None:
    """Prevents: a search that ends at the first blur of the second picture, because one of the first had helped."""
    both = canvas(page(blur=blur_a), page(blur=blur_b, shift=shift), margin)
    lumas = both.a.astype(np.float32), both.b.astype(np.float32)
    plain = printed.BLURS[0]
    pairs = [(sigma, plain) for sigma in printed.BLURS] + [(plain, sigma) for sigma in printed.BLURS[1:]]
    least = min(
        unexplained(
            *(np.asarray(cv2.GaussianBlur(luma, (0, 0), s), np.float32) for luma, s in zip(lumas, pair, strict=True)),
            both.mask,
        )
        for pair in pairs
    )
    assert unexplained(*printed._matched(both), both.mask) == pytest.approx(least, abs=2e-4)


def test_a_changed_digit_differs_more_than_another_compression() -> None:
    """Prevents: two bills of one shop that are called copies."""
    _, coded = cv2.imencode(".jpg", page(), [cv2.IMWRITE_JPEG_QUALITY, 60])
    again = np.asarray(cv2.imdecode(coded, cv2.IMREAD_GRAYSCALE), np.uint8)
    same, _ = printed.worst_change(canvas(page(), again))
    softer, _ = printed.worst_change(canvas(page(), page(blur=0.8, shift=(0.4, 0.3))))
    other, _ = printed.worst_change(canvas(page(), page(WORDS.replace("779", "719"))))
    assert max(same, softer) < 0.2
    assert other > 0.5


def test_pages_are_told_from_pictures() -> None:
    """Prevents: photos that are compared as text, which takes ten times as long."""
    noise = np.random.default_rng(1).integers(0, 256, (300, 420), np.uint8)
    assert printed.text_like(canvas(page(), page()))
    assert not printed.text_like(canvas(page(), np.asarray(cv2.GaussianBlur(noise, (0, 0), 3), np.uint8)))
    assert printed.ground_share(canvas(page(), page())) > 0.6
