"""Prove or refute that two pictures are copies: align them, then compare structure over what they share.

`verify` gathers evidence, `decide` turns evidence into a verdict and needs no pixels, so that stored evidence can be
decided again under other thresholds.

1. equal size, mode and colour profile, and thumbnails that agree: the digests of all pixels are compared
2. guess how one lies on the other: frames first (a thumbnail in eight orientations), local features where that fails
3. straighten each guess: Lucas-Kanade shifts of textured windows on a small canvas, then on a larger, and a robust
   affine map through them
4. measure: which textured windows agree in structure, and how far each is from where the one affine map puts it. A copy
   has every window in place; another viewpoint, a moment later or another photo of one thing has windows out of place
5. text is compared again at enough pixels to see a digit
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgindex import register, structure, transform
from imgindex.ports import Source
from imgindex.records import Luma, Relation, Verdict, Verification
from imgindex.transform import Affine

VERIFIER_VERSION = 1

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

IN_PLACE_PX = 0.35
"""Shift of a window up to which it is in place, in pixels of the 256 px canvas."""


SETTLED_PX = 0.25
"""Median shift on the fine canvas below which the windows need not be measured again."""

FAR_PX = 99.0
"""Stands for a shift where no window could be tracked."""

FRAME_CORRELATION = 0.6
"""Correlation of thumbnails from which two whole frames are laid on one another."""

FRAME_FLOOR = 0.4
COARSE_FLOOR = 0.3
"""Share of coarse windows that must agree before (a frame) and after (any guess) the first straightening; pairs of
unrelated photos have 0.05 to 0.25."""

ALREADY_STRAIGHT = 0.9
"""Share of coarse windows that agree from which a guess goes to the fine canvas at once."""

FEW_FEATURES = 80
MIN_INLIERS = 5
MIN_INLIERS_FEW = 3
"""Matches that must agree before pixels are looked at; fewer where a picture has few features, as flat drawings have."""

MIN_GOOD_WINDOWS = 8
INLIERS_PER_WINDOW = 8
FEW_GOOD = 0.9
"""A proof takes eight windows in place; where nearly everything is in place, eight feature matches stand for one."""

MIN_GOOD = 0.72
MIN_AGREE = 0.6
MAX_SHIFT50_PX = 0.2
JAGGED_AGREE = 0.98
JAGGED_PX = 0.6
OVERLAY_ONE_SIDED = 0.95
OVERLAY_SHARE = 0.35
OVERLAY_CLEAN = 0.15
OVERLAY_GOOD = 0.75
MAX_PROVEN_SHEAR = 0.015
MIN_SHARE = 0.2
SIMILAR_AGREE = 0.4
MAX_TEXT_CHANGE = 0.28
FAINT_TEXT_CHANGE = 0.08
MAX_OUTLIER = 4.5
CONTAINED = 0.95

TEXT_PX = 1280
TEXT_WINDOW_PX = 16
CONTAINED = 0.95


@dataclass(frozen=True, slots=True, eq=False)
class Side:
    """One picture of the pair with what every guess needs of it."""

    source: Source
    luma: Luma
    content: structure.Polygon

    @property
    def unit(self) -> tuple[float, float]:
        """Full-size pixels per working pixel, along x and y."""
        height, width = self.luma.shape
        return self.source.info.width_px / width, self.source.info.height_px / height

    def boxes(self) -> list[tuple[register.Box, NDArray[np.float32]]]:
        height, width = self.luma.shape
        boxes = dict.fromkeys([(0.0, 0.0, float(width), float(height)), structure.bounding_box(self.content)])
        return [(box, register.thumbnail(self.luma, box)) for box in boxes]


def side(source: Source) -> Side:
    luma = source.luma(WORKING_PX)
    return Side(source, luma, structure.content_polygon(luma))


@dataclass(frozen=True, slots=True, eq=False)
class Alignment:
    """A straightened guess: the map between the working pictures, the canvas it gives, and what was measured there."""

    guess: register.Guess
    affine: Affine
    canvas: structure.Canvas
    measured: dict[str, Any]


def straighten(a: Side, b: Side, guess: register.Guess) -> Alignment | None:
    """The guess made exact and measured; None where it does not hold up."""
    affine = guess.affine
    for scale_px, floor in ((1.0, FRAME_FLOOR if guess.origin == "frames" else 0.0), (0.5, COARSE_FLOOR)):
        canvas = structure.lay(a.luma, b.luma, affine, a.content, b.content, COARSE_PX)
        if canvas is None:
            return None
        found = structure.windows(canvas)
        busy = found.textured(TEXTURE)
        agree = float((found.agreement[busy] > AGREES).mean()) if busy.any() else 0.0
        if agree < floor or not busy.any():
            return None
        if agree > ALREADY_STRAIGHT:
            break
        moved = structure.flow(canvas, found.centres[busy & found.apart])
        affine = structure.straightened(canvas, affine, moved, scale_px)[0]
        if not transform.parts(affine).plausible:
            return None
    for settled in (False, True):
        canvas = structure.lay(a.luma, b.luma, affine, a.content, b.content, FINE_PX)
        if canvas is None:
            return None
        found = structure.windows(canvas)
        asked = found.textured(TEXTURE) & found.apart
        if asked.sum() < FEW_WINDOWS:
            asked = found.textured(FAINT_TEXTURE) & found.apart
        if settled:
            break
        moved = structure.flow(canvas, found.centres[asked])
        if moved.typical_px() < SETTLED_PX:
            break
        affine = structure.straightened(canvas, affine, moved, 0.4)[0]
        if not transform.parts(affine).plausible:
            return None
    shifts = structure.offsets(canvas, found.centres[asked], max(11, found.size))
    refit = structure.Flow(found.centres[asked], shifts, found.agreement[asked] > AGREES)
    affine, left = structure.straightened(canvas, affine, refit, 0.3)
    made_of = transform.parts(affine)
    shape = {"shear": round(made_of.shear, 4), "stretch": round(made_of.anisotropy, 4)}
    return Alignment(guess, affine, canvas, measure(canvas, found, asked, left) | shape)


def measure(
    canvas: structure.Canvas,
    found: structure.Windows,
    asked: NDArray[np.bool_],
    left: NDArray[np.float64],
) -> dict[str, Any]:
    """The numbers that `decide` reads, of the textured windows that do not overlap one another.

    `left` float64[n]: the shift of each asked window that the one affine map does not explain, in canvas pixels.
    """
    agreement = found.agreement[asked]
    overlay = structure.overlay(canvas, found.gain)
    clean = structure.window_means(overlay.mask.astype(np.float32), found.centres[asked], found.size) < 0.02
    good = (left < IN_PLACE_PX) & (agreement > 0.7)
    shift = left
    clean_shift = left[clean]
    clean_n = int(clean.sum())

    def percentile(values: NDArray[np.float64], q: int) -> float:
        return float(np.percentile(values, q)) if len(values) else FAR_PX

    def share(values: NDArray[np.bool_]) -> float:
        return float(values.mean()) if len(values) else 0.0

    numbers = {
        "agree": share(agreement > AGREES), "structure": float(agreement.mean()) if len(agreement) else 0.0,
        "good": share(good), "shift25": percentile(shift, 25), "shift50": percentile(shift, 50),
        "shift75": percentile(shift, 75), "shift90": percentile(shift, 90),
        "one_sided": overlay.one_sided, "overlaid": overlay.share, "clean_good": share(good[clean]),
        "clean_shift75": percentile(clean_shift, 75), "gain": found.gain,
        "share_a": canvas.share_a, "share_b": canvas.share_b,
    }  # fmt: skip
    counts = {
        "windows": int(asked.sum()),
        "good_windows": int(good.sum()),
        "clean_windows": clean_n,
    }
    return {k: round(v, 4) for k, v in numbers.items()} | counts


def align(a: Side, b: Side) -> tuple[Alignment | None, dict[str, Any]]:
    """The alignment that the most windows support, and what was tried."""
    tried: dict[str, Any] = {}
    frames = register.from_frames(a.boxes(), b.boxes(), FRAME_CORRELATION)
    tried["frame"] = round(frames[0][0], 4) if frames else 0.0
    best: Alignment | None = None
    if frames:
        best = straighten(a, b, frames[0][1])
        if best is not None and best.measured["good"] > 0.9:
            return best, tried
    features_a, features_b = a.source.features(), b.source.features()
    tried["features"] = [len(features_a), len(features_b)]
    tried["inliers"] = 0
    few = min(len(features_a), len(features_b)) < FEW_FEATURES
    needed = MIN_INLIERS_FEW if few else MIN_INLIERS
    for mirrored in (False, True):
        for guess in register.from_matches(register.match(features_a, features_b, mirrored)):
            tried["inliers"] = max(tried["inliers"], guess.inliers)
            if guess.inliers >= needed:
                found = straighten(a, b, guess)
                if found is not None and (best is None or _support(found) > _support(best)):
                    best = found
            if best is not None and best.measured["good"] > 0.9:
                return best, tried
    return best, tried


def _support(found: Alignment) -> float:
    return float(found.measured["good"] * found.measured["good_windows"])


def decide(evidence: dict[str, Any]) -> Verdict:
    """The verdict that stored evidence gives; needs no pixels."""
    if evidence.get("same_pixels"):
        return Verdict.SAME_PIXELS
    if "good" not in evidence:
        return Verdict.DISTINCT
    if _proven(evidence) and _text_holds(evidence):
        return Verdict.NEAR_DUPLICATE
    return Verdict.SIMILAR if evidence["agree"] >= SIMILAR_AGREE else Verdict.DISTINCT


def _text_holds(evidence: dict[str, Any]) -> bool:
    """Whether printed text, where there is any, is the same; two forms may agree wherever their cuttings overlap, so
    one of the two must show nothing that the other does not."""
    if "text_change" not in evidence:
        return True
    contained = relation(evidence["share_a"], evidence["share_b"]) is not Relation.OVERLAP
    change, outlier = evidence["text_change"], evidence["text_outlier"]
    return contained and bool(change <= MAX_TEXT_CHANGE and (change <= FAINT_TEXT_CHANGE or outlier <= MAX_OUTLIER))


def _proven(evidence: dict[str, Any]) -> bool:
    """Whether the windows prove one picture: enough of them, one plain map, and nearly all in place (one of four ways)."""
    windows, good = evidence["windows"], evidence["good"]
    if evidence["shear"] > MAX_PROVEN_SHEAR or max(evidence["share_a"], evidence["share_b"]) < MIN_SHARE:
        return False
    in_place = good >= MIN_GOOD and evidence["agree"] >= MIN_AGREE and evidence["shift50"] <= MAX_SHIFT50_PX
    if evidence["good_windows"] < MIN_GOOD_WINDOWS:
        backed = evidence["good_windows"] + evidence["guess_inliers"] / INLIERS_PER_WINDOW >= MIN_GOOD_WINDOWS
        return bool(backed and in_place and good >= FEW_GOOD)
    jagged = evidence["agree"] >= JAGGED_AGREE and evidence["shift50"] <= 0.3 and evidence["shift90"] <= JAGGED_PX
    overlaid = (
        evidence["one_sided"] >= OVERLAY_ONE_SIDED
        and evidence["overlaid"] <= OVERLAY_SHARE
        and evidence["clean_windows"] >= max(MIN_GOOD_WINDOWS, OVERLAY_CLEAN * windows)
        and evidence["clean_good"] >= OVERLAY_GOOD
    )
    return bool(in_place or jagged or overlaid)


def relation(share_a: float, share_b: float) -> Relation:
    if share_a >= CONTAINED and share_b >= CONTAINED:
        return Relation.SAME
    if share_a >= CONTAINED:
        return Relation.B_CONTAINS_A
    if share_b >= CONTAINED:
        return Relation.A_CONTAINS_B
    return Relation.OVERLAP


def same_pixels(a: Source, b: Source) -> bool:
    """Whether two contents of one description have equal pixels; the digests are only asked for where thumbnails agree."""
    first, second = a.info, b.info
    plain = (first.size, first.mode, first.bit_depth, first.has_alpha, first.frames, first.icc_digest)
    if plain != (
        second.size,
        second.mode,
        second.bit_depth,
        second.has_alpha,
        second.frames,
        second.icc_digest,
    ):
        return False
    small_a, small_b = a.luma(WORKING_PX).astype(np.int16), b.luma(WORKING_PX).astype(np.int16)
    if small_a.shape != small_b.shape or int(np.abs(small_a - small_b).max()) > 1:
        return False
    return a.pixel_digest() == b.pixel_digest()


def text_change(a: Side, b: Side, found: Alignment) -> tuple[float, float] | None:
    """`structure.worst_change` of the two, or None where the pair shows no text.

    Looks at what the two share at up to TEXT_PX, aligned again at that resolution.
    """
    if not structure.text_like(found.canvas):
        return None
    large_a, large_b = a.source.luma(TEXT_PX), b.source.luma(TEXT_PX)
    up_a = transform.scaling(large_a.shape[1] / a.luma.shape[1], large_a.shape[0] / a.luma.shape[0])
    up_b = transform.scaling(large_b.shape[1] / b.luma.shape[1], large_b.shape[0] / b.luma.shape[0])
    affine = transform.compose(up_b, transform.compose(found.affine, transform.invert(up_a)))
    content_a, content_b = transform.apply(up_a, a.content), transform.apply(up_b, b.content)
    for last in (False, True):
        canvas = structure.lay(large_a, large_b, affine, content_a, content_b, TEXT_PX)
        if canvas is None:
            return None
        if not last:
            stats = structure.windows(canvas, TEXT_WINDOW_PX)
            busy = stats.textured(TEXTURE) & stats.apart
            affine = structure.straightened(
                canvas, affine, structure.flow(canvas, stats.centres[busy][:2000]), 0.4
            )[0]
    return structure.worst_change(canvas)


def verify(a: Source, b: Source) -> Verification:
    """The verdict on a pair, a being the image of the smaller sha256; raises OSError where a file cannot be read now."""
    if same_pixels(a, b):
        return Verification(
            Verdict.SAME_PIXELS, 100.0, 1.0, Relation.SAME, "same pixels", tuple(transform.IDENTITY.reshape(-1)),
            1.0, 1.0, 1.0, {"same_pixels": True},
        )  # fmt: skip
    first, second = side(a), side(b)
    found, evidence = align(first, second)
    if found is None:
        return Verification(Verdict.DISTINCT, 0.0, evidence=evidence)
    evidence |= found.measured | {"guess_inliers": found.guess.inliers, "origin": found.guess.origin}
    verdict = decide(evidence)
    if verdict is Verdict.NEAR_DUPLICATE:
        change = text_change(first, second, found)
        if change is not None:
            evidence["text_change"], evidence["text_outlier"] = round(change[0], 4), round(change[1], 2)
            verdict = decide(evidence)
    ssim = structure.ssim(found.canvas)
    full = transform.compose(
        transform.scaling(*second.unit),
        transform.compose(found.affine, transform.scaling(*(1 / u for u in first.unit))),
    )
    share_a, share_b = evidence["share_a"], evidence["share_b"]
    return Verification(
        verdict,
        score=round(min(99.9, max(0.0, 100.0 * ssim)), 2),
        ssim=round(ssim, 5),
        relation=relation(share_a, share_b) if verdict.is_copy else None,
        transform=transform.describe(full, share_a, share_b),
        matrix=tuple(round(float(v), 6) for v in full.reshape(-1)),
        share_a=share_a,
        share_b=share_b,
        scale=round(transform.parts(full).scale, 5),
        evidence=evidence,
    )
