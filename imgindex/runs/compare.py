"""compare: one pair, its verdict and what differs. Needs no store."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from imgindex.pictures import decode
from imgindex.pictures.features import WORKING_SIDE_PX
from imgindex.pictures.prepare import Wish
from imgindex.pictures.sources import Sources, read_picture
from imgindex.proof import maps
from imgindex.proof.difference import Difference
from imgindex.proof.overlay import CANVAS_PX, Shots, differing, lay_out, outlines
from imgindex.proof.verify import directed
from imgindex.records import PictureInfo, Rgb
from imgindex.results import Comparison, Region

WISH = Wish(WORKING_SIDE_PX, features=False)
"""What `compare` decodes to align two files, where no embedder asks for another size."""


Draw: TypeAlias = Callable[[Shots, Difference], Sequence[Path]]
"""Writes pictures of a compared pair and says where."""


def compare(a: str, b: str, draw: Draw | None = None) -> Comparison:
    """Compare two picture files; `draw` is given both on one canvas, and where they differ.

    Raises UsageError where a file cannot be read, and what `draw` raises.
    """
    sources = Sources(WISH)
    (data_a, picture_a), (data_b, picture_b) = (read_picture(path, WISH) for path in (a, b))
    outcome = directed(sources.of_bytes(data_a, picture_a), sources.of_bytes(data_b, picture_b))
    info_a, info_b = picture_a.info, picture_b.info
    if outcome.matrix is None:
        return Comparison(outcome, info_a, info_b, None)
    matrix = np.array(outcome.matrix, np.float64).reshape(2, 3)
    shots, zoom = lay_out(decoded(data_a, info_a), info_a, decoded(data_b, info_b), info_b, matrix)
    found = differing(shots)
    shots = _with_outlines(shots, found, matrix, zoom, info_b)
    written = () if draw is None else tuple(draw(shots, found))
    return Comparison(outcome, info_a, info_b, tuple(_full_size(r, zoom) for r in found.regions), written)


def _with_outlines(
    shots: Shots, found: Difference, matrix: NDArray[np.float64], zoom: float, info_b: PictureInfo
) -> Shots:
    if shots.b_own is None or not found.regions:
        return shots
    to_own = maps.scaling(shots.b_own.shape[1] / info_b.width_px, shots.b_own.shape[0] / info_b.height_px)
    return replace(shots, b_outlines=maps.apply(to_own, outlines(found.regions, matrix, zoom)))


def decoded(data: bytes, info: PictureInfo, canvas_px: int = CANVAS_PX) -> Rgb:
    """The picture with its longer side at `canvas_px` or a little more, a smaller one as it is."""
    short = min(info.size) * min(1.0, canvas_px / max(info.size))
    return decode.decode(data, short_side_px=max(1, round(short))).rgb


def _full_size(region: Region, zoom: float) -> Region:
    x, y, width, height = (round(v / zoom) for v in (region.x, region.y, region.width, region.height))
    return Region(x, y, width, height, round(region.area_px / zoom**2))
