"""Decisions as text for a person, and as JSON that another store can take in."""

from __future__ import annotations

import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

from imgindex.errors import UsageError
from imgindex.files import display
from imgindex.records import DecisionKind
from imgindex.results.decided import DecidedPair, Deciding, ImportedDecisions
from imgindex.ui.as_json import SCHEMA
from imgindex.ui.report_text import loses_text
from imgindex.ui.words import count

SHA256_SHOWN = 12

STDIN = "-"

EFFECT = {
    DecisionKind.NOT_DUPLICATE: "no duplicates of each other",
    DecisionKind.ALTERNATES: "alternates, each wanted",
    DecisionKind.KEEP_BOTH: "kept both, whatever else there is",
    DecisionKind.KEEPER: "the first is kept",
    DecisionKind.UNDECIDED: "not decided any more",
}


def made(found: Deciding, kind: str, *, as_json: bool) -> str:
    """What a decision did."""
    if as_json:
        return json.dumps({"schema": SCHEMA, "as": kind} | asdict(found), indent=1)
    lines = [f"Noted for {count(found.pairs, 'pair')} of contents: {EFFECT[DecisionKind(kind)]}."]
    for path, lost in found.lossy:
        lines.append(f"  {display(path)}")
        lines.append(f"    {loses_text(lost)}: it stands below the keeper at a loss, which frees nothing")
    for path in found.unproven:
        lines.append(f"  {display(path)}")
        lines.append("    is no proven copy of what is kept: it stays, too")
    if found.unread:
        lines.append(f"{count(found.unread, 'pair')} could not be weighed now; the next imgindex index tries again.")
    return "\n".join(lines)


def as_text(found: Sequence[DecidedPair]) -> str:
    """What stands, oldest first."""
    lines = []
    for pair in found:
        if pair.kind is not DecisionKind.UNDECIDED:
            lines.append(f"{pair.made_at}  {pair.kind.value}" + (f"  ({display(pair.note)})" if pair.note else ""))
            lines.append(f"  {_shown(pair.a, pair.a_paths)}" + ("  (stays)" * (pair.kind is DecisionKind.KEEPER)))
            lines.append(f"  {_shown(pair.b, pair.b_paths)}")
    return "\n".join(lines) or "Nothing was decided."


def _shown(sha256: str, paths: Sequence[str]) -> str:
    if not paths:
        return f"a content that no indexed file shows (sha256 {sha256[:SHA256_SHOWN]}...)"
    more = f"  and {count(len(paths) - 1, 'other file')} of the same bytes" if len(paths) > 1 else ""
    return display(paths[0]) + more


def as_json(found: Sequence[DecidedPair]) -> str:
    """All of it, what was taken back, too: `a` and `b` are {"sha256", "paths"}, and of a keeper `a` is what stays."""
    decided = [
        {
            "as": pair.kind.value,
            "a": {"sha256": pair.a, "paths": list(pair.a_paths)},
            "b": {"sha256": pair.b, "paths": list(pair.b_paths)},
            "note": pair.note,
            "made_at": pair.made_at,
        }
        for pair in found
    ]
    return json.dumps({"schema": SCHEMA, "decisions": decided}, indent=1)


def imported(found: ImportedDecisions, *, as_json: bool) -> str:
    """How much was taken in."""
    if as_json:
        return json.dumps({"schema": SCHEMA} | asdict(found), indent=1)
    left_out = (
        f" {count(found.left_out, 'other')} left out: this store has the same, or a later one."
        if found.left_out
        else ""
    )
    return f"Took in {count(found.added, 'decision')}.{left_out}"


def read(path: Path) -> list[DecidedPair]:
    """What `as_json` wrote; UsageError with a sentence where the file is something else."""
    try:
        text = sys.stdin.read() if str(path) == STDIN else path.read_text("utf-8")
        given = json.loads(text)
    except (OSError, ValueError) as error:
        raise UsageError(f"The decisions in {path} cannot be read: {error}.") from error
    if not isinstance(given, dict) or not isinstance(given.get("decisions"), list):
        raise UsageError(f"There are no decisions in {path}; imgindex decide --export prints some.")
    if given.get("schema") != SCHEMA:
        raise UsageError(
            f"The decisions in {path} are of schema {given.get('schema')}, and this program's are {SCHEMA}."
        )
    return [_pair(one, number, path) for number, one in enumerate(given["decisions"], 1)]


def _pair(given: Any, number: int, path: Path) -> DecidedPair:
    try:
        kind, a, b = DecisionKind(given["as"]), given["a"]["sha256"], given["b"]["sha256"]
        note, made_at = given.get("note", ""), given["made_at"]
        if not all(isinstance(value, str) for value in (a, b, note, made_at)):
            raise TypeError("a value that is no text")
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise UsageError(
            f"Decision {number} in {path} is not as imgindex decide --export prints it: {error}."
        ) from error
    return DecidedPair(kind, a, b, (), (), note, made_at)
