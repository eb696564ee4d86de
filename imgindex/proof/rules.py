"""From the numbers of a look to what differs: no pixels, so that stored evidence can be decided again."""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import Any

from imgindex.records import Marked

LEAST_MASS = 40.0
LEAST_STRENGTH = 1.4
"""A part below either is what coding and resampling leave."""

SOFT = 0.05
"""Steepness of an outline below which there is none: light, a retouched spot, or the blur of another thing."""

CONTENT_DETAIL = 5.0
LIGHT_AGREE = 0.6
COARSE_AGREE = 0.75
TONE_AGREE = 0.75
TINT = 0.6
TINT_AGREE = 0.7
OF_ONE = 0.6
STROKE = 0.022
PAINTED = 0.6
LEAST_TURNED = 0.02
MOST_MODES = 2
LEAST_SHARPER = 4
SAME_INK = 45
INK_BESIDE = 0.03
MOST_INK = 0.5
GROUND_BESIDE = 0.55
PRINT_BESIDE = 0.89
PRINT_CONTRAST = 85
SHIFTED_AGREE, SHIFT_GAIN = 0.85, 0.1
LEAST_PRINT = 14.0
FILLED = 0.8
FILLED_STRENGTH = 2.2
OPPOSED = -0.2
BALANCED_SOLID = 0.12
MOSTLY_PAINT, NO_PAINT, FLATTER = 0.8, 0.35, 0.15
CRISP = 0.17
WHITE, NEAR_WHITE = 250, 50
BALANCED = 0.2
SURELY_OF_ONE = 0.8
TINTED_MASS = 300.0
COARSER_AGREE = 0.25
PRINT_AGREE = 0.5
PRINT_STRENGTH = 1.7
HUE_MASS, HUE_STRENGTH = 600.0, 1.9
HUE_CHROMA, HUE_DEGREES = 12.0, 28.0
MOVED_MASSES, MOVED_AGREE = 5.0, 0.7


def marked(evidence: dict[str, Any]) -> tuple[Marked, ...]:
    """What differs visibly, largest first: also what is laid over."""
    found = [Marked(kind, _corners(part["box"])) for part, kind in _parts(evidence)]
    if has_turned(evidence):
        found.append(Marked("hue", _corners(evidence["hue_box"])))
    if is_sharper_on_both_sides(evidence):
        found += [Marked("focus", _corners(box)) for box in evidence["sharper_boxes"]]
    return tuple(found)


def is_variant(evidence: dict[str, Any]) -> bool:
    """Whether some part shows something else."""
    if has_turned(evidence) or is_sharper_on_both_sides(evidence):
        return True
    return any(kind in VARIANT_KINDS for _, kind in _parts(evidence))


VARIANT_KINDS = frozenset({"content", "print", "hue", "moved"})


def has_turned(evidence: dict[str, Any]) -> bool:
    turned, modes, _ = evidence.get("hue", (0.0, 0, 0.0))
    return bool(turned >= LEAST_TURNED and modes <= MOST_MODES)


def is_sharper_on_both_sides(evidence: dict[str, Any]) -> bool:
    return min(evidence.get("sharper", (0, 0))) >= LEAST_SHARPER


