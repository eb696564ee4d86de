"""Lay one picture on another: guess how it may lie, straighten each guess, and measure how far the two then agree.

1. guess: frames first (an icon in eight orientations), local features where that fails
2. straighten each guess: Lucas-Kanade shifts of textured windows on a small canvas, then on a larger, and a robust
   affine map through them
3. measure: which textured windows agree in structure, and how far each is from where the one affine map puts it. A copy
   has every window in place; another viewpoint, a moment later or another photo of one thing has windows out of place
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Hashable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgindex import native, records
from imgindex.pictures import features
from imgindex.ports import Source
from imgindex.proof import canvases, maps, printed, register
from imgindex.proof.decide import GROUND_SHARE, decide
from imgindex.proof.maps import Affine
from imgindex.records import Luma, Outline

WORKING_PX = 320
COARSE_PX = 112
FINE_PX = 256

TEXTURE = 36.0
"""Variance from which a window counts as textured, in grey levels squared."""

FEW_WINDOWS = 24
FAINT_TEXTURE = 12.0
"""Where fewer than FEW_WINDOWS are textured (snow, sky, a drawing), fainter texture counts too."""

AGREES = 0.5
"""Structure term from which a textured window agrees."""

WELL = 0.7
"""Structure term from which a window that is in place is good."""

SETTLED_GOOD = 0.9
"""Share of good windows from which no other guess is tried, and no overlay is looked for but on plain ground. Nor is
one tried where the frames' proves a copy."""

IN_SOLID = 0.3
"""Share of a window that a solid piece of the overlay covers from which it belongs to that piece."""

IN_PLACE_PX = 0.35
"""Shift of a window up to which it is in place, in pixels of the 256 px canvas."""

SETTLED_PX = 0.25
SETTLED_AGREE = 0.8
"""Median shift on the fine canvas below which the windows need not be measured again, and share of windows that must
agree for a shift below a pixel to be believed without a wider search."""

FAR_PX = 99.0
"""Stands for a shift where no window could be tracked."""

FRAME_CORRELATION = 0.6
"""Correlation of icons from which two whole frames are laid on one another."""

SILENT_CORRELATION = 0.85
"""The same where the features say nothing, as sketches tell: of 17,000 copies of the training photos three are proven
without their features, and correlate by 1.00. Of 100,000 tiles of 29 px whose icons reach FRAME_CORRELATION and
that are candidates, a quarter reaches this."""

FRAME_FLOOR = 0.4
COARSE_FLOOR = 0.3
"""Share of coarse windows that must agree before (a frame) and after (any guess) the first straightening."""

ALREADY_STRAIGHT = 0.9
"""Share of coarse windows that agree from which a guess goes to the fine canvas at once."""

SURE_CORRELATION = 0.9
SURE_INLIERS = 20
"""A guess is laid on the fine canvas at once where it is this well supported, and straightened on a coarse one only
where less than SETTLED_AGREE of the windows agree there."""


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One picture of the pair with what every guess needs of it."""

    source: Source
    luma: Luma
    outline: Outline

    @property
    def polygon(self) -> records.Polygon:
        return self.outline.polygon

    @property
    def unit(self) -> tuple[float, float]:
        """Full-size pixels per working pixel, along x and y."""
        height, width = self.luma.shape
        return self.source.info.width_px / width, self.source.info.height_px / height


class HalvesCache:
    """The halves of the latest `count` sources, by `Source.key`; safe to use from several threads."""

    def __init__(self, count: int) -> None:
        self._count = count
        self._made: dict[Hashable, features.Halves] = {}
        self._lock = threading.Lock()

    def get(self, source: Source) -> features.Halves:
        found = self._made.get(source.key)
        if found is None:
            found = features.halves(source.features())
            with self._lock:
                if len(self._made) >= self._count:
                    self._made.pop(next(iter(self._made)))
                self._made[source.key] = found
        return found


_halves = HalvesCache(256)
"""An image meets some twenty candidates, most of them soon after each other; 165 kB each."""


def side(source: Source) -> Side:
    return Side(source, source.luma(WORKING_PX), source.outline())


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A straightened guess: the map between the working pictures, the canvas it gives, and what was measured there."""

    guess: register.Guess
    affine: Affine
    canvas: canvases.Canvas
    measured: dict[str, Any]


