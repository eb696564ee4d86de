"""A report as one HTML page that needs nothing else: no network, no server, no second file."""

from __future__ import annotations

import base64
import datetime
import json
import os
import unicodedata
from collections import Counter
from collections.abc import Mapping
from pathlib import Path

import jinja2
from markupsafe import Markup

from imgindex.api import ImageIndex
from imgindex.errors import UsageError
from imgindex.files import display, write_atomic
from imgindex.results import Change, Look, Report
from imgindex.ui.as_text import count, presence_lines, size_text

GROUPS_WITH_PICTURES = 100
"""A page of so many pairs has some 3 MB, and one of so many large groups some 40 MB at most."""

MAX_SKIPPED_SHOWN = 500
"""More are counted by reason; `--format json` has them all."""

VERDICTS = {
    "exact": "the same bytes as the file to keep",
    "same-pixels": "another file of the same pixels",
    "near-duplicate": "proven to show the same picture",
}


def page_of(images: ImageIndex, shown: Report) -> str:
    """A report as one HTML file, with thumbnails of its first groups."""
    looks = images.thumbnails(shown, groups=GROUPS_WITH_PICTURES)
    return report_html(shown, looks, left_out=max(0, len(shown.groups) - GROUPS_WITH_PICTURES))


def write_page(target: Path, page: str) -> None:
    """Write a page, whole or not at all; UsageError where it cannot be written."""
    try:
        write_atomic(target, lambda file: file.write(page.encode()))
    except OSError as error:
        raise UsageError(f"The page {target} cannot be written: {error.strerror or error}.") from error


def report_html(report: Report, looks: Mapping[tuple[bytes, bytes], Look], *, left_out: int) -> str:
    """The page of a report; `looks` by (keeper, path), and what has none is shown without a picture.

    `left_out` counts the groups that were given no pictures, which the page says.
    """
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("imgindex.ui", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters |= {
        "count": count,
        "data_uri": _data_uri,
        "day": _day,
        "display": display,
        "exact_path": _exact_path,
        "moment": _moment,
        "points": _points,
        "shown_text": lambda text: display(os.fsencode(text)),
        "size": size_text,
        "shown_parts": _shown_parts,
    }
    groups = {change.value: [g for g in report.groups if g.change is change] for change in Change}
    reasons = Counter(skip.reason for _, skip in report.skipped).most_common()
    return environment.get_template("page.html.jinja").render(
        report=report,
        looks=looks,
        left_out=left_out,
        groups=groups,
        headline=_headline(report),
        presence=presence_lines(report),
        reasons=reasons,
        verdicts=VERDICTS,
        max_skipped=MAX_SKIPPED_SHOWN,
    )


def _headline(report: Report) -> str:
    """What is new, in a few words."""
    if report.since is None:
        return f"{count(len(report.groups), 'group')} of duplicates" if report.groups else "No duplicates"
    changes = Counter(group.change for group in report.groups)
    new, grown = changes[Change.NEW], changes[Change.GROWN]
    if not new and not grown:
        return "No new duplicates"
    parts = [f"{count(new, 'new group')}"] if new else []
    parts += [f"{count(grown, 'group')} that grew"] if grown else []
    return " and ".join(parts)


def _exact_path(path: bytes) -> str | None:
    """The path as a JSON string, for a button that copies it; None where copying could do harm or would not be exact.

    That is so for bytes that are no text, and for control characters: pasted into a terminal, a line break in a name
    runs what follows it.
    """
    try:
        text = path.decode()
    except UnicodeDecodeError:
        return None
    return None if any(unicodedata.category(c) == "Cc" for c in text) else json.dumps(text)


def _data_uri(jpeg: bytes) -> Markup:
    return Markup("data:image/jpeg;base64," + base64.b64encode(jpeg).decode())


def _points(corners: tuple[tuple[float, float], ...], look: Look) -> str:
    """Corners given as shares, as the `points` of an SVG polygon over a picture of the look's size."""
    return " ".join(f"{x * look.width_px:.1f},{y * look.height_px:.1f}" for x, y in corners)


def _shown_parts(path: bytes) -> tuple[str, str]:
    """(folder with its last slash, name), as a person sees them."""
    folder, slash, name = path.rpartition(b"/")
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
