"""From the numbers of an inspection to what differs: no pixels, so that stored evidence can be decided again.

`evidence` may hold `parts` (see `kinds.Part`), `hue` (turned share, modes, kept share; see `hue.Turn`) and `sharper`
(tiles where each is; see `focus.sides`). The numbers beside the constants were chosen on 32 kinds of pictures made
alike, their copies, and 27 edits of training photos.
"""

from __future__ import annotations

import cmath
import math
from collections.abc import Sequence
from typing import Any

import numpy as np

from imgindex.proof import maps
from imgindex.proof.maps import Affine
from imgindex.records import Marked

VARIANT_KINDS = frozenset({"content", "print", "hue", "moved", "focus"})
"""The kinds that show something else; `over a` and `over b` are laid over one of the two."""

LEAST_MASS, LEAST_PRINT_MASS = 40.0, 14.0
LEAST_STRENGTH = 1.4
"""A part below either is what coding and resampling leave; beside print a lesser one counts: a digit of a dense page
has 20 to 180."""

SOFT = 0.05
CONTENT_DETAIL = 5.0
LIGHT_AGREE = 0.6
"""An outline below SOFT is none: it is light, where the two agree inside it or both are smooth, else a retouched spot
or the blur of another thing."""

COARSE_AGREE, COARSER_AGREE = 0.75, 0.25
"""Made coarser (blur, mosaic): means of cells agree, and pixels somewhat."""

TONE_AGREE = 0.75
FILLED, FILLED_STRENGTH = 0.8, 2.2
"""Tone: pixels agree, unless both are one tone there, which is another fill."""

WHITE, NEAR_WHITE, BURNT_AGREE, ONE_SIGN = 238, 50, -0.1, 0.05
"""Burnt out: one is white, the other at most 50 levels below."""

BLACK, DARK, DARK_MASS, DARK_STRENGTH = 5, 45, 780.0, 1.15
"""In the dark, but for what is black in one (clipped, or paint), a part counts that differs by less."""

TINT, TINT_AGREE = 0.6, 0.7
HUE_MASS, HUE_STRENGTH = 600.0, 1.9
HUE_CHROMA, HUE_DEGREES = 12.0, 28.0
"""Another hue: what differs is colour, the luma agrees, and the hue turned, came or went."""

OPPOSED = -0.2
"""Where one has ink the other has ground, and the reverse: hands of a clock, other letters."""

OF_ONE, SURELY_OF_ONE = 0.6, 0.8
BALANCED, BALANCED_SOLID = 0.16, 0.12
"""Share of the outline's steps from which it is an edge of one alone; more is asked where what differs has both signs,
as another thing in the same place has, unless only one of the two is paint."""

EDGE_OF_OTHER = 2.5
"""Steps of the other picture across the outline, over those inside it, from which it is an edge there, too."""

PAINTED, MOSTLY_PAINT, NO_PAINT, FLATTER = 0.6, 0.8, 0.35, 0.15
CRISP = 0.17
"""Paint: few colours or seen through, and an outline steeper than that of a shadow in an x-ray (0.15 at most)."""

STROKE = 0.022
"""Thinner is a stroke: letters, lines; the least of the objects that come and go is 0.036."""

PRINT_AGREE, PRINT_STRENGTH, TINTED_MASS = 0.5, 1.7, 300.0
SHIFTED_AGREE, SHIFT_GAIN = 0.85, 0.1
"""Other print: strokes of both, which no shift of two pixels makes agree."""

INK_BESIDE, MOST_INK, GROUND_BESIDE, PRINT_BESIDE, PRINT_CONTRAST = 0.03, 0.5, 0.68, 0.89, 85
"""Print stands beside a stroke where nearly all there is ink, ground or a mixture of the two."""

MOVED_MASSES, MOVED_AGREE, SAME_INK = 5.0, 0.7, 45
"""Moved: what one alone has in one place has the colour of what the other alone has in another."""

LEAST_TURNED, MOST_MODES = 0.02, 2
"""One hue or two that turned, of twelve: a change of colour of a whole picture is seen on more."""

