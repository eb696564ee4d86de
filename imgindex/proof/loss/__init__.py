"""What would be lost with either picture of a proven pair, and which of the two was made from the other."""

from __future__ import annotations

from imgindex.pictures.whole import Whole
from imgindex.proof.loss.evidence import measure
from imgindex.proof.loss.rule import judge
from imgindex.records import Verification, Weighing

__all__ = ["judge", "measure", "weigh"]

MEASURE_VERSION = 1
"""Raise it with any change to the evidence: every pair is then weighed again. See also `rule.RULES_VERSION`."""


def weigh(a: Whole, b: Whole, outcome: Verification) -> Weighing:
    """Weigh two pictures against each other that `outcome` proves to be copies (near-duplicate or same-pixels).

    The other order of the two gives the same the other way around.
    """
    return judge(measure(a, b, outcome))


WEIGHER_VERSION = MEASURE_VERSION
JUDGE_VERSION = 1


def by_geometry(outcome: Verification, a: object, b: object) -> Weighing | None:
    return None


def may_look_the_same(outcome: Verification) -> bool:
    return (
        outcome.relation is not None
        and outcome.relation.value == "same"
        and "mirr" not in (outcome.transform or "")
        and "rot" not in (outcome.transform or "")
    )
