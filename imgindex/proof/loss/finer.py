"""From evidence: which of two pictures truly resolves finer, and which was enlarged, sharpened or grained.

No pixels, as in `signs`.
"""

from __future__ import annotations

from typing import Any

Evidence = dict[str, Any]

LOST_DETAIL_SLIGHT = 0.08
"""Share of structured tiles in which one must be sharper to say anything."""

WHITE, LEAST_NOISE = 6.0, 0.6

MORE_PIXELS = 1.15
"""Scale from which the band above the coarser one's limit is wide enough to tell an enlargement."""

LEAST_BAND = 0.2
"""Grey levels: less is the rounding of levels."""

NOISE_FACTOR, NOISE_FLOOR = 2.0, 0.05
"""Noise that was added to an enlargement is as strong below the coarser one's limit as above it, and there the two
would differ by it."""

MORE_NOISE = 3.0
"""Where calm places have so many times the energy, too, slightly more detail may be dither."""

MOST_EVEN = 0.5
"""Energy in calm places over that in busy ones: detail is in busy ones, and grain everywhere."""

CRISP = 1.1
"""Steepness of edges, per pixel of the coarser picture: 0.9 to 1.07 in 45 enlargements, in 28 true originals 0.96 and
1.12 to 2.5."""

NATIVE, MORE_ENERGY = 1.13, 1.02
"""Edges so much crisper are the picture's own, where it has no more energy than the coarser picture at that one's size:
an enlargement that was sharpened until its edges are so steep has more."""

TRACE = 0.05
"""Share of a nearly empty band that interpolation explains, where it is not that of a lens: 0.004 in 12 megapixels that
were a little soft."""

DOUBLED, PLAIN_EXPLAINED = 0.95, 0.6
"""Share of the band that interpolation explains from which nothing else need be asked: pixels that were doubled, and
interpolated ones, whose edges are no steeper than the coarser picture's make them."""


def sharper_counts(mine: Evidence, other: Evidence, both: Evidence) -> bool:
    """Whether more energy in the finest band is detail: not noise, dither, or what resizing and sharpening make."""
    enlarged = mine.get("finer") is not None and not truly_finer(mine, other)
    if is_noisy(mine, other) or enlarged or truly_finer(other, mine) or mine["colours"] is not None:
        return False
    return bool(mine["detail"]["even"] < MOST_EVEN) and not adds_to(mine, other, both)


MOSTLY_LOST, NEARLY_ALL, EASIER_BACK = 0.4, 0.95, 3.0
"""Share of the finest band that a filter of the other gives: 0.5 at least in
all of 1,100 sharpened copies, where the reverse leaves 1 / 2.3 as much at least; a blurred copy is far better explained
by its original than the other way around."""


def is_lost_detail(mine: Evidence, other: Evidence) -> bool:
    """Whether what is sharper in `mine` cannot have been made by sharpening the other."""
    if truly_finer(mine, other):
        return True
    given, back = mine.get("explained"), other.get("explained")
    if given is None or back is None:
        return False
    return bool(given < MOSTLY_LOST or (given < NEARLY_ALL and 1 - given > EASIER_BACK * (1 - back)))


SHARPENED, SHARPENED_COHERENCE = 1.6, 0.8


def has_more_of_the_same(mine: Evidence, other: Evidence, both: Evidence) -> bool:
    """Whether `mine` has much more of the very detail that both have, at equal size."""
    resized = "finer" in mine or "finer" in other
    dithered = any(side["colours"] is not None for side in (mine, other))
    if resized or dithered or both["coherence"] < SHARPENED_COHERENCE:
        return False
    return bool(mine["detail"]["energy"] + 0.5 > SHARPENED * (other["detail"]["energy"] + 0.5))


def may_be_sharpened(mine: Evidence, other: Evidence, both: Evidence) -> bool:
    """Whether `mine` may be the other sharpened: then its edges are no proof that something hides them in the other."""
    if "explained" in mine and mine["detail"]["sharper"] > LOST_DETAIL_SLIGHT:
        return not is_lost_detail(mine, other)
    return has_more_of_the_same(mine, other, both)


ADDED_FROM, ADDED_TO = 0.94, 1.06


