"""Reports as a person and as programs read them: golden files, untrusted names, the four parts, schema 2."""

from __future__ import annotations

import csv
import io
import json
import os
from dataclasses import replace
from pathlib import Path

import pytest

from imgindex.records import Grade, Loss, Relation, Verdict
from imgindex.results import Counts, Group, Match, Member, Report, ReportedPair
from imgindex.skips import Skip
from imgindex.ui.as_csv import report_csv
from imgindex.ui.as_json import matches_json, report_json
from imgindex.ui.as_text import matches_text
from imgindex.ui.report_text import NOT_WEIGHED, report_text
from imgindex.ui.words import size_text

GOLDEN = Path(__file__).parents[1] / "golden"

KEEPER = "/photos/a.jpg"
EDITED = "/photos/a-captioned.jpg"
HOSTILE = "/photos/=cmd|'/C calc'!A0\n\x1b[31m\udcff.jpg"
CAPTION = Loss("added", 0.12, "words over 12 % of it", ((0.1, 0.8, 0.9, 0.92),))
SMALL = Loss("detail", 0.5, "resolves 2.00 times finer")
DATE = Loss("metadata", 0.25, "its capture date")


def group() -> Group:
    exact = Member(
        "/photos/copy of a.jpg", Verdict.EXACT, 100.0, None, Grade.REDUNDANT, KEEPER, (), (), 400_000, 640, 480
    )
    near = Member(
        "/photos/b.jpg", Verdict.NEAR_DUPLICATE, 97.1, "resized 0.50x", Grade.REDUNDANT, KEEPER, (DATE,), (),
        90_000, 320, 240,
    )  # fmt: skip
    hostile = Member(HOSTILE, Verdict.SAME_PIXELS, 100.0, None, Grade.REDUNDANT, KEEPER, (), (), 1, 1, 1)
    edited = Member(
        EDITED, Verdict.NEAR_DUPLICATE, 88.0, "same frame", Grade.EDITED, KEEPER, (CAPTION,), ("1 region differs",),
        380_000, 640, 480,
    )  # fmt: skip
    carried = Member(
        "/photos/a-captioned-sent.jpg", Verdict.NEAR_DUPLICATE, 96.5, "resized 0.50x", Grade.REDUNDANT, EDITED, (), (),
        40_000, 320, 240,
    )  # fmt: skip
    why = ("detail: resolves 2.00 times finer", "nothing is laid over it")
    return Group(
        1, "00c0ffee00c0ffee", KEEPER, 400_000, 640, 480, 530_001, (exact, near, hostile, edited, carried), why
    )


BOTH_STAY = ReportedPair(
    "/photos/near.jpg", "/photos/far.jpg", Verdict.NEAR_DUPLICATE, Relation.OVERLAP, 91.0, 0.9, 0.91, "same frame",
    0.8, 0.9, (SMALL,), (CAPTION, DATE), None, None, ("sharp in other places",), True,
)  # fmt: skip
UNTOLD = ReportedPair(
    "/photos/left.jpg", "/photos/mirrored.jpg", Verdict.NEAR_DUPLICATE, Relation.SAME, 99.0, 0.9, 0.99, "mirrored",
    1.0, 1.0, (), (), None, None, (), True,
)  # fmt: skip
UNWEIGHED = ReportedPair(
    "/photos/old.jpg", "/photos/older.jpg", Verdict.NEAR_DUPLICATE, Relation.SAME, 98.0, 0.9, 0.98, "resized 0.25x",
    1.0, 1.0, neither=True,
)  # fmt: skip
VARIANT = ReportedPair(
    "/photos/bill 1.jpg", "/photos/bill 2.jpg", Verdict.VARIANT, Relation.SAME, 92.0, 0.95, 0.92, "same frame",
    1.0, 1.0, differs=("3 regions differ",),
)  # fmt: skip
ALIKE = ReportedPair(KEEPER, "/photos/c.jpg", Verdict.SIMILAR, None, 61.0, 0.61, None, None)


