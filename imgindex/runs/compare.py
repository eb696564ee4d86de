"""compare: one pair, its verdict and what differs. Needs no store."""

from __future__ import annotations

import functools
import os
from dataclasses import replace
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgindex.errors import UsageError, named
from imgindex.pictures.features import WORKING_SIDE_PX
from imgindex.pictures.prepare import DecodeOptions, no_front
from imgindex.pictures.sources import ImageSource, Sources
from imgindex.ports import Workers
from imgindex.proof import maps
from imgindex.proof.difference import Difference
from imgindex.proof.overlay import CANVAS_PX, Shots, differing, lay_out, outlines
from imgindex.records import Marked, PictureInfo
from imgindex.results import Comparison, Region
from imgindex.runs import difference_pictures
from imgindex.runs.query import Given, directed, each_of, name_of, read_pictures, why

OPTIONS = DecodeOptions(WORKING_SIDE_PX, features=False)
"""What `compare` decodes to align two files, where no embedder asks for another size."""


def compare(a: Given, b: Given, workers: Workers, out: str | os.PathLike[str] | None = None) -> Comparison:
    """Compare two pictures, which are decoded by `workers`; with `out`, write pictures of the difference there.

    Raises UsageError where one cannot be read or ends its decoder, OSError where `out` cannot be written.
    """
    folder = None if out is None else Path(named(os.fspath(out)))
    sources = Sources(OPTIONS)
    source_a, source_b = (sources.remember(made) for made in read_pictures((a, b), OPTIONS, no_front, workers))
    outcome = directed(source_a, source_b, workers)
    if isinstance(outcome, Exception):
        raise UsageError(f"{name_of(a)} and {name_of(b)}: {why(outcome)}") from outcome
    info_a, info_b = source_a.info, source_b.info
    if outcome.matrix is None:
        return Comparison(outcome, info_a, info_b, None)
    matrix = np.array(outcome.matrix, np.float64).reshape(2, 3)
    canvas = functools.partial(ImageSource.canvas, long_side_px=CANVAS_PX)
    raw_a, raw_b = each_of((a, b), workers.run(canvas, (source_a, source_b)))
    shots, zoom = lay_out(raw_a, info_a, raw_b, info_b, matrix)
    found = differing(shots)
    if outcome.regions:
        found = replace(found, regions=tuple(_region(mark, zoom) for mark in outcome.regions))
    shots = _with_outlines(shots, found, matrix, zoom, info_b)
    written = () if folder is None else tuple(difference_pictures.write(folder, shots, found))
    return Comparison(outcome, info_a, info_b, tuple(_full_size(r, zoom) for r in found.regions), written)


def _with_outlines(
    shots: Shots, found: Difference, matrix: NDArray[np.float64], zoom: float, info_b: PictureInfo
) -> Shots:
    if shots.b_own is None or not found.regions:
        return shots
    to_own = maps.scaling(shots.b_own.shape[1] / info_b.width_px, shots.b_own.shape[0] / info_b.height_px)
    return replace(shots, b_outlines=maps.apply(to_own, outlines(found.regions, matrix, zoom)))


def _region(mark: Marked, zoom: float) -> Region:
    """The box around a mark, in pixels of the canvas."""
    corners = np.array(mark.corners) * zoom
    (x0, y0), (x1, y1) = np.floor(corners.min(axis=0)), np.ceil(corners.max(axis=0))
    width, height = max(1, int(x1 - x0)), max(1, int(y1 - y0))
    return Region(max(0, int(x0)), max(0, int(y0)), width, height, width * height)


def _full_size(region: Region, zoom: float) -> Region:
    x, y, width, height = (round(v / zoom) for v in (region.x, region.y, region.width, region.height))
    return Region(x, y, width, height, round(region.area_px / zoom**2))
