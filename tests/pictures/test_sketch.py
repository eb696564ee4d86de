"""Sketches: what they refute is never read, so they must not refute a copy, and must be the same stored and fresh."""

from __future__ import annotations

from collections.abc import Callable

import cv2
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageOps

from imgindex.pictures import features
from imgindex.pictures.outline import outline
from imgindex.pictures.sketch import SIDE_STEPS, Sketch, drawn
from imgindex.proof import align
from imgindex.proof.screen import Way, features_agree, ways
from tests.helpers.pictures import lit, scene


def of(picture: Image.Image) -> Sketch:
    luma = features.working_luma(np.asarray(picture.convert("RGB"), np.uint8))
    return Sketch.from_bytes(drawn(outline(luma), features.extract(luma)))


def way(a: Sketch, b: Sketch) -> Way | None:
    """The way of a pair, whichever of the two is asked about the other."""
    forth, back = (
        ways(one, [other], [is_a], align.SILENT_CORRELATION) for one, other, is_a in ((a, b, True), (b, a, False))
    )
    assert forth == back
    return forth[0]


def alike(a: Sketch, b: Sketch) -> bool:
    return way(a, b) is not None


COPIES: dict[str, Callable[[Image.Image], Image.Image]] = {
    "reduced": lambda p: p.resize((p.width // 2, p.height // 2)),
    "mirrored": ImageOps.mirror,
    "turned": lambda p: p.rotate(25, expand=True),
    "cropped": lambda p: p.crop((p.width // 4, p.height // 4, p.width, p.height)),
    "mirrored and cropped": lambda p: ImageOps.mirror(p).crop((0, 0, 2 * p.width // 3, 2 * p.height // 3)),
    "darkened": lambda p: p.point(lambda v: v // 2),
}


@pytest.mark.parametrize("edit", COPIES)
def test_a_copy_is_never_refuted(edit: str) -> None:
    for seed in range(4):
        picture = scene(seed, 480, 360)
        assert alike(of(picture), of(COPIES[edit](picture))), seed


def test_most_strangers_are_refuted() -> None:
    """A sketch that lets everything pass would cost a decoded file for each candidate."""
    made = [of(scene(seed, 480, 360)) for seed in range(12)]
    passed = sum(alike(a, b) for i, a in enumerate(made) for b in made[:i])
    assert passed <= 6, f"{passed} of 66 pairs of different pictures"


def test_frames_that_are_alike_say_nothing_of_the_features() -> None:
    """Prevents: features of a hundred thousand old files made because their icons resemble a new one's."""
    one, other = of(lit(0, 480, 360)), of(lit(1, 480, 360))
    assert way(one, other) is Way.FRAMES
    assert not features_agree(one, other)
    turned = of(scene(0, 480, 360).rotate(25, expand=True))
    assert way(of(scene(0, 480, 360)), turned) is Way.FEATURES
    assert features_agree(of(scene(0, 480, 360)), turned)


@given(st.integers(1, 400), st.integers(1, 400), st.integers(0, 3))
@settings(max_examples=30, deadline=None)
def test_bytes_say_what_was_drawn(width: int, height: int, seed: int) -> None:
    """What is screened tonight was sketched a year ago: the verdict must be that of one run."""
    luma = features.working_luma(np.asarray(scene(seed, 400, 400).resize((width, height)), np.uint8))
    outlined, found = outline(luma), features.extract(luma)
    again = Sketch.from_bytes(drawn(outlined, found))
    assert np.allclose([t.box for t in again.icons], [t.box for t in outlined.icons])
    assert all(np.array_equal(a.unit, b.unit) for a, b in zip(again.icons, outlined.icons, strict=True))
    assert len(again.features) == len(again.even) == len(again.odd) == len(found)
    assert (again.features.width, again.features.height) == (found.width, found.height)
    assert np.abs(again.features.points - found.points).max(initial=0.0) < max(luma.shape) / SIDE_STEPS


def test_places_sizes_and_angles_are_kept_well_enough_to_vote() -> None:
    luma = features.working_luma(np.asarray(scene(2, 480, 360), np.uint8))
    found = features.extract(luma)
    kept = Sketch.from_bytes(drawn(outline(luma), found)).features
    assert np.abs(kept.points - found.points[: len(kept)]).max() < 1.0
    assert np.abs(np.log2(kept.sizes / found.sizes[: len(kept)])).max() < 0.03
    turned = np.abs(kept.angles - found.angles[: len(kept)])
    assert np.minimum(turned, 360 - turned).max() < 1.0


def test_blank_and_tiny_pictures_have_sketches() -> None:
    """They pass through every path: nothing to see is no reason to fail."""
    blank = of(Image.new("RGB", (320, 240), "white"))
    assert not alike(blank, of(scene(1)))
    assert not alike(blank, blank)
    for size in ((1, 1), (1, 2000), (8, 8)):
        assert not alike(of(Image.new("L", size, 90)), blank)


@pytest.mark.parametrize("damage", [b"", b"\x00", b"\x63" * 40])
def test_what_is_no_sketch_is_refused(damage: bytes) -> None:
    with pytest.raises(ValueError, match="sketch"):
        Sketch.from_bytes(damage)
    luma = features.working_luma(np.asarray(scene(1), np.uint8))
    whole = drawn(outline(luma), features.extract(luma))
    with pytest.raises(ValueError, match="cut off"):
        Sketch.from_bytes(whole[:-1])


def test_a_flat_thumbnail_says_nothing() -> None:
    flat = np.full((60, 80), 7, np.uint8)
    assert not outline(cv2.GaussianBlur(flat, (3, 3), 0)).icons[0].unit.any()