def straighten(a: Side, b: Side, guess: register.Guess, sure: bool) -> Alignment | None:
    """The guess made exact and measured; None where it does not hold up. A `sure` one may skip the coarse canvas."""
    affine = guess.affine
    fine = _fine(a, b, affine) if sure else None
    rest = _rest(*fine[1:]) if fine is not None else None
    if rest is None or _share(rest.tracked) < SETTLED_AGREE:
        nearer = _coarse(a, b, guess)
        fine = _fine(a, b, nearer) if nearer is not None else None
        if nearer is None or fine is None:
            return None
        affine, rest = nearer, _rest(*fine[1:])
    assert fine is not None
    canvas, found, asked = fine
    if rest.typical_px() >= SETTLED_PX or _share(rest.tracked) < SETTLED_AGREE:
        moved = canvases.flow(canvas, found.centres[asked])
        if moved.typical_px() >= SETTLED_PX:
            affine = canvases.straightened(canvas, affine, moved, 0.4)[0]
            fine = _fine(a, b, affine) if maps.decompose(affine).plausible else None
            if fine is None:
                return None
            canvas, found, asked = fine
            rest = _rest(*fine[1:])
    affine, left = canvases.straightened(canvas, affine, rest, 0.3)
    made_of = maps.decompose(affine)
    shape = {"shear": round(made_of.shear, 4), "stretch": round(made_of.anisotropy, 4)}
    return Alignment(guess, affine, canvas, measure(canvas, found, asked, left) | shape)


def _coarse(a: Side, b: Side, guess: register.Guess) -> Affine | None:
    """The guess after a first straightening on a small canvas; None where too little agrees there."""
    affine = guess.affine
    for scale_px, floor in ((1.0, FRAME_FLOOR if guess.origin == "frames" else 0.0), (0.5, COARSE_FLOOR)):
        canvas = canvases.lay(a.luma, b.luma, affine, a.polygon, b.polygon, COARSE_PX)
        if canvas is None:
            return None
        found = canvases.windows(canvas)
        busy = found.textured(TEXTURE)
        agree = _share(found.agreement[busy] > AGREES)
        if agree < floor or not busy.any():
            return None
        if agree > ALREADY_STRAIGHT:
            break
        moved = canvases.flow(canvas, found.centres[busy & found.apart])
        affine = canvases.straightened(canvas, affine, moved, scale_px)[0]
        if not maps.decompose(affine).plausible:
            return None
    return affine


def _fine(a: Side, b: Side, affine: Affine) -> tuple[canvases.Canvas, native.Windows, NDArray[np.bool_]] | None:
    """The fine canvas, its windows, and which of them (none overlapping another) are textured."""
    canvas = canvases.lay(a.luma, b.luma, affine, a.polygon, b.polygon, FINE_PX)
    if canvas is None:
        return None
    found = canvases.windows(canvas)
    asked = found.textured(TEXTURE) & found.apart
    if asked.sum() < FEW_WINDOWS:
        asked = found.textured(FAINT_TEXTURE) & found.apart
    return canvas, found, asked


def _rest(found: native.Windows, asked: NDArray[np.bool_]) -> canvases.Flow:
    """How far the asked windows of a straightened canvas are out of place; those that agree count as tracked."""
    return canvases.Flow(found.centres[asked], canvases.offsets(found, asked), found.agreement[asked] > AGREES)


