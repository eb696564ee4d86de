"""What the last report says, in pages."""

from __future__ import annotations

from collections import Counter
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Query

from imgindex.records import Grade, Verdict
from imgindex.results import Change, Group
from imgindex.ui.http import lists, wire
from imgindex.ui.http.answers import Answer
from imgindex.ui.http.lists import GroupFilter, PairFilter
from imgindex.ui.http.models import (
    FilesModel,
    GroupModel,
    GroupsModel,
    ImageModel,
    NewsModel,
    PairModel,
    PairsModel,
    SkippedListModel,
)
from imgindex.ui.http.pages_of import Page, decoded, encoded, not_ours, page
from imgindex.ui.http.problems import unknown
from imgindex.ui.http.routes.shared import PROBLEMS, Cursor, Folder, Here, Limit
from imgindex.ui.http.snapshots import Snapshot

router = APIRouter(tags=["lists"], responses=PROBLEMS)


class PairVerdict(StrEnum):
    """The verdicts that pairs of a report have."""

    SAME_PIXELS = Verdict.SAME_PIXELS.value
    NEAR_DUPLICATE = Verdict.NEAR_DUPLICATE.value
    VARIANT = Verdict.VARIANT.value
    SIMILAR = Verdict.SIMILAR.value


@router.get("/groups", response_model=GroupsModel)
async def groups(
    here: Here,
    grade: Annotated[Grade | None, Query(description="Only groups with such a member.")] = None,
    verdict: Annotated[Verdict | None, Query(description="Only groups with a member of it.")] = None,
    change: Annotated[Change | None, Query(description="Since the last nightly report.")] = None,
    folder: Folder = None,
    least_bytes: Annotated[int, Query(ge=0, le=1 << 60, description="Only groups that free so much.")] = 0,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Answer:
    """Duplicate groups, what frees most first."""
    snapshot, current = await here.snapshots.get()
    wanted = GroupFilter(
        None if grade is None else grade.value,
        None if verdict is None else verdict.value,
        folder,
        None if change is None else change.value,
        least_bytes,
    )
    found = await here.run(lists.groups, here.snapshots, snapshot, wanted)
    return Answer(_groups(found, page(found, lists.group_key, cursor, limit), snapshot, current))


@router.get("/groups/{group}", response_model=GroupModel)
async def group(here: Here, group: str) -> Answer:
    """One group by its id, which stays the same from run to run."""
    snapshot, _ = await here.snapshots.get()
    if group not in snapshot.groups:
        raise unknown("group")
    return Answer(wire.group(snapshot.groups[group], snapshot))


@router.get("/news", response_model=NewsModel)
async def news(here: Here, cursor: Cursor = None, limit: Limit = 50) -> Answer:
    """Groups that are new or grew since the last nightly report, and those that are no more."""
    snapshot, current = await here.snapshots.get()
    found = await here.run(lists.news, here.snapshots, snapshot)
    resolved = [{"keeper": gone.keeper, "files": gone.files} for gone in snapshot.news.resolved]
    part = page(found, lists.group_key, cursor, limit)
    return Answer(_groups(found, part, snapshot, current) | {"since": snapshot.report.since, "resolved": resolved})


@router.get("/pairs", response_model=PairsModel)
async def pairs(
    here: Here,
    verdict: PairVerdict | None = None,
    neither: Annotated[bool, Query(description="Only copies of which neither stands below the other.")] = False,
    least_score: Annotated[float, Query(ge=0, le=100)] = 0.0,
    folder: Folder = None,
    cursor: Cursor = None,
    limit: Limit = 50,
) -> Answer:
    """Pairs of distinct images, the highest score first."""
    snapshot, current = await here.snapshots.get()
    wanted = PairFilter(None if verdict is None else verdict.value, folder, neither, least_score)
    found = await here.run(lists.pairs, here.snapshots, snapshot, wanted)
    part = page(found, lists.pair_key, cursor, limit)
    return Answer(_listed(part, snapshot, current) | {"pairs": [wire.pair(one, snapshot) for one in part.rows]})


@router.get("/pairs/{pair}", response_model=PairModel)
async def pair(here: Here, pair: str) -> Answer:
    """One pair by its id: those of its two images."""
    snapshot, _ = await here.snapshots.get()
    by_id = lists.pairs_by_id(here.snapshots, snapshot)
    if pair not in by_id:
        raise unknown("pair")
    return Answer(wire.pair(by_id[pair], snapshot))


@router.get("/images/{image}", response_model=ImageModel)
async def image(here: Here, image: str) -> Answer:
    """One image, and every file that shows it."""
    found = await here.run(here.images.image, image)
    if found is None:
        raise unknown("image")
    return Answer(wire.image(found))


@router.get("/files", response_model=FilesModel)
async def files(here: Here, folder: Folder = None, cursor: Cursor = None, limit: Limit = 100) -> Answer:
    """Every file that the store knows, in order of the bytes of its path."""
    after = "" if cursor is None else _path_of(cursor)
    below = None if folder is None or "\0" in folder else folder
    found = await here.run(here.images.files, after=after, limit=limit + 1, below=below)
    more = len(found) > limit
    rows = found[:limit]
    following = encoded((rows[-1].path,)) if more else None
    return Answer({"next_cursor": following, "files": [wire.listed_file(row) for row in rows]})


@router.get("/skipped", response_model=SkippedListModel)
async def skipped(
    here: Here,
    reason: Annotated[str | None, Query(max_length=100)] = None,
    folder: Folder = None,
    cursor: Cursor = None,
    limit: Limit = 100,
) -> Answer:
    """Files that were seen and not indexed, and why."""
    snapshot, current = await here.snapshots.get()
    rows = [
        (path, skip)
        for path, skip in snapshot.report.skipped
        if (reason is None or skip.reason == reason) and lists.is_below(path, folder)
    ]
    rows.sort(key=lambda row: row[0])
    part = page(rows, lambda row: (row[0],), cursor, limit)
    by_reason = Counter(skip.reason for _, skip in snapshot.report.skipped)
    shown = [wire.skipped(*row) for row in part.rows]
    return Answer(_listed(part, snapshot, current) | {"by_reason": dict(by_reason.most_common()), "skipped": shown})


def _groups(found: list[Group], part: Page[Group], snapshot: Snapshot, current: bool) -> dict[str, Any]:
    return _listed(part, snapshot, current) | {
        "redundant_files": sum(m.grade is Grade.REDUNDANT for group in found for m in group.members),
        "reclaimable_bytes": sum(group.reclaimable_bytes for group in found),
        "groups": [wire.group(one, snapshot) for one in part.rows],
    }


def _listed(part: Page[Any], snapshot: Snapshot, current: bool) -> dict[str, Any]:
    as_of = snapshot.report.generated_at
    return {"total": part.total, "next_cursor": part.next_cursor, "as_of": as_of, "current": current}


def _path_of(cursor: str) -> str:
    """The path that a page of files ended with. Raises Problem."""
    match decoded(cursor):
        case (str(path),) if "\0" not in path:
            return path
    raise not_ours()
