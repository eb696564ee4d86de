"""Pictures made alike are variants, what differs is named and marked; and their copies stay copies."""

from __future__ import annotations

import itertools
import json

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageFilter, ImageFont, ImageOps

from imgindex.proof import rules, verify
from imgindex.proof.decide import decide
from imgindex.proof.verify import reversed_outcome
from imgindex.records import Verdict, Verification
from tests.proof.test_verify import Held, jpeg, photo


def verified(a: Image.Image, b: Image.Image) -> Verification:
    """From a to b; the other way must give the same verdict, and stored evidence too."""
    found, back = (verify.verify(Held(x), Held(y)) for x, y in ((a, b), (b, a)))
    assert found.verdict is back.verdict
    assert decide(json.loads(json.dumps(found.evidence))) is found.verdict
    return found


def kinds(found: Verification) -> set[str]:
    return {mark.kind for mark in found.regions}


def box_of(found: Verification, kind: str) -> tuple[float, float, float, float]:
    corners = np.array([mark.corners for mark in found.regions if mark.kind == kind]).reshape(-1, 2)
    (x0, y0), (x1, y1) = corners.min(axis=0), corners.max(axis=0)
    return float(x0), float(y0), float(x1), float(y1)


def invoice(amounts: list[str]) -> Image.Image:
    page = Image.new("RGB", (827, 1169), "white")
    draw = ImageDraw.Draw(page)
    draw.rectangle((0, 0, 827, 130), fill=(120, 30, 60))
    draw.text((50, 40), "HARBOUR GOODS", font=ImageFont.load_default(44), fill="white")
    for row, amount in enumerate(amounts):
        draw.text((60, 430 + row * 50), f"Item {row:02d} of the list", font=ImageFont.load_default(22), fill="black")
        draw.text((640, 430 + row * 50), amount, font=ImageFont.load_default(22), fill="black")
    return page


AMOUNTS = ["12.50", "7.80", "130.00", "4.25", "99.90", "18.45"]


def test_an_amount_on_a_page_with_a_coloured_bar_is_other_print() -> None:
    """A bar of 2 % of the page used to switch the text check off, and two invoices were copies."""
    found = verified(invoice(AMOUNTS), invoice([*AMOUNTS[:3], "6.25", *AMOUNTS[4:]]))
    assert found.verdict is Verdict.VARIANT
    x0, y0, x1, y1 = box_of(found, "print")
    assert 620 < x0 < x1 < 720
    assert 575 < y0 < y1 < 610


@pytest.mark.parametrize("edit", ["q60", "reduced", "grey", "brighter"])
def test_a_copy_of_a_page_is_a_copy(edit: str) -> None:
    page = invoice(AMOUNTS)
    copy = {
        "q60": lambda: jpeg(page, 60),
        "reduced": lambda: page.resize((579, 818), Image.Resampling.LANCZOS),
        "grey": lambda: ImageOps.grayscale(page),
        "brighter": lambda: ImageEnhance.Brightness(page).enhance(1.1),
    }[edit]()
    assert verified(page, copy).verdict is Verdict.NEAR_DUPLICATE


