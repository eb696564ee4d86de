"""Whether two animations or scans of several pages show the same beyond their first frames.

A still is contained in its animation, and the first pages of a scan in the whole: what there is of both must be the
same, and what one has more of is a loss, not a difference.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np

from imgindex.ports import Source

MAX_COMPARED = 64
"""Frames of each that are compared, spread evenly over all, the last among them. A pair of frames takes some 10 ms."""

MAX_DIFFERING = 8
"""After so many that differ, no others are compared: two scans of one printed form differ in all their pages."""

BLANK_VARIANCE = 16.0
BLANK_LEVELS = 12.0
"""Variance of luma below which a frame shows nothing (a blank page, a fade to black), and difference of mean grey
levels up to which two of these are the same."""

BLANK_PX = 320


@dataclass(frozen=True, slots=True)
class FramesCompared:
    """How many frames were compared beyond the first, and the numbers (from 0, in a) of those that differ: at most
    MAX_DIFFERING, with which the comparison ends."""

    compared: int
    differing: tuple[int, ...]


def compare_frames(a: Source, b: Source, is_copy: Callable[[Source, Source], bool]) -> FramesCompared:
    """Compare the frames of two pictures whose first frames are copies; `is_copy` says that of one frame of each.

    Where one has more frames than the other, these are taken for its beginning or, if they are not that, for a
    selection spread over it: the better of the two counts. Raises OSError where a file cannot be read now.
    """
    shorter = min(a.info.frames, b.info.frames)
    if shorter < 2:
        return FramesCompared(0, ())
    places = np.unique(np.linspace(0, shorter - 1, min(shorter, MAX_COMPARED)).round().astype(int))[1:].tolist()
    found = _compared(a, b, [(at, at) for at in places], is_copy)
    if found.differing and a.info.frames != b.info.frames:
        spread = _compared(a, b, [(_spread(at, shorter, a), _spread(at, shorter, b)) for at in places], is_copy)
        found = min(found, spread, key=lambda one: len(one.differing))
    return found


def _spread(at: int, shorter: int, source: Source) -> int:
    return round(at * (source.info.frames - 1) / (shorter - 1))


def _compared(
    a: Source, b: Source, places: list[tuple[int, int]], is_copy: Callable[[Source, Source], bool]
) -> FramesCompared:
    pairs = zip(a.frames([one for one, _ in places]), b.frames([other for _, other in places]), strict=True)
    differing: list[int] = []
    for compared, ((at, _), (one, other)) in enumerate(zip(places, pairs, strict=True), 1):
        if not (_are_blank(one, other) or is_copy(one, other)):
            differing.append(at)
        if len(differing) == MAX_DIFFERING:
            return FramesCompared(compared, tuple(differing))
    return FramesCompared(len(places), tuple(differing))


def _are_blank(a: Source, b: Source) -> bool:
    lumas = a.luma(BLANK_PX), b.luma(BLANK_PX)
    if any(float(luma.var()) > BLANK_VARIANCE for luma in lumas):
        return False
    return abs(float(lumas[0].mean()) - float(lumas[1].mean())) <= BLANK_LEVELS
