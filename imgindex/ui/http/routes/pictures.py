"""Pictures to look at, by the id of their image: drawn small in worker processes, or the original's own bytes."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Annotated, Any
from urllib.parse import quote

from fastapi import APIRouter, Query, Request
from starlette.responses import Response

from imgindex.api.looking import Laid
from imgindex.ui.http.answers import Answer
from imgindex.ui.http.models import Model
from imgindex.ui.http.problems import Problem, unknown
from imgindex.ui.http.routes.shared import PROBLEMS, Here
from imgindex.ui.http.service import Service

JPEG: dict[int | str, dict[str, Any]] = {
    200: {"content": {"image/jpeg": {"schema": {"type": "string", "format": "binary"}}}},
    304: {"description": "Not changed: an image of one id never is."},
}

BYTES: dict[int | str, dict[str, Any]] = {
    200: {"content": {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}}
}

router = APIRouter(tags=["pictures"], responses=PROBLEMS)

THUMBNAIL_PX, PREVIEW_PX, MAX_PX = 360, 1600, 2400

FOR_GOOD = "private, max-age=31536000, immutable"
"""An id is the digest of the bytes: what is drawn of them stays the same."""

ONE_ORIGINAL = asyncio.Semaphore(1)
"""An original is read whole, and may be large."""

Side = Annotated[int, Query(ge=16, le=MAX_PX, description="Longer side at most, in pixels.")]
Other = Annotated[str, Query(alias="with", max_length=64, description="Id of the image that is laid on this one.")]


class OutlinesModel(Model):
    width_px: int
    height_px: int
    regions: list[list[tuple[float, float]]]
    own: list[list[tuple[float, float]]]


@router.get("/images/{image}/thumbnail", response_class=Response, responses=JPEG)
async def thumbnail(here: Here, request: Request, image: str) -> Response:
    """A picture for a list."""
    return await _drawn(here, request, image, THUMBNAIL_PX)


@router.get("/images/{image}/preview", response_class=Response, responses=JPEG)
async def preview(here: Here, request: Request, image: str, side: Side = PREVIEW_PX) -> Response:
    """A picture for a screen."""
    return await _drawn(here, request, image, side)


@router.get("/images/{image}/original", response_class=Response, responses=BYTES)
async def original(here: Here, image: str) -> Response:
    """The bytes of one of its files, to be saved: they are a stranger's, and no browser is to show them here."""
    async with ONE_ORIGINAL:
        found = await here.run(here.images.original, image)
    if found is None:
        raise unknown("image")
    name, data = found
    headers = {"Content-Disposition": f"attachment; filename*=utf-8''{quote(name, safe='', errors='replace')}"}
    headers |= {"Content-Security-Policy": "sandbox", "Cache-Control": "private, no-cache"}
    return Response(data, media_type="application/octet-stream", headers=headers)


@router.get("/images/{image}/laid", response_class=Response, responses=JPEG)
async def laid(here: Here, request: Request, image: str, other: Other, side: Side = PREVIEW_PX) -> Response:
    """The other image in the frame of this one, as their proven map says; grey where it shows nothing of it."""
    return await _part(here, request, image, other, side, "laid", lambda made: made.second)


@router.get("/images/{image}/difference", response_class=Response, responses=JPEG)
async def difference(here: Here, request: Request, image: str, other: Other, side: Side = PREVIEW_PX) -> Response:
    """Where the other image differs from this one: white where it does not."""
    return await _part(here, request, image, other, side, "difference", lambda made: made.difference)


@router.get("/images/{image}/outlines", response_model=OutlinesModel)
async def outlines(here: Here, image: str, other: Other, side: Side = PREVIEW_PX) -> Answer:
    """Outlines of what differs, in shares of this picture's sides (`regions`) and of the other's (`own`)."""
    made = await _laid(here, image, other, side)
    return Answer({"width_px": made.width_px, "height_px": made.height_px, "regions": made.regions, "own": made.own})


async def _drawn(here: Service, request: Request, image: str, side_px: int) -> Response:
    etag = f'"{image}-{side_px}"'
    key = (image, side_px)
    jpeg = here.drawn.get(key)
    if jpeg is None:
        jpeg = await here.run(here.images.picture, image, long_side_px=side_px)
        if jpeg is None:
            raise unknown("image")
        here.drawn.put(key, jpeg)
    return _picture(request, jpeg, etag)


async def _part(
    here: Service, request: Request, image: str, other: str, side_px: int, name: str, part: Callable[[Laid], bytes]
) -> Response:
    etag = f'"{image}-{other}-{side_px}-{name}"'
    key = (image, other, side_px, name)
    jpeg = here.drawn.get(key)
    if jpeg is None:
        made = await _laid(here, image, other, side_px)
        jpeg = part(made)
        here.drawn.put(key, jpeg)
    return _picture(request, jpeg, etag)


async def _laid(here: Service, image: str, other: str, side_px: int) -> Laid:
    made = await here.run(here.images.laid, image, other, long_side_px=side_px)
    if made is None:
        raise Problem(404, "unknown", "Nothing is known of how these two lie on each other.")
    return made


def _picture(request: Request, jpeg: bytes, etag: str) -> Response:
    headers = {"ETag": etag, "Cache-Control": FOR_GOOD}
    if etag in (given.strip() for given in request.headers.get("if-none-match", "").split(",")):
        return Response(status_code=304, headers=headers)
    return Response(jpeg, media_type="image/jpeg", headers=headers)
