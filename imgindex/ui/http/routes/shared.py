"""What the routes have in common."""

from __future__ import annotations

from typing import Annotated, Any

from fastapi import Depends, Query, Request

from imgindex.ui.http.models import ProblemModel
from imgindex.ui.http.pages_of import MAX_CURSOR
from imgindex.ui.http.service import Service

API = "/api/v1"

MAX_LIMIT = 500

PROBLEMS: dict[int | str, dict[str, Any]] = {
    status: {"model": ProblemModel, "description": what}
    for status, what in {
        401: "The token is missing or wrong.",
        403: "Not from there, or not by this service.",
        404: "There is no such thing here.",
        408: "It took too long.",
        409: "Not as things are now.",
        413: "Too large.",
        421: "Not a name of this service.",
        422: "This cannot be asked.",
        429: "Too many requests; Retry-After says when.",
        503: "Not now: the store is being opened, or cannot be read.",
    }.items()
}


def service_of(request: Request) -> Service:
    """The service behind this application."""
    found: Service = request.app.state.service
    return found


Here = Annotated[Service, Depends(service_of)]
Limit = Annotated[int, Query(ge=1, le=MAX_LIMIT, description="Rows of a page.")]
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR, description="Where the page before ended.")]
Folder = Annotated[str | None, Query(max_length=4096, description="Only what has a file below this folder.")]
