"""The pages that show: lists, the viewer, search; `forms` has those that do something."""

from __future__ import annotations

from collections import Counter
from dataclasses import asdict, dataclass
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Query, Request
from starlette.responses import HTMLResponse

from imgindex import clock
from imgindex.records import Verdict
from imgindex.results import Group
from imgindex.ui.http import lists
from imgindex.ui.http.lists import GroupFilter, PairFilter
from imgindex.ui.http.pages.rendering import rendered
from imgindex.ui.http.pages.viewing import View, group_view, pair_view
from imgindex.ui.http.pages_of import Page, page
from imgindex.ui.http.problems import unknown
from imgindex.ui.http.routes.shared import Cursor, Here
from imgindex.ui.http.service import Service
from imgindex.ui.http.snapshots import Snapshot
from imgindex.ui.words import count

router = APIRouter(include_in_schema=False)

ROWS = 24
"""Of a page: what a person looks at before asking for more."""

JOBS_SHOWN = 5
RUNS_SHOWN = 50


@dataclass(frozen=True, slots=True)
class Tab:
    """A list of the report: what it shows, and what it says of it."""

    shows: GroupFilter | PairFilter
    title: str
    lead: str


TABS = {
    "/redundant": Tab(
        GroupFilter(grade="redundant"), "Redundant", "Files without which nothing would be lost, by what they free."
    ),
    "/edited": Tab(
        GroupFilter(grade="edited"),
        "Edited copies",
        "They look different on purpose, and stay unless you decide otherwise.",
    ),
    "/both": Tab(
        PairFilter(neither=True),
        "Both stay",
        "Copies of which neither stands below the other: each has something of its own, or nothing tells which was "
        "made from the other.",
    ),
    "/variants": Tab(
        PairFilter(verdict="variant"),
        "Variants",
        "One scene, layout or template, and something else in it: these are no copies.",
    ),
    "/similar": Tab(
        PairFilter(verdict="similar"), "Look-alikes", "Close to each other, and not proven to show one picture."
    ),
}

NONE = "There are none."


async def folders_page(request: Request, here: Service, problem: str = "", given: str = "") -> HTMLResponse:
    snapshot, current = await here.snapshots.get()
    roots = await here.run(here.images.roots)
    folders = [
        {"path": root.path, "files": root.files, "scanned_at": root.scanned_at_s and clock.utc(root.scanned_at_s)}
        for root in roots
    ]
    return rendered(
        request,
        here,
        "folders.html.jinja",
        422 if problem else 200,
        counts=snapshot.report.counts,
        folders=folders,
        snapshot=snapshot,
        current=current,
        jobs=[job.fields for job in here.jobs.all[:JOBS_SHOWN]],
        problem=problem,
        given=given,
    )


@router.get("/")
async def folders(request: Request, here: Here) -> HTMLResponse:
    return await folders_page(request, here)


@router.get("/redundant")
@router.get("/edited")
async def groups(request: Request, here: Here, cursor: Cursor = None) -> HTMLResponse:
    tab = TABS[request.url.path]
    assert isinstance(tab.shows, GroupFilter)
    snapshot, current = await here.snapshots.get()
    found = await here.run(lists.groups, here.snapshots, snapshot, tab.shows)
    part = page(found, lists.group_key, cursor, ROWS)
    title = f"{tab.title}: {count(part.total, 'group')}"
    return _list(request, here, snapshot, current, title, tab.lead, NONE, part, groups=part.rows)


@router.get("/both")
@router.get("/variants")
@router.get("/similar")
async def pairs(request: Request, here: Here, cursor: Cursor = None) -> HTMLResponse:
    tab = TABS[request.url.path]
    assert isinstance(tab.shows, PairFilter)
    snapshot, current = await here.snapshots.get()
    found = await here.run(lists.pairs, here.snapshots, snapshot, tab.shows)
    part = page(found, lists.pair_key, cursor, ROWS)
    title = f"{tab.title}: {count(part.total, 'pair')}"
    return _list(request, here, snapshot, current, title, tab.lead, NONE, part, pairs=part.rows)


@router.get("/news")
async def news(request: Request, here: Here, cursor: Cursor = None) -> HTMLResponse:
    snapshot, current = await here.snapshots.get()
    found = await here.run(lists.news, here.snapshots, snapshot)
    part = page(found, lists.group_key, cursor, ROWS)
    since = snapshot.report.since
    lead = (
        f"Since the last nightly report of {since[:10]}." if since else "There was no nightly report yet: all is new."
    )
    resolved = snapshot.news.resolved if cursor is None else ()
    return _list(
        request, here, snapshot, current, "News", lead, "Nothing new.", part, groups=part.rows, resolved=resolved
    )


