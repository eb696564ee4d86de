"""What is lost with either of two copies: the original is never redundant given what was made from it."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageOps

from imgindex.pictures import decode
from imgindex.pictures.whole import whole
from imgindex.proof import loss, maps
from imgindex.proof.loss import grid, history
from imgindex.records import Grade, Relation, Verdict, Verification, Weighing
from tests.helpers.pictures import lit

Edit = Callable[[Image.Image], Image.Image]


def photo(seed: int = 1, width: int = 480, height: int = 360) -> Image.Image:
    """A scene with the grain that a sensor gives, as fine as its pixels."""
    pixels = np.asarray(lit(seed, width, height), np.float64)
    grain = np.random.default_rng(seed).normal(0, 1, pixels.shape[:2])[..., None]
    leaves = np.random.default_rng(seed + 1).normal(0, 40, (height, width))
    leaves = cv2.GaussianBlur(leaves, (0, 0), 0.7) * (np.arange(width) > width / 2)
    return Image.fromarray(np.clip(pixels + grain + leaves[..., None], 0, 255).astype(np.uint8))


def coded(picture: Image.Image, kind: str = "JPEG", **options: Any) -> bytes:
    file = io.BytesIO()
    picture.save(file, kind, **options)
    return file.getvalue()


def found(affine: maps.Affine, relation: Relation = Relation.SAME, **more: Any) -> Verification:
    matrix = tuple(float(v) for v in affine.reshape(-1))
    return Verification(Verdict.NEAR_DUPLICATE, 99.0, relation=relation, matrix=matrix, **more)


def other_way(outcome: Verification) -> Verification:
    assert outcome.matrix is not None
    affine = maps.invert(np.array(outcome.matrix).reshape(2, 3))
    turned = {Relation.A_CONTAINS_B: Relation.B_CONTAINS_A, Relation.B_CONTAINS_A: Relation.A_CONTAINS_B}
    assert outcome.relation is not None
    return found(affine, turned.get(outcome.relation, outcome.relation))


def weighed(original: bytes, copy: bytes, outcome: Verification | None = None) -> Weighing:
    a, b = whole(original), whole(copy)
    scale = maps.scaling(b.size[0] / a.size[0], b.size[1] / a.size[1])
    return loss.weigh(a, b, outcome or found(scale))


ORIGINAL = coded(photo(), quality=88)
REAL = Path(__file__).parents[1] / "photos"


def opened() -> Image.Image:
    return Image.open(io.BytesIO(ORIGINAL)).convert("RGB")


def resized(factor: float) -> Edit:
    return lambda image: image.resize(
        (round(image.width * factor), round(image.height * factor)), Image.Resampling.LANCZOS
    )


def same(image: Image.Image) -> Image.Image:
    return image


def captioned(image: Image.Image) -> Image.Image:
    out = image.copy()
    ImageDraw.Draw(out).rectangle((20, 300, 460, 340), fill="white")
    ImageDraw.Draw(out).text((40, 305), "WHEN IT COMPILES", fill="black", font_size=30)
    return out


LESSER: dict[str, tuple[Edit, str, dict[str, Any]]] = {
    "half": (resized(0.5), "JPEG", {"quality": 90}),
    "enlarged": (resized(1.7), "JPEG", {"quality": 94}),
    "coarser": (same, "JPEG", {"quality": 40}),
    "coarser, as a bitmap": (lambda image: Image.open(io.BytesIO(coded(image, quality=30))), "PNG", {}),
    "few colours": (lambda image: image.quantize(64), "PNG", {}),
}

EDITED: dict[str, tuple[Edit, str, dict[str, Any]]] = {
    "captioned": (captioned, "JPEG", {"quality": 95}),
    "grey": (ImageOps.grayscale, "JPEG", {"quality": 97}),
    "faded": (lambda image: ImageEnhance.Contrast(image).enhance(0.7), "PNG", {}),
}


@pytest.mark.parametrize("name", LESSER)
def test_a_lesser_encoding_is_redundant_and_its_original_is_not(name: str) -> None:
    edit, kind, options = LESSER[name]
    weighing = weighed(ORIGINAL, coded(edit(opened()), kind, **options))
    assert (weighing.grade_a, weighing.grade_b) == (None, Grade.REDUNDANT)
    assert not [entry for entry in weighing.loss_b if entry.what != "metadata"]


@pytest.mark.parametrize("name", EDITED)
def test_what_looks_different_on_purpose_is_an_edited_copy_at_most(name: str) -> None:
    edit, kind, options = EDITED[name]
    weighing = weighed(ORIGINAL, coded(edit(opened()), kind, **options))
    assert (weighing.grade_a, weighing.grade_b) == (None, Grade.EDITED)
    assert {entry.what for entry in weighing.loss_b} <= {"added", "metadata"}


def test_a_caption_is_added_where_it_lies_and_covers_content_there() -> None:
    weighing = weighed(ORIGINAL, coded(captioned(opened()), quality=95))
    (content,) = (entry for entry in weighing.loss_a if entry.what == "content")
    (added,) = (entry for entry in weighing.loss_b if entry.what == "added")
    left, top, right, bottom = added.places[0]
    assert left < 0.1 and right > 0.9 and 0.75 < top < bottom < 1
    assert content.amount == pytest.approx(added.amount)


def test_a_crop_stands_below_its_photo_and_names_the_area() -> None:
    part = opened().crop((48, 40, 384, 296))
    outcome = found(np.array([[1.0, 0.0, -48.0], [0.0, 1.0, -40.0]]), Relation.A_CONTAINS_B)
    weighing = weighed(ORIGINAL, coded(part, quality=93), outcome)
    assert (weighing.grade_a, weighing.grade_b) == (None, Grade.EDITED)
    (area,) = (entry for entry in weighing.loss_a if entry.what == "area")
    assert area.amount == pytest.approx(1 - 336 * 256 / (480 * 360), abs=0.01)


def test_a_border_is_laid_around_and_is_no_area() -> None:
    framed = ImageOps.expand(opened(), 24, (248, 246, 240))
    outcome = found(np.array([[1.0, 0.0, 24.0], [0.0, 1.0, 24.0]]), Relation.B_CONTAINS_A)
    weighing = weighed(ORIGINAL, coded(framed, quality=93), outcome)
    assert (weighing.grade_a, weighing.grade_b) == (None, Grade.EDITED)
    assert [entry.what for entry in weighing.loss_b] == ["added"]


def test_a_thin_border_does_not_look_the_same() -> None:
    framed = ImageOps.expand(opened(), 4, "white")
    outcome = found(np.array([[1.0, 0.0, 4.0], [0.0, 1.0, 4.0]]), Relation.SAME)
    weighing = weighed(ORIGINAL, coded(framed, quality=95), outcome)
    assert weighing.grade_a is None and weighing.grade_b is not Grade.REDUNDANT


def test_each_sharper_somewhere_keeps_both() -> None:
    picture, near = photo(3), Image.new("L", (480, 360), 0)
    ImageDraw.Draw(near).rectangle((0, 0, 240, 360), fill=255)
    leaves = Image.fromarray(np.asarray(picture)[:, ::-1])
    both = Image.composite(leaves, picture, near)
    soft = both.filter(ImageFilter.GaussianBlur(3))
    left, right = Image.composite(both, soft, near), Image.composite(soft, both, near)
    weighing = weighed(coded(left, quality=90), coded(right, quality=90))
    assert (weighing.grade_a, weighing.grade_b) == (None, None)


SHARPENED: dict[str, Edit] = {
    "edges enhanced much": lambda image: image.filter(ImageFilter.EDGE_ENHANCE_MORE),
    "edges enhanced": lambda image: image.filter(ImageFilter.EDGE_ENHANCE),
    "unsharp mask": lambda image: image.filter(ImageFilter.UnsharpMask(2, 500, 0)),
    "local contrast": lambda image: image.filter(ImageFilter.UnsharpMask(4, 500, 2)),
    "half as sharp again": lambda image: ImageEnhance.Sharpness(image).enhance(1.5),
}


@pytest.mark.parametrize("quality", [75, 92])
@pytest.mark.parametrize("name", SHARPENED)
@pytest.mark.parametrize("picture", ["astronaut", "cat", "coffee", "rocket"])
def test_a_sharpened_copy_never_stands_above_its_original(picture: str, name: str, quality: int) -> None:
    original = REAL.joinpath(f"{picture}.jpg").read_bytes()
    image = Image.open(io.BytesIO(original)).convert("RGB")
    weighing = weighed(original, coded(SHARPENED[name](image), quality=quality))
    assert weighing.grade_a is None, weighing.derived_a


@pytest.mark.parametrize(("earlier", "own", "copy"), [(83, 90, 80), (83, 95, 92), (75, 88, 80), (92, 95, 85)])
@pytest.mark.parametrize("picture", ["cat", "coffee", "rocket"])
def test_an_original_that_was_coded_before_is_not_made_from_its_copy(
    picture: str, earlier: int, own: int, copy: int
) -> None:
    """Its coefficients lie near the steps of an older coding, which may be near those of the copy."""
    before = Image.open(REAL / f"{picture}.jpg").convert("RGB")
    original = coded(Image.open(io.BytesIO(coded(before, quality=earlier))), quality=own)
    weighing = weighed(original, coded(Image.open(io.BytesIO(original)), quality=copy))
    assert weighing.grade_a is None, weighing.derived_a


@pytest.mark.parametrize("sigma", [0.6, 1.0, 2.0])
def test_the_grain_of_an_original_was_not_added_to_a_blurred_copy(sigma: float) -> None:
    """A night sky is mostly noise."""
    original = REAL.joinpath("galaxies.jpg").read_bytes()
    image = Image.open(io.BytesIO(original)).convert("RGB")
    weighing = weighed(original, coded(image.filter(ImageFilter.GaussianBlur(sigma)), "PNG"))
    assert weighing.grade_a is None, weighing.derived_a


def test_a_blurred_copy_is_redundant_given_what_it_was_made_from() -> None:
    original = REAL.joinpath("cat.jpg").read_bytes()
    image = Image.open(io.BytesIO(original)).convert("RGB")
    weighing = weighed(original, coded(image.filter(ImageFilter.GaussianBlur(2)), "PNG"))
    assert (weighing.grade_a, weighing.grade_b) == (None, Grade.REDUNDANT)


def test_grain_on_an_enlargement_is_no_detail() -> None:
    enlarged = np.asarray(resized(2)(opened()), np.float64)
    noisy = enlarged + np.random.default_rng(5).normal(0, 5, enlarged.shape)
    copy = coded(Image.fromarray(np.clip(noisy, 0, 255).astype(np.uint8)), "PNG")
    assert weighed(ORIGINAL, copy).grade_a is None


def test_a_bitmap_that_repeats_a_jpeg_was_made_from_it() -> None:
    a, b = whole(ORIGINAL), whole(coded(opened(), "PNG"))
    weighing = loss.weigh(a, b, Verification(Verdict.SAME_PIXELS, 100.0))
    assert (weighing.grade_a, weighing.grade_b) == (None, Grade.REDUNDANT)
    assert weighing.derived_b == {"repeats a lossy file": 2}


def test_equal_pixels_in_two_lossless_files_are_redundant_given_each_other() -> None:
    a, b = whole(coded(photo(), "PNG")), whole(coded(photo(), "BMP"))
    weighing = loss.weigh(a, b, Verification(Verdict.SAME_PIXELS, 100.0))
    assert (weighing.grade_a, weighing.grade_b) == (Grade.REDUNDANT, Grade.REDUNDANT)


def test_pages_and_animations_are_lost_with_a_still() -> None:
    pages = coded(photo(), "TIFF", save_all=True, append_images=[photo(7), photo(8)])
    weighing = weighed(pages, coded(photo(), quality=90))
    assert ("frames", 2 / 3) in [(entry.what, pytest.approx(entry.amount, abs=1e-3)) for entry in weighing.loss_a]
    assert weighing.grade_a is None


def test_two_documents_with_one_cover_lose_their_pages() -> None:
    first, second = (coded(photo(), "TIFF", save_all=True, append_images=[photo(n)]) for n in (7, 8))
    weighing = weighed(first, second)
    assert (weighing.grade_a, weighing.grade_b) == (None, None)


def test_transparency_and_camera_are_named() -> None:
    exif = Image.Exif()
    exif[0x0110] = "L-1"
    clear = photo().convert("RGBA")
    clear.putalpha(Image.linear_gradient("L").resize(clear.size))
    with_camera = weighed(coded(opened(), quality=88, exif=exif), coded(resized(0.5)(opened()), quality=90))
    assert ("metadata", "camera") in [(entry.what, entry.words) for entry in with_camera.loss_a]
    assert whole(coded(clear, "PNG")).translucent and not whole(coded(photo().convert("RGBA"), "PNG")).translucent


def test_what_carries_camera_data_is_not_redundant_given_what_does_not() -> None:
    exif = Image.Exif()
    exif[0x0110] = "L-1"
    small = coded(resized(0.5)(opened()), quality=90, exif=exif)
    assert weighed(ORIGINAL, small).grade_b is not Grade.REDUNDANT


PAIRS = {name: made for made_of in (LESSER, EDITED) for name, made in made_of.items()}


@pytest.mark.parametrize("name", PAIRS)
def test_the_order_of_the_two_does_not_matter(name: str) -> None:
    edit, kind, options = PAIRS[name]
    a, b = whole(ORIGINAL), whole(coded(edit(opened()), kind, **options))
    outcome = found(maps.scaling(b.size[0] / a.size[0], b.size[1] / a.size[1]))
    assert loss.weigh(b, a, other_way(outcome)).flipped == loss.weigh(a, b, outcome)


@pytest.mark.parametrize("name", PAIRS)
def test_stored_evidence_is_judged_the_same_without_pixels(name: str) -> None:
    edit, kind, options = PAIRS[name]
    weighing = weighed(ORIGINAL, coded(edit(opened()), kind, **options))
    assert loss.judge(json.loads(json.dumps(weighing.evidence))) == weighing


def test_overlapping_pictures_are_settled_without_a_look() -> None:
    outcome = found(maps.IDENTITY, Relation.OVERLAP, share_a=0.7, share_b=0.6)
    a, b = whole(ORIGINAL), whole(coded(photo(2), quality=90))
    settled = loss.by_geometry(outcome, a.info, b.info)
    assert settled is not None and (settled.grade_a, settled.grade_b) == (None, None)
    assert [(entry.what, entry.amount) for entry in settled.loss_a] == [("area", 0.3)]
    assert loss.weigh(a, b, outcome) == settled
    assert loss.by_geometry(found(maps.IDENTITY), a.info, b.info) is None


def test_only_whole_upright_frames_may_look_the_same() -> None:
    assert loss.may_look_the_same(found(maps.scaling(0.5, 0.5)))
    assert not loss.may_look_the_same(found(maps.scaling(0.5, 0.6)))
    assert not loss.may_look_the_same(found(np.array([[-1.0, 0.0, 480.0], [0.0, 1.0, 0.0]])))
    assert not loss.may_look_the_same(found(np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, 480.0]])))
    assert not loss.may_look_the_same(found(maps.IDENTITY, Relation.A_CONTAINS_B))


@pytest.mark.parametrize("orientation", range(1, 9))
def test_a_jpeg_is_taken_back_to_its_stored_blocks(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    stored = photo(4, 96, 64)
    data = coded(stored, quality=80, exif=exif)
    picture = whole(data)
    assert picture.orientation == orientation
    as_decoded = np.asarray(Image.open(io.BytesIO(data)).convert("RGB"))
    assert np.array_equal(history.as_stored(picture.rgb, orientation), as_decoded)
    onto = history.oriented_from_stored(orientation, 96, 64)
    assert np.array_equal(grid.seen(picture.rgb, onto, (96, 64)), as_decoded)


@pytest.mark.parametrize("orientation", [1, 3, 6])
def test_earlier_coding_is_seen_whatever_way_the_camera_was_held(orientation: int) -> None:
    exif = Image.Exif()
    exif[0x0112] = orientation
    data = coded(photo(6), quality=80, exif=exif)
    shown = ImageOps.exif_transpose(Image.open(io.BytesIO(data))).convert("RGB")
    changed = np.asarray(shown).copy()
    changed[20:60, 30:100] = (250, 240, 10)
    weighing = weighed(data, coded(Image.fromarray(changed), "PNG"))
    assert weighing.derived_b.get("earlier coding") == 3
    assert (weighing.grade_a, weighing.grade_b) == (None, Grade.EDITED)


def test_coding_anew_gives_what_was_coded() -> None:
    picture = photo(5)
    a, b = whole(coded(picture, "PNG")), whole(coded(picture, quality=60))
    of_a, of_b = history.of_pair(a, b, grid.Placing(maps.IDENTITY, "frame"))
    assert of_b.recoded == pytest.approx(0.0, abs=0.02) and of_a.recoded is None


def test_a_nearly_exact_map_is_snapped_and_another_is_not() -> None:
    nearly = np.array([[0.5004, 0.0002, 0.4], [-0.0002, 0.4997, -0.5]])
    snapped = grid.snap(nearly, (480, 360), (240, 180))
    assert snapped.snapped == "frame" and np.allclose(snapped.affine, maps.scaling(0.5, 0.5))
    cut = grid.snap(np.array([[1.0, 0.0, -47.6], [0.0, 1.0, -40.3]]), (480, 360), (336, 256))
    assert cut.snapped == "pixels" and cut.exact and cut.affine[:, 2].tolist() == [-48.0, -40.0]
    turned = grid.snap(np.array([[0.99, 0.05, 3.0], [-0.05, 0.99, 9.0]]), (480, 360), (480, 360))
    assert turned.snapped == "" and not turned.exact


def test_broken_metadata_counts_as_none() -> None:
    assert whole(coded(opened(), quality=88, exif=b"Exif\0\0garbage")).metadata == ()


def test_a_file_that_is_no_picture_says_so() -> None:
    with pytest.raises(decode.NotAPicture):
        whole(b"%PDF-1.4 nothing to see")
