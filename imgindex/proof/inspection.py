"""An aligned pair inspected: every pair coarsely, and finely where that leaves a doubt or shows print."""

from __future__ import annotations

import dataclasses
import math
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgindex.proof import canvases, focus, hue, kinds, maps, pages, parts, same
from imgindex.proof.align import FINE_PX, TEXTURE, Alignment, Side
from imgindex.proof.canvases import Canvas
from imgindex.proof.maps import Affine
from imgindex.proof.parts import Explained
from imgindex.proof.sheet import Layer, Sheet, lay_straight, stacked

PHOTO_PX = 512
PRINT_PX = 1280
"""Long side at which photos are inspected finely, and where print is: 10 pt on A4 is 15 px high there."""

SHORT_PX = 640
MOST_PIXELS = 2_500_000
"""Of a long page, the short side has so many pixels where the whole then has no more than that."""

DOUBT_MASS = 2.0
"""Mass of the largest part on the coarse sheet from which it is inspected finely. Of the copies of training photos
without anything laid over them nine in ten have less; a changed word of an invoice has 29."""


def inspect(a: Side, b: Side, found: Alignment) -> dict[str, Any]:
    """What `rules` reads of what differs; empty where nothing does. Places are corners in full-size pixels of a.

    Raises OSError where a picture cannot be read now.
    """
    canvas = found.canvas
    is_page = pages.is_page(canvas)
    tints = _tints(a, b, found)
    if tints is None:
        return {}
    is_same = not is_page and same.is_same(canvas, tints)
    if is_same and same.is_same_print(canvas):
        return {}
    is_print = is_page or pages.has_print(canvas)
    if is_same and not is_print:
        return {}
    explained = parts.explain(_coarse(found, tints, a))
    if explained is None:
        return {}
    turned = hue.turn(explained)
    numbers: dict[str, Any] = {}
    if turned is not None and turned.turned >= hue.WORTH:
        numbers["hue"] = [round(turned.turned, 4), turned.modes, round(turned.kept, 4)]
        numbers["hue_box"] = _corners(explained.sheet, a, _extent(turned.where, hue.BLOCK_PX))
    if not is_print and not _leaves_doubt(explained):
        return numbers
    fine = _fine(a, b, found, is_print)
    explained = parts.explain(fine) if fine is not None else None
    if explained is None:
        return numbers
    seen = [_as_numbers(part, explained.sheet, a) for part in kinds.found(explained)]
    if seen:
        numbers["parts"] = seen
    sharper = focus.sides(*explained.toned, explained.sheet.mask)
    if all(side.any() for side in sharper):
        numbers["sharper"] = [int(side.sum()) for side in sharper]
        numbers["sharper_boxes"] = [_corners(explained.sheet, a, _extent(s, focus.TILE_PX)) for s in sharper]
    return numbers


def _tints(a: Side, b: Side, found: Alignment) -> tuple[Canvas, Canvas] | None:
    """The colour of both on a canvas of half the size."""
    tints_a, tints_b = a.source.tints(), b.source.tints()
    down_a, down_b = (
        maps.scaling(tints.shape[2] / side.luma.shape[1], tints.shape[1] / side.luma.shape[0])
        for tints, side in ((tints_a, a), (tints_b, b))
    )
    affine = maps.compose(down_b, maps.compose(found.affine, maps.invert(down_a)))
    contents = maps.apply(down_a, a.polygon), maps.apply(down_b, b.polygon)
    laid = [canvases.lay(x, y, affine, *contents, FINE_PX // 2) for x, y in zip(tints_a, tints_b, strict=True)]
    return None if laid[0] is None or laid[1] is None else (laid[0], laid[1])


def _coarse(found: Alignment, tints: tuple[Canvas, Canvas], a: Side) -> Sheet:
    canvas = found.canvas
    to_a = maps.invert(canvas.laid.from_a)
    height, width = a.luma.shape
    planes_a, planes_b = stacked([canvas.a, *(t.a for t in tints)]), stacked([canvas.b, *(t.b for t in tints)])
    return Sheet(planes_a, planes_b, canvas.mask, to_a, found.affine, (width, height))


def _leaves_doubt(explained: Explained) -> bool:
    if kinds.largest_mass(explained) > DOUBT_MASS:
        return True
    toned_a, toned_b = (np.clip(p[0], 0.0, 255.0).astype(np.uint8) for p in explained.toned)
    return same.may_be_focus(toned_a, toned_b, explained.sheet.mask)


def _fine(a: Side, b: Side, found: Alignment, is_print: bool) -> Sheet | None:
    sizes = [_long_side(side, is_print) for side in (a, b)]
    rgb_a, rgb_b = (side.source.rgb(size) for side, size in zip((a, b), sizes, strict=True))
    up_a, up_b = (
        maps.scaling(rgb.shape[1] / side.luma.shape[1], rgb.shape[0] / side.luma.shape[0])
        for rgb, side in ((rgb_a, a), (rgb_b, b))
    )
    affine = maps.compose(up_b, maps.compose(found.affine, maps.invert(up_a)))
    layer_a = Layer.of_rgb(rgb_a, maps.apply(up_a, a.polygon))
    layer_b = Layer.of_rgb(rgb_b, maps.apply(up_b, b.polygon))
    return lay_straight(layer_a, layer_b, affine, max(sizes), TEXTURE)


def _long_side(side: Side, is_print: bool) -> int:
    """Pixels along the longer side at which a picture is looked at."""
    long, short = max(side.source.info.size), min(side.source.info.size)
    usual = PRINT_PX if is_print else PHOTO_PX
    wanted = usual if long * SHORT_PX <= usual * short else round(SHORT_PX * long / short)
    most = math.isqrt(max(1, MOST_PIXELS * long // short))
    return max(usual, min(wanted, most, long))


def _as_numbers(part: kinds.Part, sheet: Sheet, a: Side) -> dict[str, Any]:
    numbers: dict[str, Any] = {name: getattr(part, name) for name in _PART}
    numbers["box"] = _corners(sheet, a, part.box)
    return numbers


_PART = [one.name for one in dataclasses.fields(kinds.Part)]


def _extent(where: NDArray[np.bool_], cell_px: int) -> tuple[int, int, int, int]:
    """The box around the marked cells, in pixels of the sheet."""
    ys, xs = np.nonzero(where)
    if not len(ys):
        return 0, 0, 0, 0
    return int(xs.min()) * cell_px, int(ys.min()) * cell_px, int(xs.max() + 1) * cell_px, int(ys.max() + 1) * cell_px


def _corners(sheet: Sheet, a: Side, box: tuple[int, int, int, int]) -> list[list[float]]:
    """The corners of a box of a sheet in full-size pixels of a; `sheet.to_a` leads to a picture of a's shape."""
    x0, y0, x1, y1 = box
    corners = np.array([[x0, y0], [x1, y0], [x1, y1], [x0, y1]], np.float64)
    found = maps.apply(_to_full(sheet, a), corners)
    return [[round(float(x), 1), round(float(y), 1)] for x, y in found]


def _to_full(sheet: Sheet, a: Side) -> Affine:
    width, height = a.source.info.size
    return maps.compose(maps.scaling(width / sheet.size_a[0], height / sheet.size_a[1]), sheet.to_a)