LEAST_SHARPER = 4
"""Tiles where each is sharper, from which the two are a focus bracket."""


def is_variant(evidence: dict[str, Any]) -> bool:
    """Whether some part shows something else."""
    return any(mark.kind in VARIANT_KINDS for mark in marked(evidence))


def marked(evidence: dict[str, Any]) -> tuple[Marked, ...]:
    """What differs visibly, largest first: also what is laid over."""
    found = [Marked(kind, _corners(part["box"])) for part, kind in _parts(evidence)]
    turned, modes, _ = evidence.get("hue", (0.0, 0, 0.0))
    if turned >= LEAST_TURNED and modes <= MOST_MODES:
        found.append(Marked("hue", _corners(evidence["hue_box"])))
    if min(evidence.get("sharper", (0, 0))) >= LEAST_SHARPER:
        found += [Marked("focus", _corners(box)) for box in evidence["sharper_boxes"]]
    return tuple(found)


_OTHER_SIDE = {"over a": "over b", "over b": "over a"}


def reversed_marks(marks: Sequence[Marked], matrix: Affine) -> tuple[Marked, ...]:
    """The same marks told from b to a: corners in full-size pixels of b, to which `matrix` leads."""
    return tuple(
        Marked(
            _OTHER_SIDE.get(mark.kind, mark.kind),
            tuple((round(float(x), 1), round(float(y), 1)) for x, y in maps.apply(matrix, np.array(mark.corners))),
        )
        for mark in marks
    )


def _parts(evidence: dict[str, Any]) -> list[tuple[dict[str, Any], str]]:
    """The parts that count, each with its kind."""
    found = [(part, kind_of(part)) for part in evidence.get("parts", ())]
    laid = {side: [n for n, (_, kind) in enumerate(found) if kind == f"over {side}"] for side in "ab"}
    moved = {n for i in laid["a"] for j in laid["b"] if _has_moved(found[i][0], found[j][0]) for n in (i, j)}
    return [(part, "moved" if n in moved else kind) for n, (part, kind) in enumerate(found) if kind]


def kind_of(part: dict[str, Any]) -> str:
    """What kind of difference a part is; empty where nothing differs but tone, blur and noise."""
    near_print = any(_is_beside_print(part, side) for side in "ab")
    if _is_dark(part):
        return "content"
    least = LEAST_PRINT_MASS if near_print else LEAST_MASS
    if part["mass"] < least or part["strength"] < LEAST_STRENGTH or _is_same_content(part):
        return ""
    is_stroke = part["stroke"] < STROKE
    if part["sharp"] < SOFT:
        return "content"
    if part["agree"] <= OPPOSED:
        return "print" if is_stroke else "content"
    side = _carrier(part)
    if part["tint"] > TINT and part["agree"] > TINT_AGREE:
        return f"over {side}" if side else "hue" if _is_other_hue(part) else ""
    if side:
        return _one_sided(part, side)
    if part["agree"] >= TONE_AGREE and not _is_fill(part):
        return ""
    if not is_stroke:
        return "content"
    return "print" if _is_print(part, near_print) else ""


def _is_same_content(part: dict[str, Any]) -> bool:
    """Whether both show the same there, in other light, coarser, or out of place by a pixel or two."""
    if part["sharp"] < SOFT:
        smooth = max(part["detail_a"], part["detail_b"]) < CONTENT_DETAIL
        return bool(smooth or part["agree"] > LIGHT_AGREE or part["coarse"] > COARSE_AGREE)
    if part["coarse"] >= COARSE_AGREE and part["agree"] > COARSER_AGREE and not _is_fill(part):
        return True
    if part["stroke"] < STROKE and part["shifted"] >= max(SHIFTED_AGREE, part["agree"] + SHIFT_GAIN):
        return True
    lumas = part["ink_a"][0], part["ink_b"][0]
    burnt = max(lumas) >= WHITE and min(lumas) >= WHITE - NEAR_WHITE
    return bool(burnt and part["balance"] < ONE_SIGN and part["agree"] > BURNT_AGREE)


