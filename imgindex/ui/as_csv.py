"""A report's groups as CSV: one row per file, keeper first."""

from __future__ import annotations

import csv
import io

from imgindex.results import Report
from imgindex.ui.as_json import path_text

COLUMNS = ("group", "role", "path", "verdict", "score", "transform", "width_px", "height_px", "size_bytes")

FORMULA_STARTS = ("=", "+", "-", "@", "\t", "\r")
"""A cell that begins with one of these runs as a formula in a spreadsheet (OWASP, "CSV Injection")."""


def report_csv(report: Report) -> str:
    """RFC 4180 with a header; file names are untrusted, so what a spreadsheet would run is defused."""
    out = io.StringIO()
    write = csv.writer(out, lineterminator="\n").writerow
    write(COLUMNS)
    for g in report.groups:
        keeper = (
            g.id,
            "keeper",
            _defused(path_text(g.keeper)),
            "",
            "",
            "",
            g.width_px,
            g.height_px,
            g.keeper_bytes,
        )
        write(keeper)
        for m in g.members:
            write(
                (
                    g.id,
                    "member",
                    _defused(path_text(m.path)),
                    m.verdict.value,
                    m.score,
                    m.transform or "",
                    m.width_px,
                    m.height_px,
                    m.size_bytes,
                )
            )
    return out.getvalue()


def _defused(cell: str) -> str:
    printable = cell.encode("utf-8", "backslashreplace").decode()
    return "'" + printable if printable.startswith(FORMULA_STARTS) else printable