@router.get("/groups/{group}")
async def group(
    request: Request, here: Here, group: str, member: Annotated[int, Query(ge=0, le=1 << 40)] = 0
) -> HTMLResponse:
    snapshot, _ = await here.snapshots.get()
    if group not in snapshot.groups:
        raise unknown("group")
    found = snapshot.groups[group]
    order = await here.run(lists.groups, here.snapshots, snapshot, GroupFilter())
    places = here.snapshots.filtered(snapshot, "places", lambda: {one.id: at for at, one in enumerate(order)})
    at = places[group]
    return await _viewer(
        request,
        here,
        group_view(snapshot, found, min(member, len(found.members) - 1)),
        before=f"/groups/{order[at - 1].id}" if at else "",
        after=f"/groups/{order[at + 1].id}" if at + 1 < len(order) else "",
        back=_tab_of(found),
    )


@router.get("/pairs/{pair}")
async def pair(request: Request, here: Here, pair: str) -> HTMLResponse:
    snapshot, _ = await here.snapshots.get()
    by_id = lists.pairs_by_id(here.snapshots, snapshot)
    if pair not in by_id:
        raise unknown("pair")
    found = by_id[pair]
    back = "/both" if found.neither else "/variants" if found.verdict is Verdict.VARIANT else "/similar"
    return await _viewer(request, here, pair_view(snapshot, found), before="", after="", back=back)


@router.get("/skipped")
async def skipped(
    request: Request, here: Here, reason: Annotated[str, Query(max_length=100)] = "", cursor: Cursor = None
) -> HTMLResponse:
    snapshot, _ = await here.snapshots.get()
    every = snapshot.report.skipped
    rows = sorted((row for row in every if not reason or row[1].reason == reason), key=lambda row: row[0])
    part = page(rows, lambda row: (row[0],), cursor, ROWS)
    return rendered(
        request,
        here,
        "skipped.html.jinja",
        total=len(every),
        reason=reason,
        by_reason=Counter(skip.reason for _, skip in every).most_common(),
        rows=part.rows,
        more=_more(request, part, reason=reason),
    )


@router.get("/jobs")
async def jobs(request: Request, here: Here) -> HTMLResponse:
    roots = [root.path for root in await here.run(here.images.roots)]
    runs = await here.run(here.images.runs)
    every = [job.fields for job in here.jobs.all]
    return rendered(request, here, "jobs.html.jinja", jobs=every, roots=roots, runs=runs[:RUNS_SHOWN])


def _list(
    request: Request,
    here: Service,
    snapshot: Snapshot,
    current: bool,
    title: str,
    lead: str,
    empty: str,
    part: Page[Any],
    **rows: Any,
) -> HTMLResponse:
    shown = {"groups": (), "pairs": (), "resolved": ()} | rows
    return rendered(
        request,
        here,
        "list.html.jinja",
        title=title,
        lead=lead,
        empty=empty,
        snapshot=snapshot,
        current=current,
        more=_more(request, part),
        plans=request.url.path == "/redundant" and part.total > 0,
        **shown,
    )


def _more(request: Request, part: Page[Any], **parameters: str) -> str:
    """The address of the next page; empty on the last."""
    if part.next_cursor is None:
        return ""
    given = {name: value for name, value in parameters.items() if value}
    return f"{request.url.path}?{urlencode(given | {'cursor': part.next_cursor})}"


def _tab_of(group: Group) -> str:
    return "/redundant" if group.reclaimable_bytes else "/edited"


async def _viewer(request: Request, here: Service, view: View, **steps: Any) -> HTMLResponse:
    """The two pictures of a view, with what the store knows of their images."""
    sides = []
    for side in (view.first, view.second):
        found = None if side.image is None else await here.run(here.images.image, side.image)
        others = () if found is None or view.is_one_image else found.files
        paths = [side.path, *(file.path for file in others if not file.missing and file.path != side.path)]
        sides.append(asdict(side) | {"paths": paths, "format": "" if found is None else found.info.format})
    return rendered(request, here, "viewer.html.jinja", **view.words, first=sides[0], second=sides[1], **steps)
