"""What a run of `index` did, in a person's words: what is nothing is not said."""

from __future__ import annotations

from collections.abc import Mapping

from imgindex.results import IndexSummary, IngestSummary
from imgindex.ui.words import are, count, joined, seconds_text

STAGES = {
    "scan": "looking for files",
    "hash": "reading possible copies",
    "index": "reading and describing pictures",
    "search": "searching",
    "verify": "comparing pairs",
    "weigh": "weighing copies",
}


def index_text(summary: IndexSummary, seconds: float) -> str:
    """What a run did, which took so long from the start of the command to its end."""
    lines = index_lines(summary, seconds)
    return "\n".join([*lines, "See what was found with: imgindex report"] if summary.ingest.seen else lines)


def index_lines(summary: IndexSummary, seconds: float) -> list[str]:
    i, m = summary.ingest, summary.match
    lines = [_pictures(i)]
    if i.unreadable:
        cannot = "cannot be read as a picture" if i.unreadable == 1 else "cannot be read as pictures"
        lines.append(f"{count(i.unreadable, 'file')} {cannot}; imgindex report says why.")
    if left := _left_alone(i):
        lines.append(f"Not looked at: {left}; imgindex status --ignored lists them.")
    if i.missing:
        lines.append(f"{count(i.missing, 'file')} that the store knew {are(i.missing)} gone.")
    if m.verified:
        found = f"{m.copies:,} {are(m.copies)} of copies" if m.copies else "no copies"
        lines.append(f"{count(m.verified, 'pair')} of alike pictures compared: {found}.")
    if pending := m.pending + summary.weigh.unread:
        lines.append(f"{count(pending, 'pair')} could not be read now; the next run tries again.")
    lines.append(_times(summary.seconds, seconds))
    return lines


def interrupted_text(summary: IndexSummary) -> str:
    """Where a run was interrupted, and what it kept."""
    i = summary.ingest
    kept = [count(i.embedded_images, "new picture")] if i.embedded_images else []
    kept += [count(summary.match.verified, "compared pair")] if summary.match.verified else []
    kept += [count(summary.weigh.weighed, "weighed pair")] if summary.weigh.weighed else []
    where = f" while {STAGES[summary.stopped_in]}" if summary.stopped_in in STAGES else ""
    what = f"{joined(kept)} of this run {are(len(kept) if len(kept) > 1 else _amount(kept))} kept" if kept else ""
    return f"interrupted{where}; {what or 'what was finished is kept'}, and the next run goes on from there."


def _amount(kept: list[str]) -> int:
    return 1 if kept[0].startswith("1 ") else 2


def _pictures(i: IngestSummary) -> str:
    if not i.seen:
        return "No picture was found."
    copies = i.new_copies + i.known_content
    parts = [f"{i.embedded_images:,} new"] if i.embedded_images else []
    parts += [f"{copies:,} with the content of another"] if copies else []
    parts += [f"{i.moved:,} moved"] if i.moved else []
    if not parts:
        return f"{count(i.seen - i.unreadable, 'picture')}, nothing new."
    as_before = i.unchanged - (i.unreadable - i.skipped)
    parts += [f"{as_before:,} unchanged"] if as_before else []
    return f"{count(i.seen - i.unreadable, 'picture')}: {', '.join(parts)}."


def _left_alone(i: IngestSummary) -> str:
    by_pattern = [count(i.left_out_files, "file")] if i.left_out_files else []
    by_pattern += [count(i.left_out_folders, "folder")] if i.left_out_folders else []
    parts = [f"{joined(by_pattern)} left out by patterns"] if by_pattern else []
    parts += [count(i.hidden_folders, "hidden folder")] if i.hidden_folders else []
    others = "that is no picture" if i.ignored == 1 else "that are no pictures"
    parts += [f"{count(i.ignored, 'file')} {others}"] if i.ignored else []
    return joined(parts)


def _times(stages: Mapping[str, float], seconds: float) -> str:
    parts = [f"{words} {seconds_text(stages[stage])}" for stage, words in STAGES.items() if stages.get(stage, 0) >= 1.0]
    return f"It took {seconds_text(seconds)}" + (f": {', '.join(parts)}." if parts else ".")
