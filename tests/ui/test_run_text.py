"""The summary of a run: what a person wants to know, and nothing that is nothing."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from imgindex.results import IndexSummary, IngestSummary, VerifySummary, WeighSummary
from imgindex.ui.run_text import index_text, interrupted_text

NOTHING = IndexSummary(
    IngestSummary(), VerifySummary(0, 0, 0, 0), WeighSummary(0, 0), {"scan": 0.1, "index": 61.0}, False
)


def summary(match: VerifySummary = NOTHING.match, **counts: int) -> IndexSummary:
    return replace(NOTHING, ingest=IngestSummary(**counts), match=match)  # type: ignore[arg-type]


def test_the_summary_says_what_a_person_wants() -> None:
    """Prevents a line of ten numbers, most of them nought, of which nobody sees the one that counts."""
    made = summary(
        VerifySummary(12, 300, 4, 1), seen=393, embedded_images=12, moved=3, unchanged=370, skipped=8, unreadable=52,
        missing=1, ignored=1, left_out_files=12, left_out_folders=1, hidden_folders=2,
    )  # fmt: skip
    assert index_text(made, 75.0).splitlines() == [
        "341 pictures: 12 new, 3 moved, 326 unchanged.",
        "52 files cannot be read as pictures; imgindex report says why.",
        "Not looked at: 12 files and 1 folder left out by patterns, 2 hidden folders and 1 file that is no picture; "
        "imgindex status --ignored lists them.",
        "1 file that the store knew is gone.",
        "300 pairs of alike pictures compared: 4 are of copies.",
        "1 pair could not be read now; the next run tries again.",
        "It took 1 min 15 s: reading and describing pictures 1 min 1 s.",
        "See what was found with: imgindex report",
    ]


@pytest.mark.parametrize(
    ("counts", "first"),
    [
        ({}, "No picture was found."),
        ({"seen": 7, "unchanged": 7}, "7 pictures, nothing new."),
        ({"seen": 1, "embedded_images": 1}, "1 picture: 1 new."),
        ({"seen": 3, "new_copies": 1, "known_content": 2}, "3 pictures: 3 with the content of another."),
    ],
)
def test_zeros_are_left_out(counts: dict[str, int], first: str) -> None:
    lines = index_text(summary(**counts), 2.0).splitlines()
    assert lines[0] == first
    assert not re.search(r"\b0\b", "\n".join(lines))


def test_one_of_each_is_singular() -> None:
    """Prevents "1 files are"."""
    made = summary(
        VerifySummary(1, 1, 1, 1), seen=2, embedded_images=1, skipped=1, unreadable=1, missing=1, ignored=1,
        left_out_folders=1, hidden_folders=1,
    )  # fmt: skip
    text = index_text(made, 1.0)
    assert not re.search(r"\b1 \w+s\b(?<!1 is)|\b1 \w+ are\b", text.replace("1 s", "")), text


def test_it_took_counts_the_whole_command() -> None:
    """Prevents two minutes of loading a model that are in no sum."""
    assert "It took 3 min 0 s" in index_text(NOTHING, 180.0)


@pytest.mark.parametrize(
    ("stage", "counts", "verified", "sentence"),
    [
        ("scan", {}, 0, "interrupted while looking for files; what was finished is kept, and"),
        (
            "index",
            {"embedded_images": 1},
            0,
            "while reading and describing pictures; 1 new picture of this run is kept,",
        ),
        ("verify", {"embedded_images": 40}, 1203, "while comparing pairs; 40 new pictures and 1,203 compared pairs of"),
    ],
)
def test_an_interrupted_run_says_what_it_kept(stage: str, counts: dict[str, int], verified: int, sentence: str) -> None:
    """Prevents a person from believing that an hour of comparing is lost, and from not daring to stop it."""
    made = replace(summary(VerifySummary(0, verified, 0, 0), **counts), interrupted=True, stopped_in=stage)
    assert sentence in interrupted_text(made)
    assert "the next run goes on from there." in interrupted_text(made)