def measure(
    canvas: canvases.Canvas,
    found: native.Windows,
    asked: NDArray[np.bool_],
    left: NDArray[np.float64],
) -> dict[str, Any]:
    """The numbers that `decide` reads, of the textured windows that do not overlap one another.

    `left` float64[n]: the shift of each asked window that the one affine map does not explain, in canvas pixels.
    """
    agreement = found.agreement[asked]
    good = (left < IN_PLACE_PX) & (agreement > WELL)
    share_good = _share(good)
    one_sided, overlaid, replaced, clean = 0.5, 0.0, 0.0, np.ones(len(good), np.bool_)
    ground = printed.ground_share(canvas)
    if share_good < SETTLED_GOOD or ground >= GROUND_SHARE:
        overlay = canvases.overlay(canvas, found.gain)
        one_sided, overlaid = overlay.one_sided, overlay.share
        replaced = _replaced(canvas, overlay, found, asked)
        clean = canvases.window_means(overlay.mask.astype(np.float32), found.centres[asked], found.size) < 0.02
    cuts = canvases.quantiles(left, (0.25, 0.5, 0.75, 0.9)) if len(left) else [FAR_PX] * 4
    numbers = {
        "agree": _share(agreement > AGREES), "structure": float(agreement.mean()) if len(agreement) else 0.0,
        "good": share_good, "shift25": cuts[0], "shift50": cuts[1], "shift75": cuts[2], "shift90": cuts[3],
        "one_sided": one_sided, "overlaid": overlaid, "clean_good": _share(good[clean]),
        "replaced": replaced, "ground": ground, "gain": found.gain,
        "share_a": canvas.share_a, "share_b": canvas.share_b,
    }  # fmt: skip
    counts = {"windows": len(good), "good_windows": int(good.sum()), "clean_windows": int(clean.sum())}
    return {k: round(v, 4) for k, v in numbers.items()} | counts


def _replaced(
    canvas: canvases.Canvas, overlay: canvases.Overlay, found: native.Windows, asked: NDArray[np.bool_]
) -> float:
    """Share of the content that solid pieces of an overlay take whose windows do not agree in structure."""
    solid = canvases.window_means(overlay.solid.astype(np.float32), found.centres[asked], found.size) > IN_SOLID
    if not solid.any():
        return 0.0
    return float(overlay.solid.sum() / canvas.mask.sum()) * _share(found.agreement[asked][solid] <= AGREES)


def _share(marks: NDArray[np.bool_]) -> float:
    return int(np.count_nonzero(marks)) / len(marks) if len(marks) else 0.0


def align(a: Side, b: Side, features_agree: Callable[[], bool]) -> tuple[Alignment | None, dict[str, Any]]:
    """The alignment that the most windows support, and what was tried."""
    tried: dict[str, Any] = {}
    correlation, framed = register.from_frames(a.outline.icons, b.outline.icons, FRAME_CORRELATION)
    tried["frame"] = round(correlation, 4)
    best: Alignment | None = None
    if framed is not None:
        best = straighten(a, b, framed, correlation >= SURE_CORRELATION)
        if best is not None and (best.measured["good"] > SETTLED_GOOD or _is_copy(a, b, best)):
            return best, tried
    if not features_agree():
        return best, tried
    features_a, features_b = _halves.get(a.source), _halves.get(b.source)
    tried["features"], tried["inliers"] = [len(features_a.features), len(features_b.features)], 0
    needed = register.needed_votes(features_a, features_b)
    for ballot in register.ballots(features_a, features_b):
        for guess in register.from_votes(ballot, needed):
            tried["inliers"] = max(tried["inliers"], guess.inliers)
            if guess.inliers >= needed:
                found = straighten(a, b, guess, guess.inliers >= SURE_INLIERS)
                if found is not None and (best is None or _support(found) > _support(best)):
                    best = found
            if best is not None and best.measured["good"] > SETTLED_GOOD:
                return best, tried
    return best, tried


def _support(found: Alignment) -> float:
    return float(found.measured["good"] * found.measured["good_windows"])


def _is_copy(a: Side, b: Side, found: Alignment) -> bool:
    return decide(evidence_of(found, full_size(a, b, found.affine))).is_copy


def full_size(a: Side, b: Side, affine: Affine) -> Affine:
    """The map between the full pictures that this one between the working pictures is."""
    per_x, per_y = a.unit
    return np.asarray(affine * np.array([b.unit]).T / np.array([per_x, per_y, 1.0]), np.float64)


def evidence_of(found: Alignment, full: Affine) -> dict[str, Any]:
    """What `decide` reads of an alignment whose map between the full pictures is `full`, but for what text shows."""
    return found.measured | {
        "guess_inliers": found.guess.inliers,
        "origin": found.guess.origin,
        "scale": round(maps.decompose(full).scale, 5),
        "mirrored": bool(maps.determinant(full) < 0),
    }
