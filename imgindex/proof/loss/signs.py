"""From evidence to signs: what one picture has and the other lacks, and what shows that one was made from the other.

No pixels: stored evidence is read again when rules change. A sign has a strength: 3 is proof (earlier coding in its
pixels), 2 speaks for itself, 1 speaks where nothing else does.
"""

from __future__ import annotations

import math
from typing import Any

from imgindex.proof.loss import finer

Evidence = dict[str, Any]
Signs = dict[str, int]

PROOFS = frozenset({"earlier coding", "coded again", "coded coarser", "few colours", "resized", "enlarged exactly"})
"""Signs of strength 3."""

MOST_SHARED = 0.988
"""A picture of which the other shows less has something beside it: less is the error of its edge."""

UNRELATED = 0.19
"""Mean distance from a lattice, of 0.25 where there is nothing, below which pixels were coded on it. Of 600 edits of
training photos the least that the parent has on the lattice of a child is 0.2 where the two show the same."""

REPEATED, REPEATED_LATTICE = 0.95, 0.14
"""A JPEG that nearly all of a lossless file gives again was made from it, or it from the JPEG: pixels that were decoded
from the JPEG lie this near to its lattice, others that happen to be coded with its steps do not."""

NO_RIVAL = 0.9
"""Distance from the lattice over that from the nearest of other lattices: 0.83 at most in 40 edits of JPEGs that had
been coded earlier at another quality, 0.95 at least where those originals only happen to lie near an edit's lattice."""

LEAST_AGREEING = 0.6
"""Share of the multiples that must be the parent's own: another coding with the same steps gives others."""

COARSENED, COARSENED_OTHER, LEAST_ASKED = 0.55, 0.3, 4
"""Share of the low frequencies in which the child is the parent in coarser steps: 0.57 at least in copies coded at
quality 75 or below, 0.43 at most in other edits."""

RECODED, RECODED_MORE = 0.85, 0.3

SPREAD = 0.24
"""Mean distance from a JPEG's lattice from which the other's coefficients lie anywhere between the multiples: a change
of the JPEG that leaves them so near would keep them close to it."""

CODED_FROM, CODED_FROM_SPREAD, CODED_FROM_LEFT = 0.7, 0.275, 0.7
"""A JPEG was coded from the other where most of its coefficients are those that coding the other gives, the other's lie
far from its lattice, and coding the other anew takes away some of the difference. Of JPEGs that were sharpened slightly
two of 1,100 keep so many coefficients: 0.25 and 0.26 from the lattice, with 0.74 and 1.05 of the difference left."""

SAME_CODER, LEAST_BETTER = 0.1, 0.03
"""The same where coding the other anew takes away all but this much of the difference, and the reverse does so less."""

BLOCKY, BLOCKY_MORE = 0.25, 0.15
UNEVEN = 0.12
LOST_DETAIL = 0.3
CLIPPED, CLIPPING_SHIFT = 0.006, 2.0
LEAST_PARTS = 0.0015
EACH_SHARPER, SIDES_TILES = 0.05, 4
FEWER_LEVELS = 3
"""A lossless picture that has a third of the other's levels was posterised."""


def has(mine: Evidence, other: Evidence, both: Evidence) -> Signs:
    """What `mine` shows and the other lacks, by kind of loss."""
    found: Signs = {}
    beside = mine["beside"]
    if is_seen(beside):
        blank = beside["uniform"] > 0.97 and beside["flat"] > 0.97
        if not blank and beside["jump"] <= 0.3:
            calm = beside["flat"] > 0.75 and beside["flat"] > beside["flat_within"] + 0.25
            found["area"] = 1 if calm else 2
        elif not blank and beside["flat"] < 0.6 and beside["rough"] > 0.5:
            found |= {"area": 2, "set beside": 1}
    if finer.truly_finer(mine, other) and not finer.is_noisy(mine, other):
        found["detail"] = 2
    sharper, less = mine["detail"]["sharper"], other["detail"]["sharper"]
    if finer.sharper_counts(mine, other, both) and sharper > finer.LOST_DETAIL_SLIGHT:
        much = sharper > LOST_DETAIL and sharper > 4 * less
        if much or mine["detail"]["noise"] < finer.MORE_NOISE * other["detail"]["noise"] + 0.5:
            found["detail"] = max(found.get("detail", 0), 2 if much else 1)
    own, its = mine["chroma"], other["chroma"]
    share = own["unexplained"] / max(own["varies"], 0.1)
    its_share = its["unexplained"] / (its["varies"] + 0.05 * own["varies"] + 0.1)
    if own["unexplained"] > 1.0 and share > 0.12 and its_share < 0.25 * share:
        found["colour"] = 2
    if is_clipped(other, mine, both):
        found["tone"] = 1
    if carries(other, mine, both):
        found["content"] = 2
    return found