def report() -> Report:
    return Report(
        "/store", "sift-vlad/3", "2026-01-02T03:04:05Z",
        Counts(15, 14, 1, 2, 8, 1, 4, 530_001, 7, edited_files=1, variants=1, not_weighed=1),
        (group(),),
        (
            ReportedPair(KEEPER, "/photos/copy of a.jpg", Verdict.EXACT, Relation.SAME, 100.0, 1.0, 1.0, None,
                         1.0, 1.0, (), (), Grade.REDUNDANT, Grade.REDUNDANT),
            ReportedPair(KEEPER, "/photos/b.jpg", Verdict.NEAR_DUPLICATE, Relation.SAME, 97.1, 0.93, 0.971,
                         "resized 0.50x", 1.0, 1.0, (SMALL,), (DATE,), None, Grade.REDUNDANT),
            ReportedPair(KEEPER, EDITED, Verdict.NEAR_DUPLICATE, Relation.SAME, 88.0, 0.91, 0.88, "same frame",
                         1.0, 1.0, (), (CAPTION,), None, Grade.EDITED, ("1 region differs",)),
            BOTH_STAY, UNTOLD, UNWEIGHED, VARIANT, ALIKE,
        ),
        (("/photos/d.jpg", Skip("truncated", "The file ends in the middle of the picture.")),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "write"), [("report.txt", report_text), ("report.json", report_json), ("report.csv", report_csv)]
)
def test_reports_are_what_they_were(name: str, write) -> None:  # type: ignore[no-untyped-def]
    """Tools and eyes are used to these: a change is meant, or a mistake."""
    assert write(report()).rstrip("\n") == (GOLDEN / name).read_text().rstrip("\n")


def places(text: str, *words: str) -> list[int]:
    """Where each of these first stands; fails where one does not."""
    return [text.index(word) for word in words]


def test_the_four_parts_stand_in_their_order() -> None:
    """Prevents: a look-alike read as a copy, since it stands among those."""
    found = places(
        report_text(report()), "Group 1: keep  /photos/a.jpg",
        "Copies of which neither stands below the other (3 pairs)",
        "Variants: one scene or layout, and something else in it (1 pair)", "Alike, but not copies (8 pairs)",
        "Not indexed (1 file)",
    )  # fmt: skip
    assert found == sorted(found)


def test_what_is_redundant_stands_before_the_edited_copies_and_each_says_its_grade() -> None:
    """Prevents: an edited copy removed because it stood in a list of what can go."""
    text = report_text(report())
    found = places(
        text, "why: detail: resolves 2.00 times finer; nothing is laid over it", "redundant  /photos/copy of a.jpg",
        "redundant  /photos/b.jpg", "it alone has metadata: its capture date", "edited     /photos/a-captioned.jpg",
        "near-duplicate 88.0, same frame, 1 region differs; 640 x 480", "it alone has added: words over 12 % of it",
        "redundant  /photos/a-captioned-sent.jpg", "of  /photos/a-captioned.jpg",
    )  # fmt: skip
    assert found == sorted(found)
    assert text.count("    of  ") == 1, "of members of the keeper it goes without saying"


def part(title: str) -> list[str]:
    """The lines of one part."""
    [found] = [block for block in report_text(report()).split("\n\n") if block.startswith(title)]
    return [line.strip() for line in found.splitlines()]


def test_copies_that_both_stay_say_what_each_alone_has() -> None:
    """Prevents: two pictures said to be copies without a word on why neither can go, and a pair that nobody weighed
    taken for one."""
    assert part("Copies of which") == [
        "Copies of which neither stands below the other (3 pairs):",
        "91.0  /photos/near.jpg", "/photos/far.jpg", "same frame, sharp in other places",
        "the first alone has detail: resolves 2.00 times finer",
        "the second alone has added: words over 12 % of it; metadata: its capture date",
        "99.0  /photos/left.jpg", "/photos/mirrored.jpg", "mirrored", "nothing tells which was made from the other",
        "98.0  /photos/old.jpg", "/photos/older.jpg", "resized 0.25x", NOT_WEIGHED,
    ]  # fmt: skip
    assert NOT_WEIGHED.startswith("not weighed")


