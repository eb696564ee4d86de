"""Which picture of a proven pair shows all of the other at no smaller size: it could be kept in its place, and the two
are worth weighing. Geometry alone says that, and not that nothing would be lost."""

from __future__ import annotations

from imgindex.records import Relation, Verdict, Verification

MIN_KEEPER_SCALE = 0.9
"""A keeper shows what its member shows at 0.9 of the member's linear size at least: a screenshot of a photo is never
the photo's keeper, a copy enlarged or reduced by rounding is. Neither is one that shows it enlarged: what is `inset`
has the page around it, and no more detail."""


def covers_b(outcome: Verification) -> bool:
    """True where a shows all that b shows."""
    return _covers(outcome, (Relation.SAME, Relation.A_CONTAINS_B), outcome.scale)


def covers_a(outcome: Verification) -> bool:
    """True where b shows all that a shows."""
    return _covers(outcome, (Relation.SAME, Relation.B_CONTAINS_A), 1.0 / max(outcome.scale, 1e-9))


def _covers(outcome: Verification, shown_by: tuple[Relation, ...], covered_scale: float) -> bool:
    """`covered_scale`: size of the shared content in the covered picture over its size in the other."""
    if outcome.verdict in (Verdict.EXACT, Verdict.SAME_PIXELS):
        return True
    if outcome.verdict is not Verdict.NEAR_DUPLICATE:
        return False
    if outcome.inset and outcome.relation is not Relation.SAME:
        return False
    return outcome.relation in shown_by and covered_scale * MIN_KEEPER_SCALE <= 1.0
