"""The evidence that losses and signs are told from: numbers of one proven pair, for `rule.judge`.

1. what the files say beside their pixels
2. where one lies on the other, exactly
3. what each shows beside the other
4. one tone, and how far it is from none
5. parts that differ
6. colour, clipping, detail, and detail above the coarser one's limit
7. earlier coding, where pixel lies on pixel
"""

from __future__ import annotations

import math
import zlib
from dataclasses import fields
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.pictures.whole import Whole
from imgindex.proof import maps
from imgindex.proof.loss import colour, detail, filtered, finer, frame, grid, history, overlay, resolution, scaled, tone
from imgindex.proof.loss.grid import Grid, Placing
from imgindex.proof.loss.laid import MOST_POINTS, LaidPair, in_tones_of, lay, usable_means
from imgindex.proof.maps import Affine
from imgindex.proof.medians import median
from imgindex.records import PictureInfo, Relation, Rgb, Verdict, Verification

Evidence = dict[str, Any]

EXACT_NOISE_PX = 640
"""Side of the corner of a picture whose blocks are looked at."""


def measure(a: Whole, b: Whole, outcome: Verification) -> Evidence:
    """Numbers of a proven pair, JSON-serialisable: of the pair, and under "a" and "b" of each picture. What they say
    does not depend on which of the two comes first."""
    if outcome.verdict is Verdict.NEAR_DUPLICATE and outcome.relation is Relation.OVERLAP:
        return outlined(a.info, b.info, outcome)
    if _comes_first(b, a):
        return mirrored(_measured(b, a, outcome, maps.invert))
    return _measured(a, b, outcome, lambda affine: affine)


def outlined(a: PictureInfo, b: PictureInfo, outcome: Verification) -> Evidence:
    """What geometry alone says of two pictures that each show something which the other does not."""
    shares = (a, outcome.share_a), (b, outcome.share_b)
    of_a, of_b = ({"width": i.width_px, "height": i.height_px, "shared": round(share, 4)} for i, share in shares)
    return {"a": of_a, "b": of_b, "same_pixels": False, "overlap": True}


def mirrored(evidence: Evidence) -> Evidence:
    """The same of (b, a)."""
    return evidence | {"a": evidence["b"], "b": evidence["a"]}


def _comes_first(one: Whole, other: Whole) -> bool:
    """By what depends on neither's name: fewer pixels, then checksums."""
    if one.info.pixels != other.info.pixels:
        return one.info.pixels < other.info.pixels
    of_one, of_other = ((zlib.crc32(p.rgb.data), zlib.crc32(repr(p.info).encode())) for p in (one, other))
    return of_one < of_other


def _measured(a: Whole, b: Whole, outcome: Verification, direct: Any) -> Evidence:
    found: Evidence = {"a": facts(a), "b": facts(b), "same_pixels": outcome.verdict is Verdict.SAME_PIXELS}
    found["frames_compared"] = "frames_compared" in outcome.evidence
    if outcome.verdict is Verdict.SAME_PIXELS or outcome.matrix is None:
        return found
    affine = direct(np.array(outcome.matrix, np.float64).reshape(2, 3))
    placing = grid.snap(affine, a.size, b.size)
    laid = lay(a, b, placing)
    placing = laid.placing
    found |= _geometry(placing.affine, placing.snapped, placing.exact)
    back = maps.invert(placing.affine)
    found["b"] |= {"beside": _numbers(frame.beside(b.rgb, placing.affine, a.size))}
    found["a"] |= {"beside": _numbers(frame.beside(a.rgb, back, b.size))}
    found |= {"shift": laid.shift, "uneven": laid.uneven, "same": laid.same}
    _ask_history(found, a, b, placing)
    _compare_shown(found, a, b, laid)
    _ask_scaled(found, a, b)
    if _plain(found) and found["same"] > 0 and min((found[name].get("recoded") or 1.0) for name in "ab") > CODED:
        _ask_older_coding(found, a, b)
    return found


CODED = 0.1
"""Where coding one anew leaves no more of the difference, no older coding need be asked for."""


def facts(picture: Whole) -> Evidence:
    """What the file says beside its pixels."""
    info = picture.info
    return {
        "step": None if picture.table is None else round(float(picture.table[:4, :4].mean()), 2),
        "format": info.format, "lossy": picture.lossy, "width": info.width_px, "height": info.height_px,
        "mode": info.mode, "depth": info.bit_depth, "frames": info.frames, "translucent": picture.translucent,
        "gain_map": picture.gain_map, "motion": picture.motion, "colours": picture.colours, "levels": picture.levels,
        "metadata": list(picture.metadata), "camera": "camera" in picture.metadata,
    }  # fmt: skip