def test_variants_and_look_alikes_say_what_they_are() -> None:
    """Prevents: two bills of one shop listed without what makes them two."""
    assert part("Variants") == [
        "Variants: one scene or layout, and something else in it (1 pair):",
        "92.0  /photos/bill 1.jpg", "/photos/bill 2.jpg", "3 regions differ",
    ]  # fmt: skip
    assert part("Alike")[1:3] == ["61.0  /photos/a.jpg", "/photos/c.jpg"]
    assert part("Alike")[3].startswith("and 7 more; --similar N shows more")


def test_the_first_line_counts_what_can_go_and_nothing_else() -> None:
    """Prevents: an edited copy counted as freed space."""
    first = report_text(report()).splitlines()[0]
    assert first == (
        "15 files indexed, 14 distinct images. 4 files are redundant: without them 530.0 kB would be free, and nothing "
        "lost. 1 edited copy stays as it is."
    )
    edited = replace(report(), counts=replace(report().counts, duplicate_files=0, reclaimable_bytes=0, edited_files=2))
    told = report_text(edited).splitlines()[0]
    assert told.endswith("Nothing is redundant. 2 edited copies stay as they are.")


SCHEMA_1 = {
    "report": {"schema", "store", "space", "generated_at", "since", "counts", "away", "groups", "resolved", "pairs",
               "hard_links", "skipped"},
    "counts": {"files", "images", "skipped", "missing", "pairs", "groups", "duplicate_files", "reclaimable_bytes",
               "similar_left_out", "away", "outdated", "hard_links"},
    "group": {"id", "keeper", "keeper_bytes", "width_px", "height_px", "keeper_new", "keeper_hard_links", "change",
              "reclaimable_bytes", "members"},
    "member": {"path", "verdict", "score", "transform", "size_bytes", "width_px", "height_px", "new", "hard_links"},
    "pair": {"a", "b", "verdict", "relation", "score", "cosine", "ssim", "transform", "share_a", "share_b"},
}  # fmt: skip
"""Fields that programs written against schema 1 read."""


def test_json_has_every_field_of_schema_1_and_those_of_schema_2() -> None:
    """Prevents: a program that read schema 1 and finds a field gone; the grades left out of what programs read."""
    found = json.loads(report_json(report()))
    assert found["schema"] == 2
    first = found["groups"][0]
    assert set(found) >= SCHEMA_1["report"]
    assert set(found["counts"]) >= SCHEMA_1["counts"] | {"edited_files", "variants", "not_weighed"}
    assert set(first) >= SCHEMA_1["group"] | {"number", "why"}
    assert set(first["members"][0]) >= SCHEMA_1["member"] | {"grade", "given", "loss", "differs"}
    assert set(found["pairs"][0]) >= SCHEMA_1["pair"] | {
        "loss_a", "loss_b", "grade_a", "grade_b", "differs", "neither",
    }  # fmt: skip
    assert set(found["skipped"][0]) == {"path", "reason", "detail"}


def test_json_says_of_each_file_whether_it_can_go_and_what_is_lost() -> None:
    """Prevents: a program that removes an edited copy, or what nobody weighed."""
    found = json.loads(report_json(report()))
    assert (found["groups"][0]["id"], found["groups"][0]["number"]) == ("00c0ffee00c0ffee", 1)
    members = {m["path"]: m for m in found["groups"][0]["members"]}
    assert [m["grade"] for m in members.values()] == ["redundant", "redundant", "redundant", "edited", "redundant"]
    assert members["/photos/a-captioned.jpg"]["loss"] == [
        {"what": "added", "amount": 0.12, "words": "words over 12 % of it", "places": [[0.1, 0.8, 0.9, 0.92]]}
    ]
    assert members["/photos/a-captioned-sent.jpg"]["given"] == "/photos/a-captioned.jpg"
    pairs = {pair["a"]: pair for pair in found["pairs"]}
    assert (pairs["/photos/old.jpg"]["loss_a"], pairs["/photos/old.jpg"]["loss_b"]) == (None, None), "not weighed"
    assert (pairs["/photos/left.jpg"]["loss_a"], pairs["/photos/left.jpg"]["neither"]) == ([], True)
    assert [loss["what"] for loss in pairs["/photos/near.jpg"]["loss_b"]] == ["added", "metadata"]
    assert (pairs["/photos/bill 1.jpg"]["verdict"], pairs["/photos/bill 1.jpg"]["differs"]) == (
        "variant", ["3 regions differ"],
    )  # fmt: skip


