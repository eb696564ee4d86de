"""What differs between two aligned pictures, in words."""

from __future__ import annotations

from collections import Counter
from typing import Any

from imgindex.proof import rules
from imgindex.proof.frames import MAX_COMPARED, MAX_DIFFERING

PLACES = ("content", "print", "moved")


def differences(evidence: dict[str, Any]) -> tuple[str, ...]:
    """What `rules` finds in the evidence of a pair, most telling first; empty where nothing differs visibly."""
    kinds = Counter(region.kind for region in rules.marked(evidence))
    found = []
    if evidence.get("frames_differ"):
        found.append(_frames(evidence))
    places = sum(kinds[kind] for kind in PLACES)
    if places:
        found.append("1 region differs" if places == 1 else f"{places} regions differ")
    if kinds["hue"]:
        found.append("another colour")
    if kinds["focus"]:
        found.append("sharp in other places")
    laid = kinds["over a"] + kinds["over b"]
    if laid:
        found.append("something laid over it" if laid == 1 else f"something laid over it in {laid} places")
    return tuple(found)


def _frames(evidence: dict[str, Any]) -> str:
    differing, compared = len(evidence["frames_differ"]), evidence["frames_compared"]
    said = "1 page or frame differs" if differing == 1 else f"{differing} pages or frames differ"
    others_may = differing >= MAX_DIFFERING or compared >= MAX_COMPARED - 1
    return f"at least {said}" if others_may else said
