"""Reports, query answers and the state of a store as text for a person."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from imgindex import clock
from imgindex.files import display
from imgindex.records import Verdict
from imgindex.results import Change, Comparison, Finding, Group, IndexSummary, Match, Report, ReportedPair, Status

MAX_PAIRS_SHOWN = 20
MAX_SKIPPED_SHOWN = 10
MAX_LINKS_SHOWN = 10
MAX_FOLDERS_SHOWN = 3

UNITS = ("bytes", "kB", "MB", "GB", "TB")


def size_text(size_bytes: int) -> str:
    """1,234,567 -> "1.2 MB", decimal units."""
    value = float(size_bytes)
    for unit in UNITS:
        if value < 1000 or unit == UNITS[-1]:
            return f"{size_bytes} bytes" if unit == "bytes" else f"{value:.1f} {unit}"
        value /= 1000
    raise AssertionError("unreachable")


def report_text(report: Report) -> str:
    lines = [_summary(report), *presence_lines(report)]
    if report.since is not None:
        lines.append(_news(report))
    for group in report.groups:
        lines += ["", *_group_lines(group, known_apart=report.since is not None)]
    similar = [pair for pair in report.pairs if pair.verdict is Verdict.SIMILAR]
    if similar:
        lines += ["", *_similar_lines(similar, report.counts.similar_left_out)]
    if report.links:
        lines += ["", *_link_lines(report)]
    if report.skipped:
        lines += ["", *_skipped_lines(report)]
    return "\n".join(lines)


def _summary(report: Report) -> str:
    c = report.counts
    head = f"{count(c.files, 'file')} indexed, {count(c.images, 'distinct image')}."
    if not c.groups:
        return f"{head} No duplicates."
    return (
        f"{head} {count(c.duplicate_files, 'duplicate')} in {count(c.groups, 'group')}: "
        f"removing them would free {size_text(c.reclaimable_bytes)}."
    )


def presence_lines(report: Report) -> list[str]:
    """What a report leaves out because it is not there now."""
    c = report.counts
    lines = []
    if c.away:
        folders = ", ".join(display(folder) for folder, _ in report.away[:MAX_FOLDERS_SHOWN])
        more = len(report.away) - MAX_FOLDERS_SHOWN
        named = f"{folders} and {count(more, 'other folder')}" if more > 0 else folders
        lines.append(
            f"{count(c.away, 'file')} {'is' if c.away == 1 else 'are'} away ({named} cannot be looked at as it was "
            "indexed; is its disk mounted?) and in no group."
        )
    if c.outdated:
        lines.append(
            f"{count(c.outdated, 'file')} {'is' if c.outdated == 1 else 'are'} gone, or changed since indexed, and in "
            "no group; imgindex index brings the store up to date."
        )
    return lines


def nightly_text(summary: IndexSummary, report: Report) -> str:
    """What a nightly run did, and what is new in its report."""
    return "\n".join([*_index_lines(summary), "", news_text(report)])


def news_text(report: Report) -> str:
    """A report of what is new."""
    lines = [_news(report), *presence_lines(report)]
    for group in report.groups:
        lines += ["", *_group_lines(group, known_apart=report.since is not None)]
    for gone in report.resolved[:MAX_PAIRS_SHOWN]:
        lines += ["", f"Resolved: {count(gone.files, 'file')} around  {display(gone.keeper)}"]
    if len(report.resolved) > MAX_PAIRS_SHOWN:
        lines += ["", f"and {len(report.resolved) - MAX_PAIRS_SHOWN} more groups resolved"]
    if report.groups:
        lines += ["", "All groups: imgindex report"]
    return "\n".join(lines)


def _news(report: Report) -> str:
    changes = Counter(group.change for group in report.groups)
    since = "So far" if report.since is None else f"Since {report.since}"
    if not (changes[Change.NEW] or changes[Change.GROWN] or report.resolved):
        return f"{since}: nothing new."
    parts = [count(changes[Change.NEW], "new group")]
    if report.since is not None:
        parts += [f"{count(changes[Change.GROWN], 'group')} grew", f"{count(len(report.resolved), 'group')} resolved"]
    return f"{since}: {', '.join(parts)}."


def _group_lines(group: Group, *, known_apart: bool) -> list[str]:
    """The files of a group; with `known_apart`, which of them are new in it is said."""
    grown = known_apart and group.change is Change.GROWN
    change = f" ({group.change.value})" if known_apart and group.change is not Change.KNOWN else ""
    lines = [
        f"Group {group.id}{change}: keep  {display(group.keeper)}" + ("  (new)" if grown and group.keeper_new else ""),
        f"    {group.width_px} x {group.height_px}, {size_text(group.keeper_bytes)}",
        *_also_named(group.keeper_links),
    ]
    for m in group.members:
        what = m.verdict.value if m.verdict is not Verdict.NEAR_DUPLICATE else f"near-duplicate {m.score:.1f}"
        turned = f", {m.transform}" if m.transform else ""
        lines.append(f"  {display(m.path)}" + ("  (new)" if grown and m.new else ""))
        lines.append(f"    {what}{turned}; {m.width_px} x {m.height_px}, {size_text(m.size_bytes)}")
        lines += _also_named(m.links)
    return lines


def _also_named(links: Sequence[bytes]) -> list[str]:
    return [f"    also named (hard link)  {display(path)}" for path in links]


def _link_lines(report: Report) -> list[str]:
    """Files of several names that no group shows: they are no duplicates."""
    grouped = {path for group in report.groups for path in (group.keeper, *(m.path for m in group.members))}
    left = [names for names in report.links if names[0] not in grouped]
    lines = [f"Hard links: {count(report.counts.hard_links, 'further name')} of files; removing one frees nothing."]
    for first, *others in left[:MAX_LINKS_SHOWN]:
        lines += [f"  {display(first)}", *_also_named(others)]
    if len(left) > MAX_LINKS_SHOWN:
        lines.append(f"  and {count(len(left) - MAX_LINKS_SHOWN, 'other file')}; --format json has them all")
    return lines


def _similar_lines(similar: list[ReportedPair], left_out: int) -> list[str]:
    lines = [f"Alike, but not copies ({count(len(similar) + left_out, 'pair')}):"]
    for pair in similar[:MAX_PAIRS_SHOWN]:
        lines.append(f"  {pair.score:5.1f}  {display(pair.a)}")
        lines.append(f"         {display(pair.b)}")
    rest = len(similar) - MAX_PAIRS_SHOWN + left_out
    if rest > 0:
        lines.append(f"  and {rest} more; --similar N shows more of each image, --format json all that are kept")
    return lines


def _skipped_lines(report: Report) -> list[str]:
    lines = [f"Not indexed ({count(len(report.skipped), 'file')}):"]
    for path, skip in report.skipped[:MAX_SKIPPED_SHOWN]:
        lines.append(f"  {display(path)}")
        lines.append(f"    {skip.detail}")
    if len(report.skipped) > MAX_SKIPPED_SHOWN:
        by_reason = Counter(skip.reason for _, skip in report.skipped).most_common()
        lines.append("  all by reason: " + ", ".join(f"{reason} {n}" for reason, n in by_reason))
    return lines


def index_text(summary: IndexSummary) -> str:
    """What a run of `index` did."""
    return "\n".join([*_index_lines(summary), "See them with: imgindex report"])


def _index_lines(summary: IndexSummary) -> list[str]:
    i, m = summary.ingest, summary.match
    lines = [
        f"{count(i.seen, 'picture file')} found: {i.embedded_images:,} new, {i.new_copies:,} equal to a new one, "
        f"{i.known_content:,} of known content, {i.moved:,} moved, {i.unchanged:,} unchanged, "
        f"{i.skipped:,} not readable as pictures ({i.ignored:,} other files left alone)."
    ]
    if i.missing:
        lines.append(f"{count(i.missing, 'file')} that the store knew are no longer there.")
    lines.append(f"{count(m.verified, 'candidate pair')} verified: {m.copies:,} proven to be copies.")
    if m.pending:
        lines.append(f"{count(m.pending, 'pair')} could not be read now; the next run tries again.")
    lines.append(_times(summary.seconds))
    return lines


STAGES = {
    "scan": "looking for files",
    "hash": "reading possible copies",
    "index": "reading and describing pictures",
    "search": "searching",
    "verify": "verifying pairs",
}


def _times(seconds: dict[str, float]) -> str:
    parts = [f"{STAGES[stage]} {seconds_text(taken)}" for stage, taken in seconds.items() if taken >= 1.0]
    return f"It took {seconds_text(sum(seconds.values()))}" + (f": {', '.join(parts)}." if parts else ".")


def seconds_text(seconds: float) -> str:
    """75.2 -> "1 min 15 s"."""
    whole = round(seconds)
    minutes, rest = divmod(whole, 60)
    return f"{minutes} min {rest} s" if minutes else f"{whole} s"


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
    for root in status.roots:
        scanned = "never completely" if root.scanned_at_s is None else clock.local(root.scanned_at_s)
        lines.append(f"Folder   {display(root.path)}: {count(root.files, 'file')}, scanned {scanned}")
    return "\n".join(lines)


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


def count(n: int, noun: str) -> str:
    """1 -> "1 file", 1234 -> "1,234 files"."""
    return f"{n:,} {noun}" if n == 1 else f"{n:,} {noun}s"
