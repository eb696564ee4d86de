"""A report as text for a person, in its four parts: groups, copies of which both stay, variants, look-alikes."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence

from imgindex.files import display
from imgindex.records import Grade, Loss, Verdict
from imgindex.results import Change, Group, Member, Report, ReportedPair, losses_text
from imgindex.ui.words import count, size_text

MAX_PAIRS_SHOWN = 20
MAX_SKIPPED_SHOWN = 10
MAX_LINKS_SHOWN = 10
MAX_FOLDERS_SHOWN = 3

NOT_WEIGHED = "not weighed yet, so neither is redundant; imgindex index weighs them"


def report_text(report: Report, *, explain: bool = False) -> str:
    """A report; with `explain`, what chose the keeper of each group."""
    lines = [_summary(report), *presence_lines(report)]
    if report.since is not None:
        lines.append(_news(report))
    for group in report.groups:
        lines += ["", *_group_lines(group, known_apart=report.since is not None, explain=explain)]
    for part in (_both_stay_lines(report), _variant_lines(report), _similar_lines(report), _decided_lines(report)):
        lines += ["", *part] if part else []
    if report.links:
        lines += ["", *_link_lines(report)]
    if report.skipped:
        lines += ["", *_skipped_lines(report)]
    return "\n".join(lines)


def _summary(report: Report) -> str:
    c = report.counts
    head = f"{count(c.files, 'file')} indexed, {count(c.images, 'distinct image')}."
    stay = "stays as it is" if c.edited_files == 1 else "stay as they are"
    edited = f" {count(c.edited_files, 'edited copy', 'edited copies')} {stay}." if c.edited_files else ""
    if c.lossy_files:
        stand = "stands" if c.lossy_files == 1 else "stand"
        edited += f" {count(c.lossy_files, 'file')} {stand} below a chosen keeper at a loss, which frees nothing."
    if c.decided:
        edited += f" {count(c.decided, 'decided pair')} left out; --show-decided names them."
    if not c.duplicate_files:
        return f"{head} Nothing is redundant.{edited}"
    found = f"{count(c.duplicate_files, 'file')} {'is' if c.duplicate_files == 1 else 'are'} redundant"
    return f"{head} {found}: without them {size_text(c.reclaimable_bytes)} would be free, and nothing lost.{edited}"


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


def news_text(report: Report, *, explain: bool = False) -> str:
    """A report of what is new; with `explain`, what chose the keeper of each group."""
    lines = [_news(report), *presence_lines(report)]
    for group in report.groups:
        lines += ["", *_group_lines(group, known_apart=report.since is not None, explain=explain)]
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


def _group_lines(group: Group, *, known_apart: bool, explain: bool) -> list[str]:
    """The files of a group; with `known_apart`, which of them are new in it is said, with `explain`, what chose the
    keeper."""
    grown = known_apart and group.change is Change.GROWN
    change = f" ({group.change.value})" if known_apart and group.change is not Change.KNOWN else ""
    head = f"Group {group.number}{change}: keep  {display(group.keeper)}"
    lines = [
        head + ("  (new)" if grown and group.keeper_new else ""),
        f"    {group.width_px} x {group.height_px}, {size_text(group.keeper_bytes)}",
        *([f"    why: {'; '.join(group.why)}"] if group.why else []),
        *([f"    chosen by: {group.chosen_by}", f"    id for imgindex decide --group: {group.id}"] if explain else []),
        *_not_followed_lines(group),
        *_also_named(group.keeper_links),
    ]
    for member in group.members:
        lines += _member_lines(group, member, is_new=grown and member.new)
    return lines


def _not_followed_lines(group: Group) -> list[str]:
    if (rule := group.not_followed) is None:
        return []
    lost = losses_text(rule.loss)
    lacks = f"the keeper alone has {lost}" if lost else "signs say that it was made from the keeper"
    return [
        f"    the rule {rule.rule} would keep  {display(rule.path)}",
        f"    and is not followed: {lacks} (--even-if-lost follows it)",
    ]


def _member_lines(group: Group, m: Member, *, is_new: bool) -> Iterator[str]:
    yield f"  {m.grade.value:9s}  {display(m.path)}" + ("  (new)" if is_new else "")
    what = [m.verdict.value if m.verdict is not Verdict.NEAR_DUPLICATE else f"near-duplicate {m.score:.1f}"]
    what += [m.transform] if m.transform else []
    yield f"    {', '.join([*what, *m.differs])}; {m.width_px} x {m.height_px}, {size_text(m.size_bytes)}"
    if m.given != group.keeper:
        yield f"    of  {display(m.given)}"
    if m.loss or m.grade is Grade.AT_A_LOSS:
        yield f"    {loses_text(m.loss)}"
    yield from _also_named(m.links)


def loses_text(losses: Sequence[Loss]) -> str:
    """What goes with a file, as a sentence without its end."""
    lost = losses_text(losses)
    return f"it alone has {lost}" if lost else "signs say that what is kept was made from it"


def _also_named(links: Sequence[str]) -> list[str]:
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


def _both_stay_lines(report: Report) -> list[str]:
    return _pair_lines("Copies of which neither stands below the other", report.both_stay, 0, which_has_what)


def which_has_what(pair: ReportedPair) -> Iterator[str]:
    """What turns one of two copies into the other, and what each alone has, in sentences."""
    yield ", ".join([*([pair.transform] if pair.transform else []), *pair.differs])
    if pair.both_kept:
        yield pair.both_kept
        return
    if pair.loss_a is None or pair.loss_b is None:
        yield NOT_WEIGHED
        return
    for name, losses in (("first", pair.loss_a), ("second", pair.loss_b)):
        if losses:
            yield f"the {name} alone has {losses_text(losses)}"
    if not pair.loss_a and not pair.loss_b:
        yield "nothing tells which was made from the other"


def _variant_lines(report: Report) -> list[str]:
    title = "Variants: one scene or layout, and something else in it"
    return _pair_lines(title, report.variants, 0, lambda pair: [", ".join(pair.differs)])


def _similar_lines(report: Report) -> list[str]:
    return _pair_lines("Alike, but not copies", report.similar, report.counts.similar_left_out, lambda pair: [])


def _decided_lines(report: Report) -> list[str]:
    def said(pair: ReportedPair) -> list[str]:
        return [f"{pair.verdict.value}; decided: {'' if pair.decided is None else pair.decided.value}"]

    return _pair_lines("Decided", report.decided, 0, said)


def _pair_lines(
    title: str, pairs: Sequence[ReportedPair], left_out: int, more: Callable[[ReportedPair], Iterable[str]]
) -> list[str]:
    """A part of the report that lists pairs, each with what `more` says of it; none where there are none."""
    if not pairs:
        return []
    lines = [f"{title} ({count(len(pairs) + left_out, 'pair')}):"]
    for pair in pairs[:MAX_PAIRS_SHOWN]:
        lines += [f"  {pair.score:5.1f}  {display(pair.a)}", f"         {display(pair.b)}"]
        lines += [f"         {sentence}" for sentence in more(pair) if sentence]
    rest = max(0, len(pairs) - MAX_PAIRS_SHOWN) + left_out
    if rest > 0:
        hint = "--similar N shows more of each image, " if left_out else ""
        lines.append(f"  and {rest:,} more; {hint}--format json has all that are kept")
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
