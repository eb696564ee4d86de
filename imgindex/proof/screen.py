"""What two sketches say of a pair, before any file is read for it: the first step of a verification."""

from __future__ import annotations

import enum
from collections.abc import Sequence

import numpy as np

from imgindex.pictures.sketch import Sketch
from imgindex.proof import register

CORRELATION_MARGIN = 1e-5
"""How far below a threshold a correlation that was summed in another order may be."""


class Way(enum.Enum):
    """What speaks for laying one picture on another."""

    FRAMES = "frames"
    FEATURES = "features"


def ways(
    shared: Sketch, others: Sequence[Sketch], shared_is_a: Sequence[bool], frame_correlation: float
) -> list[Way | None]:
    """Why the pixels of one picture and of each of some others are worth looking at: the frames correlate, or else
    enough of the features agree on one map; None where neither is so."""
    found: list[Way | None] = []
    for other, is_a, correlation in zip(others, shared_is_a, correlations(shared, others), strict=True):
        a, b = (shared, other) if is_a else (other, shared)
        may_lie = correlation >= frame_correlation - CORRELATION_MARGIN
        if may_lie and register.from_frames(a.icons, b.icons, frame_correlation)[1] is not None:
            found.append(Way.FRAMES)
        else:
            found.append(Way.FEATURES if features_agree(a, b) else None)
    return found


def correlations(shared: Sketch, others: Sequence[Sketch]) -> list[float]:
    """The highest correlation of an icon of one picture, in any orientation, with one of each other picture."""
    _, orders = register.orientations()
    turned = np.concatenate([icon.unit[orders] for icon in shared.icons])
    units = np.stack([icon.unit for other in others for icon in other.icons])
    highest = (turned @ units.T).max(axis=0)
    starts = np.cumsum([0, *(len(other.icons) for other in others)])[:-1]
    best: list[float] = np.maximum.reduceat(highest, starts).tolist()
    return best


def features_agree(a: Sketch, b: Sketch) -> bool:
    """Whether enough of the features agree on one map for the features themselves to be asked."""
    return register.agree(a.halves, b.halves)
