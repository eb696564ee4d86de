"""The design document says what is there: rooms, invariants, places."""

from __future__ import annotations

import re
from pathlib import Path

from imgindex.records import Grade, Relation, Verdict
from imgindex.runs.check import check

ROOT = Path(__file__).resolve().parents[2]
DESIGN = (ROOT / "docs" / "design.md").read_text()


def test_the_table_names_every_room_and_word() -> None:
    """Prevents: a room that a newcomer finds in the tree and nowhere else, or looks for in vain."""
    [table] = re.findall(r"\| package \|.*?\n\n", DESIGN, re.DOTALL)
    first = [row.split("|")[1] for row in table.splitlines()[2:] if row]
    named = {name.removesuffix("/").removesuffix(".py") for cell in first for name in re.findall(r"`([^`]+)`", cell)}
    there = {
        path.stem for path in (ROOT / "imgindex").iterdir() if path.suffix == ".py" or (path / "__init__.py").exists()
    }
    assert named == there - {"__main__"}


def test_invariants_are_those_of_check() -> None:
    """Prevents: a number in an answer of `imgindex check` that the document explains otherwise."""
    checked = re.findall(r"(?m)^ +(\d+)  (.+)$", check.__doc__ or "")
    assert len(checked) > 8
    assert (
        re.findall(r"(?m)^(\d+)\. (every .+|SQLite .+|nothing .+|ids .+|decisions .+|pair .+|each .+)$", DESIGN)
        == checked
    )


def test_places_exist() -> None:
    places = re.findall(r"`((?:imgindex|scripts|tests|migrations)/[\w/.]+)`", DESIGN)
    assert len(places) > 5
    assert [place for place in places if not (ROOT / place).exists()] == []


def test_the_glossary_has_the_words_of_what_can_go() -> None:
    """Prevents: a report that says a word which stands nowhere."""
    words = {row.split("|")[1].strip() for row in DESIGN.splitlines() if row.startswith("| ")}
    assert words >= {
        "variant", "loss", "derived", "redundant", "edited copy", "original", "keeper", "not weighed", "group",
    }  # fmt: skip
    assert all(any(word.startswith(grade.value) for word in words) for grade in Grade)


def test_the_glossary_has_every_verdict_and_relation() -> None:
    """Prevents: a verdict in a report that nobody explains."""
    for word in (*Verdict, *Relation):
        assert f"`{word.value}`" in DESIGN
