"""How busy a picture is: tells blank frames and gradients, which all look alike, from pictures that show something."""

from __future__ import annotations

import cv2
import numpy as np

from imgindex import native
from imgindex.records import Luma

TEXTURE_FLOOR = 4.0
"""Below this a picture shows next to nothing. Measured as `texture`, in grey levels, each generated picture at
JPEG qualities 95, 60 and 20: blank frames 0; linear and radial gradients, vignettes and skies up to 1.7; the same
and near-black frames with sensor noise of 3 to 10 levels up to 2.0, of 25 levels up to 3.9. Above it: an A4 page at
300 dpi with one digit 5.1, with one word 12; of 160 photos the lowest 10.7, of 201 pictures of produce and
documents 14.9."""

SIDE_PX = 256
"""Long side that is looked at: averaging down to it takes away sensor noise and leaves a line of print."""

BLOCK_PX = 16

BLUR_SIGMA_PX = 3.0
"""What is smoother than this is no texture."""

BUSIEST_SHARE = 0.01
"""The busiest blocks count, not the average: a page with one word on it is no blank page."""


def texture(luma: Luma) -> float:
    """Local contrast of the busiest one in a hundred blocks of 16 x 16 (at least one), in grey levels, >= 0.

    Contrast of a block is the root mean square of luma minus its Gaussian blur, at a long side of SIDE_PX.
    """
    height, width = luma.shape
    scale = min(1.0, SIDE_PX / max(height, width))
    size = (max(1, round(width * scale)), max(1, round(height * scale)))
    small = native.resize_area(luma, *size).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(small, (0, 0), BLUR_SIGMA_PX), np.float32)
    contrast = np.sort(native.block_distances(small, smooth, BLOCK_PX))
    if not len(contrast):
        return float(np.sqrt(np.square(small - smooth).mean()))
    return float(contrast[-max(1, round(BUSIEST_SHARE * contrast.size)) :].mean())
