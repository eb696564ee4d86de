"""SSIM: a score that others know, computed faster."""

from __future__ import annotations

import numpy as np
import pytest
from PIL import ImageOps
from skimage.metrics import structural_similarity

from imgindex import ssim, structure, transform
from tests.test_verify import jpeg, photo


def test_ssim_is_that_of_scikit_image() -> None:
    """The fast SSIM must be the known one, or scores mean nothing to anyone else."""
    a = np.asarray(ImageOps.grayscale(photo()))[:256, :200].copy()
    b = np.asarray(ImageOps.grayscale(jpeg(photo(), 20)))[:256, :200].copy()
    mask = np.zeros(a.shape, np.bool_)
    mask[5:-5, 5:-5] = True
    _, full = structural_similarity(a, b, data_range=255, full=True)
    canvas = structure.Canvas(a, b, mask, transform.IDENTITY, transform.IDENTITY, 1, 1)
    assert ssim.of_canvas(canvas) == pytest.approx(float(full[mask].mean()), abs=1e-4)
    same = structure.Canvas(a, a, mask, transform.IDENTITY, transform.IDENTITY, 1, 1)
    assert ssim.of_canvas(same) == pytest.approx(1.0)