def adds_to(mine: Evidence, other: Evidence, both: Evidence) -> bool:
    """Whether `mine` is the other and something that has nothing to do with it, as grain has: the product of both is
    then the energy of the other alone."""
    energy = other["detail"]["energy"] + other["detail"]["noise"]
    return bool(ADDED_FROM < both["product"] / max(energy, 1.0) < ADDED_TO)


def truly_finer(mine: Evidence, other: Evidence) -> bool:
    """Whether there is true detail above the coarser one's limit."""
    band = mine.get("finer")
    if band is None:
        return False
    met = mine.get("scaled")
    if met is not None:
        if is_reduced_exactly(met):
            return True
        if is_enlarged_exactly(met) or not _is_kept(met, mine, other):
            return False
        if _is_crisp(mine, other):
            return True
    if (
        band["rms"] > LEAST_BAND
        and band["explained"] < 0.3
        and band["ratio"] > NOISE_FACTOR * band["alien"] + NOISE_FLOOR
    ):
        return True
    if band["rms"] <= 0.5 or band["even"] > MOST_EVEN:
        return False
    alien = band["explained"] < 0.16 and band["ratio"] > 0.05
    strong = band["rms"] > 1 and band["ratio"] > 0.2 and band["explained"] < 0.3
    return bool(alien or strong)


def _is_crisp(mine: Evidence, other: Evidence) -> bool:
    """Whether edges are steeper than the coarser picture's can be made, with no more energy at its size."""
    band = mine["finer"]
    more = (mine["detail"]["energy"] + 0.5) / (other["detail"]["energy"] + 0.5)
    steep = band["least"] > 1 and band["steep"] * band["scale"] > NATIVE
    return bool(steep and band["rms"] > 2 * LEAST_BAND and more < MORE_ENERGY)


EXACT_LEVELS, LEAST_KEPT = 0.03, 0.2
"""Mean difference in grey levels up to which one is the other resized by a known filter: 0.0 in 40 of 44 reduced
copies, 0.03 at least in 100 other edits; and how far enlarging the smaller one then is from the larger one."""

MOST_OFF, LEAST_OWN = 0.3, 0.75
"""Where none is met exactly: what is sharpened or grained after it was enlarged is further from the smaller one when it
is reduced, or nearer when that is enlarged."""


LOSSLESS_OFF, LOSSLESS_OWN, LOSSLESS_RATIO = 0.65, 0.65, 1.6
"""The same of a lossless picture that is smaller than a JPEG, of which coding may have hidden more."""


def _is_kept(met: Evidence, mine: Evidence, other: Evidence) -> bool:
    """Whether reducing `mine` nearly gives the other, and enlarging the other gives nothing like it."""
    if mine["lossy"] and not other["lossy"]:
        return bool(LOSSLESS_OFF > met["off"] < met["own"] / LOSSLESS_RATIO and met["own"] > LOSSLESS_OWN)
    return bool(met["off"] < MOST_OFF and met["own"] > LEAST_OWN)


def is_reduced_exactly(met: Evidence) -> bool:
    return bool(met["reduced"] <= EXACT_LEVELS and met["own"] > LEAST_KEPT)


def is_enlarged_exactly(met: Evidence) -> bool:
    return bool(met["enlarged"] <= EXACT_LEVELS and not is_reduced_exactly(met))


def is_enlarged(band: Evidence) -> bool:
    if band["low"] < LEAST_BAND:
        return False
    if band["explained"] > DOUBLED:
        return True
    if band["steep"] * band["scale"] > CRISP:
        return False
    if band["explained"] > PLAIN_EXPLAINED:
        return True
    if band["scale"] < MORE_PIXELS:
        return False
    interpolated = band["explained"] > 0.25 and band["ratio"] < 0.2
    empty = band["ratio"] < 0.018 and band["low"] > 1.2 and band["explained"] > TRACE
    return bool(interpolated or empty)


def is_noisy(mine: Evidence, other: Evidence) -> bool:
    own = mine["detail"]
    return bool(own["white"] > WHITE and own["white"] > 2 * other["detail"]["white"] and own["noise"] > LEAST_NOISE)
