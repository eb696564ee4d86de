"""Whether one hue turned while the others stayed: another colour of one thing, and no change of colour of a picture."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from imgindex.proof import balance
from imgindex.proof.parts import Explained
from imgindex.proof.tone import blocks

BLOCK_PX = 6
COLOURED = 14.0
"""Distance from grey from which a block has a hue: JPEG at quality 15 leaves some 6 on grey."""

NEUTRAL = 6.0
GREY = 7.0
"""A picture of which the 99th percentile lies below this has no colour: colour removed is an edit."""

TURNED_DEGREES = 24.0
MOVED = 18.0
"""A hue turned that did so by so much of the circle, and moved by so many levels: a warm filter turns faint colours."""
LOST = 0.4
"""A hue that keeps less than this of its share of the colour that the picture keeps is lost."""

WORTH = 0.01
ALONE = 0.15
"""Where other hues stay, what a balance of channels and saturation does to all is taken away first; where one hue is
all there is, nobody can say what it was."""

MODES = 12
LEAST_MODE = 0.004
"""Hues are counted in twelfths of the circle; one counts from this share of the picture on."""


@dataclass(frozen=True, slots=True, eq=False)
class Turn:
    """turned  share of the blocks whose hue turned, came or went beyond what the whole picture's did
    modes   how many of the twelve hues did
    kept    share of the blocks that have a hue and kept it
    where   bool[rows, columns] of blocks that turned
    """

    turned: float
    modes: int
    kept: float
    where: NDArray[np.bool_]


def turn(explained: Explained) -> Turn | None:
    """None where one of the two has no colour, or next to nothing is shared."""
    sheet = explained.sheet
    usable = sheet.mask & (explained.excess <= 1.0)
    whole = blocks(usable[None].astype(np.float32), BLOCK_PX)[0] > 0.99
    if whole.sum() < 40:
        return None
    a, b = (blocks(p, BLOCK_PX) for p in (sheet.a, sheet.b))
    colour_a, colour_b = (p[1][whole] - 128.0 + 1j * (p[2][whole] - 128.0) for p in (a, b))
    if min(float(np.quantile(np.abs(c), 0.99)) for c in (colour_a, colour_b)) < GREY:
        return None
    worst: Turn | None = None
    ways = ((a, b, colour_a, colour_b), (b, a, colour_b, colour_a))
    for source, target, one, other in ways:
        if _is_toned(other) and not _is_toned(one):
            return None
        found = _one_way(one, other, source[0][whole], whole)
        if found.turned >= WORTH and found.kept > ALONE * found.turned:
            balanced = balance.predicted(source[:, whole], target[:, whole])
            found = _one_way(balanced[1] - 128.0 + 1j * (balanced[2] - 128.0), other, balanced[0], whole)
        if worst is None or found.turned > worst.turned:
            worst = found
    return worst


def _one_way(
    one: NDArray[np.complex128], other: NDArray[np.complex128], luma: NDArray[np.float32], whole: NDArray[np.bool_]
) -> Turn:
    other = other - _cast(one, other, luma)
    strength_one, strength_other = np.abs(one), np.abs(other)
    hued = strength_one > COLOURED
    where = np.zeros(whole.shape, np.bool_)
    if not hued.any():
        return Turn(0.0, 0, 0.0, where)
    kept_share = float(np.median(strength_other[hued] / strength_one[hued]))
    angle = np.degrees(np.angle(other * one.conj()))
    moved = np.abs(other - kept_share * one) > MOVED * min(kept_share, 1.0)
    has_turned = moved & (strength_other > 0.8 * COLOURED) & (np.abs(angle) > TURNED_DEGREES)
    is_lost = moved & (strength_other < LOST * min(kept_share, 1.0) * strength_one)
    changed = hued & (has_turned | is_lost)
    mode = ((np.degrees(np.angle(one)) % 360.0) / (360.0 / MODES)).astype(np.int64) % MODES
    counts = np.bincount(mode[changed], minlength=MODES) / len(one)
    where[whole] = changed
    kept = float((hued & ~changed).sum()) / len(one)
    return Turn(float(changed.sum()) / len(one), int((counts >= LEAST_MODE).sum()), kept, where)


def _cast(
    one: NDArray[np.complex128], other: NDArray[np.complex128], luma: NDArray[np.float32]
) -> NDArray[np.complex128]:
    """What a cast (white balance, toning) adds at each luma, seen in what has no colour; 0 where little has none."""
    grey = np.abs(one) < NEUTRAL
    if grey.sum() < 0.02 * len(one):
        return np.zeros(len(one), np.complex128)
    levels = np.linspace(0.0, 255.0, 9)
    centres, casts = [], []
    for low, high in itertools.pairwise(levels):
        here = grey & (luma >= low) & (luma < high)
        if here.sum() >= 6:
            centres.append((low + high) / 2)
            casts.append(complex(np.median(other[here].real), np.median(other[here].imag)))
    if not centres:
        return np.zeros(len(one), np.complex128)
    values = np.array(casts)
    real, imaginary = (np.interp(luma, centres, part) for part in (values.real, values.imag))
    return np.asarray(real + 1j * imaginary, np.complex128)


def _is_toned(colour: NDArray[np.complex128]) -> bool:
    """Whether all colour is of one hue, and next to nothing has none."""
    strength = np.abs(colour)
    hued = strength > 4.0
    if hued.mean() < 0.6:
        return False
    mean = colour[hued].sum()
    near = np.abs(np.degrees(np.angle(colour[hued] * mean.conj()))) < 25.0
    return bool(near.mean() > 0.97)