def made(mine: Evidence, other: Evidence, both: Evidence) -> Signs:
    """What shows that `mine` was made from a picture like the other."""
    found: Signs = {}
    beside = mine["beside"]
    if is_seen(beside):
        if beside["jump"] > 0.3 and (beside["flat"] > 0.8 or beside["rough"] < 0.1):
            found["laid around"] = 2
        elif beside["uniform"] > 0.97 and beside["flat"] > 0.97:
            found["laid around"] = 1
    band, its = mine.get("finer"), other.get("finer")
    if band is not None and (its is None or its["scale"] < finer.MORE_PIXELS) and finer.is_enlarged(band):
        found["enlarged"] = 2
    if "scaled" in mine and finer.is_enlarged_exactly(mine["scaled"]):
        found["enlarged exactly"] = 3
    if "scaled" in other and finer.is_reduced_exactly(other["scaled"]):
        found["resized"] = 3
    if carries(mine, other, both):
        found["laid over"] = 2
    if finer.is_noisy(mine, other) and finer.adds_to(mine, other, both) and not _grid_smoothed(mine, other):
        found["noise added"] = 2
    if is_clipped(mine, other, both):
        found["clipped"] = 1
    if both["snapped"] == "frame" and both["stretch"] > 1.04 and usual(other) and not usual(mine):
        found["stretched"] = 2
    flattened = mine["colours"] is not None and other["colours"] is None
    posterised = FEWER_LEVELS * mine["levels"] < other["levels"]
    if both["exact"] and not mine["lossy"] and (flattened or posterised) and not is_coded_from(other, mine):
        found["few colours"] = 3
    return found | _coded(mine, other, both) | _kept(mine, other)


def _coded(mine: Evidence, other: Evidence, both: Evidence) -> Signs:
    """Signs of earlier coding."""
    found: Signs = {}
    if not both["exact"]:
        return found
    if on_lattice(mine, other) and not on_lattice(other, mine):
        found["earlier coding"] = 3
    if not on_lattice(other, mine) and (keeps_more(mine, other) or is_coded_from(mine, other)):
        found["coded again"] = 3
    if _is_coarser(mine, other):
        found["coded coarser"] = 3
    if both["same"] < 0.01 and other["lossy"] and not mine["lossy"]:
        found["repeats a lossy file"] = 2
    detail, its_detail = mine["detail"], other["detail"]
    stands_out = mine["blocky"] > BLOCKY and mine["blocky"] > other["blocky"] + BLOCKY_MORE
    smoother = detail["sharper"] <= its_detail["sharper"] + 0.02
    quiet = its_detail["noise"] < 2 * detail["noise"] + 1
    if stands_out and both["coherence"] < 0.8 and smoother and quiet and other["format"] == "JPEG":
        found["blocky"] = 1
    return found


def keeps_more(mine: Evidence, other: Evidence) -> bool:
    """Whether coding the other gives what `mine` has, and not the reverse."""
    own, its = mine.get("recompressed"), other.get("recompressed")
    if own is None or its is None or its > own - RECODED_MORE:
        return False
    if own > RECODED:
        return True
    left, spread = mine.get("recoded"), other.get("lattice") or 0.0
    return bool(own > CODED_FROM and spread > CODED_FROM_SPREAD and (left is None or left < CODED_FROM_LEFT))


def is_coded_from(mine: Evidence, other: Evidence) -> bool:
    """Whether coding the other as `mine` is coded gives `mine`."""
    left, lattice, again = mine.get("recoded"), other.get("lattice"), other.get("recoded")
    if left is None or left > SAME_CODER or (again is not None and again < 2 * left + LEAST_BETTER):
        return False
    return lattice is None or bool(lattice > min(SPREAD, NO_RIVAL * other["rival"]))


