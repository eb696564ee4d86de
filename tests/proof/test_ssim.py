"""SSIM: a score that others know, computed faster."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import ImageOps
from skimage.metrics import structural_similarity

from imgindex import native
from imgindex.proof import canvases, maps, ssim
from imgindex.records import Luma
from tests.proof.test_verify import jpeg, photo


def laid(a: Luma, b: Luma, mask: NDArray[np.bool_]) -> canvases.Canvas:
    return canvases.Canvas(native.Laid(a, b, mask, maps.IDENTITY, maps.IDENTITY, 1.0, 1.0))


def test_ssim_is_that_of_scikit_image() -> None:
    """The fast SSIM must be the known one, or scores mean nothing to anyone else."""
    a = np.asarray(ImageOps.grayscale(photo()))[:256, :200].copy()
    b = np.asarray(ImageOps.grayscale(jpeg(photo(), 20)))[:256, :200].copy()
    mask = np.zeros(a.shape, np.bool_)
    mask[5:-5, 5:-5] = True
    _, full = structural_similarity(a, b, data_range=255, full=True)
    canvas = laid(a, b, mask)
    assert ssim.of_canvas(canvas) == pytest.approx(float(full[mask].mean()), abs=1e-4)
    assert ssim.of_canvas(laid(a, a, mask)) == pytest.approx(1.0)
