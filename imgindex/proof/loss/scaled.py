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
    left, reduced = _best(large.rgb, small.rgb)
    missing, enlarged = _best(small.rgb, large.rgb)
    fine, own = max(_fine(small.rgb), LEAST_FINE), max(_fine(large.rgb), LEAST_FINE)
    return Scaled(
        reduced=min(left, _coded(reduced, small)),
        enlarged=min(missing, _coded(enlarged, large)) if missing < MOST_ENLARGED * own else missing,
        off=left / fine,
        own=missing / own,
    )


def _best(rgb: Rgb, target: Rgb) -> tuple[float, Rgb]:
    """The least difference from the target, and the picture in its size by that filter."""
    grey, size = _grey(rgb), target.shape[1::-1]
    goal = np.asarray(_grey(target))
    differences = [float(cv2.absdiff(np.asarray(grey.resize(size, how)), goal).mean()) for how in FILTERS]
    best = int(np.argmin(differences))
    return differences[best], np.asarray(Image.fromarray(rgb).resize(size, FILTERS[best]))


def _coded(rgb: Rgb, like: Whole) -> float:
    if like.coder is None or like.orientation != 1:
        return float("inf")
    again = history.coded(np.ascontiguousarray(rgb), like.coder)
    return float(cv2.absdiff(again, like.rgb).mean())


def _grey(rgb: Rgb) -> Image.Image:
    return Image.fromarray(np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8))


def _fine(rgb: Rgb) -> float:
    luma: NDArray[np.float32] = np.asarray(_grey(rgb), np.float32)
    return float(cv2.absdiff(luma, cv2.GaussianBlur(luma, (0, 0), FINE_SIGMA)).mean())
