"""Where two aligned pictures differ: an SSIM map over what they share, and boxes around what changed."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.records import Luma
from imgindex.results import Region

MIN_SSIM_LOSS = 0.45
"""A pixel differs where 1 - SSIM, smoothed, exceeds this: JPEG at quality 15 stays below it on most of a photo."""

MIN_LEVELS = 14.0
"""and where the smoothed lumas differ by this many grey levels, after fitting brightness and contrast: SSIM alone
is low in flat noise, where nothing is to be seen."""

SMOOTHING = 1 / 160
"""Sigma of the smoothing as a share of the longer side: what is smaller is noise of coding, not a change."""

MIN_REGION_AREA = 0.0006
"""Smaller regions, as a share of the picture, are left out."""

MAX_REGIONS = 50


@dataclass(frozen=True, slots=True, eq=False)
class Difference:
    """similarity  float32[h, w] SSIM map in [-1, 1], 1 outside what is shared
    changed     bool[h, w], True where the pictures differ
    regions     boxes around it, largest first
    ssim        mean of `similarity` over what is shared; 1.0 where nothing is
    """

    similarity: NDArray[np.float32]
    changed: NDArray[np.bool_]
    regions: tuple[Region, ...]
    ssim: float


def difference(a: Luma, b: Luma, shared: NDArray[np.bool_]) -> Difference:
    """Compare two lumas of one shape where `shared`; SSIM as scikit-image computes it, `data_range=255`.

    A side below 7 pixels, SSIM's window, is compared by grey levels alone.
    """
    height, width = a.shape
    if min(height, width) >= 7:
        from skimage.metrics import structural_similarity  # takes a quarter of a second to load

        _, similarity = structural_similarity(a, b, data_range=255, full=True)  # type: ignore[no-untyped-call]
    else:
        similarity = 1.0 - np.abs(a.astype(np.float32) - b.astype(np.float32)) / 255.0
    similarity = np.where(shared, similarity, 1.0).astype(np.float32)
    ssim = float(similarity[shared].mean()) if shared.any() else 1.0
    sigma = max(1.0, SMOOTHING * max(height, width))
    loss = cv2.GaussianBlur(1.0 - similarity, (0, 0), sigma)
    levels = cv2.GaussianBlur(a.astype(np.float32), (0, 0), sigma) - cv2.GaussianBlur(
        _fitted(a, b, shared), (0, 0), sigma
    )
    changed = (loss > MIN_SSIM_LOSS) & (np.abs(levels) > MIN_LEVELS) & shared
    reach = 2 * round(2 * sigma) + 1
    kernel = cv2.getStructuringElement(cv2.MORPH_ELLIPSE, (reach, reach))
    joined = np.asarray(cv2.morphologyEx(changed.astype(np.uint8), cv2.MORPH_CLOSE, kernel), np.uint8)
    return Difference(similarity, joined > 0, _regions(joined), ssim)


def _fitted(a: Luma, b: Luma, shared: NDArray[np.bool_]) -> NDArray[np.float32]:
    """b with the brightness and contrast of a over what they share (least squares)."""
    x, y = b[shared].astype(np.float64), a[shared].astype(np.float64)
    if x.size < 2 or x.std() < 1.0:
        return b.astype(np.float32)
    gain = float(np.clip(((x - x.mean()) * (y - y.mean())).mean() / x.var(), 0.2, 5.0))
    return np.asarray(gain * (b.astype(np.float32) - x.mean()) + y.mean(), np.float32)


def _regions(changed: NDArray[np.uint8]) -> tuple[Region, ...]:
    contours, _ = cv2.findContours(changed, cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_SIMPLE)
    found = []
    for contour in contours:
        area = cv2.contourArea(contour)
        if area >= max(4.0, MIN_REGION_AREA * changed.size):
            x, y, width, height = cv2.boundingRect(contour)
            found.append(Region(x, y, width, height, round(area)))
    found.sort(key=lambda r: (-r.area_px, r.y, r.x))
    return tuple(found[:MAX_REGIONS])
