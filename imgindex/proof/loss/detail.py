"""Which of two pictures on one grid resolves finer, where; and which has noise added.

In tiles of TILE_PX: the energy of the finest band less that of flat tiles, which is noise. Detail that both have
coheres; a tile where one has much more, and that does not cohere, is sharper there.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.proof.medians import median, quantile

TILE_PX = 16

FINE_SIGMA, MIDDLE_SIGMA = 0.9, 2.0
"""The finest band is what the first blur removes, the middle band what lies between the two."""

LEAST_TILES, LEAST_STRUCTURED = 12, 6
CLEAN_TILE = 0.98
FLATTEST = 0.2
STRUCTURED_QUANTILE, STRUCTURED_FLOOR = 0.4, 4.0

OCTAVES = 0.8
LEAST_ENERGY = 3.0
COHERENT = 0.75
"""A tile is sharper in one where that has more energy by so many octaves, and so much, and the squared correlation of
both fine bands is below this."""

Plane = NDArray[np.float32]


@dataclass(frozen=True, slots=True)
class Sharpness:
    """Of one picture against the other.

    sharper  share of the structured tiles in which it is sharper, in [0, 1]
    noise    energy of its finest band in flat tiles, in grey levels squared
    white    that energy over the middle band's: 13.6 in white noise
    energy   of its finest band in structured tiles, less the noise
    middle   of its middle band there
    even     what its finest band has more than the other's in the calmer half of the tiles over that in the other half
    places   compact areas in which it is sharper, in tiles: see `areas`
    """

    sharper: float
    noise: float
    white: float
    energy: float
    middle: float
    even: float
    places: int


@dataclass(frozen=True, slots=True)
class SharedPart:
    """A part of both pictures in one tone: float32[h, w] lumas, bool[h, w] where nothing is laid over them, and where
    both have pixels."""

    a: Plane
    b: Plane
    clean: NDArray[np.bool_]
    inside: NDArray[np.bool_]


def compare(parts: Sequence[SharedPart]) -> tuple[Sharpness, Sharpness, float, float]:
    """Of a, of b, and of their finest bands where there is structure: the squared correlation (1.0: nothing to see)
    and the mean product, in grey levels squared."""
    split = [(_bands(part.a), _bands(part.b)) for part in parts]
    stacks = [_energies(part, *bands) for part, bands in zip(parts, split, strict=True)]
    fine_a, fine_b, fine_both, middle_a, middle_b = (np.concatenate(rows) for rows in zip(*stacks, strict=True))
    found = [_areas(part.inside, *bands) for part, bands in zip(parts, split, strict=True)]
    places_a, places_b = (sum(column) for column in zip(*found, strict=True))
    if len(fine_a) < LEAST_TILES:
        return _none(places_a), _none(places_b), 1.0, 0.0
    structure = np.maximum(np.maximum(middle_a, middle_b), 1e-3)
    flattest = np.argsort(structure, kind="stable")[: max(3, round(len(structure) * FLATTEST))]
    noise_a, noise_b = median(fine_a[flattest]), median(fine_b[flattest])
    white_a, white_b = (
        median(fine[flattest] / np.maximum(middle[flattest], 0.05))
        for fine, middle in ((fine_a, middle_a), (fine_b, middle_b))
    )
    busy = structure > max(STRUCTURED_FLOOR, quantile(structure, STRUCTURED_QUANTILE))
    if np.count_nonzero(busy) < LEAST_STRUCTURED:
        return (
            Sharpness(0.0, noise_a, white_a, 0.0, 0.0, 1.0, places_a),
            Sharpness(0.0, noise_b, white_b, 0.0, 0.0, 1.0, places_b),
            1.0,
            0.0,
        )
    energy_a, energy_b = np.maximum(fine_a - noise_a, 0)[busy], np.maximum(fine_b - noise_b, 0)[busy]
    coherence = fine_both[busy] ** 2 / np.maximum(energy_a * energy_b, 1e-6)
    octaves = np.log2((energy_a + 0.5) / (energy_b + 0.5))
    apart = coherence < COHERENT
    sharper_a = float(((octaves > OCTAVES) & (energy_a > LEAST_ENERGY) & apart).mean())
    sharper_b = float(((octaves < -OCTAVES) & (energy_b > LEAST_ENERGY) & apart).mean())
    total = float(fine_both[busy].sum() ** 2 / max(float(energy_a.sum() * energy_b.sum()), 1e-6))
    return (
        Sharpness(
            sharper_a,
            noise_a,
            white_a,
            float(energy_a.mean()),
            float(middle_a[busy].mean()),
            _even(fine_a - fine_b, structure),
            places_a,
        ),
        Sharpness(
            sharper_b,
            noise_b,
            white_b,
            float(energy_b.mean()),
            float(middle_b[busy].mean()),
            _even(fine_b - fine_a, structure),
            places_b,
        ),
        min(total, 1.0),
        float(fine_both[busy].mean()),
    )


def _even(more: NDArray[np.float32], structure: NDArray[np.float32]) -> float:
    """See `Sharpness.even`; 1 where there is no more."""
    order = np.argsort(structure, kind="stable")
    calm, busy = (float(more[part].mean()) for part in (order[: len(order) // 2], order[len(order) // 2 :]))
    return max(calm, 0.0) / busy if busy > 1e-3 else 1.0


def _none(places: int) -> Sharpness:
    return Sharpness(0.0, 0.0, 0.0, 0.0, 0.0, 1.0, places)


@dataclass(frozen=True, slots=True, eq=False)
class _Bands:
    """The finest band, the middle one, and what is left below them."""

    fine: Plane
    middle: Plane
    coarse: Plane


def _bands(plane: Plane) -> _Bands:
    soft, coarse = cv2.GaussianBlur(plane, (0, 0), FINE_SIGMA), cv2.GaussianBlur(plane, (0, 0), MIDDLE_SIGMA)
    fine, middle = (np.asarray(band, np.float32) for band in (cv2.subtract(plane, soft), cv2.subtract(soft, coarse)))
    return _Bands(fine, middle, np.asarray(coarse, np.float32))


def _energies(part: SharedPart, a: _Bands, b: _Bands) -> list[NDArray[np.float32]]:
    """Energies of the bands in the clean tiles: fine of a, of b, of both; middle of a, of b."""
    clean = tiles(part.clean.astype(np.float32)) > CLEAN_TILE
    products = (
        (a.fine, a.fine), (b.fine, b.fine), (a.fine, b.fine), (a.middle, a.middle), (b.middle, b.middle),
    )  # fmt: skip
    return [tiles(cv2.multiply(x, y))[clean] for x, y in products]


def tiles(plane: NDArray[Any]) -> Plane:
    """float32[h // TILE_PX, w // TILE_PX]: means over tiles."""
    rows, columns = (side // TILE_PX for side in plane.shape)
    if not rows or not columns:
        return np.zeros((0, 0), np.float32)
    whole = plane[: rows * TILE_PX, : columns * TILE_PX]
    return np.asarray(cv2.resize(whole, (columns, rows), interpolation=cv2.INTER_AREA), np.float32)


AREA_OCTAVES = 1.3
ALIKE = 0.7
LEAST_VARIANCE = 3.0
"""An area is sharper in one where both show the same at a coarser scale, and it has more by so many octaves, over 2 x 2
tiles at least: the two halves of a focus bracket."""


def areas(a: Plane, b: Plane, inside: NDArray[np.bool_]) -> tuple[int, int]:
    """Tiles of compact areas in which a, and b, is sharper; overlays count too."""
    return _areas(inside, _bands(a), _bands(b))


def _areas(inside: NDArray[np.bool_], a: _Bands, b: _Bands) -> tuple[int, int]:
    if min(inside.shape) < 3 * TILE_PX:
        return 0, 0
    coarse_a, coarse_b = a.coarse, b.coarse
    fine_a, fine_b = cv2.add(a.fine, a.middle), cv2.add(b.fine, b.middle)
    mean_a, mean_b, square_a, square_b, both = (
        _around(tiles(plane))
        for plane in (
            coarse_a, coarse_b, cv2.multiply(coarse_a, coarse_a), cv2.multiply(coarse_b, coarse_b),
            cv2.multiply(coarse_a, coarse_b),
        )
    )  # fmt: skip
    variance_a, variance_b = square_a - mean_a**2, square_b - mean_b**2
    alike = (both - mean_a * mean_b) / np.sqrt(np.maximum(variance_a * variance_b, 1e-3))
    energy_a, energy_b = tiles(cv2.multiply(fine_a, fine_a)), tiles(cv2.multiply(fine_b, fine_b))
    asked = (tiles(inside.astype(np.float32)) > CLEAN_TILE) & (alike > ALIKE)
    asked &= np.minimum(variance_a, variance_b) > LEAST_VARIANCE
    octaves = np.log2((energy_a + 1) / (energy_b + 1))
    square = np.ones((2, 2), np.uint8)
    sharper_a = (octaves > AREA_OCTAVES) & (energy_a > LEAST_ENERGY)
    sharper_b = (octaves < -AREA_OCTAVES) & (energy_b > LEAST_ENERGY)
    places_a, places_b = (
        int(cv2.morphologyEx((more & asked).astype(np.uint8), cv2.MORPH_OPEN, square).sum())
        for more in (sharper_a, sharper_b)
    )
    return places_a, places_b


def _around(means: Plane) -> NDArray[np.float64]:
    """Means over a tile and half of each neighbour, as windows of twice its side have."""
    kernel = np.array([0.25, 0.5, 0.25], np.float32)
    return cv2.sepFilter2D(means, -1, kernel, kernel, borderType=cv2.BORDER_REFLECT).astype(np.float64)