def _geometry(affine: Affine, snapped: str, exact: bool) -> Evidence:
    parts = maps.decompose(affine)
    return {
        "snapped": snapped, "exact": exact, "mirrored": parts.mirrored, "stretch": round(parts.anisotropy, 4),
        "turned": round(abs(parts.degrees), 2),
    }  # fmt: skip


def _compare_shown(found: Evidence, a: Whole, b: Whole, laid: LaidPair) -> None:
    """What both show: parts that differ, colour, clipping, detail."""
    luma_a, luma_b = history.luma(laid.toned_a), history.luma(laid.toned_b)
    differing = overlay.differing(*_expected(found, a, b, laid), luma_a, luma_b, laid.inside, _coding(found, a, b))
    found["parts"] = _parts(differing.parts)
    clean = laid.inside
    if differing.parts is not None:
        for name, paint, sign in (("a", differing.parts.paint_a, -1), ("b", differing.parts.paint_b, 1)):
            found[name] |= {"paint": _numbers(paint), "own": round(sign * differing.parts.own, 4)}
        found["a"]["differs"] = _places(differing.parts, laid.grid, laid.grid.to_a, a.size)
        found["b"]["differs"] = _places(differing.parts, laid.grid, laid.grid.to_b, b.size)
        clean = laid.inside & (cv2.dilate(differing.mask.astype(np.uint8), np.ones((7, 7), np.uint8)) == 0)
    _compare_colour(found, laid, clean)
    parts = _detail_parts(a, b, laid, luma_a, luma_b, clean)
    sharp_a, sharp_b, coherence, product = detail.compare(parts)
    found["coherence"], found["product"] = round(coherence, 4), round(product, 4)
    found["a"]["detail"], found["b"]["detail"] = _numbers(sharp_a), _numbers(sharp_b)
    if max(sharp_a.sharper, sharp_b.sharper) > finer.LOST_DETAIL_SLIGHT:
        for name, share in zip("ab", filtered.explained(parts), strict=True):
            found[name]["explained"] = round(share, 4)
    if laid.grid is not laid.full:
        places = detail.areas(luma_a, luma_b, laid.inside)
        for name, count in zip("ab", places, strict=True):
            found[name]["detail"]["places"] += count
    found["a"]["clipped"] = found["b"]["clipped"] = 0.0
    if laid.shift > CLIPPING_SHIFT:
        noise_a, noise_b = math.sqrt(sharp_a.noise), math.sqrt(sharp_b.noise)
        found["a"]["clipped"] = round(colour.lost(laid.a, laid.b, clean, noise_b), 5)
        found["b"]["clipped"] = round(colour.lost(laid.b, laid.a, clean, noise_a), 5)
    _compare_resolution(found, a, b, laid)


CLIPPING_SHIFT = 1.5
"""Mean change of tone in grey levels below which nothing is clipped by it."""

ANEW_SHARE, ANEW_LEVELS, ANEW_RECOMPRESSED = 0.8, 1, 0.7
"""A picture coded anew stands for itself where so many of the levels that coding changed are those of the other file,
within one; it is tried where so many coefficients are."""


def _coding(found: Evidence, a: Whole, b: Whole) -> overlay.Coding:
    few_colours = a.colours is not None or b.colours is not None
    if found.get("anew") and "altered" not in found:
        return overlay.Coding(few_colours, overlay.CODED_ANEW)
    if any((found[name].get("lattice") or 1.0) < history.REPEATS for name in "ab"):
        return overlay.Coding(few_colours, overlay.CODED_FINELY if a.lossy and b.lossy else overlay.LOSSLESS)
    return overlay.Coding(few_colours, None)


def _plain(found: Evidence) -> bool:
    """Whether both are one frame, upright, pixel on pixel."""
    return bool(found["snapped"] == "frame" and found["exact"] and not found["mirrored"] and found["turned"] < 1)


def _expected(found: Evidence, a: Whole, b: Whole, laid: LaidPair) -> tuple[Rgb, Rgb]:
    """Both in one tone; where one is the other coded anew, but for parts, that one is coded anew."""
    best, shown = ANEW_SHARE, (laid.toned_a, laid.toned_b)
    if not _plain(found) or a.info.pixels > MOST_CODED_PIXELS:
        return shown
    for name, parent, child in (("a", b, a), ("b", a, b)):
        coder = child.coder if child.orientation == 1 else None
        if coder is None or (found[name].get("recompressed") or 0.0) < ANEW_RECOMPRESSED:
            continue
        if laid.grid is not laid.full and (found[name]["recoded"] is None or found[name]["recoded"] > CODED):
            continue
        again = history.coded(parent.rgb, coder)
        off = np.asarray(cv2.absdiff(again, child.rgb), np.uint8)
        if found[name]["recoded"] is None:
            found[name]["recoded"] = _as_json(history.left_over(child.rgb, parent.rgb, again))
        changed = cv2.absdiff(parent.rgb, child.rgb) > ANEW_LEVELS
        share = float((off[changed] <= ANEW_LEVELS).mean()) if changed.any() else 0.0
        if share > best:
            best = share
            found["anew"] = round(share, 5)
            if laid.grid is laid.full:
                shown = (child.rgb, again) if name == "a" else (again, child.rgb)
            else:
                found["altered"] = _altered(off)
    return shown


