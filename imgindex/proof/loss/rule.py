"""From evidence to losses and grades."""

from __future__ import annotations

from collections.abc import Callable

from imgindex.proof.loss import finer, signs
from imgindex.proof.loss.signs import PROOFS, Evidence, Signs
from imgindex.records import Grade, Loss, Weighing

JUDGE_VERSION = 3
"""Raise it with any change to what `judge` says of some evidence: stored pairs are then judged again."""

UNNOTICED_SHIFT = 3.0
"""Mean change of tone in grey levels up to which a picture looks the same: JPEG at quality 15 makes 1, film 20."""

UNNOTICED_STRETCH = 1.02

WEAK_UNDER_PROOF = ("laid over", "clipped", "noise added", "blocky", "no camera data", "enlarged")
"""Signs that chance or retouching gives as well: they do not speak against what is proven."""


def judge(evidence: Evidence) -> Weighing:
    """What is lost with either picture, which was made from the other, and how one stands below the other."""
    a, b = evidence["a"], evidence["b"]
    if evidence.get("overlap"):
        return Weighing(_outside(a), _outside(b), {}, {}, None, None, (), evidence)
    if evidence["same_pixels"] or "beside" not in a:
        return _same_pixels(a, b, evidence)
    has = {"a": signs.has(a, b, evidence), "b": signs.has(b, a, evidence)}
    made = {"a": signs.made(a, b, evidence), "b": signs.made(b, a, evidence)}
    _let_proof_speak(evidence, has, made)
    stands = standing(evidence, has, made)
    losses = {name: _losses(name, evidence, has, made) for name in "ab"}
    grades: dict[str, Grade | None] = {"a": None, "b": None}
    if stands is not None:
        above = "b" if stands == "a" else "a"
        if all(loss.what in ("added", "metadata") for loss in losses[stands]):
            same = (
                looks_same(evidence)
                and not _has(losses[stands], "added")
                and is_sure(stands, above, has, made, evidence)
            )
            grades[stands] = Grade.REDUNDANT if same else Grade.EDITED
    return Weighing(
        losses["a"], losses["b"], made["a"], made["b"], grades["a"], grades["b"], differs(evidence), evidence
    )


def _outside(mine: Evidence) -> tuple[Loss, ...]:
    shared = mine["shared"]
    return (Loss("area", round(1 - shared, 4), f"the other shows {_percent(shared)} of it"),)


def _has(losses: tuple[Loss, ...], what: str) -> bool:
    return any(loss.what == what for loss in losses)


def _let_proof_speak(evidence: Evidence, has: dict[str, Signs], made: dict[str, Signs]) -> None:
    """Where one is proven to be made from the other, what may be chance or retouching does not speak against it."""
    slight = max(evidence["a"]["detail"]["sharper"], evidence["b"]["detail"]["sharper"]) < 0.15
    for child, parent in (("a", "b"), ("b", "a")):
        if PROOFS & set(made[child]) and not PROOFS & set(made[parent]):
            for name in ("content", "tone"):
                has[child].pop(name, None)
            if has[child].get("area") == 1:
                has[child].pop("area")
            if has[child].get("detail") == 1 and slight:
                has[child].pop("detail")
            for name in WEAK_UNDER_PROOF:
                made[parent].pop(name, None)


def standing(evidence: Evidence, has: dict[str, Signs], made: dict[str, Signs]) -> str | None:
    """Which stands below the other, "a" or "b"; None where neither does, or signs contradict each other."""
    a, b = evidence["a"]["detail"], evidence["b"]["detail"]
    proven = any(
        PROOFS & set(made[child]) and not PROOFS & set(made[parent]) for child, parent in (("a", "b"), ("b", "a"))
    )
    each_sharper = (
        min(a["places"], b["places"]) >= signs.SIDES_TILES or min(a["sharper"], b["sharper"]) > signs.EACH_SHARPER
    )
    if each_sharper and not proven:
        return None
    if has["a"] and has["b"]:
        return None
    if any(has[name] == {"area": 1} or "set beside" in has[name] for name in "ab"):
        return None
    strength = {name: max(made[name].values(), default=0) for name in "ab"}
    for rich, poor in (("a", "b"), ("b", "a")):
        if has[rich]:
            if _may_be_sharpened(evidence[rich], evidence[poor], has[rich], made[poor]):
                return None
            contradicted = strength[rich] >= 2 and strength[rich] > strength[poor] + max(has[rich].values()) - 1
            return None if contradicted else poor
    if made["a"] and made["b"]:
        if abs(strength["a"] - strength["b"]) < 2:
            return None
        return "a" if strength["a"] > strength["b"] else "b"
    return "a" if made["a"] else "b" if made["b"] else None


