"""The parts of a report's page: who can go, what is folded, pairs, places and counts."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from imgindex.records import Grade, Loss, Verdict
from imgindex.results import Member
from imgindex.ui.report_text import NOT_WEIGHED
from tests.ui.test_as_html import LOST, TALLY, group, member, page, pair, report, thumbnail


def test_each_file_says_whether_it_can_go() -> None:
    """Prevents: an edited copy that looks like one of the files that can go, and a card that promises freed bytes."""
    text = Loss("added", 0.1, "words over 10 % of it")
    edited = member("/p/captioned.jpg", grade=Grade.EDITED, loss=(text,), differs=("colour removed",))
    carried = member("/p/sent.jpg", given="/p/captioned.jpg")
    found = page(
        report(
            group(1, "/p/a.jpg", member("/p/b.jpg"), edited, carried, why=("it has the camera's data",)),
            group(2, "/p/o.jpg", edited),
            counts=replace(TALLY, groups=2, edited_files=2),
        )
    )
    keeper, b, captioned, sent = (e for e in found.all("section", "file", within="group-1"))
    assert [e.text for e in found.all("span", "badge", within="group-1")] == [
        "keep", "redundant", "edited copy", "redundant",
    ]  # fmt: skip
    assert "it has the camera's data" in keeper.text
    assert "alone has" not in b.text
    assert "it alone has added: words over 10 % of it" in captioned.text
    assert "resized 0.50x, colour removed" in captioned.text
    assert "a copy of captioned.jpg" in sent.text
    assert "a copy of" not in b.text + captioned.text
    first, second = (e.text for e in found.all("article"))
    assert "180.0 kB could be freed" in first
    assert "nothing is redundant" in second
    assert "2 edited copies stay, listed under the original" in " ".join(found.all("p", "lead")[0].text.split())


@pytest.mark.parametrize(
    "shown",
    [
        member("/p/b.jpg", differs=("colour removed",)),
        member("/p/b.jpg", grade=Grade.EDITED),
        member("/p/b.jpg", grade=Grade.EDITED, loss=(LOST,)),
    ],
)
def test_nothing_differs_is_said_only_where_it_is_true(shown: Member) -> None:
    """Prevents: "nothing differs visibly" below a grey copy, of which no single place stands out."""
    thumbnails = {("/p/a.jpg", path): thumbnail() for path in ("/p/a.jpg", "/p/b.jpg")}
    [card] = page(report(group(1, "/p/a.jpg", shown)), thumbnails).all("article")
    assert "nothing differs" not in card.text


def test_groups_beyond_doubt_are_folded() -> None:
    """Prevents: a thousand byte-equal copies before the few groups that somebody must look at."""
    certain = group(1, "/p/a.jpg", member("/p/b.jpg", Verdict.EXACT), member("/p/c.jpg", Verdict.SAME_PIXELS))
    mixed = group(2, "/p/d.jpg", member("/p/e.jpg", Verdict.EXACT), member("/p/f.jpg"))
    found = page(report(certain, mixed))
    assert [e.attributes["id"] for e in found.all("article", within="details")] == ["group-1"]
    assert [e.attributes["id"] for e in found.all("article")] == ["group-2", "group-1"]
    assert [e.text for e in found.all("summary")] == ["1 group of equal pictures"]
    assert "open" not in found.all("details")[0].attributes


def test_the_part_that_a_copy_shows_is_marked_in_both() -> None:
    """Prevents: a crop or a screenshot of which one must guess where it lies; a frame around all of a picture."""
    corners = ((0.25, 0.0), (0.75, 0.0), (0.75, 1.0), (0.25, 1.0))
    whole = ((0.0, 0.0), (1.0, 0.0), (1.0, 0.99), (0.0, 0.99))
    thumbnails = {
        ("/p/a.jpg", "/p/a.jpg"): thumbnail(),
        ("/p/a.jpg", "/p/crop.jpg"): replace(thumbnail(), shows=whole, shown=corners),
        ("/p/a.jpg", "/p/screenshot.jpg"): replace(thumbnail(), shows=corners, shown=whole),
    }
    members = (member("/p/crop.jpg"), member("/p/screenshot.jpg"))
    found = page(report(group(1, "/p/a.jpg", *members)), thumbnails)
    _, crop, screenshot = (e for e in found.all("section", "file"))
    [whole_of] = found.all("svg", "whole")
    assert crop in whole_of.within
    assert [e.attributes["points"] for e in found.elements if e.tag == "polygon" and whole_of in e.within] == [
        "50.0,0.0 150.0,0.0 150.0,100.0 50.0,100.0"
    ]
    [place] = found.all("polygon", "place")
    assert screenshot in place.within
    assert place.attributes["points"] == "50.0,0.0 150.0,0.0 150.0,100.0 50.0,100.0"


def test_pairs_stand_in_their_parts_with_what_is_known_of_them() -> None:
    """Prevents: pairs that stay left out of the page, or shown without a word on what each alone has."""
    words = Loss("content", 0.1, "words that cannot be read in the other")
    pairs = (
        pair("/p/1.jpg", "/p/2.jpg", Verdict.NEAR_DUPLICATE, neither=True, loss_a=(words,), loss_b=(LOST,)),
        pair("/p/3.jpg", "/p/4.jpg", Verdict.NEAR_DUPLICATE, neither=True),
        pair("/p/5.jpg", "/p/6.jpg", Verdict.VARIANT, differs=("3 regions differ",)),
        pair("/p/7.jpg", "/p/8.jpg", Verdict.SIMILAR),
        pair("/p/a.jpg", "/p/b.jpg", Verdict.NEAR_DUPLICATE),
    )
    thumbnails = {("/p/5.jpg", path): thumbnail() for path in ("/p/5.jpg", "/p/6.jpg")}
    found = page(report(group(1, "/p/a.jpg", member("/p/b.jpg")), pairs=pairs), thumbnails)
    assert [e.text for e in found.all("summary")] == [
        "Copies of which neither stands below the other: 2 pairs", "Variants: 1 pair",
        "Alike, but not copies: 8 pairs",
    ]  # fmt: skip
    both, variants, alike = found.all("details")
    assert ("open" in both.attributes, "open" in variants.attributes, "open" in alike.attributes) == (
        True,
        False,
        False,
    )
    weighed, not_weighed, variant, similar = (e.text for e in found.all("article", within="details"))
    assert "the first alone has content: words that cannot be read in the other" in weighed
    assert "the second alone has metadata: its capture date" in weighed
    assert NOT_WEIGHED in not_weighed
    assert "variant 91.0" in variant
    assert "3 regions differ" in variant
    assert "similar 91.0" in similar
    assert len(found.all("img")) == 2, "a pair has pictures wherever it stands"
    for path in (f"/p/{i}.jpg" for i in range(1, 9)):
        assert json.dumps(path) in {e.attributes["data-path"] for e in found.all("button", "copy")}


def test_the_counts_are_of_what_can_go() -> None:
    """Prevents: a number on the page that counts edited copies as redundant."""
    counts = replace(TALLY, groups=3, duplicate_files=0, reclaimable_bytes=0, edited_files=3)
    edited = group(1, "/p/a.jpg", member("/p/b.jpg", grade=Grade.EDITED))
    found = page(report(edited, counts=counts))
    numbers = {dt.text: dd.text for dt, dd in zip(found.all("dt"), found.all("dd"), strict=True)}
    assert (numbers["redundant"], numbers["edited copies"], numbers["could be freed"]) == ("0", "3", "0 bytes")
    assert "Nothing here is redundant." in found.all("p", "lead")[0].text
