"""What is computed for every pixel, pair of features or window: what is made of one picture (local features and their
sums, averages, content, contrast), and of two (matches, both on one canvas, statistics of windows, SSIM).

C where that is worth 3 % of a run, else NumPy and OpenCV; a caller need not know which. `kernels.h` says what each
kernel does, `signatures` what it takes, `border` tests that before every call. The libraries are compiled when the
package is installed (`scripts/build_native.py`). Sums of floats differ in their last bits between processors, as
OpenCV's do.
"""

from __future__ import annotations

from imgindex.native.canvas import Laid, Windows, intersection, lay, least_variance, mean_ssim, straighten
from imgindex.native.features import (
    MATCH_A,
    MATCH_B,
    MATCH_MAP,
    MATCH_VALUES,
    Features,
    Tolerance,
    agree,
    halves,
    leader,
    match_features,
    polish,
    residual_sums,
    sift,
    vote,
)
from imgindex.native.library import kernels
from imgindex.native.picture import (
    Paper,
    block_distances,
    content,
    even_out,
    layout,
    ordered_products,
    paper,
    resize_area,
)
from imgindex.native.vectors import products

__all__ = [
    "MATCH_A",
    "MATCH_B",
    "MATCH_MAP",
    "MATCH_VALUES",
    "Features",
    "Laid",
    "Paper",
    "Tolerance",
    "Windows",
    "agree",
    "block_distances",
    "content",
    "even_out",
    "halves",
    "intersection",
    "kernels",
    "lay",
    "layout",
    "leader",
    "least_variance",
    "match_features",
    "mean_ssim",
    "ordered_products",
    "paper",
    "polish",
    "products",
    "residual_sums",
    "resize_area",
    "sift",
    "straighten",
    "vote",
]