SAYS_LESSER = PROOFS | {"enlarged", "stretched", "laid around", "repeats a lossy file"}
"""Signs that a sharpened copy does not give its original."""


def _may_be_sharpened(rich: Evidence, poor: Evidence, has: Signs, made: Signs) -> bool:
    """Whether one is sharper, nothing else speaks for it, and sharpening the other may have made it so."""
    return has.keys() == {"detail"} and not SAYS_LESSER & made.keys() and not finer.is_lost_detail(rich, poor)


def looks_same(evidence: Evidence) -> bool:
    """Whether what differs is size, coding, format, grain or blur."""
    straight = not evidence["mirrored"] and evidence["turned"] < 0.5 and evidence["stretch"] < UNNOTICED_STRETCH
    stills = max(evidence[name]["frames"] for name in "ab") == 1
    whole = (
        stills and evidence["snapped"] == "frame" and not any(signs.is_seen(evidence[name]["beside"]) for name in "ab")
    )
    toned = evidence["shift"] <= UNNOTICED_SHIFT and evidence["uneven"] < signs.UNEVEN
    sharpened = any(finer.has_more_of_the_same(evidence[m], evidence[o], evidence) for m, o in (("a", "b"), ("b", "a")))
    return straight and whole and toned and _all_over(evidence) and not _discoloured(evidence) and not sharpened


MUCH_SHARPER = 0.3
CODED_ALL_OVER = 0.95
"""Share of what coding changed that coding anew explains, from which nothing else was done anywhere."""


def _all_over(evidence: Evidence) -> bool:
    """Whether no part differs otherwise than the rest; of what was blurred all over, small parts may seem to."""
    if evidence.get("anew", 0.0) > CODED_ALL_OVER:
        return evidence["parts"] is None and not evidence.get("altered")
    if any(_hidden_places(evidence[mine], evidence[other]) for mine, other in (("a", "b"), ("b", "a"))):
        return False
    blurred = max(evidence[name]["detail"]["sharper"] for name in "ab") > MUCH_SHARPER
    return not signs.differ_in_parts(evidence) if blurred else evidence["parts"] is None


HIDDEN_TILES, HIDDEN_SHARE = 4, 0.1
COARSE_STEP = 8.0
"""Mean step of the low frequencies at which coding takes grain out: quality 60 has 10, quality 75 has 6."""


def _hidden_places(mine: Evidence, other: Evidence) -> bool:
    """Whether the other is less sharp in some places alone, and that is not how it was coded."""
    found, asked = other.get("coarsened", (0, 1))
    if mine["colours"] is not None or signs.keeps_more(mine, other):
        return False
    if signs.keeps_more(other, mine) and (other["step"] or 0.0) >= COARSE_STEP:
        return False
    local = mine["detail"]["places"] >= HIDDEN_TILES and mine["detail"]["sharper"] < HIDDEN_SHARE
    return bool(local and found < signs.COARSENED * asked)


GREY_MODES = ("1", "L", "LA", "I;16")
LEAST_TINT = 0.02
"""Variance of chroma, in grey levels squared, from which a picture that is not stored as grey is not grey."""


def _made_grey(mine: Evidence, other: Evidence) -> bool:
    """Whether `mine` is stored as grey, and the other has some colour."""
    return mine["mode"] in GREY_MODES and other["mode"] not in GREY_MODES and other["chroma"]["varies"] > LEAST_TINT


