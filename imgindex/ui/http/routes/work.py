"""Jobs: runs that write, one at a time."""

from __future__ import annotations

import asyncio
import json
import os
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from fastapi import APIRouter
from fastapi.sse import format_sse_event
from starlette.responses import StreamingResponse

from imgindex.ui.http.answers import Answer
from imgindex.ui.http.models import JobModel, JobRequest, JobsModel
from imgindex.ui.http.problems import Problem
from imgindex.ui.http.routes.shared import PROBLEMS, Here
from imgindex.ui.http.service import Service

router = APIRouter(tags=["jobs"], responses=PROBLEMS)

STREAM: dict[int | str, dict[str, Any]] = {200: {"content": {"text/event-stream": {"schema": {"type": "string"}}}}}

PING_S = 15.0
"""Between two comments on a stream of which nothing changes: proxies close what is silent."""

PAUSE_S = 0.25
"""Between two events at least."""


@router.post("/jobs", response_model=JobModel, status_code=202)
async def add(here: Here, asked: JobRequest) -> Answer:
    """Index folders, or examine the store. It runs when it is its turn; its events tell how far it is."""
    here.must_write()
    if asked.kind == "check":
        job = await here.jobs.add("check")
    else:
        job = await here.jobs.add(asked.kind, folders=await folders_to_index(here, asked.folders))
    return Answer(job.fields, 202)


@router.get("/jobs", response_model=JobsModel)
async def jobs(here: Here) -> Answer:
    """The last jobs, newest first."""
    return Answer({"jobs": [job.fields for job in here.jobs.all]})


@router.get("/jobs/{job}", response_model=JobModel)
async def job(here: Here, job: str) -> Answer:
    return Answer(here.jobs.get(job).fields)


@router.post("/jobs/{job}/cancel", response_model=JobModel)
async def cancel(here: Here, job: str) -> Answer:
    """As Ctrl-C: it finishes its batch. A second time, it ends at once and loses that."""
    here.must_write()
    return Answer((await here.jobs.cancel(job)).fields)


@router.post("/jobs/{job}/resume", response_model=JobModel, status_code=202)
async def resume(here: Here, job: str) -> Answer:
    """A new job that goes on with one that did not come to its end."""
    here.must_write()
    return Answer((await here.jobs.resume(job)).fields, 202)


@router.get("/jobs/{job}/events", response_class=StreamingResponse, responses=STREAM)
async def events(here: Here, job: str) -> StreamingResponse:
    """The job as JSON, whenever it has changed, until it is over."""
    here.jobs.get(job)
    return StreamingResponse(_events(here, job), media_type="text/event-stream")


async def _events(here: Service, job: str) -> AsyncIterator[bytes]:
    watched = here.jobs.watch(job)
    following = asyncio.ensure_future(anext(watched, None))
    try:
        while True:
            await asyncio.wait([following], timeout=PING_S)
            if not following.done():
                yield format_sse_event(comment="still there")
                continue
            fields = following.result()
            if fields is None:
                return
            yield format_sse_event(data_str=json.dumps(fields), event="job")
            await asyncio.sleep(PAUSE_S)
            following = asyncio.ensure_future(anext(watched, None))
    finally:
        following.cancel()


async def folders_to_index(here: Service, folders: list[str]) -> list[str]:
    """The folders with their links resolved. Raises Problem where one is none that a client may have indexed."""
    if not folders:
        raise Problem(422, "asked", "Say which folders.")
    return [await here.run(_folder_to_index, here, folder) for folder in folders]


def _folder_to_index(here: Service, folder: str) -> str:
    refused = Problem(
        403, "folder", "This service may not index that folder; name it, or one above it, when you start the service."
    )
    if not os.path.isabs(folder) or "\0" in folder or len(folder) > 4096:
        raise Problem(422, "asked", "Name a folder by its whole path, from the root: /home/me/Pictures")
    try:
        real = Path(os.path.realpath(folder))
    except (OSError, ValueError) as error:
        raise refused from error
    allowed = [Path(os.path.realpath(one)) for one in here.settings.folders]
    allowed += [Path(root.path) for root in here.images.roots()]
    if not any(real.is_relative_to(one) for one in allowed):
        raise refused
    if not real.is_dir():
        raise Problem(422, "folder", "There is no such folder; check the spelling, or mount its disk.")
    return os.fspath(real)
