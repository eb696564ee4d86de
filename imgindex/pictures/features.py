"""Local features: SIFT on a small working picture, RootSIFT descriptors, and their mirror without a second detection.

SIFT: D. Lowe, "Distinctive Image Features from Scale-Invariant Keypoints", IJCV 2004.
RootSIFT: R. Arandjelovic, A. Zisserman, "Three things everyone should know to improve object retrieval", CVPR 2012.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex import native
from imgindex.records import LocalFeatures, Luma, Rgb

WORKING_SIDE_PX = 320
"""Long side of the picture that is kept of each image: structure is compared in it, and features are found in it."""

MAX_FEATURES = 200
"""See QUICK."""

MAX_ENLARGEMENT = 4.0
"""A picture below the side of a Detection is enlarged up to this much before: at a third of its size 8 of the true
pairs of 80 photos missed 8 inliers without it, 2 at most with it."""

DESCRIPTOR_SCALE = 512.0
"""RootSIFT values are below 0.5 but for rare ones: x 512 they fill a byte."""


def luma_of(rgb: Rgb) -> Luma:
    """The luma of a picture, ITU-R BT.601."""
    return np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)


def working_luma(rgb: Rgb) -> Luma:
    """Luma of `rgb` with its longer side reduced to WORKING_SIDE_PX; a smaller picture is left as it is."""
    return reduce_luma(luma_of(rgb), WORKING_SIDE_PX)


def tints_of(rgb: Rgb, working: Luma) -> NDArray[np.uint8]:
    """uint8[2, h, w]: Cr and Cb of `rgb` (128 is grey), at half the size of its working luma."""
    height, width = (max(1, (side + 1) // 2) for side in working.shape)
    small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
    return np.ascontiguousarray(cv2.cvtColor(small, cv2.COLOR_RGB2YCrCb).transpose(2, 0, 1)[1:])


def reduce_luma(luma: Luma, long_side_px: int) -> Luma:
    """`luma` with its longer side at most `long_side_px`, by pixel-area averaging; never enlarged."""
    height, width = luma.shape
    scale = long_side_px / max(height, width)
    if scale >= 1.0:
        return luma
    return native.resize_area(luma, max(1, round(width * scale)), max(1, round(height * scale)))


@dataclass(frozen=True, slots=True)
class Detection:
    """How features are looked for: in a picture with this long side, by `native.sift` with these parameters."""

    side_px: int
    layers: int
    contrast_threshold: float


QUICK = Detection(160, 2, 0.02)
THOROUGH = Detection(320, 3, 0.01)
FEW_FEATURES = 60
"""A picture in which QUICK finds fewer than FEW_FEATURES is looked at again with THOROUGH, which takes four times as
long. Proven of the 2,400 `ukbench` and 3,960 `edits` pairs of training photos: THOROUGH for every picture, with 400
features, 99.5 and 98.3 %; QUICK alone 98.8 and 97.8 %; both in this way 99.5 and 98.5 %, and with QUICK at 128 px 99.1
and 97.5 %."""


def extract(luma: Luma, limit: int = MAX_FEATURES) -> LocalFeatures:
    """At most `limit` features of a working picture, strongest first; none where it has no texture."""
    found = detect(luma, QUICK, limit)
    return found if len(found) >= min(limit, FEW_FEATURES) else detect(luma, THOROUGH, limit)


def detect(luma: Luma, how: Detection, limit: int) -> LocalFeatures:
    """At most `limit` features of a working picture that are found in this way, strongest first."""
    height, width = luma.shape
    scale = min(MAX_ENLARGEMENT, how.side_px / max(height, width))
    if scale != 1.0:
        size = (max(1, round(width * scale)), max(1, round(height * scale)))
        enlarged = scale > 1.0
        luma = np.asarray(cv2.resize(luma, size), np.uint8) if enlarged else native.resize_area(luma, *size)
    stretch = np.array([luma.shape[1] / width, luma.shape[0] / height], np.float32)
    found, raw = native.sift(luma, how.layers, how.contrast_threshold, limit)
    points = (found[:, :2] + np.float32(0.5)) / stretch - np.float32(0.5)
    sizes = found[:, 2] / np.float32(stretch.mean())
    return LocalFeatures(points, sizes, found[:, 3].copy(), root_sift(raw), width, height)


def root_sift(raw: NDArray[np.float32]) -> NDArray[np.uint8]:
    """uint8[n, 128]: square roots of L1-normalised SIFT, so that their dot product is Hellinger's kernel."""
    total = np.maximum(raw.sum(axis=1, keepdims=True), 1e-9)
    return np.asarray(np.minimum(np.rint(np.sqrt(raw / total) * DESCRIPTOR_SCALE), 255.0), np.uint8)


_BINS = np.arange(128).reshape(4, 4, 8)
MIRROR_PERMUTATION: NDArray[np.int64] = _BINS[::-1][:, :, (-np.arange(8)) % 8].reshape(128).astype(np.int64)
"""Bins of the mirrored picture's descriptors: rows of cells reversed, orientations negated (keypoint frame)."""


def mirror_descriptors(descriptors: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Descriptors of the same points in the mirrored picture, by permuting bins."""
    return np.ascontiguousarray(descriptors[:, MIRROR_PERMUTATION])


def mirrored(features: LocalFeatures) -> LocalFeatures:
    """Features of the picture mirrored left to right."""
    points = features.points.copy()
    points[:, 0] = (features.width - 1) - points[:, 0]
    return LocalFeatures(
        points, features.sizes, (180.0 - features.angles) % np.float32(360.0),
        mirror_descriptors(features.descriptors), features.width, features.height,
    )  # fmt: skip


@dataclass(frozen=True, slots=True, eq=False)
class Halves:
    """The features of a picture, ready to be matched as they are and mirrored.

    even, odd  float32[n, d] sums and differences of the bins that mirroring swaps (d = 64), or what stands for them: it
               keeps the sums and negates the differences, so the product of two pictures is even + odd, with one of
               them mirrored even - odd. Whole numbers whose products stay below 2 ** 24, so both are exact.
    """

    features: LocalFeatures
    even: NDArray[np.float32]
    odd: NDArray[np.float32]
    matched: native.Features

    @classmethod
    def of(cls, features: LocalFeatures, even: NDArray[np.float32], odd: NDArray[np.float32]) -> Halves:
        return cls(features, even, odd, native.Features(even, odd, features.points, features.sizes, features.angles))

    def __len__(self) -> int:
        return len(self.even)


_KEPT = np.flatnonzero(np.arange(len(MIRROR_PERMUTATION)) < MIRROR_PERMUTATION)


def halves(features: LocalFeatures) -> Halves:
    """`Halves` of all features."""
    return Halves.of(features, *sums_and_differences(features.descriptors))


def sums_and_differences(descriptors: NDArray[np.uint8]) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """float32[n, 64] each, of the bins that mirroring swaps."""
    return native.halves(descriptors, _KEPT, MIRROR_PERMUTATION[_KEPT])
