"""Where a tone map does not explain what is seen, beyond what coding, resampling and a small shift do."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof import tone
from imgindex.proof.sheet import Planes, Sheet

BLURS = (0.8, 1.2, 1.8, 2.6)
"""Gaussian blurs in pixels of the sheet, of which the sharper one gets the one that makes it fit."""

LEAST_LEVELS = 14.0
LEAST_TINT = 9.0
NOISE_FACTOR = 5.0
SHIFT_PX = 0.6
MORE_COLOUR = 2.0
RIM_SHARE = 1 / 160
"""Of the longer side: so near the end of what they share, pictures show the one or the other frame."""


@dataclass(frozen=True, slots=True, eq=False)
class Explained:
    """A sheet of which a has been given the tones and the sharpness of b, or b the sharpness of a.

    toned   both planes in the tones of one, each as sharp as it is
    a, b    the two planes that should be equal
    forward whether a was given the tones of b
    excess  float32[h, w]: what differs, over what may: above 1 is not explained
    """

    sheet: Sheet
    tone: tone.Tone
    forward: bool
    toned: tuple[Planes, Planes]
    a: Planes
    b: Planes
    excess: NDArray[np.float32]

    def noise(self) -> float:
        """Median of how far the lumas are apart."""
        few = self.sheet.mask[::2, ::2]
        return float(np.median(np.abs(self.a[0, ::2, ::2] - self.b[0, ::2, ::2])[few])) if few.any() else 0.0


def explain(sheet: Sheet) -> Explained | None:
    """The picture that has more (colour, then tones that are not clipped) is given the tones of the other. None where
    the two share too little to fit a tone map."""
    forward = _has_more(sheet.a, sheet.b, sheet.mask)
    source, target = (sheet.a, sheet.b) if forward else (sheet.b, sheet.a)
    found = tone.fit(source, target, sheet.mask)
    if found is None:
        return None
    laid = found.of(source)
    toned = (laid, target) if forward else (target, laid)
    a, b = _equally_sharp(*toned, sheet.mask)
    return Explained(sheet, found, forward, toned, a, b, _excess(a, b, sheet.mask))


def _has_more(a: Planes, b: Planes, mask: NDArray[np.bool_]) -> bool:
    """Whether a has what a map needs to give b: colour, or tones that b has clipped."""
    few = mask[::4, ::4]
    (colour_a, clipped_a), (colour_b, clipped_b) = (_riches(p[:, ::4, ::4][:, few]) for p in (a, b))
    if max(colour_a, colour_b) > MORE_COLOUR * min(colour_a, colour_b) + 0.5:
        return colour_a > colour_b
    return clipped_a <= clipped_b


def _riches(planes: NDArray[np.float32]) -> tuple[float, float]:
    """Spread of the colour that luma does not tell (a toned picture has none), and the share that is black or white."""
    if planes.shape[1] == 0:
        return 0.0, 0.0
    clipped = (planes[0] < 4.0) | (planes[0] > 251.0)
    centred = planes - planes.mean(axis=1, keepdims=True)
    on_luma = centred[1:] @ centred[0] / max(float(np.vdot(centred[0], centred[0])), 1.0)
    left = centred[1:] - on_luma[:, None] * centred[0]
    return float(np.sqrt(np.square(left).mean())), float(clipped.mean())


def _equally_sharp(a: Planes, b: Planes, mask: NDArray[np.bool_]) -> tuple[Planes, Planes]:
    """Both with one blur: the one that leaves the least of the luma unexplained."""
    cap = 12.0
    few = mask[::2, ::2]

    def left(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
        apart = np.abs(one[::2, ::2] - other[::2, ::2])[few]
        return float(np.minimum(apart, cap, out=apart).mean())

    plain = least = left(a[0], b[0])
    best: tuple[float, bool] | None = None
    for sharper_a in (True, False):
        before = plain
        for sigma in BLURS:
            one, other = (_soft(a[0], sigma), b[0]) if sharper_a else (a[0], _soft(b[0], sigma))
            now = left(one, other)
            if now >= before:
                break
            before = now
            if now < least:
                least, best = now, (sigma, sharper_a)
    if best is None:
        return a, b
    sigma, sharper_a = best
    soft = np.stack([_soft(plane, sigma) for plane in (a if sharper_a else b)])
    return (soft, b) if sharper_a else (a, soft)


def _soft(plane: NDArray[np.float32], sigma: float) -> NDArray[np.float32]:
    return np.asarray(cv2.GaussianBlur(plane, (0, 0), sigma), np.float32)


def _excess(a: Planes, b: Planes, mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """What differs over what may, the largest of luma and tints, 0 outside the mask and at its rim."""
    out = np.zeros(mask.shape, np.float32)
    rim = max(2, round(RIM_SHARE * max(mask.shape)))
    mask = cv2.erode(mask.astype(np.uint8), np.ones((2 * rim + 1,) * 2, np.uint8), borderValue=0) > 0
    for plane, least in enumerate((LEAST_LEVELS, LEAST_TINT, LEAST_TINT)):
        one, other = (np.asarray(cv2.blur(p[plane], (3, 3)), np.float32) for p in (a, b))
        apart = np.asarray(cv2.absdiff(one, other), np.float32)
        few = apart[::3, ::3][mask[::3, ::3]]
        noise = float(np.median(few)) if few.size else 0.0
        allowed = np.asarray(cv2.dilate(cv2.min(_slope(one), _slope(other)), np.ones((3, 3), np.uint8)), np.float32)
        allowed *= np.float32(SHIFT_PX)
        allowed += np.float32(max(least, NOISE_FACTOR * noise))
        apart /= allowed
        np.maximum(out, apart, out=out)
    out *= mask
    return out


def _slope(plane: NDArray[np.float32]) -> NDArray[np.float32]:
    """Grey levels per pixel."""
    x, y = (cv2.Scharr(plane, cv2.CV_32F, *d, scale=1 / 32) for d in ((1, 0), (0, 1)))
    return np.asarray(cv2.magnitude(x, y), np.float32)
