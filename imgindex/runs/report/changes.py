"""What is new in a report since the last nightly one: groups, members, and groups that are no more."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace

from imgindex.records import Grade
from imgindex.results import Change, Group, Report, Resolved
from imgindex.store.reported import ReportedFile


@dataclass(slots=True)
class OldGroup:
    """A group as the last nightly report had it."""

    keeper: ReportedFile | None = None
    content: dict[str, bytes] = field(default_factory=dict)


def with_changes(
    groups: Sequence[Group],
    content: Mapping[str, bytes],
    last: Iterable[ReportedFile],
    unsure: Collection[str] = (),
    decided: Collection[bytes] = (),
) -> tuple[tuple[Group, ...], tuple[Resolved, ...]]:
    """The groups with what is new in them marked, and the groups of the last report that are no more.

    `content` is the sha256 by path of every file in `groups`. A group is known again by its keeper's content, or else
    by the files that it shares with an old one, most first. A file that took another's place (moved, renamed) is not
    new. Of two groups that became one, the files of the smaller are new in it. A group with a file that is `unsure`
    (out of reach now) may come back, and is not said to be no more; nor is one of which a person `decided` something
    (by contents), who knows why it is no more.
    """
    old = _old_groups(last)
    by_keeper = {group.keeper.sha256: number for number, group in old.items() if group.keeper is not None}
    holders: dict[bytes, list[int]] = {}
    for number, was in old.items():
        for sha256 in set(was.content.values()):
            holders.setdefault(sha256, []).append(number)
    seen: set[int] = set()
    marked = []
    for group in groups:
        paths = paths_of_group(group)
        sharing = Counter(number for sha256 in {content[p] for p in paths} for number in holders.get(sha256, ()))
        seen.update(sharing)
        known = by_keeper.get(content[group.keeper])
        if known is None and sharing:
            known = min(sharing, key=lambda number: (-sharing[number], number))
        marked.append(group if known is None else _marked(group, _new_paths(paths, content, old[known])))
    gone = [
        was
        for number, was in old.items()
        if number not in seen
        and was.content.keys().isdisjoint(unsure)
        and set(was.content.values()).isdisjoint(decided)
    ]
    resolved = [Resolved(_named(was), len(was.content)) for was in gone]
    return tuple(marked), tuple(sorted(resolved, key=lambda r: r.keeper))


def _old_groups(last: Iterable[ReportedFile]) -> dict[int, OldGroup]:
    old: dict[int, OldGroup] = {}
    for file in last:
        group = old.setdefault(file.group_number, OldGroup())
        group.content[os.fsdecode(file.path)] = file.sha256
        if file.is_keeper:
            group.keeper = file
    return old


def _named(was: OldGroup) -> str:
    return min(was.content) if was.keeper is None else os.fsdecode(was.keeper.path)


def _new_paths(paths: Sequence[str], content: Mapping[str, bytes], was: OldGroup) -> set[str]:
    """Those of `paths` that are neither in the old group nor in the place of one that left it."""
    here = set(paths)
    places = Counter(sha256 for path, sha256 in was.content.items() if path not in here)
    new = set()
    for path in paths:
        if path in was.content:
            continue
        if places[content[path]]:
            places[content[path]] -= 1
        else:
            new.add(path)
    return new


def _marked(group: Group, new: set[str]) -> Group:
    return replace(
        group,
        members=tuple(replace(member, new=member.path in new) for member in group.members),
        keeper_new=group.keeper in new,
        change=Change.GROWN if new else Change.KNOWN,
    )


def only_new(report: Report) -> Report:
    """The report without groups that were reported as they are; pairs are those of the groups that are left."""
    groups = tuple(group for group in report.groups if group.change is not Change.KNOWN)
    named = {path for group in groups for path in paths_of_group(group)}
    copies = tuple(p for p in report.pairs if p.verdict.is_copy and p.a in named and p.b in named)
    links = tuple(names for names in report.links if names[0] in named)
    counts = replace(
        report.counts,
        pairs=len(copies),
        groups=len(groups),
        duplicate_files=redundant_files(groups),
        reclaimable_bytes=sum(group.reclaimable_bytes for group in groups),
        similar_left_out=0,
        edited_files=files_of_grade(groups, Grade.EDITED),
        lossy_files=files_of_grade(groups, Grade.AT_A_LOSS),
        variants=0,
        not_weighed=0,
        decided=0,
        hard_links=sum(len(names) - 1 for names in links),
    )
    return replace(report, counts=counts, groups=groups, pairs=copies, skipped=(), links=links)


def redundant_files(groups: Iterable[Group]) -> int:
    """How many files can go without a loss."""
    return files_of_grade(groups, Grade.REDUNDANT)


def files_of_grade(groups: Iterable[Group], grade: Grade) -> int:
    """How many members of the groups stand below their keeper so."""
    return sum(member.grade is grade for group in groups for member in group.members)


def paths_of(report: Report) -> list[bytes]:
    """Every file of the report's groups, as the store names it."""
    return [os.fsencode(path) for group in report.groups for path in paths_of_group(group)]


def files_of(report: Report, content: Mapping[bytes, bytes]) -> list[ReportedFile]:
    """Every file of the report's groups whose content is known, as the next nightly report needs to know it."""
    return [
        ReportedFile(path, group.number, content[path], path == os.fsencode(group.keeper))
        for group in report.groups
        for path in map(os.fsencode, paths_of_group(group))
        if path in content
    ]


def carried(
    named: Sequence[ReportedFile], last: Iterable[ReportedFile], unsure: Collection[bytes]
) -> list[ReportedFile]:
    """What the next nightly report needs to know of the last one beside `named`, the files of this one: groups with a
    file that is out of reach now are no news when it is back."""
    numbers = {file.sha256: file.group_number for file in named}
    paths = {file.path for file in named}
    groups: dict[int, list[ReportedFile]] = {}
    for file in last:
        groups.setdefault(file.group_number, []).append(file)
    fresh = max(numbers.values(), default=0)
    found = []
    for files in groups.values():
        if all(file.path not in unsure for file in files):
            continue
        known = next((numbers[file.sha256] for file in files if file.sha256 in numbers), None)
        if known is None:
            fresh += 1
            found += [replace(file, group_number=fresh) for file in files if file.path not in paths]
        else:
            away = [file for file in files if file.path in unsure and file.path not in paths]
            found += [replace(file, group_number=known, is_keeper=False) for file in away]
    return found


def paths_of_group(group: Group) -> list[str]:
    """Every file of a group, the keeper first."""
    return [group.keeper, *(member.path for member in group.members)]
