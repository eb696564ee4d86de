"""A report's groups as CSV: one row per file, keeper first."""

from __future__ import annotations

import csv
import io
import os

from imgindex import files
from imgindex.results import Report, losses_text

COLUMNS = (
    "group", "role", "path", "verdict", "score", "transform", "width_px", "height_px", "size_bytes", "grade", "given",
    "loss", "why",
)  # fmt: skip

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these runs as a formula in a spreadsheet (OWASP, "CSV Injection")."""


def report_csv(report: Report) -> str:
    """RFC 4180 with a header; file names are untrusted, so what a spreadsheet would run is defused.

    `grade` says whether a file can go without a loss (`redundant`) or is listed only (`edited`); that of a keeper is
    `keep`. `given` is the file that stays in its place.
    """
    out = io.StringIO()
    write = csv.DictWriter(out, COLUMNS, restval="", lineterminator="\n")
    write.writeheader()
    for g in report.groups:
        write.writerow(
            {
                "group": g.number,
                "role": "keeper",
                "path": defused(g.keeper),
                "grade": "keep",
                "why": defused("; ".join(g.why)),
                "width_px": g.width_px,
                "height_px": g.height_px,
                "size_bytes": g.keeper_bytes,
            }
        )
        for m in g.members:
            write.writerow(
                {
                    "group": g.number,
                    "role": "member",
                    "path": defused(m.path),
                    "grade": m.grade.value,
                    "given": defused(m.given),
                    "loss": defused(losses_text(m.loss)),
                    "verdict": m.verdict.value,
                    "score": m.score,
                    "transform": m.transform or "",
                    "width_px": m.width_px,
                    "height_px": m.height_px,
                    "size_bytes": m.size_bytes,
                }
            )
    return out.getvalue()


def defused(cell: str) -> str:
    """Control characters and those that hide or turn what follows are written as escapes: a carriage return would end
    the row, and the next cell would begin with whatever stands behind it."""
    printable = files.display(os.fsencode(cell))
    return "'" + printable if printable.startswith(FORMULA_STARTS) else printable
