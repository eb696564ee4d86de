"""Reports as a person and as programs read them: golden files, untrusted names, schema 1."""

from __future__ import annotations

import csv
import io
import json
from pathlib import Path

import pytest

from imgindex.records import Relation, Verdict
from imgindex.results import Counts, Group, Match, Member, Report, ReportedPair
from imgindex.skips import Skip
from imgindex.ui.as_csv import report_csv
from imgindex.ui.as_json import matches_json, report_json
from imgindex.ui.as_text import matches_text, report_text, size_text

GOLDEN = Path(__file__).parent / "golden"


def report() -> Report:
    near = Member(b"/photos/b.jpg", Verdict.NEAR_DUPLICATE, 97.1, "resized 0.50x", 90_000, 320, 240, True)
    exact = Member(b"/photos/copy of a.jpg", Verdict.EXACT, 100.0, None, 400_000, 640, 480, True)
    hostile = Member(b"/photos/=cmd|'/C calc'!A0\n\x1b[31m\xff.jpg", Verdict.SAME_PIXELS, 100.0, None, 1, 1, 1, True)
    return Report(
        "/store", "sift-vlad/3", "2026-01-02T03:04:05Z",
        Counts(4, 3, 1, 2, 3, 1, 3, 490_001, 7),
        (Group(1, b"/photos/a.jpg", 400_000, 640, 480, 490_001, (exact, near, hostile)),),
        (
            ReportedPair(
                b"/photos/a.jpg", b"/photos/copy of a.jpg", Verdict.EXACT, Relation.SAME, 100.0, 1.0, 1.0, None
            ),
            ReportedPair(b"/photos/a.jpg", b"/photos/b.jpg", Verdict.NEAR_DUPLICATE, Relation.SAME, 97.1, 0.93, 0.971,
                         "resized 0.50x"),
            ReportedPair(b"/photos/a.jpg", b"/photos/c.jpg", Verdict.SIMILAR, None, 61.0, 0.61, None, None),
        ),
        ((b"/photos/d.jpg", Skip("truncated", "The file ends in the middle of the picture.")),),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("name", "write"), [("report.txt", report_text), ("report.json", report_json), ("report.csv", report_csv)]
)
def test_reports_are_what_they_were(name: str, write) -> None:  # type: ignore[no-untyped-def]
    """Tools and eyes are used to these: a change is meant, or a mistake."""
    assert write(report()).rstrip("\n") == (GOLDEN / name).read_text().rstrip("\n")


def test_json_has_the_fields_of_schema_1() -> None:
    found = json.loads(report_json(report()))
    assert found["schema"] == 1
    assert set(found) >= {"schema", "store", "space", "generated_at", "counts", "groups", "pairs", "skipped"}
    assert set(found["counts"]) >= {
        "files", "images", "skipped", "missing", "pairs", "groups", "duplicate_files", "reclaimable_bytes"
    }  # fmt: skip
    assert set(found["groups"][0]) >= {"id", "keeper", "reclaimable_bytes", "members"}
    assert set(found["groups"][0]["members"][0]) >= {"path", "verdict", "score", "transform", "new"}
    assert set(found["pairs"][0]) >= {"a", "b", "verdict", "relation", "score", "cosine", "ssim", "transform"}
    assert set(found["skipped"][0]) == {"path", "reason", "detail"}


def test_names_that_are_not_text_survive_json() -> None:
    """A name that is not UTF-8 must come back as the same bytes."""
    path = json.loads(report_json(report()))["groups"][0]["members"][2]["path"]
    assert path.encode("utf-8", "surrogateescape") == report().groups[0].members[2].path


def test_a_file_name_cannot_run_as_a_formula() -> None:
    rows = list(csv.reader(io.StringIO(report_csv(report()))))
    assert len(rows) == 5
    assert not any(cell.startswith(("=", "+", "@", "-")) for row in rows for cell in row)


def test_a_file_name_cannot_write_to_the_terminal() -> None:
    text = report_text(report()) + matches_text(
        [Match(b"/a\x1b]0;owned\x07.jpg", Verdict.SIMILAR, 50.0, 0.5, None, None, None, 1, 1, 1)]
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