MOST_CODED_PIXELS = 64_000_000
"""Larger pictures are not coded anew in full: 12 megapixels take 0.3 s."""

ALTERED_LEVELS = 3.0


def _altered(off: Rgb) -> int:
    """Tiles of a large picture that are not what coding gives: print that is too small to be seen on the grid."""
    red, green, blue = cv2.split(off)
    left = detail.tiles(np.asarray(cv2.max(cv2.max(red, green), blue), np.float32))
    return int(np.count_nonzero(left > ALTERED_LEVELS + 6 * median(left)))


def _compare_colour(found: Evidence, laid: LaidPair, clean: NDArray[np.bool_]) -> None:
    usable = usable_means(clean)
    step = max(1, int(np.count_nonzero(usable)) // MOST_POINTS)
    points_a, points_b = laid.means_a[usable][::step], laid.means_b[usable][::step]
    refit = clean is not laid.inside
    a_to_b = tone.fit(points_a, points_b) if refit else laid.a_to_b
    b_to_a = tone.fit(points_b, points_a) if refit else laid.b_to_a
    found["a"]["chroma"] = _numbers(colour.chroma(points_a, points_b, b_to_a))
    found["b"]["chroma"] = _numbers(colour.chroma(points_b, points_a, a_to_b))


def _detail_parts(
    a: Whole, b: Whole, laid: LaidPair, luma_a: detail.Plane, luma_b: detail.Plane, clean: NDArray[np.bool_]
) -> list[detail.SharedPart]:
    """The whole grid where it has every pixel, else parts of the full one."""
    if laid.grid is laid.full:
        return [detail.SharedPart(luma_a, luma_b, clean, laid.inside)]
    parts = []
    down = laid.grid.width / laid.full.width, laid.grid.height / laid.full.height
    for part in laid.full.parts():
        seen_a, seen_b = grid.seen(a.rgb, part.to_a, part.size), grid.seen(b.rgb, part.to_b, part.size)
        across = laid.a_to_b if laid.forward else laid.b_to_a
        if laid.forward:
            seen_a = in_tones_of(seen_a, across, None)
        else:
            seen_b = in_tones_of(seen_b, across, None)
        inside = grid.covered(part, a.size, b.size)
        left, top = maps.apply(maps.compose(maps.invert(laid.full.to_a), part.to_a), np.zeros((1, 2)))[0]
        x, y = int(left * down[0]), int(top * down[1])
        w, h = max(1, math.ceil(part.width * down[0])), max(1, math.ceil(part.height * down[1]))
        mask = clean[y : y + h, x : x + w].astype(np.uint8)
        kept = cv2.resize(mask, part.size, interpolation=cv2.INTER_NEAREST) > 0
        parts.append(detail.SharedPart(history.luma(seen_a), history.luma(seen_b), kept & inside, inside))
    return parts


def _compare_resolution(found: Evidence, a: Whole, b: Whole, laid: LaidPair) -> None:
    """Each picture's band above what the other can hold."""
    for name, picture, to_picture, other, to_other, across in (
        ("a", a, laid.full.to_a, b, laid.full.to_b, laid.b_to_a),
        ("b", b, laid.full.to_b, a, laid.full.to_a, laid.a_to_b),
    ):
        if max(math.hypot(*to_picture[:, 0]), math.hypot(*to_picture[:, 1])) < resolution.FINER:
            continue
        middle = _busiest(laid)
        coarse = grid.seen(other.rgb, maps.compose(to_other, middle.to_a), middle.size)
        luma = history.luma(in_tones_of(coarse, across, None))
        seen = resolution.finer(picture.rgb, maps.compose(to_picture, middle.to_a), luma, middle)
        if seen is not None:
            found[name]["finer"] = _numbers(seen)


WINDOWS_ALONG = 5
"""Places along either axis of which the busiest is transformed: the middle of a page may be blank."""


def _busiest(laid: LaidPair) -> Grid:
    """The part of the full grid that is transformed, as maps of it to the full grid."""
    full, shown = laid.full, laid.grid
    size = [min(side, resolution.WINDOW_PX) for side in full.size]
    small = [max(1, round(part * of / side)) for part, of, side in zip(size, shown.size, full.size, strict=True)]
    edges = overlay.gradient(history.luma(laid.b)) * laid.inside
    sums = cv2.integral(edges)
    best, place = -1.0, (0, 0)
    xs, ys = (
        np.linspace(0, side - part, WINDOWS_ALONG).astype(int) for side, part in zip(shown.size, small, strict=True)
    )
    for y in ys.tolist():
        for x in xs.tolist():
            right, bottom = x + small[0], y + small[1]
            busy = float(sums[bottom, right] - sums[y, right] - sums[bottom, x] + sums[y, x])
            if busy > best * 1.001:
                best, place = busy, (x, y)
    x, y = (round(at * side / of) for at, side, of in zip(place, full.size, shown.size, strict=True))
    at = np.array([[1.0, 0.0, min(x, full.width - size[0])], [0.0, 1.0, min(y, full.height - size[1])]])
    return Grid(at, at, *size)


def _parts(parts: overlay.DifferingParts | None) -> Evidence | None:
    if parts is None:
        return None
    return _rounded({"share": parts.share, "count": parts.count, "edge": parts.edge, "covered": parts.covered})


def _places(parts: overlay.DifferingParts, shown: Grid, to_picture: Affine, size: tuple[int, int]) -> list[list[float]]:
    """Boxes (left, top, right, bottom) around the parts in one picture, in shares of its width and height."""
    boxes = []
    for left, top, right, bottom in parts.places:
        corners = np.array([[left, top], [right, top], [right, bottom], [left, bottom]]) * shown.size
        ends = maps.apply(to_picture, corners) / size
        box = np.clip(np.concatenate([ends.min(axis=0), ends.max(axis=0)]), 0, 1)
        boxes.append([round(float(v), 4) for v in box])
    return boxes


def _ask_history(found: Evidence, a: Whole, b: Whole, placing: Placing) -> None:
    if not placing.exact:
        return
    anew = _plain(found) and max(a.size) <= grid.WHOLE_PX and a.orientation == b.orientation == 1
    of_a, of_b = history.of_pair(a, b, placing, with_recoded=not anew)
    found["a"] |= _numbers(of_a)
    found["b"] |= _numbers(of_b)
    corner = slice(0, EXACT_NOISE_PX)
    for name, picture in (("a", a), ("b", b)):
        luma = cv2.cvtColor(np.ascontiguousarray(picture.rgb[corner, corner]), cv2.COLOR_RGB2GRAY)
        found[name]["blocky"] = round(history.blockiness(np.asarray(luma, np.uint8)), 4)


LEAST_SCALE = 1.04


def _ask_scaled(found: Evidence, a: Whole, b: Whole) -> None:
    """Whether one whole frame is the other resized."""
    upright = found["snapped"] == "frame" and not found["mirrored"] and found["turned"] < 1
    if not upright or found["shift"] > SAME_TONE:
        return
    for large, small, other in (("a", b, a), ("b", a, b)):
        if min(other.size[0] / small.size[0], other.size[1] / small.size[1]) > LEAST_SCALE:
            found[large]["scaled"] = _numbers(scaled.compare(other, small))


SAME_TONE = 3.0
"""Mean change of tone in grey levels from which a copy was not only resized."""


def _ask_older_coding(found: Evidence, a: Whole, b: Whole) -> None:
    """Whether one looks like the other coded with coarser steps, on the grid that both frames begin with."""
    plain = [picture.rgb[: EXACT_NOISE_PX * 2, : EXACT_NOISE_PX * 2] for picture in (a, b)]
    luma_a, luma_b = (history.luma(rgb) for rgb in plain)
    good = np.ones(luma_a.shape, np.bool_)
    found["b"]["coarsened"] = list(history.coarsened(luma_a, luma_b, good))
    found["a"]["coarsened"] = list(history.coarsened(luma_b, luma_a, good))


def _numbers(measured: Any) -> Evidence:
    """The fields of a measured dataclass, rounded. `dataclasses.asdict` would copy each number's way down."""
    return _rounded({one.name: getattr(measured, one.name) for one in fields(measured)})


def _rounded(numbers: Evidence) -> Evidence:
    return {name: _as_json(value) for name, value in numbers.items()}


def _as_json(value: Any) -> Any:
    """As JSON gives it back."""
    if isinstance(value, tuple):
        return [_as_json(one) for one in value]
    return round(value, 5) if isinstance(value, float) else value