def _is_coarser(mine: Evidence, other: Evidence) -> bool:
    if "coarsened" not in mine or on_lattice(other, mine):
        return False
    (own, own_asked), (its, its_asked) = mine["coarsened"], other["coarsened"]
    return bool(
        own_asked >= LEAST_ASKED and own >= COARSENED * own_asked and its <= COARSENED_OTHER * max(its_asked, 1)
    )


def _kept(mine: Evidence, other: Evidence) -> Signs:
    lacks_camera = "camera" in other["metadata"] and "camera" not in mine["metadata"]
    return {"no camera data": 1} if lacks_camera else {}


def is_seen(beside: Evidence) -> bool:
    return bool(beside["share"] >= 1 - MOST_SHARED) and (beside["flat"], beside["uniform"], beside["rough"]) != (
        0,
        0,
        0,
    )


def on_lattice(mine: Evidence, other: Evidence) -> bool:
    found = mine.get("lattice")
    if found is None or mine["agreeing"] < LEAST_AGREEING or found > NO_RIVAL * mine["rival"]:
        return False
    return bool(
        found < (UNRELATED if mine["lossy"] or (other.get("recompressed") or 0.0) < REPEATED else REPEATED_LATTICE)
    )


def _grid_smoothed(mine: Evidence, other: Evidence) -> bool:
    """Whether the other is blocky and lost detail: then its calm is coding's, and not the noise here an addition."""
    return "blocky" in other and other["blocky"] > mine["blocky"] + 0.15 and mine["detail"]["sharper"] > 0.08


def is_clipped(mine: Evidence, other: Evidence, both: Evidence) -> bool:
    toned = both["uneven"] < UNEVEN and both["shift"] > CLIPPING_SHIFT
    if other["detail"]["noise"] > 2 * mine["detail"]["noise"] + 1:
        return False
    return bool(toned and mine["clipped"] > CLIPPED and mine["clipped"] > 4 * other["clipped"])


def differ_in_parts(both: Evidence) -> bool:
    parts = both["parts"]
    return parts is not None and parts["share"] >= LEAST_PARTS


TONED, OWN_EDGES = 6.0, 0.12
"""Mean change of tone in grey levels from which clipped highlights differ as parts do, and how much more of the outline
of a part must be an edge in what carries it than in the other."""


def carries(mine: Evidence, other: Evidence, both: Evidence) -> bool:
    """Whether the parts that differ were laid over `mine`."""
    if not differ_in_parts(both) or both["uneven"] > UNEVEN or finer.may_be_sharpened(other, mine, both):
        return False
    parts, own = both["parts"], mine["own"]
    paint, its = mine["paint"], other["paint"]
    calmer = middle_octaves(mine, other)
    if (
        own > (0.02 if both["shift"] < TONED else OWN_EDGES)
        and paint["slope"] < 0.92
        and its["slope"] > 0.84
        and paint["unlike"] < 0.8 * its["unlike"]
        and calmer < 0.3
    ):
        return True
    hidden = own < -0.2 and paint["slope"] < 0.7 and its["slope"] > 1 and paint["few"] < 0.8
    if hidden and parts["count"] <= 3 and parts["edge"] > 20 and calmer < 0.3:
        return True
    if own > 0.4 and parts["edge"] > 6 and paint["slope"] < 0.92 and paint["few"] > 0.6:
        return True
    if own < OWN_EDGES or parts["edge"] < 12 or paint["slope"] >= 0.92:
        return False
    opaque = paint["slope"] < its["slope"] + 0.15 and paint["few"] > 0.3
    return bool(opaque or (own > 0.25 and paint["few"] > 0.35))


def middle_octaves(mine: Evidence, other: Evidence) -> float:
    """By how far the middle bands differ, in octaves."""
    return abs(math.log2((mine["detail"]["middle"] + 1) / (other["detail"]["middle"] + 1)))


def usual(picture: Evidence) -> bool:
    """Whether its sides are as cameras and screens have them."""
    width, height = picture["width"], picture["height"]
    ratio = max(width, height) / min(width, height)
    return any(abs(ratio / aspect - 1) < 0.006 for aspect in (1, 5 / 4, 4 / 3, 3 / 2, 16 / 9))
