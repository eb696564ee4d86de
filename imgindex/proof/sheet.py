"""A sheet: an aligned pair at one place and one size, in colour."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof import canvases, maps
from imgindex.proof.maps import Affine
from imgindex.records import Luma, Polygon, Rgb

Planes = NDArray[np.float32]
"""float32[3, h, w]: luma, Cr and Cb of a picture, in grey levels; 128 is no colour."""

STRAIGHTEN_PX = 0.4
"""Scale of the robust fit through the shifts that are left at a larger size, in pixels of the sheet."""


@dataclass(frozen=True, slots=True, eq=False)
class Sheet:
    """Both pictures as `canvases.lay` lays them, in a's axes, at the resolution of the coarser.

    mask    bool[h, w], where both have content
    to_a    map from the sheet to the picture that a's planes came from, continuous coordinates
    affine  map between those two pictures
    size_a  width and height of the picture that a's planes came from
    """

    a: Planes
    b: Planes
    mask: NDArray[np.bool_]
    to_a: Affine
    affine: Affine
    size_a: tuple[int, int]


@dataclass(frozen=True, slots=True, eq=False)
class Layer:
    """One picture in planes of one shape, uint8[h, w] each: luma, Cr, Cb; and where it has content."""

    planes: tuple[Luma, Luma, Luma]
    polygon: Polygon

    @classmethod
    def of_rgb(cls, rgb: Rgb, polygon: Polygon) -> Layer:
        y, cr, cb = cv2.split(cv2.cvtColor(rgb, cv2.COLOR_RGB2YCrCb))
        return cls((np.asarray(y, np.uint8), np.asarray(cr, np.uint8), np.asarray(cb, np.uint8)), polygon)


def stacked(lumas: Sequence[Luma]) -> Planes:
    """Planes of three lumas, those of another shape enlarged to the first's."""
    height, width = lumas[0].shape
    same = (luma if luma.shape == (height, width) else cv2.resize(luma, (width, height)) for luma in lumas)
    return np.stack(list(same)).astype(np.float32)


def lay(a: Layer, b: Layer, affine: Affine, long_side_px: int) -> Sheet | None:
    """The sheet of two layers under a map between their pixels; None where they share next to nothing."""
    laid_planes = [
        canvases.lay(one, other, affine, a.polygon, b.polygon, long_side_px)
        for one, other in zip(a.planes, b.planes, strict=True)
    ]
    first = laid_planes[0]
    if first is None:
        return None
    laid = [canvas for canvas in laid_planes if canvas is not None]
    height, width = a.planes[0].shape
    to_a = maps.invert(first.laid.from_a)
    return Sheet(stacked([c.a for c in laid]), stacked([c.b for c in laid]), first.mask, to_a, affine, (width, height))


def lay_straight(a: Layer, b: Layer, affine: Affine, long_side_px: int, texture: float) -> Sheet | None:
    """The same after the map is made exact at that size, by the shifts of windows with at least that variance."""
    canvas = canvases.lay(a.planes[0], b.planes[0], affine, a.polygon, b.polygon, long_side_px)
    if canvas is None:
        return None
    found = canvases.windows(canvas)
    busy = found.textured(texture) & found.apart
    moved = canvases.flow(canvas, found.centres[busy])
    return lay(a, b, canvases.straightened(canvas, affine, moved, STRAIGHTEN_PX)[0], long_side_px)
