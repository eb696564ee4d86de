"""A report as one HTML page that needs nothing else: no network, no server, no second file."""

from __future__ import annotations

import base64
import datetime
import functools
import json
import os
import unicodedata
import urllib.parse
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup

from imgindex.api import ImageIndex
from imgindex.errors import UsageError
from imgindex.files import display, write_atomic
from imgindex.records import Verdict
from imgindex.results import Change, Corners, Group, Report, Thumbnail, losses_text
from imgindex.ui.report_text import presence_lines, which_has_what
from imgindex.ui.words import count, size_text

DEFAULT_PICTURES = 100
"""A page of so many pairs of files has some 3 MB, and one of so many large groups some 40 MB at most."""

MAX_ROWS_SHOWN = 500
"""Of each list: skipped files, hard links, pairs of one part. `--format json` has them all."""

WHOLE_SHARE = 0.97
"""Share of a picture from which the other shows all of it: alignment is not exact, nor is the crop of rounding."""

GRADES = {
    "redundant": "nothing would be lost without it",
    "edited": "an edited copy of the file to keep; it stays unless you say otherwise",
    "at-a-loss": "it has what the file to keep lacks, which was chosen even so; it stays unless you say otherwise",
}

VERDICTS = {
    "exact": "the same bytes",
    "same-pixels": "another file of the same pixels",
    "near-duplicate": "proven to show the same picture",
}


def page_of(images: ImageIndex, shown: Report, *, beside: Path, pictures: int = DEFAULT_PICTURES) -> str:
    """A report as one HTML file, with thumbnails of its first `pictures` groups and of as many pairs of each further
    part. Thumbnails lead to the files themselves, by paths relative to the folder `beside`."""
    drawn = images.thumbnails(shown, pictures=pictures)
    return report_html(shown, drawn, pictures=pictures, beside=os.path.realpath(os.fsencode(beside)))


def write_page(target: Path, page: str) -> None:
    """Write a page, whole or not at all; UsageError where it cannot be written."""
    try:
        write_atomic(target, lambda file: file.write(page.encode()))
    except OSError as error:
        raise UsageError(f"The page {target} cannot be written: {error.strerror or error}.") from error


def report_html(
    report: Report, thumbnails: Mapping[tuple[str, str], Thumbnail], *, pictures: int, beside: bytes | None = None
) -> str:
    """The page of a report; `thumbnails` by (first path of the row, path), and what has none is shown without.

    `pictures` says how many groups, and pairs of each further part, were to get some. Links to the files are relative
    to the folder `beside`, absolute where that is None.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("imgindex.ui", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "address": functools.partial(_address, beside=beside),
        "count": count,
        "data_uri": _data_uri,
        "day": _day,
        "display": display,
        "exact_path": _exact_path,
        "is_part": _is_part,
        "losses": losses_text,
        "moment": _moment,
        "points": _points,
        "size": size_text,
        "shown_parts": _shown_parts,
        "which_has_what": which_has_what,
    }
    folded = [group for group in report.groups if _is_exact(group)]
    groups = {change.value: [g for g in report.groups if g.change is change and not _is_exact(g)] for change in Change}
    reasons = Counter(skip.reason for _, skip in report.skipped).most_common()
    return environment.get_template("page.html.jinja").render(
        report=report,
        thumbnails=thumbnails,
        pictures=pictures,
        left_out=max(0, len(report.groups) - pictures),
        groups=groups,
        folded=folded,
        headline=_headline(report),
        presence=presence_lines(report),
        reasons=reasons,
        verdicts=VERDICTS,
        grades=GRADES,
        max_rows=MAX_ROWS_SHOWN,
    )


def _is_exact(group: Group) -> bool:
    """Whether a group is beyond doubt: nobody needs to look at its pictures."""
    return all(member.verdict in (Verdict.EXACT, Verdict.SAME_PIXELS) for member in group.members)


def _headline(report: Report) -> str:
    """What is new, in a few words."""
    if report.since is None:
        return f"{count(len(report.groups), 'group')} of copies" if report.groups else "No copies"
    changes = Counter(group.change for group in report.groups)
    new, grown = changes[Change.NEW], changes[Change.GROWN]
    if not new and not grown:
        return "No new copies"
    parts = [f"{count(new, 'new group')}"] if new else []
    parts += [f"{count(grown, 'group')} that grew"] if grown else []
    return " and ".join(parts)


def _exact_path(path: str) -> str | None:
    """The path as a JSON string, for a button that copies it; None where copying could do harm or would not be exact.

    That is so for bytes that are no text, and for control characters: pasted into a terminal, a line break in a name
    runs what follows it.
    """
    return None if any(unicodedata.category(c) in ("Cc", "Cs") for c in path) else json.dumps(path)


def _data_uri(jpeg: bytes) -> Markup:
    return Markup("data:image/jpeg;base64," + base64.b64encode(jpeg).decode())


def _points(corners: Corners, width_px: float, height_px: float) -> str:
    """Corners given as shares, as the `points` of an SVG polygon over a picture of this size."""
    return " ".join(f"{x * width_px:.1f},{y * height_px:.1f}" for x, y in corners)


def _is_part(corners: Corners | None) -> bool:
    """Whether a polygon given as shares leaves much of its picture out."""
    return corners is not None and 0.0 < _area(corners) < WHOLE_SHARE


def _area(corners: Corners) -> float:
    following = (*corners[1:], *corners[:1])
    return abs(sum(x * v - u * y for (x, y), (u, v) in zip(corners, following, strict=True))) / 2


def _address(path: str, beside: bytes | None) -> str:
    """The URL of a file, each byte of its name that could mean anything else escaped."""
    if beside is None:
        return "file://" + urllib.parse.quote_from_bytes(os.fsencode(path))
    return "./" + urllib.parse.quote_from_bytes(os.path.relpath(os.fsencode(path), beside))


def _shown_parts(path: str) -> tuple[str, str]:
    """(folder with its last slash, name), as a person sees them."""
    folder, slash, name = path.rpartition("/")
    return display(folder + slash), display(name)


def _moment(iso: str) -> str:
    """2026-11-22T03:00:00Z -> 2026-11-22 03:00 UTC."""
    return f"{datetime.datetime.fromisoformat(iso):%Y-%m-%d %H:%M} UTC"


def _day(unix_s: int) -> str:
    """The day of a file's time, where this machine is; file systems give times that no calendar has."""
    try:
        return datetime.datetime.fromtimestamp(unix_s).strftime("%Y-%m-%d")
    except (ValueError, OverflowError, OSError):
        return "no date"
