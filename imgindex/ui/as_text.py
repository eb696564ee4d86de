"""What a nightly run did, query answers and the state of a store as text for a person."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from typing import Any

from imgindex import clock
from imgindex.files import display
from imgindex.results import Comparison, Finding, IndexSummary, LeftAlone, Match, Report, Status
from imgindex.ui.report_text import news_text
from imgindex.ui.run_text import index_lines
from imgindex.ui.words import count, size_text


def nightly_text(summary: IndexSummary, report: Report, seconds: float) -> str:
    """What a nightly run did, and what is new in its report."""
    return "\n".join([*index_lines(summary, seconds), "", news_text(report)])


def status_text(status: Status) -> str:
    """What a store holds."""
    lines = [
        f"Store    {status.store} ({size_text(status.database_bytes)})",
        f"Model    {status.model or 'none yet'}" + (f" ({status.precision})" if status.precision else ""),
        f"Files    {status.files:,} indexed, showing {count(status.images, 'distinct image')}",
        f"Missing  {status.missing:,}",
        f"Skipped  {status.skipped:,}"
        + (": " + ", ".join(f"{reason} {n:,}" for reason, n in status.skipped_by_reason) if status.skipped else ""),
    ]
    if status.left_out:
        lines.append(f"Left out {status.left_out:,}, by patterns or in hidden folders; imgindex status --ignored")
    for root in status.roots:
        scanned = "never completely" if root.scanned_at_s is None else clock.local(root.scanned_at_s)
        lines.append(f"Folder   {display(root.path)}: {count(root.files, 'file')}, scanned {scanned}")
    return "\n".join(lines)


def settings_text(found: Mapping[str, tuple[Any, str]]) -> str:
    """Each setting, its value, and where that comes from."""
    shown = {name: display(os.fsencode(_value_text(value))) for name, (value, _) in found.items()}
    names, values = (max(map(len, column)) for column in (shown, shown.values()))
    return "\n".join(f"{name:{names}}  {shown[name]:{values}}  {origin}" for name, (_, origin) in found.items())


def _value_text(value: Any) -> str:
    """A value as it is written in a file of settings, but for quotes."""
    if isinstance(value, (list, tuple)):
        return ", ".join(map(_value_text, value)) or "(none)"
    return str(value).lower() if isinstance(value, bool) else str(value)


MAX_LEFT_ALONE_SHOWN = 20

LEFT_ALONE = {
    "excluded": "Excluded by patterns of the settings",
    "ignore-file": "Left out by patterns of an .imgindexignore file",
    "not-included": "Matched by no pattern of those to include",
    "hidden": "Hidden folders; name one to index it",
    "system": "Trash, thumbnails and what other programs keep",
    "store": "The store itself",
    "link": "Links, which are not followed, and folders seen by another path",
    "no-picture": "No pictures",
}


def left_alone_text(ignored: Sequence[LeftAlone]) -> str:
    """What is left alone, by reason."""
    lines = []
    for reason, title in LEFT_ALONE.items():
        own = [left for left in ignored if left.reason == reason]
        lines += ["", f"{title} ({len(own):,}):"] if own else []
        for left in own[:MAX_LEFT_ALONE_SHOWN]:
            pattern = f"  ({display(left.pattern)})" if left.pattern else ""
            lines.append(f"  {display(left.path)}{'/' if left.is_folder else ''}{pattern}")
        if len(own) > MAX_LEFT_ALONE_SHOWN:
            lines.append(f"  and {len(own) - MAX_LEFT_ALONE_SHOWN:,} more; --format json has them all")
    return "\n".join(lines or ["", "Nothing is left alone."])


def check_text(findings: Sequence[Finding]) -> str:
    """What `check` found, and how to mend it."""
    if not findings:
        return "The store is whole."
    lines = []
    for found in findings:
        lines.append(found.sentence)
        lines.append("    mended" if found.repaired else f"    {found.mend}")
    left = [found for found in findings if not found.repaired]
    if any(found.repairable for found in left):
        lines.append("Mend what can be rebuilt with: imgindex check --repair")
    elif not left:
        lines.append("All is mended; the next run of imgindex index makes again what was removed.")
    return "\n".join(lines)


def matches_text(matches: list[Match]) -> str:
    if not matches:
        return "The store has no image to compare with."
    lines = []
    for place, match in enumerate(matches, 1):
        lines.append(f"{place:3d}.  {match.score:5.1f}  {match.verdict.value:14s}  {display(match.path)}")
        details = [f"{match.width_px} x {match.height_px}", size_text(match.size_bytes)]
        if match.transform:
            details.append(match.transform)
        lines.append(" " * 13 + ", ".join(details))
        lines += [" " * 13 + f"same bytes: {display(path)}" for path in match.other_paths]
        lines += [" " * 13 + f"also named (hard link): {display(path)}" for path in match.hard_links]
    return "\n".join(lines)


def comparison_text(found: Comparison) -> str:
    """The verdict on one pair, why, and where the two differ."""
    o = found.outcome
    lines = [
        f"{o.verdict.value}, score {o.score:.1f}",
        f"first   {found.first.width_px} x {found.first.height_px}, {found.first.format}",
        f"second  {found.second.width_px} x {found.second.height_px}, {found.second.format}",
    ]
    if found.regions is None:
        lines.append("The two could not be laid on each other.")
        return "\n".join(lines)
    if o.transform:
        lines.append(f"transform: {o.transform}")
    if o.relation:
        lines.append(
            f"relation: {o.relation.value} (shared: {o.share_a:.0%} of the first, {o.share_b:.0%} of the second)"
        )
    if not found.regions:
        lines.append("No region differs visibly.")
    else:
        lines.append(f"{count(len(found.regions), 'region')} differ, in pixels of the first:")
        lines += [f"  {r.width} x {r.height} at ({r.x}, {r.y})" for r in found.regions]
    lines += [f"wrote {path}" for path in found.written]
    return "\n".join(lines)