def _discoloured(evidence: Evidence) -> bool:
    if any(_made_grey(evidence[m], evidence[o]) for m, o in (("a", "b"), ("b", "a"))):
        return True
    return any("colour" in signs.has(evidence[m], evidence[o], evidence) for m, o in (("a", "b"), ("b", "a")))


SURE = frozenset(
    {
        "earlier coding",
        "coded again",
        "coded coarser",
        "few colours",
        "enlarged",
        "enlarged exactly",
        "resized",
        "blocky",
        "repeats a lossy file",
    }
)
"""Signs of a lesser or equal encoding. Others are presumption: a picture with these alone is an edited copy."""


def is_sure(below: str, above: str, has: dict[str, Signs], made: dict[str, Signs], evidence: Evidence) -> bool:
    """Whether what stands below is a lesser encoding, and nothing speaks for its being the original."""
    if "camera" in evidence[below]["metadata"] and "camera" not in evidence[above]["metadata"]:
        return False
    if any(name != "no camera data" for name in made[above]):
        return False
    smaller = (
        evidence[below]["width"] * evidence[below]["height"] < evidence[above]["width"] * evidence[above]["height"]
    )
    taken = "no camera data" in made[below] and smaller
    lost = "detail" in has[above] and finer.is_lost_detail(evidence[above], evidence[below])
    return bool(SURE & set(made[below])) or lost or taken


Words = Callable[[Evidence, Evidence, Evidence], tuple[float, str]]


def _losses(name: str, evidence: Evidence, has: dict[str, Signs], made: dict[str, Signs]) -> tuple[Loss, ...]:
    """What goes if this one is removed and the other kept."""
    other_name = "b" if name == "a" else "a"
    mine, other = evidence[name], evidence[other_name]
    found = [
        _WORDS[what](mine, other, evidence, name)
        for what in ("area", "content", "detail", "colour", "tone")
        if what in has[name]
    ]
    found += _unlike_files(mine, other, evidence["frames_compared"])
    if "laid over" in made[name]:
        parts = evidence["parts"]
        found.append(
            Loss("added", parts["covered"], f"laid over {_percent(parts['covered'])} of it", _places(evidence[name]))
        )
    if "laid around" in made[name]:
        share = mine["beside"]["share"]
        found.append(
            Loss(
                "added",
                share,
                f"a border, bar or page around it ({_percent(share)} of the area)",
                (),
            )
        )
    if signs.differ_in_parts(evidence) and not any("laid over" in made[n] for n in "ab"):
        found += _unassigned(name, evidence, made)
    gone = [entry for entry in mine["metadata"] if entry not in other["metadata"]]
    if gone:
        found.append(Loss("metadata", len(gone) / len(mine["metadata"]), ", ".join(gone)))
    return tuple(found)


def _unassigned(name: str, evidence: Evidence, made: dict[str, Signs]) -> list[Loss]:
    """Parts differ, and nothing tells which picture carries them: both lose content, but for what is proven to be made
    from the other, which carries what was added."""
    other = "b" if name == "a" else "a"
    parts = evidence["parts"]
    places, count = _places(evidence[name]), parts["count"]
    regions = "1 region differs" if count == 1 else f"{count} regions differ"
    if PROOFS & set(made[name]) and not PROOFS & set(made[other]):
        return [Loss("added", parts["covered"], regions, places)]
    return [Loss("content", parts["covered"], regions, places)]


def _places(mine: Evidence) -> tuple[tuple[float, float, float, float], ...]:
    return tuple((p[0], p[1], p[2], p[3]) for p in mine.get("differs", ()))


def _percent(share: float) -> str:
    return f"{100 * share:.0f} %" if share >= 0.01 else f"{100 * share:.1f} %"


def _area(mine: Evidence, other: Evidence, both: Evidence, name: str) -> Loss:
    share = mine["beside"]["share"]
    return Loss("area", round(share, 4), f"the other shows {_percent(1 - share)} of it")


def _content(mine: Evidence, other: Evidence, both: Evidence, name: str) -> Loss:
    parts = both["parts"]
    count = parts["count"]
    words = f"{count} region{'s' * (count > 1)} covered or replaced ({_percent(parts['covered'])} of it)"
    return Loss("content", parts["covered"], words, _places(mine))


