"""What a picture shows beside the other: more of the scene, or a bar, border or page around it.

Across the edge of a cutting the scene goes on; something laid around a picture begins with a step, and is flatter than
it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.pictures import outline
from imgindex.proof import maps
from imgindex.proof.maps import Affine
from imgindex.records import Rgb

LOOK_PX = 400
"""Longer side at which it is looked at."""

LEAST_SHARE = 0.012
LEAST_PIXELS = 120
"""Less beside the other is the error of its edge."""

FLAT_LEVELS, UNIFORM_LEVELS = 6.0, 12.0

ALONG = 100
STEP, STEP_FACTOR = 5.0, 1.5
"""Places along a side, and the step at the edge that is more than what changes beside it."""


@dataclass(frozen=True, slots=True)
class Beside:
    """What lies outside the other picture's frame.

    share    of this picture's area
    flat     share of it that is flat; `flat_within` the same of what lies within the frame
    uniform  share of it near its median colour
    rough    fine detail there over that within
    jump     share of the frame's edge that is a step
    sides    share of the area beside it that lies left, above, right and below, in this picture
    """

    share: float
    flat: float = 0.0
    flat_within: float = 0.0
    uniform: float = 0.0
    rough: float = 0.0
    jump: float = 0.0
    around: tuple[float, float, float, float] = (0.0, 0.0, 1.0, 1.0)

    @property
    def seen(self) -> bool:
        """Whether there is enough of it to say more than its share."""
        return self.share >= LEAST_SHARE and (self.flat, self.uniform, self.rough) != (0.0, 0.0, 0.0)


def beside(picture: Rgb, from_other: Affine, other: tuple[int, int]) -> Beside:
    """What `picture` shows outside of the other picture, of size (width, height), which `from_other` maps into it."""
    full_height, full_width = picture.shape[:2]
    corners = maps.apply(from_other, outline.frame(*other))
    shared, _ = maps.intersection(corners, outline.frame(full_width, full_height))
    share = 1.0 - shared / (full_width * full_height)
    if share < LEAST_SHARE:
        return Beside(max(share, 0.0))
    scale = min(1.0, LOOK_PX / max(full_width, full_height))
    width, height = max(8, round(full_width * scale)), max(8, round(full_height * scale))
    small = picture
    if scale < 1:
        small = np.asarray(cv2.resize(picture, (width, height), interpolation=cv2.INTER_AREA), np.uint8)
    into = maps.compose(maps.scaling(width / full_width, height / full_height), from_other)
    depth = _depth(maps.invert(into), other, width, height)
    out, within = depth < -2.5, depth > 3
    if np.count_nonzero(out) < LEAST_PIXELS or not within.any():
        return Beside(share)
    luma = cv2.cvtColor(small, cv2.COLOR_RGB2GRAY)
    box = np.ones((3, 3), np.uint8)
    flat = cv2.subtract(cv2.dilate(luma, box), cv2.erode(luma, box)) <= FLAT_LEVELS
    shown = small[out].astype(np.int16)
    median = np.median(shown, axis=0)
    levels = luma.astype(np.float32)
    fine = cv2.absdiff(levels, cv2.GaussianBlur(levels, (0, 0), 1))
    ends = maps.apply(into, outline.frame(*other)) / [width, height]
    left, top = np.clip(ends.min(axis=0), 0, 1)
    right, bottom = np.clip(ends.max(axis=0), 0, 1)
    return Beside(
        share=share,
        flat=float(flat[out].mean()),
        flat_within=float(flat[within].mean()),
        uniform=float((np.abs(shown - median).max(axis=1) <= UNIFORM_LEVELS).mean()),
        rough=float(fine[out].mean() / max(float(fine[within].mean()), 0.05)),
        jump=_jump(small, into, other),
        around=(float(left), float(top), float(right), float(bottom)),
    )


def _depth(back: Affine, other: tuple[int, int], width: int, height: int) -> NDArray[np.float32]:
    """float32[h, w]: how deep each pixel lies within the other's frame, in pixels; negative outside."""
    x, y = (np.arange(width) + 0.5).astype(np.float32), (np.arange(height) + 0.5).astype(np.float32)
    depth = np.full((height, width), np.inf, np.float32)
    for row, side in zip(back, other, strict=True):
        at = (row[0] * x)[None, :] + (row[1] * y + row[2])[:, None]
        depth = np.minimum(depth, np.minimum(at, side - at) / math.hypot(row[0], row[1]))
    return depth.astype(np.float32)


def _jump(small: Rgb, into: Affine, other: tuple[int, int]) -> float:
    """Share of the places along the other's edge where a step stands out."""
    steps, near = [], []
    levels = small.astype(np.float32)
    height, width = small.shape[:2]
    along = np.linspace(0.02, 0.98, ALONG)
    ends = outline.frame(*other)
    for start, end in zip(ends, np.roll(ends, -1, axis=0), strict=True):
        places = maps.apply(into, start + along[:, None] * (end - start))
        outwards = into[:, :2] @ np.array([end[1] - start[1], start[0] - end[0]])
        outwards /= max(math.hypot(*outwards), 1e-9)
        outside = places + 2.5 * outwards - 0.5
        ok = ((outside >= 0) & (outside <= [width - 1, height - 1])).all(axis=1)
        if ok.mean() < 0.3:
            continue
        out, first, second, third = (_at(levels, places + far * outwards - 0.5)[ok] for far in (2.5, -2.5, -7.5, -12.5))
        steps.append(np.abs(out - first).mean(axis=1))
        near.append(np.maximum(np.abs(first - second), np.abs(second - third)).mean(axis=1))
    if not steps:
        return 0.0
    return float((np.concatenate(steps) > STEP_FACTOR * np.concatenate(near) + STEP).mean())


def _at(levels: NDArray[np.float32], points: NDArray[np.float64]) -> NDArray[np.float32]:
    """float32[n, 3]: levels at points (pixel centres at integers), bilinear."""
    x, y = points.T.astype(np.float32)
    found = cv2.remap(levels, x[None, :], y[None, :], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
    return np.asarray(found[0])
