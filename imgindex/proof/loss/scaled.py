"""Whether one whole frame is the other resized, as programs do it: by one of the usual filters, and coded then.

What was made so is met exactly. A picture with more pixels that is not met so, and from which the smaller one is not
met either, may have been sharpened, grained or invented: then how far it is from both tells what can be believed of it.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray
from PIL import Image

from imgindex.pictures.whole import Whole
from imgindex.proof.loss import history
from imgindex.records import Rgb

FILTERS = tuple(Image.Resampling[name] for name in ("LANCZOS", "BICUBIC", "BILINEAR", "HAMMING", "BOX"))

FINE_SIGMA = 0.9

MOST_ENLARGED = 0.6
"""Of what the larger one's fine detail is: further from the enlarged smaller one, coding it is not tried."""

LEAST_FINE = 0.05

MOST_FILTERS, FAR_WORSE = 3, 1.3
"""Coding hides which filter suits best: the next ones are tried as well, where they are nearly as good."""


@dataclass(frozen=True, slots=True)
class Scaled:
    """Mean differences in grey levels, of the filter that suits best.

    reduced   of the larger one, reduced and coded as the smaller one is, from the smaller one
    enlarged  of the smaller one, enlarged and coded as the larger one is, from the larger one
    off       of the reduced one as it is, in shares of the smaller one's fine detail
    own       of the enlarged one as it is, in shares of the larger one's fine detail
    """

    reduced: float
    enlarged: float
    off: float
    own: float


def compare(large: Whole, small: Whole) -> Scaled:
    """Of two whole frames, upright."""
    reduced, enlarged = _by_filter(large.rgb, small.rgb), _by_filter(small.rgb, large.rgb)
    fine, own = max(_fine(small.rgb), LEAST_FINE), max(_fine(large.rgb), LEAST_FINE)
    off, missing = reduced[0][0], enlarged[0][0]
    return Scaled(
        reduced=_nearest(large.rgb, reduced, small),
        enlarged=_nearest(small.rgb, enlarged, large) if missing < MOST_ENLARGED * own else missing,
        off=off / fine,
        own=missing / own,
    )


def _by_filter(rgb: Rgb, target: Rgb) -> list[tuple[float, Image.Resampling]]:
    """The difference of lumas in the target's size, by filter, the best first."""
    grey, goal = _grey(rgb), np.asarray(_grey(target))
    size = target.shape[1::-1]
    return sorted((_apart(np.asarray(grey.resize(size, how)), goal), how) for how in FILTERS)


def _apart(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    """Mean difference in grey levels: the sum of whole numbers, so that none is lost."""
    return float(cv2.norm(a, b, cv2.NORM_L1)) / a.size


def _nearest(rgb: Rgb, filters: list[tuple[float, Image.Resampling]], like: Whole) -> float:
    """The least difference of the picture from `like`, in its size by one of the best filters, and coded as it is."""
    image, best = Image.fromarray(rgb), float("inf")
    for difference, how in filters[:MOST_FILTERS]:
        if difference > FAR_WORSE * filters[0][0] + LEAST_FINE:
            break
        resized = np.ascontiguousarray(image.resize(like.rgb.shape[1::-1], how))
        if like.coder is not None and like.orientation == 1:
            resized = history.coded(resized, like.coder)
        best = min(best, _apart(resized, like.rgb))
        if best < LEAST_FINE / 2:
            break
    return best


def _grey(rgb: Rgb) -> Image.Image:
    return Image.fromarray(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8))


def _fine(rgb: Rgb) -> float:
    luma: NDArray[np.float32] = np.asarray(_grey(rgb), np.float32)
    return float(cv2.absdiff(luma, cv2.GaussianBlur(luma, (0, 0), FINE_SIGMA)).mean())