def _detail(mine: Evidence, other: Evidence, both: Evidence, name: str) -> Loss:
    if finer.truly_finer(mine, other):
        scale = mine["finer"]["scale"]
        return Loss("detail", round(1 - 1 / scale, 4), f"resolves {scale:.2f} times finer")
    sharper = mine["detail"]["sharper"]
    return Loss("detail", round(sharper, 4), f"sharper in {_percent(sharper)} of its texture")


def _colour(mine: Evidence, other: Evidence, both: Evidence, name: str) -> Loss:
    share = min(1.0, mine["chroma"]["unexplained"] / max(mine["chroma"]["varies"], 0.1))
    return Loss("colour", round(share, 4), f"{_percent(share)} of its colour is not in the other")


def _tone(mine: Evidence, other: Evidence, both: Evidence, name: str) -> Loss:
    return Loss("tone", other["clipped"], f"{_percent(other['clipped'])} of it is clipped in the other")


_WORDS: dict[str, Callable[[Evidence, Evidence, Evidence, str], Loss]] = {
    "area": _area, "content": _content, "detail": _detail, "colour": _colour, "tone": _tone,
}  # fmt: skip


def _unlike_files(mine: Evidence, other: Evidence, compared: bool) -> list[Loss]:
    """What the files hold beside the first frame; `compared` says that the others were, and are the same."""
    found = []
    if mine["depth"] > max(8, other["depth"]):
        found.append(
            Loss(
                "depth", round(1 - other["depth"] / mine["depth"], 4), f"{mine['depth']} bits against {other['depth']}"
            )
        )
    if mine["gain_map"] and not other["gain_map"]:
        found.append(Loss("depth", 1.0, "its gain map"))
    if mine["translucent"] and not other["translucent"]:
        found.append(Loss("alpha", 1.0, "its transparency"))
    more = mine["frames"] - other["frames"]
    if not compared and min(mine["frames"], other["frames"]) > 1:
        more = mine["frames"]
    if more > 0:
        found.append(Loss("frames", round(more / mine["frames"], 4), f"{more} more frames or pages"))
    if mine["motion"] and not other["motion"]:
        found.append(Loss("frames", 1.0, "its video"))
    return found


def differs(evidence: Evidence) -> tuple[str, ...]:
    """What turns one into the other beside the map."""
    found = []
    if _discoloured(evidence):
        found.append("colour removed")
    elif evidence["shift"] > UNNOTICED_SHIFT:
        found.append("tone changed")
    if evidence["uneven"] >= signs.UNEVEN:
        found.append("light changed over the frame")
    if signs.differ_in_parts(evidence):
        count = evidence["parts"]["count"]
        found.append("1 region differs" if count == 1 else f"{count} regions differ")
    return tuple(found)


def _same_pixels(a: Evidence, b: Evidence, evidence: Evidence) -> Weighing:
    """Equal pixels: each is redundant given the other, but where a lossless file repeats those of a lossy one."""
    made: dict[str, Signs] = {"a": {}, "b": {}}
    grades: dict[str, Grade | None] = {"a": Grade.REDUNDANT, "b": Grade.REDUNDANT}
    losses = {}
    for mine, other in (("a", "b"), ("b", "a")):
        own, its = evidence[mine], evidence[other]
        losses[mine] = tuple(loss for loss in _losses_of_files(own, its))
        if its["lossy"] and not own["lossy"]:
            made[mine]["repeats a lossy file"] = 2
            grades[other] = None
        if any(loss.what != "metadata" for loss in losses[mine]):
            grades[mine] = None
    return Weighing(losses["a"], losses["b"], made["a"], made["b"], grades["a"], grades["b"], (), evidence)


def _losses_of_files(mine: Evidence, other: Evidence) -> list[Loss]:
    found = _unlike_files(mine, other, compared=True)
    gone = [entry for entry in mine["metadata"] if entry not in other["metadata"]]
    if gone:
        found.append(Loss("metadata", round(len(gone) / len(mine["metadata"]), 4), ", ".join(gone)))
    return found