def _parts(evidence: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The parts that count, each with its kind."""
    found = [(part, kind_of(part)) for part in evidence.get("parts", ())]
    found = [(part, kind) for part, kind in found if kind]
    laid_a = [part for part, kind in found if kind == "over a"]
    laid_b = [part for part, kind in found if kind == "over b"]
    for part, other in ((p, q) for p in laid_a for q in laid_b):
        if _has_moved(part, other):
            found = [(p, "moved" if p is part or p is other else kind) for p, kind in found]
    return found


def kind_of(part: dict[str, Any]) -> str:
    """ "" where nothing differs but tone, blur and noise; else what does."""
    is_beside_print = any(_is_beside_print(part, side) for side in "ab")
    if part["mass"] < (LEAST_PRINT if is_beside_print else LEAST_MASS) or part["strength"] < LEAST_STRENGTH:
        return ""
    is_flat = min(part["flat_a"], part["flat_b"]) >= FILLED and part["strength"] >= FILLED_STRENGTH
    if part["sharp"] < SOFT:
        smooth = max(part["detail_a"], part["detail_b"]) < CONTENT_DETAIL
        return "" if smooth or part["agree"] > LIGHT_AGREE or part["coarse"] > COARSE_AGREE else "content"
    if part["coarse"] >= COARSE_AGREE and part["agree"] > COARSER_AGREE and not is_flat:
        return ""
    is_shifted = part["shifted"] >= max(SHIFTED_AGREE, part["agree"] + SHIFT_GAIN) and part["stroke"] < STROKE
    if _is_burnt_out(part) or is_shifted:
        return ""
    if part["agree"] <= OPPOSED:
        return "print" if part["stroke"] < STROKE else "content"
    side = _carrier(part)
    if part["tint"] > TINT and part["agree"] > TINT_AGREE:
        if side:
            return f"over {side}"
        return "hue" if _other_hue(part) and part["mass"] >= HUE_MASS and part["strength"] >= HUE_STRENGTH else ""
    if side:
        return _one_sided(part, side)
    if part["agree"] >= TONE_AGREE and not is_flat:
        return ""
    if part["stroke"] >= STROKE:
        return "content"
    is_strong = part["strength"] >= PRINT_STRENGTH or is_beside_print
    is_print = is_strong and part["balance"] >= BALANCED and part["agree"] <= PRINT_AGREE
    return "print" if is_print and (part["tint"] <= TINT or part["mass"] >= TINTED_MASS) else ""


def _carrier(part: dict[str, Any]) -> str:
    """The side whose edge the outline is; empty where it is one of both, or of neither."""
    side, own = ("b", part["own"]) if part["own"] >= 0.5 else ("a", 1.0 - part["own"])
    limit = BALANCED if part["stroke"] < STROKE else BALANCED_SOLID
    is_sure = part["balance"] < limit or _alone_is_paint(part, side)
    return side if own >= (OF_ONE if is_sure else SURELY_OF_ONE) else ""


def _alone_is_paint(part: dict[str, Any], side: str) -> bool:
    other = "a" if side == "b" else "b"
    if part["paint_" + side] < MOSTLY_PAINT:
        return False
    return bool(part["paint_" + other] <= NO_PAINT or part["flat_" + side] >= part["flat_" + other] + FLATTER)


def _one_sided(part: dict[str, Any], side: str) -> str:
    other = "a" if side == "b" else "b"
    is_crisp = part["sharp"] >= CRISP or _alone_is_paint(part, side)
    if part["stroke"] < STROKE or (part["paint_" + side] >= PAINTED and is_crisp):
        return "print" if _is_beside_print(part, other) else f"over {side}"
    return "" if part["agree"] >= TONE_AGREE else "content"


def _is_burnt_out(part: dict[str, Any]) -> bool:
    """Whether light and nothing else differs where one of the two is white."""
    lumas = part["ink_a"][0], part["ink_b"][0]
    return bool(
        part["balance"] < 0.05 and max(lumas) >= WHITE and min(lumas) >= WHITE - NEAR_WHITE and part["agree"] > 0.3
    )


def _is_beside_print(part: dict[str, Any], other: str) -> bool:
    """Whether the picture that has nothing there has the same ink on the same ground beside it."""
    inked, grounded, both = part["beside_" + other]
    contrast = sum(abs(x - y) for x, y in zip(part["ink_a"], part["ink_b"], strict=True))
    return bool(
        contrast >= PRINT_CONTRAST
        and INK_BESIDE <= inked <= MOST_INK
        and grounded >= GROUND_BESIDE
        and both >= PRINT_BESIDE
    )


def _other_hue(part: dict[str, Any]) -> bool:
    (_, ua, va), (_, ub, vb) = part["ink_a"], part["ink_b"]
    one, other = complex(ua - 128, va - 128), complex(ub - 128, vb - 128)
    if min(abs(one), abs(other)) < HUE_CHROMA:
        return abs(one - other) > 2 * HUE_CHROMA
    return abs(math.degrees(cmath.phase(other / one))) > HUE_DEGREES


def _has_moved(part: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the ink that one picture alone has in one place is what the other alone has in another."""
    masses = sorted((part["mass"], other["mass"]))
    if masses[1] > MOVED_MASSES * masses[0] or max(part["agree"], other["agree"]) > MOVED_AGREE:
        return False
    return sum(abs(x - y) for x, y in zip(part["ink_a"], other["ink_b"], strict=True)) <= SAME_INK


def _corners(box: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in box)