def sheet_of(names: list[str]) -> Image.Image:
    sheet = Image.new("RGB", (700, 480), "white")
    for place, name in enumerate(names):
        small = photo(name).resize((180, 180))
        sheet.paste(small, (40 + place % 3 * 215, 40 + place // 3 * 215))
    return sheet


def test_one_other_picture_of_a_contact_sheet_is_other_content() -> None:
    same = ["astronaut", "chelsea", "coffee", "rocket", "astronaut"]
    found = verified(sheet_of([*same, "chelsea"]), sheet_of([*same, "coffee"]))
    assert found.verdict is Verdict.VARIANT
    x0, y0, x1, y1 = box_of(found, "content")
    assert x0 > 460
    assert y0 > 245
    assert (x1, y1) < (660, 445)
    assert verified(sheet_of([*same, "chelsea"]), jpeg(sheet_of([*same, "chelsea"]), 50)).verdict.is_copy


def with_visitor(name: str, x: int) -> Image.Image:
    scene = photo("coffee").resize((800, 600))
    shape = Image.new("L", (110, 220), 0)
    ImageDraw.Draw(shape).ellipse((10, 0, 100, 220), fill=255)
    scene.paste(photo(name).resize((110, 220)), (x, 300), shape)
    return scene


def test_other_visitors_of_one_scene_are_other_content() -> None:
    found = verified(with_visitor("chelsea", 100), with_visitor("astronaut", 560))
    assert found.verdict is Verdict.VARIANT
    assert kinds(found) & {"content", "moved"}


def laid_over(what: str) -> Image.Image:
    picture = photo("astronaut")
    draw = ImageDraw.Draw(picture)
    if what == "stamp":
        draw.text((300, 470), "12.08.2003", font=ImageFont.load_default(30), fill=(255, 140, 30))
    elif what == "logo":
        draw.rectangle((340, 440, 500, 490), fill=(200, 20, 40))
        draw.text((360, 448), "NEWS 24", font=ImageFont.load_default(30), fill="white")
    elif what == "censored":
        draw.rectangle((180, 60, 300, 130), fill="black")
    elif what == "mosaic":
        part = picture.crop((160, 40, 300, 180)).resize((9, 9), Image.Resampling.BOX)
        picture.paste(part.resize((140, 140), Image.Resampling.NEAREST), (160, 40))
    elif what == "blurred":
        mask = Image.new("L", picture.size, 0)
        ImageDraw.Draw(mask).ellipse((160, 40, 300, 180), fill=255)
        picture.paste(picture.filter(ImageFilter.GaussianBlur(8)), mask=mask)
    return picture


@pytest.mark.parametrize("what", ["stamp", "logo", "censored", "mosaic", "blurred"])
def test_what_is_laid_over_makes_no_variant(what: str) -> None:
    """It has an outline of its own and is paint, mosaic or blur: the picture beneath is one."""
    assert verified(photo("astronaut"), laid_over(what)).verdict is Verdict.NEAR_DUPLICATE


def shirt(colour: tuple[int, int, int]) -> Image.Image:
    folds = np.asarray(photo("rocket").convert("L").filter(ImageFilter.GaussianBlur(4)).resize((600, 600)), np.float32)
    dyed = np.clip((0.7 + 0.3 * folds / 255.0)[..., None] * np.array(colour), 0, 255).astype(np.uint8)
    cut = Image.new("L", (600, 600), 0)
    ImageDraw.Draw(cut).polygon(
        [(150, 120), (450, 120), (560, 230), (440, 260), (440, 540), (160, 540), (40, 230)], 255
    )
    out = Image.new("RGB", (600, 600), "white")
    out.paste(Image.fromarray(dyed), mask=cut)
    return out


def test_one_thing_in_another_colour_is_a_variant() -> None:
    """Nothing but the hue tells the shirts apart, and it is all the colour there is."""
    shirts = [shirt(colour) for colour in ((200, 90, 90), (70, 140, 70), (100, 110, 210))]
    for one, other in itertools.combinations(shirts, 2):
        found = verified(one, other)
        assert found.verdict is Verdict.VARIANT
        assert kinds(found) == {"hue"}


@pytest.mark.parametrize("edit", ["warm", "sepia", "grey", "pale", "gamma"])
@pytest.mark.parametrize("name", ["coffee", "chelsea", "astronaut"])
def test_a_change_of_colour_of_a_whole_photo_is_no_variant(name: str, edit: str) -> None:
    picture = photo(name)
    pixels = np.asarray(picture, np.float32)
    luma = np.asarray(picture.convert("L"), np.float32)[..., None]
    changed = {
        "warm": pixels * np.array([1.1, 1.0, 0.85]),
        "sepia": luma * np.array([1.07, 0.88, 0.66]) + 8,
        "grey": luma + np.zeros(3),
        "pale": 0.4 * pixels + 0.6 * luma,
        "gamma": 255.0 * (pixels / 255.0) ** 1.4,
    }[edit]
    copy = Image.fromarray(np.clip(changed, 0, 255).astype(np.uint8))
    assert verified(picture, copy).verdict is Verdict.NEAR_DUPLICATE


def test_a_focus_bracket_is_a_variant() -> None:
    """Each is sharper somewhere than the other: whoever deletes one has lost that."""
    picture = photo("astronaut")
    soft = picture.filter(ImageFilter.GaussianBlur(4))
    ramp = Image.fromarray(np.tile(np.linspace(0, 255, 512).astype(np.uint8), (512, 1)))
    near, far = Image.composite(picture, soft, ramp), Image.composite(soft, picture, ramp)
    found = verified(near, far)
    assert found.verdict is Verdict.VARIANT
    assert "focus" in kinds(found)
    assert verified(picture, soft).verdict is Verdict.NEAR_DUPLICATE


def test_a_tall_page_is_read_at_the_width_of_its_lines() -> None:
    """At 320 px of its long side a scroll of 4,000 px has 58 px of width."""

    def page(word: str) -> Image.Image:
        out = Image.new("RGB", (720, 4000), "white")
        draw = ImageDraw.Draw(out)
        for row in range(110):
            words = word if row == 57 else "amber basil cedar delta ember"
            if row % 9:
                draw.text((40, 120 + row * 34), words, font=ImageFont.load_default(22), fill=(30, 30, 30))
        return out

    found = verified(page("amber"), page("larch mango"))
    assert found.verdict is Verdict.VARIANT
    _, y0, _, y1 = box_of(found, "print")
    assert 2040 < y0 < y1 < 2100
    assert verified(page("amber"), jpeg(page("amber"), 60)).verdict is Verdict.NEAR_DUPLICATE


def test_marks_told_the_other_way_lie_on_the_other_picture() -> None:
    """`compare` verifies from the smaller sha256 to the larger, and tells it from the first named to the second."""
    page = invoice(AMOUNTS)
    other = invoice([*AMOUNTS[:3], "1397.06", *AMOUNTS[4:]]).resize((414, 585), Image.Resampling.LANCZOS)
    found = verify.verify(Held(page), Held(other))
    there = reversed_outcome(found)
    assert found.regions
    (kind,) = kinds(found)
    np.testing.assert_allclose(np.array(box_of(there, kind)) * 2, box_of(found, kind), atol=3.0)
    np.testing.assert_allclose(box_of(reversed_outcome(there), kind), box_of(found, kind), atol=0.5)


def test_nothing_is_marked_where_nothing_differs() -> None:
    picture = photo("coffee")
    assert verified(picture, jpeg(picture, 40)).regions == ()
    assert rules.marked({}) == ()
