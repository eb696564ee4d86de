"""What would be lost with either picture of a proven pair, and which of the two was made from the other.

`weigh` looks at the pixels of both files and gathers evidence; `judge` turns evidence into losses, signs and grades and
needs no pixels, so that stored evidence is judged again where rules change.
"""

from __future__ import annotations

import numpy as np

from imgindex.pictures.whole import Whole
from imgindex.proof import maps
from imgindex.proof.loss.evidence import measure, outlined
from imgindex.proof.loss.rule import JUDGE_VERSION, UNNOTICED_STRETCH, judge
from imgindex.records import PictureInfo, Relation, Verdict, Verification, Weighing

__all__ = ["JUDGE_VERSION", "WEIGHER_VERSION", "by_geometry", "judge", "may_look_the_same", "measure", "weigh"]

WEIGHER_VERSION = 4
"""Raise it with any change to the evidence: every pair is then weighed again. See also `JUDGE_VERSION`."""


def weigh(a: Whole, b: Whole, outcome: Verification) -> Weighing:
    """Weigh two pictures against each other that `outcome` proves to be copies (near-duplicate or same-pixels).

    The other order of the two gives the same the other way around.
    """
    return judge(measure(a, b, outcome))


def by_geometry(outcome: Verification, a: PictureInfo, b: PictureInfo) -> Weighing | None:
    """What is settled without a look at either file: where each shows something that the other does not, neither
    stands below the other. None where the pixels are to be asked."""
    if outcome.verdict is not Verdict.NEAR_DUPLICATE or outcome.relation is not Relation.OVERLAP:
        return None
    return judge(outlined(a, b, outcome))


def may_look_the_same(outcome: Verification) -> bool:
    """Whether the two can be encodings of one picture, as far as the map tells: whole frames, not mirrored, turned or
    stretched."""
    if outcome.verdict is Verdict.SAME_PIXELS:
        return True
    whole = (
        outcome.verdict is Verdict.NEAR_DUPLICATE and outcome.relation is Relation.SAME and outcome.matrix is not None
    )
    return whole and not _changed(outcome)


def _changed(outcome: Verification) -> bool:
    parts = maps.decompose(np.array(outcome.matrix, np.float64).reshape(2, 3))
    return parts.mirrored or abs(parts.degrees) > MOST_DEGREES or parts.anisotropy > UNNOTICED_STRETCH


MOST_DEGREES = 1.0
"""The error of a map of small pictures."""