def test_names_that_are_not_text_survive_json() -> None:
    """A name that is not UTF-8 must come back as the same bytes."""
    path = json.loads(report_json(report()))["groups"][0]["members"][2]["path"]
    assert path == HOSTILE
    assert os.fsencode(path) == b"/photos/=cmd|'/C calc'!A0\n\x1b[31m\xff.jpg"


def rows() -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(report_csv(report()))))


def test_csv_says_of_each_file_whether_it_can_go() -> None:
    """Prevents: a script that removes every row but the keeper's, and with them what somebody made of a photo."""
    found = [(row["path"], row["role"], row["grade"], row["given"]) for row in rows()]
    assert [entry for entry in found if "cmd" not in entry[0]] == [
        ("/photos/a.jpg", "keeper", "keep", ""),
        ("/photos/copy of a.jpg", "member", "redundant", "/photos/a.jpg"),
        ("/photos/b.jpg", "member", "redundant", "/photos/a.jpg"),
        ("/photos/a-captioned.jpg", "member", "edited", "/photos/a.jpg"),
        ("/photos/a-captioned-sent.jpg", "member", "redundant", "/photos/a-captioned.jpg"),
    ]
    by_path = {row["path"]: row for row in rows()}
    assert by_path["/photos/a.jpg"]["why"] == "detail: resolves 2.00 times finer; nothing is laid over it"
    assert by_path["/photos/b.jpg"]["loss"] == "metadata: its capture date"
    assert by_path["/photos/a-captioned.jpg"]["loss"] == "added: words over 12 % of it"


def test_the_columns_of_before_stand_where_they_stood() -> None:
    """Prevents: a script that takes columns by their place and reads the size as a score."""
    assert (
        report_csv(report())
        .splitlines()[0]
        .startswith("group,role,path,verdict,score,transform,width_px,height_px,size_bytes,")
    )


def test_a_file_name_cannot_run_as_a_formula() -> None:
    """Prevents: a name that a spreadsheet runs, as path or as what a copy is given for."""
    hostile = replace(group(), keeper="=1+1", members=tuple(replace(m, given="=1+1") for m in group().members))
    for shown in (report(), replace(report(), groups=(hostile,))):
        cells = list(csv.reader(io.StringIO(report_csv(shown))))
        assert len(cells) == 7
        assert not any(cell.startswith(("=", "+", "@", "-")) for row in cells for cell in row)


def test_a_file_name_cannot_begin_a_row_or_hide_what_it_is() -> None:
    """Prevents: a carriage return after which a spreadsheet begins another cell, with a formula in it, and characters
    that turn or hide what follows them."""
    odd = "/a\r=1+1\u202e\u200bgpj.jpg\x1b[2J"
    hostile = replace(group(), keeper=odd)
    said = report_csv(replace(report(), groups=(hostile,)))
    assert not any(character in said for character in "\r\u202e\u200b\x1b")
    assert len(said.splitlines()) == len(report_csv(replace(report(), groups=(group(),))).splitlines())


def test_a_file_name_cannot_write_to_the_terminal() -> None:
    """Prevents: a name that moves the cursor or renames the window, in a group or in any list of pairs."""
    odd = "/a\x1b]0;owned\x07.jpg"
    pairs = tuple(replace(pair, a=odd, b=odd) for pair in report().pairs)
    text = report_text(replace(report(), pairs=pairs)) + matches_text(
        [Match(odd, Verdict.SIMILAR, 50.0, 0.5, None, None, None, 1, 1, 1)]
    )
    assert "\x1b" not in text
    assert "\x07" not in text


def test_an_empty_answer_says_so() -> None:
    assert "no image" in matches_text([])
    assert json.loads(matches_json("q.jpg", "fake", []))["matches"] == []


@pytest.mark.parametrize(
    ("size", "text"), [(0, "0 bytes"), (999, "999 bytes"), (1000, "1.0 kB"), (2_500_000, "2.5 MB")]
)
def test_sizes_are_decimal(size: int, text: str) -> None:
    assert size_text(size) == text
