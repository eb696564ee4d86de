"""The lists of a report, filtered and sorted: what both the API and the page show."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from imgindex.records import Verdict
from imgindex.results import Change, Group, ReportedPair
from imgindex.ui.http.snapshots import Snapshot, Snapshots, paths_of


@dataclass(frozen=True, slots=True)
class GroupFilter:
    """grade    `redundant` or `edited`: groups that have such a member
    verdict  groups that have a member of it
    folder   groups of which a file is below it
    change   `new`, `grown` or `known` since the last nightly report
    least_bytes  that the group frees
    """

    grade: str | None = None
    verdict: str | None = None
    folder: str | None = None
    change: str | None = None
    least_bytes: int = 0


@dataclass(frozen=True, slots=True)
class PairFilter:
    """`neither`: only copies of which neither stands below the other."""

    verdict: str | None = None
    folder: str | None = None
    neither: bool = False
    least_score: float = 0.0


def group_key(group: Group) -> tuple[Any, ...]:
    """What frees most comes first; each group has another one."""
    return -group.reclaimable_bytes, -min(member.score for member in group.members), group.keeper


def pair_key(pair: ReportedPair) -> tuple[Any, ...]:
    """The most certain first; each pair has another one."""
    return -pair.score, pair.a, pair.b


def groups(snapshots: Snapshots, snapshot: Snapshot, wanted: GroupFilter) -> list[Group]:
    """The groups of a report, sorted by `group_key`."""

    def make() -> list[Group]:
        return sorted((group for group in snapshot.report.groups if _is_wanted(group, wanted)), key=group_key)

    return snapshots.filtered(snapshot, wanted, make)


def news(snapshots: Snapshots, snapshot: Snapshot) -> list[Group]:
    """The groups that are new, or grew, since the last nightly report, sorted by `group_key`."""
    return snapshots.filtered(snapshot, "news", lambda: sorted(snapshot.news.groups, key=group_key))


def pairs(snapshots: Snapshots, snapshot: Snapshot, wanted: PairFilter) -> list[ReportedPair]:
    """The pairs of a report, sorted by `pair_key`. Byte-equal files are in groups."""

    def make() -> list[ReportedPair]:
        found = (pair for pair in snapshot.report.pairs if _is_wanted_pair(pair, wanted))
        return sorted(found, key=pair_key)

    return snapshots.filtered(snapshot, wanted, make)


def pairs_by_id(snapshots: Snapshots, snapshot: Snapshot) -> dict[str, ReportedPair]:
    """Every pair of the report by its id."""
    return snapshots.filtered(
        snapshot, "pairs by id", lambda: {snapshot.pair_id(pair): pair for pair in snapshot.report.pairs}
    )


def is_below(path: str, folder: str | None) -> bool:
    text = path
    return folder is None or text == folder or text.startswith(folder.rstrip("/") + "/")


def _is_wanted(group: Group, wanted: GroupFilter) -> bool:
    return (
        group.reclaimable_bytes >= wanted.least_bytes
        and (wanted.grade is None or any(m.grade.value == wanted.grade for m in group.members))
        and (wanted.verdict is None or any(m.verdict.value == wanted.verdict for m in group.members))
        and (wanted.change is None or group.change is Change(wanted.change))
        and (wanted.folder is None or any(is_below(path, wanted.folder) for path in paths_of(group)))
    )


def _is_wanted_pair(pair: ReportedPair, wanted: PairFilter) -> bool:
    return (
        pair.verdict is not Verdict.EXACT
        and pair.score >= wanted.least_score
        and (not wanted.neither or pair.neither)
        and (wanted.verdict is None or pair.verdict.value == wanted.verdict)
        and (wanted.folder is None or is_below(pair.a, wanted.folder) or is_below(pair.b, wanted.folder))
    )
