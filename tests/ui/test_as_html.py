"""The page of a report: names that would be code, files without pictures, what is drawn where, nothing from outside."""

from __future__ import annotations

import json
import os
import re
import urllib.parse
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from html.parser import HTMLParser

import pytest

from imgindex.records import Grade, Loss, Relation, Verdict
from imgindex.results import Change, Counts, Group, Member, Report, ReportedPair, Resolved, Thumbnail
from imgindex.skips import Skip
from imgindex.ui.as_html import MAX_ROWS_SHOWN, report_html

VOID = {"meta", "img", "input", "wbr"}
TALLY = Counts(4, 3, 1, 2, 3, 1, 2, 490_001, 7)
NOTHING = Counts(0, 0, 0, 0, 0, 0, 0, 0, 0)


@dataclass(slots=True)
class Element:
    tag: str
    attributes: dict[str, str]
    text: str = ""
    within: list[Element] = field(default_factory=list)


class Page(HTMLParser):
    """The elements of a page in their order; fails on tags that do not match."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[Element] = []
        self._open: list[Element] = []
        self.feed(html)
        self.close()
        assert not self._open

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        element = Element(tag, {name: value or "" for name, value in attrs}, within=list(self._open))
        self.elements.append(element)
        if tag not in VOID:
            self._open.append(element)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append(Element(tag, {name: value or "" for name, value in attrs}, within=list(self._open)))

    def handle_endtag(self, tag: str) -> None:
        assert self._open.pop().tag == tag

    def handle_data(self, data: str) -> None:
        for element in self._open:
            element.text += data

    def all(self, tag: str, class_: str = "", within: str = "") -> list[Element]:
        return [
            e
            for e in self.elements
            if e.tag == tag
            and (not class_ or class_ in e.attributes.get("class", "").split())
            and (not within or any(outer.attributes.get("id") == within or outer.tag == within for outer in e.within))
        ]


def member(
    path: str,
    verdict: Verdict = Verdict.NEAR_DUPLICATE,
    *,
    grade: Grade = Grade.REDUNDANT,
    given: str = "/p/a.jpg",
    loss: tuple[Loss, ...] = (),
    differs: tuple[str, ...] = (),
    new: bool = False,
) -> Member:
    return Member(path, verdict, 97.1, "resized 0.50x", grade, given, loss, differs, 90_000, 320, 240, new=new)


def group(number: int, keeper: str, *members: Member, change: Change = Change.NEW, why: tuple[str, ...] = ()) -> Group:
    placed = tuple(replace(m, given=keeper) if m.given == "/p/a.jpg" else m for m in members)
    freed = sum(m.size_bytes for m in members if m.grade is Grade.REDUNDANT)
    return Group(
        number, f"{number:016x}", keeper, 400_000, 640, 480, freed, placed, why, keeper_new=False, change=change
    )


def pair(a: str, b: str, verdict: Verdict, **more: object) -> ReportedPair:
    made = ReportedPair(a, b, verdict, Relation.SAME, 91.0, 0.9, 0.91, "same frame", 1.0, 1.0)
    return replace(made, **more)  # type: ignore[arg-type]


def report(
    *groups: Group,
    counts: Counts = TALLY,
    skipped: tuple[tuple[str, Skip], ...] = (),
    since: str | None = None,
    resolved: tuple[Resolved, ...] = (),
    pairs: tuple[ReportedPair, ...] = (),
) -> Report:
    return Report("/store", "fake", "2026-01-02T03:04:05Z", counts, groups, pairs, skipped, since, resolved)


def page(
    made: Report,
    thumbnails: Mapping[tuple[str, str], Thumbnail] | None = None,
    *,
    pictures: int = 100,
    beside: bytes | None = b"/p",
) -> Page:
    return Page(report_html(made, thumbnails or {}, pictures=pictures, beside=beside))


def thumbnail(*regions: tuple[tuple[float, float], ...], jpeg: bytes = b"\xff\xd8 jpeg") -> Thumbnail:
    return Thumbnail(jpeg, 200, 100, 1_700_000_000, regions)


LOST = Loss("metadata", 0.25, "its capture date")

HOSTILE = (
    "/p/<script>alert(1)</script>.jpg",
    "/p/\"onload=alert(1) x='.jpg",
    "/p/{{ 7 * 7 }}{% raw %}.jpg",
    "/p/a\nb\r.jpg",
    "/p/\udcff\udcfe.jpg",
    "/p/\u202egpj.exe",
    "/p/</style><img src=//evil.example/x>.jpg",
)


@pytest.mark.parametrize("path", HOSTILE)
def test_a_file_name_cannot_become_part_of_the_page(path: str) -> None:
    """Prevents: a name that somebody else chose runs as script, or ends the attribute that it stands in."""
    tame = "/p/tame.jpg"

    def made(name: str) -> Page:
        return page(
            report(
                group(1, name, member(name, loss=(LOST,), given=name)),
                skipped=((name, Skip("odd", "Odd.")),),
                since="2026-01-01T00:00:00Z",
                resolved=(Resolved(name, 2),),
                pairs=(pair(name, name, Verdict.NEAR_DUPLICATE, neither=True), pair(name, name, Verdict.VARIANT)),
            ),
            {(name, name): thumbnail(((0.1, 0.1), (0.2, 0.1), (0.2, 0.2)))},
        )

    def skeleton(found: Page) -> list[tuple[str, list[str]]]:
        own = ("button", "em")  # a name may have a button, or the note that it cannot be copied
        return [(e.tag, sorted(e.attributes)) for e in found.elements if e.tag not in own]

    assert skeleton(made(path)) == skeleton(made(tame))


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        ("/p/\udcff\udcfe.jpg", r"/p/\xff\xfe.jpg"),
        ("/p/a\nrm -rf ~\n.jpg", r"/p/a\nrm -rf ~\n.jpg"),
        ("/p/\u202egpj.exe", r"/p/\u202egpj.exe"),
    ],
)
def test_a_name_shows_what_it_hides(path: str, shown: str) -> None:
    """Prevents: two names that look alike, or a name that reads backwards."""
    found = page(report(group(1, path, member("/p/b.jpg"))))
    assert found.all("span", "select")[0].text == shown


@pytest.mark.parametrize(
    "path",
    ["/p/plain.jpg", "/p/Urlaub \u00e4\u00f6\u00fc \u202f3.00 PM.jpg", '/p/"quoted" <b>&amp;\'.jpg', "/x"],
)
def test_the_button_copies_the_exact_path(path: str) -> None:
    """Prevents: what is pasted names another file, as where a narrow space was shown as an escape."""
    button = page(report(group(1, path, member("/p/b.jpg")))).all("button", "copy")[0]
    assert json.loads(button.attributes["data-path"]) == path


@pytest.mark.parametrize("path", ["/p/\udcff.jpg", "/p/a\nrm -rf ~\n.jpg", "/p/\x1b[31m.jpg"])
def test_a_path_that_would_do_harm_or_be_wrong_is_not_copied(path: str) -> None:
    """Prevents: a line break in a name runs what follows it, pasted into a terminal; other bytes than the file has."""
    found = page(report(group(1, path, member("/p/b.jpg"))))
    assert len(found.all("button", "copy")) == 1, "only the member's"
    assert "cannot be copied exactly" in found.all("em")[0].text


def test_the_page_asks_for_nothing_from_outside() -> None:
    """Prevents: a page that is blank offline, or tells a stranger that it was opened."""
    found = page(report(group(1, "/p/a.jpg", member("/p/b.jpg"))), {("/p/a.jpg", "/p/b.jpg"): thumbnail()})
    [policy] = [e for e in found.elements if e.attributes.get("http-equiv") == "Content-Security-Policy"]
    assert policy.attributes["content"] == (
        "default-src 'none'; img-src data:; style-src 'unsafe-inline'; script-src 'unsafe-inline'"
    )
    sources = [v for e in found.elements for name, v in e.attributes.items() if name in ("src", "href", "srcset")]
    assert sources
    assert all(source.startswith(("data:image/jpeg;base64,", "./")) for source in sources)
    assert {e.attributes["src"][:5] for e in found.all("img")} == {"data:"}, "only links lead to files"
    assert not [e for e in found.elements if e.tag in ("link", "iframe", "object", "embed", "base", "form")]
    styles = "".join(e.text for e in found.all("style"))
    assert not re.search(r"url\(|@import|https?:", styles)


def test_nothing_found_is_said() -> None:
    found = page(report(counts=NOTHING))
    assert found.all("h1")[0].text == "No copies"
    assert not found.all("article")
    since = page(report(counts=NOTHING, since="2026-01-01T05:06:00Z"))
    assert since.all("h1")[0].text == "No new copies"
    assert "2026-01-01 05:06 UTC" in since.all("p", "lead")[0].text


def test_a_group_without_pictures_is_still_told() -> None:
    """Prevents: groups beyond those with pictures are lost, or stop the page."""
    found = page(report(group(1, "/p/a.jpg", member("/p/b.jpg"))), pictures=0)
    assert not found.all("img")
    told = found.all("article")[0].text
    for words in ("/p/a.jpg", "/p/b.jpg", "near-duplicate", "97.1", "resized 0.50x", "320 × 240 px", "90.0 kB"):
        assert words in told
    assert "1 group is shown without pictures" in found.all("p", "lead")[0].text


def test_a_file_that_cannot_be_read_says_so() -> None:
    """Prevents: a broken image icon, which leaves open whether the file is gone."""
    thumbnails = {("/p/a.jpg", "/p/b.jpg"): thumbnail(jpeg=b""), ("/p/a.jpg", "/p/a.jpg"): thumbnail()}
    found = page(report(group(1, "/p/a.jpg", member("/p/b.jpg"))), thumbnails)
    assert len(found.all("img")) == 1
    assert "could not be read" in found.all("div", "frame")[1].text
    assert "nothing differs" not in found.all("article")[0].text, "nobody looked"


def test_regions_are_drawn_on_the_member_they_belong_to() -> None:
    """Prevents: outlines on the keeper, in the wrong unit, or taken for a difference where nothing was compared."""
    square = ((0.25, 0.5), (0.5, 0.5), (0.5, 1.0), (0.25, 1.0))
    thumbnails = {
        ("/p/a.jpg", "/p/a.jpg"): replace(thumbnail(), regions=None),
        ("/p/a.jpg", "/p/b.jpg"): thumbnail(square),
        ("/p/a.jpg", "/p/c.jpg"): thumbnail(),
        ("/p/a.jpg", "/p/d.jpg"): replace(thumbnail(), regions=None),
    }
    members = (member("/p/b.jpg"), member("/p/c.jpg"), member("/p/d.jpg", Verdict.EXACT))
    found = page(report(group(1, "/p/a.jpg", *members)), thumbnails)
    keeper, b, c, d = (e for e in found.all("section", "file"))
    [svg] = found.all("svg")
    assert b in svg.within
    assert svg.attributes["viewbox"] == "0 0 200 100"
    halo, line = found.all("polygon")
    assert halo.attributes["points"] == line.attributes["points"] == "50.0,50.0 100.0,50.0 100.0,100.0 50.0,100.0"
    assert "1 place differs" in " ".join(b.text.split())
    assert "nothing differs visibly" in c.text
    assert not [e for e in (keeper, d) if "differs" in e.text]


def test_each_group_is_where_its_change_puts_it() -> None:
    """Prevents: what is new hidden among what was seen yesterday."""
    made = report(
        group(1, "/p/known.jpg", member("/p/k2.jpg"), change=Change.KNOWN),
        group(2, "/p/grown.jpg", member("/p/g2.jpg", new=True), member("/p/g3.jpg"), change=Change.GROWN),
        group(3, "/p/new.jpg", member("/p/n2.jpg", new=True)),
        group(4, "/p/new too.jpg", member("/p/n3.jpg", new=True)),
        since="2026-01-01T05:06:00Z",
        resolved=(Resolved("/p/resolved.jpg", 3),),
        skipped=(("/p/skipped.jpg", Skip("truncated", "The file ends early.")),),
    )
    found = page(made)
    assert found.all("h1")[0].text == "2 new groups and 1 group that grew"
    assert [a.attributes["id"] for a in found.all("article")] == ["group-3", "group-4", "group-2", "group-1"]
    assert [a.attributes["id"] for a in found.all("article", within="details")] == ["group-1"]
    [marked] = found.all("span", "new")
    assert marked in found.all("span", "new", within="group-2")
    assert "/p/g2.jpg" in marked.within[-2].text
    assert [e.text for e in found.all("h2")] == ["New groups", "Groups that grew", "Resolved groups"]
    assert [e.text for e in found.all("summary")] == ["1 known group", "1 skipped file"]
    assert "The file ends early." in found.all("details")[1].text
    assert not [e for e in found.all("details") if "open" in e.attributes]


def test_many_skipped_files_are_counted_and_cut() -> None:
    """Prevents: a page of 50 MB, or files left out without a word."""
    skipped = tuple((f"/p/{i}.jpg", Skip("truncated", "It ends early.")) for i in range(MAX_ROWS_SHOWN + 1200))
    told = page(report(counts=NOTHING, skipped=skipped)).all("details")[0].text
    assert "truncated 1,700" in told
    assert "and 1,200 more" in told


@pytest.mark.parametrize("seconds", [10**15, -(10**15)])
def test_a_time_that_no_calendar_has_does_not_end_the_page(seconds: int) -> None:
    odd = replace(thumbnail(), modified_at_s=seconds)
    found = page(report(group(1, "/p/a.jpg", member("/p/b.jpg"))), {("/p/a.jpg", "/p/a.jpg"): odd})
    assert "no date" in found.all("article")[0].text


def test_every_picture_and_button_has_a_name_of_its_own() -> None:
    """Prevents: a page of which a screen reader says "image, image, button, button"."""
    thumbnails = {("/p/a.jpg", path): thumbnail() for path in ("/p/a.jpg", "/p/b.jpg")}
    found = page(report(group(1, "/p/a.jpg", member("/p/b.jpg"))), thumbnails)
    alts = [e.attributes["alt"] for e in found.all("img")]
    labels = [e.attributes["aria-label"] for e in found.all("button")]
    assert len(set(alts)) == len(set(labels)) == 2
    ids = [e.attributes["id"] for e in found.elements if "id" in e.attributes]
    assert len(ids) == len(set(ids))


@pytest.mark.parametrize("beside", [b"/p", b"/p/pages \xff", b"/elsewhere/deep", b"/", None])
@pytest.mark.parametrize("path", [*HOSTILE, "/p/100%20 #1?.jpg", "/p/javascript:alert(1).jpg", "/p/a;b&c=d.jpg"])
def test_a_thumbnail_leads_to_its_file(path: str, beside: bytes | None) -> None:
    """Prevents: a link that leads to another file, or out of the disk, where a name has `%`, `#` or a scheme in it."""
    found = page(report(group(1, path, member("/p/b.jpg"))), {(path, path): thumbnail()}, beside=beside)
    [link] = found.all("a")
    url = link.attributes["href"]
    assert re.fullmatch(r"[A-Za-z0-9%/._~-]+", url.removeprefix("file://")), "nothing but what stands for itself"
    if beside is None:
        assert urllib.parse.unquote_to_bytes(url.removeprefix("file://")) == os.fsencode(path)
    else:
        assert url.startswith("./"), "relative: the page and the photos can move together"
        assert os.path.normpath(os.path.join(beside, urllib.parse.unquote_to_bytes(url))) == os.path.normpath(
            os.fsencode(path)
        )