def _is_dark(part: dict[str, Any]) -> bool:
    """Whether another thing stands there in the dark, where a few levels are all that there is to see."""
    darker, lighter = sorted((part["ink_a"][0], part["ink_b"][0]))
    if lighter > DARK or darker < BLACK or part["mass"] < DARK_MASS or part["strength"] < DARK_STRENGTH:
        return False
    return bool(part["agree"] <= PRINT_AGREE and part["coarse"] < COARSE_AGREE)


def _is_fill(part: dict[str, Any]) -> bool:
    return bool(min(part["flat_a"], part["flat_b"]) >= FILLED and part["strength"] >= FILLED_STRENGTH)


def _carrier(part: dict[str, Any]) -> str:
    """The side whose edge the outline is; empty where it is one of both, or of neither."""
    side, own = ("b", part["own"]) if part["own"] >= 0.5 else ("a", 1.0 - part["own"])
    limit = BALANCED if part["stroke"] < STROKE else BALANCED_SOLID
    is_sure = part["balance"] < limit or _alone_is_paint(part, side)
    if part["stroke"] >= STROKE and own < SURELY_OF_ONE and part["rim_a" if side == "b" else "rim_b"] >= EDGE_OF_OTHER:
        return ""
    return side if own >= (OF_ONE if is_sure else SURELY_OF_ONE) else ""


def _alone_is_paint(part: dict[str, Any], side: str) -> bool:
    other = "a" if side == "b" else "b"
    if part["paint_" + side] < MOSTLY_PAINT:
        return False
    return bool(part["paint_" + other] <= NO_PAINT or part["flat_" + side] >= part["flat_" + other] + FLATTER)


def _one_sided(part: dict[str, Any], side: str) -> str:
    """What an outline of one side encloses: something laid over, print that the other lacks, or content."""
    is_crisp = part["sharp"] >= CRISP or _alone_is_paint(part, side)
    if part["stroke"] < STROKE or (part["paint_" + side] >= PAINTED and is_crisp):
        return "print" if _is_beside_print(part, "a" if side == "b" else "b") else f"over {side}"
    return "" if part["agree"] >= TONE_AGREE else "content"


def _is_print(part: dict[str, Any], near_print: bool) -> bool:
    if part["tint"] > TINT and part["mass"] < TINTED_MASS:
        return False
    is_strong = near_print or part["strength"] >= PRINT_STRENGTH
    return bool(is_strong and part["balance"] >= BALANCED and part["agree"] <= PRINT_AGREE)


def _is_beside_print(part: dict[str, Any], side: str) -> bool:
    """Whether one picture has, beside the part, the ink that the other has there, on the same ground."""
    inked, grounded, both = part["beside_" + side]
    if not INK_BESIDE <= inked <= MOST_INK or grounded < GROUND_BESIDE or both < PRINT_BESIDE:
        return False
    return _apart(part["ink_a"], part["ink_b"]) >= PRINT_CONTRAST


def _is_other_hue(part: dict[str, Any]) -> bool:
    if part["mass"] < HUE_MASS or part["strength"] < HUE_STRENGTH:
        return False
    one, other = (complex(cr - 128, cb - 128) for _, cr, cb in (part["ink_a"], part["ink_b"]))
    if min(abs(one), abs(other)) < HUE_CHROMA:
        return abs(one - other) > 2 * HUE_CHROMA
    return abs(math.degrees(cmath.phase(other / one))) > HUE_DEGREES


def _has_moved(part: dict[str, Any], other: dict[str, Any]) -> bool:
    """Whether the ink that a alone has in one place is what b alone has in the other."""
    masses = sorted((part["mass"], other["mass"]))
    if masses[1] > MOVED_MASSES * masses[0] or max(part["agree"], other["agree"]) > MOVED_AGREE:
        return False
    return _apart(part["ink_a"], other["ink_b"]) <= SAME_INK


def _apart(one: Sequence[int], other: Sequence[int]) -> int:
    return sum(abs(x - y) for x, y in zip(one, other, strict=True))


def _corners(box: Sequence[Sequence[float]]) -> tuple[tuple[float, float], ...]:
    return tuple((float(x), float(y)) for x, y in box)
