"""What two folders have in common, as text, JSON and CSV."""

from __future__ import annotations

import csv
import io
import json

from imgindex.files import display
from imgindex.results import Between
from imgindex.ui.as_csv import defused
from imgindex.ui.as_json import SCHEMA, pair_fields
from imgindex.ui.words import count

COLUMNS = ("a", "b", "verdict", "score", "transform", "grade_a", "loss_a")


def between_text(found: Between) -> str:
    """For a person: of each file that has something like it, what that is."""
    head = f"{count(found.files_a, 'file')} and {count(found.files_b, 'other')} compared: "
    if not found.pairs:
        return head + "they have nothing in common."
    have = "has" if len(found.pairs) == 1 else "have"
    redundant = f"{len(found.redundant):,} of them without a loss" if found.redundant else "none of them without a loss"
    lines = [head + f"{len(found.pairs):,} {have} a copy there; {redundant}."]
    for pair in found.pairs:
        told = ", ".join([f"{pair.verdict.value} {pair.score:.1f}", *([pair.transform] if pair.transform else [])])
        lines += [f"  {display(pair.a)}", f"    {told}: {display(pair.b)}"]
    return "\n".join(lines)


def between_json(found: Between) -> str:
    """The answer of `imgindex report --between`."""
    return json.dumps(
        {
            "schema": SCHEMA,
            "files_a": found.files_a,
            "files_b": found.files_b,
            "redundant_files": len(found.redundant),
            "pairs": [pair_fields(pair) for pair in found.pairs],
            "away": [{"folder": folder, "files": files} for folder, files in found.away],
        },
        indent=1,
    )


def between_csv(found: Between) -> str:
    """A row for each file that has something like it."""
    out = io.StringIO()
    write = csv.DictWriter(out, COLUMNS, restval="", extrasaction="ignore", lineterminator="\n")
    write.writeheader()
    for row in found.to_dicts():
        write.writerow({name: defused(value) if isinstance(value, str) else value for name, value in row.items()})
    return out.getvalue()
