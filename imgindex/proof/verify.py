"""Prove or refute that two pictures are copies: align them, then compare structure over what they share.

`verify` gathers evidence, `decide` turns evidence into a verdict and needs no pixels, so that stored evidence can be
decided again under other thresholds.

1. equal size, mode and colour profile, and icons that agree: the digests of all pixels are compared
2. one is laid on the other, and what agrees there is measured: see `align`
3. text is compared again at enough pixels to see a digit
4. what differs beyond one smooth change of tone is looked for, and what kind of difference it is: see `inspection`
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgindex.ports import Source
from imgindex.proof import canvases, inset, maps, printed, rules, ssim
from imgindex.proof.align import TEXTURE, WORKING_PX, Alignment, Side, align, evidence_of, full_size, side
from imgindex.proof.decide import decide, relation, ssim_score
from imgindex.proof.frames import compare_frames
from imgindex.proof.inspection import inspect
from imgindex.proof.maps import Affine
from imgindex.records import Luma, Relation, Verdict, Verification

VERIFIER_VERSION = 9
"""Raise it with any change to the evidence: every pair is then verified again. See also `decide.RULES_VERSION`."""

DIRECT_SSIM_PX = 1024
"""Pictures of one size and frame are scored by SSIM at native resolution up to this long side: scikit-image takes
19 ms at 512 px and 630 ms at 12 MP."""

SAME_FRAME = 0.003
"""Share of the longer side by which corners may seem to move in one frame: a pixel of the working picture."""

TEXT_PX = 1280
TEXT_WINDOW_PX = 16
TEXT_MARGIN = 0.03
"""Long side at which text is compared (10 pt on A4 is 15 px high), and how far the canvas reaches beyond what is
shared: characters that stand at its edge would be blurred against nothing."""

UNREADABLE = (99.0, 99.0)
"""Stands for text that could not be compared: no proof of a copy."""

EXACT_OUTCOME = Verification(
    Verdict.EXACT, 100.0, 1.0, Relation.SAME, matrix=(1, 0, 0, 0, 1, 0), share_a=1.0, share_b=1.0
)


def same_pixels(a: Source, b: Source) -> bool:
    """Whether two contents of one description have equal pixels; digests are asked for only where icons agree."""
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
    small_a, small_b = a.luma(WORKING_PX), b.luma(WORKING_PX)
    if small_a.shape != small_b.shape:
        return False
    few_rows, all_rows = slice(None, None, 16), slice(None)
    nearly_equal = all(_nearly_equal(small_a[rows], small_b[rows]) for rows in (few_rows, all_rows))
    return nearly_equal and a.pixel_digest() == b.pixel_digest()


def _nearly_equal(a: Luma, b: Luma) -> bool:
    return int(np.abs(a.astype(np.int16) - b.astype(np.int16)).max()) <= 1


def text_change(a: Side, b: Side, found: Alignment) -> tuple[float, float] | None:
    """`printed.worst_change` of the two, None where the pair shows no text, UNREADABLE where it cannot be compared.

    Looks at what the two share at up to TEXT_PX, aligned again at that resolution.
    """
    if not printed.text_like(found.canvas):
        return None
    large_a, large_b = a.source.luma(TEXT_PX), b.source.luma(TEXT_PX)
    up_a = maps.scaling(large_a.shape[1] / a.luma.shape[1], large_a.shape[0] / a.luma.shape[0])
    up_b = maps.scaling(large_b.shape[1] / b.luma.shape[1], large_b.shape[0] / b.luma.shape[0])
    affine = maps.compose(up_b, maps.compose(found.affine, maps.invert(up_a)))
    content_a, content_b = maps.apply(up_a, a.polygon), maps.apply(up_b, b.polygon)
    canvas = canvases.lay(large_a, large_b, affine, content_a, content_b, TEXT_PX, TEXT_MARGIN)
    if canvas is None:
        return UNREADABLE
    stats = canvases.windows(canvas, TEXT_WINDOW_PX)
    busy = stats.textured(TEXTURE) & stats.apart
    affine = canvases.straightened(canvas, affine, canvases.flow(canvas, stats.centres[busy]), 0.4)[0]
    canvas = canvases.lay(large_a, large_b, affine, content_a, content_b, TEXT_PX, TEXT_MARGIN)
    return UNREADABLE if canvas is None else printed.worst_change(canvas)


def verify(a: Source, b: Source, features_agree: Callable[[], bool] = lambda: True) -> Verification:
    """The verdict on a pair, a being the image of the smaller sha256.

    `features_agree` is asked, once the frames have failed, whether the features are worth making.

    `matrix` of the result maps continuous coordinates (the first pixel covers 0 to 1) of the full pictures. A picture
    and its letterboxed copy are `same` (bars show nothing); a captioned copy contains the picture, as its caption is
    content. A picture that two captions stand on is near-duplicate where the captions are small against it, else
    similar. Raises OSError where a file cannot be read now.
    """
    if same_pixels(a, b):
        return Verification(
            Verdict.SAME_PIXELS,
            score=100.0,
            ssim=1.0,
            relation=Relation.SAME,
            transform="same pixels",
            matrix=tuple(maps.IDENTITY.reshape(-1)),
            share_a=1.0,
            share_b=1.0,
            evidence={"same_pixels": True},
        )
    first, second = side(a), side(b)
    found, evidence = align(first, second, features_agree)
    if found is None:
        return Verification(Verdict.DISTINCT, 0.0, evidence=evidence)
    full = full_size(first, second, found.affine)
    evidence |= evidence_of(found, full)
    verdict = decide(evidence)
    if verdict is Verdict.NEAR_DUPLICATE:
        change = text_change(first, second, found)
        if change is not None:
            evidence["text_change"], evidence["text_outlier"] = round(change[0], 4), round(change[1], 2)
        evidence |= {"looked": True} | inspect(first, second, found)
        verdict = decide(evidence)
    if verdict is Verdict.NEAR_DUPLICATE:
        evidence |= frames_evidence(a, b)
        verdict = decide(evidence)
    share_a, share_b = evidence["share_a"], evidence["share_b"]
    is_proven = verdict.is_aligned
    related = relation(share_a, share_b) if is_proven else None
    likeness = _likeness(a, b, full, found) if is_proven else ssim.of_canvas(found.canvas)
    return Verification(
        verdict,
        score=ssim_score(likeness),
        ssim=round(likeness, 5),
        relation=related,
        transform=maps.describe(full, share_a, share_b),
        matrix=tuple(round(float(v), 6) for v in full.reshape(-1)),
        share_a=share_a,
        share_b=share_b,
        scale=evidence["scale"],
        inset=_is_inset(first, second, found.affine, related),
        evidence=evidence,
        regions=rules.marked(evidence) if is_proven else (),
    )


def frames_evidence(a: Source, b: Source) -> dict[str, Any]:
    """What `decide` reads of the frames beyond the first; empty where one of the two has no others."""
    if min(a.info.frames, b.info.frames) < 2:
        return {}
    found = compare_frames(a, b, lambda one, other: verify(one, other).verdict.is_copy)
    return {"frames_compared": found.compared, "frames_differ": list(found.differing)}


def _likeness(a: Source, b: Source, full: Affine, found: Alignment) -> float:
    """Mean SSIM over what the two share: directly where both have one size and frame, else on the aligned canvas."""
    width, height = a.info.size
    moved = maps.lengths(maps.apply(full, _frame(width, height)) - _frame(width, height)).max()
    if a.info.size != b.info.size or moved > SAME_FRAME * max(width, height) or min(width, height) < ssim.WINDOW_PX:
        return ssim.of_canvas(found.canvas)
    first, second = a.luma(DIRECT_SSIM_PX), b.luma(DIRECT_SSIM_PX)
    return ssim.of_canvas(found.canvas) if min(first.shape) < ssim.WINDOW_PX else ssim.of_frame(first, second)


def _is_inset(a: Side, b: Side, affine: Affine, related: Relation | None) -> bool:
    if related is Relation.A_CONTAINS_B:
        corners = _frame(b.luma.shape[1], b.luma.shape[0])
        return inset.is_inset(a.luma, maps.apply(maps.invert(affine), corners))
    if related is Relation.B_CONTAINS_A:
        return inset.is_inset(b.luma, maps.apply(affine, _frame(a.luma.shape[1], a.luma.shape[0])))
    return False


def _frame(width: float, height: float) -> NDArray[np.float64]:
    return np.array([[0.0, 0.0], [width, 0.0], [width, height], [0.0, height]])


def reversed_outcome(outcome: Verification) -> Verification:
    """The same evidence told from b to a."""
    words, matrix, regions = outcome.transform, outcome.matrix, outcome.regions
    if matrix is not None:
        forward = np.array(matrix, np.float64).reshape(2, 3)
        inverse, regions = maps.invert(forward), rules.reversed_marks(regions, forward)
        matrix = tuple(float(v) for v in inverse.ravel())
        words = maps.describe(inverse, outcome.share_b, outcome.share_a)
    relation = None if outcome.relation is None else _OTHER_WAY.get(outcome.relation, outcome.relation)
    return Verification(
        outcome.verdict,
        outcome.score,
        outcome.ssim,
        relation,
        words,
        matrix,
        outcome.share_b,
        outcome.share_a,
        1.0 / max(outcome.scale, 1e-9),
        outcome.inset,
        outcome.evidence,
        regions,
    )


_OTHER_WAY = {Relation.A_CONTAINS_B: Relation.B_CONTAINS_A, Relation.B_CONTAINS_A: Relation.A_CONTAINS_B}
