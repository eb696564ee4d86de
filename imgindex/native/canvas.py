"""Two pictures on one canvas: laying them there, the statistics of their windows, and how far they agree."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgindex.native import library
from imgindex.native.library import dense
from imgindex.records import Luma


def intersection(a: NDArray[np.float64], b: NDArray[np.float64], least_area: float) -> NDArray[np.float64]:
    """float64[m, 2]: the corners of what two convex polygons share, float64[n, 2] each; none where one of them has less
    than `least_area`. Raises MemoryError."""
    count, corners = library.kernels().intersect(dense(a), dense(b), least_area)
    return np.asarray(corners[:count], np.float64)


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """Two pictures at one place and one size: uint8[h, w] lumas, and bool[h, w] where both have content.

    The maps float64[2, 3] lay the lumas on the canvas, the shares are of each one's polygon.
    """

    a: Luma
    b: Luma
    mask: NDArray[np.bool_]
    from_a: NDArray[np.float64]
    from_b: NDArray[np.float64]
    share_a: float
    share_b: float


def lay(
    a: Luma,
    b: Luma,
    affine: NDArray[np.float64],
    polygon_a: NDArray[np.float64],
    polygon_b: NDArray[np.float64],
    least_area: float,
    smallest_px: int,
    long_side_px: int,
    margin: float,
) -> Laid | None:
    """Two pictures on a canvas around what they share, by a map of a to b; polygons float64[n, 2] are convex.

    None where they share less than `least_area`, or the canvas would be smaller than `smallest_px` along its longer
    side or a third of it along the other. Raises MemoryError. See `canvas.lay`.
    """
    found, *canvas, from_a, from_b, shares, sizes = library.kernels().lay(
        dense(a), dense(b), affine, dense(polygon_a), dense(polygon_b), least_area, smallest_px, long_side_px, margin
    )
    if not found:
        return None
    height, width = sizes.tolist()
    laid_a, laid_b, mask = (pixels[: height * width].reshape(height, width) for pixels in canvas)
    return Laid(laid_a, laid_b, mask, from_a, from_b, *shares.tolist())


def straighten(
    affine: NDArray[np.float64],
    laid: Laid,
    places: NDArray[np.float64],
    shifts: NDArray[np.float64],
    tracked: NDArray[np.bool_],
    scale: float,
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """The map float64[2, 3] of a laid pair after a robust fit through the tracked shifts, and float64[n]: the lengths
    of what the fit leaves of each shift.

    Places (the first pixel's centre at 0, 0) and shifts are float64[n, 2] in pixels of the canvas. Least squares are
    reweighted by Geman-McClure's weights, shrinking to `scale` pixels. The map as it is, and the whole shifts, where
    the tracked are fewer than six or lie on one line. Raises MemoryError.
    """
    _, found, left = library.kernels().straighten(
        places, shifts, tracked, scale, laid.from_a, laid.from_b, np.asarray(affine)
    )
    return found, left


class Windows:
    """Statistics of square windows of 2 `step` pixels at every `step` pixels of two pictures of one shape, of those of
    which nine tenths lie in the mask (of all, where that is None). Both pictures are softened by the five taps of
    `kernel` along both axes.

    centres float64[n, 2]; apart bool[n] marks windows that do not overlap one another
    gain the contrast of b over a, by the median over the windows most alike
    var_a, var_b float64[n] variances (grey levels squared) at the contrast of the stronger of them
    agreement float64[n], in [-1, 1]: (2 cov + stabiliser) / (var + var + stabiliser)

    `step` is at most half of either side. Raises MemoryError.
    """

    def __init__(
        self,
        a: Luma,
        b: Luma,
        mask: NDArray[np.bool_] | None,
        kernel: NDArray[np.float32],
        step: int,
        stabiliser: float,
    ) -> None:
        count, soft, inside, apart, centres, mean_a, mean_b, var_a, var_b, agreement, gain = library.kernels().windows(
            a, b, mask, kernel, step, stabiliser
        )
        self._softened = soft, inside, step, mean_a, mean_b, var_a, var_b, gain[0]
        self.size = 2 * step
        self.gain = float(gain[0])
        self.centres: NDArray[np.float64] = centres[:count]
        self.apart: NDArray[np.bool_] = apart[:count]
        self.var_a: NDArray[np.float64] = var_a[:count]
        self.var_b: NDArray[np.float64] = var_b[:count]
        self.agreement: NDArray[np.float64] = agreement[:count]

    def textured(self, floor: float) -> NDArray[np.bool_]:
        """bool[n]: windows with a variance above `floor` in either picture."""
        return np.asarray(np.maximum(self.var_a, self.var_b) > floor, np.bool_)

    def offsets(self, asked: NDArray[np.bool_], evened: float, floor: float) -> NDArray[np.float64]:
        """float64[m, 2]: how far b is shifted against a in each of the windows that `asked` bool[n] marks, in pixels.

        One step of Lucas-Kanade with the mean of each window taken away and its contrast evened out: a deviation of
        s grey levels becomes `evened` * s / (s + `floor`). Raises MemoryError.
        """
        return np.asarray(library.kernels().offsets(*self._softened, asked, evened, floor), np.float64)


def least_variance(
    a: NDArray[np.float32], b: NDArray[np.float32] | None, size: int, places: NDArray[np.int32]
) -> NDArray[np.float32]:
    """float32[n]: how much a differs from b in windows of size x size around places int32[n, 2] (x, y), as a variance.

    b float32[h + 2, w + 2] has a frame of one pixel around the size of a, and may lie in it where it differs least; the
    variance of a itself where b is None. Windows reach beyond an edge as OpenCV's `boxFilter` does. Raises MemoryError.
    """
    return np.asarray(library.kernels().least_variance(a, b, size, places), np.float32)


def mean_ssim(a: Luma, b: Luma, mask: NDArray[np.bool_] | None, edge_px: int, c1: float, c2: float) -> float:
    """Mean SSIM with these constants of the pixels that the mask (None: all) marks, `edge_px` or more from every side;
    0 where there are none.

    In windows of 7 x 7, with sample covariance, and the pictures reflected at their sides. Raises MemoryError.
    """
    return float(library.kernels().mean_ssim(dense(a), dense(b), mask, edge_px, c1, c2)[0])
