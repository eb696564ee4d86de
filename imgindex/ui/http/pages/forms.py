"""The forms of the pages: what they do, and where they lead next."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from imgindex.ui.http.pages.rendering import rendered
from imgindex.ui.http.pages.routes import folders_page
from imgindex.ui.http.problems import Problem
from imgindex.ui.http.routes.shared import Here
from imgindex.ui.http.routes.work import folders_to_index
from imgindex.ui.http.tokens import COOKIE, SESSION_S, Sessions, session_of

router = APIRouter(include_in_schema=False)


@router.post("/jobs", response_model=None)
async def add(
    request: Request,
    here: Here,
    kind: Annotated[str, Form(pattern="^(index|nightly|check)$")],
    folder: Annotated[list[str], Form(max_length=100)] = [],  # noqa: B006  FastAPI copies it
) -> Response:
    here.must_write()
    if kind == "check":
        await here.jobs.add("check")
        return RedirectResponse("/jobs", 303)
    try:
        await here.jobs.add(kind, folders=await folders_to_index(here, folder))
    except Problem as problem:
        return await folders_page(request, here, problem.sentence, folder[0] if folder else "")
    return RedirectResponse("/", 303)


@router.post("/jobs/{job}/cancel")
async def cancel(here: Here, job: str) -> RedirectResponse:
    here.must_write()
    await here.jobs.cancel(job)
    return RedirectResponse("/jobs", 303)


@router.post("/jobs/{job}/resume")
async def resume(here: Here, job: str) -> RedirectResponse:
    here.must_write()
    await here.jobs.resume(job)
    return RedirectResponse("/jobs", 303)


@router.get("/login")
async def login(request: Request, here: Here) -> HTMLResponse:
    return rendered(request, here, "login.html.jinja", problem="")


@router.post("/login", response_model=None)
async def log_in(request: Request, here: Here, token: Annotated[str, Form(max_length=200)]) -> Response:
    """Change the token for a cookie, which scripts cannot read and other sites cannot make a browser send."""
    sessions: Sessions | None = request.app.state.sessions
    if sessions is None:
        return RedirectResponse("/", 303)
    try:
        session = sessions.begin(token)
    except Problem as problem:
        return rendered(request, here, "login.html.jinja", problem.status, problem=problem.sentence)
    if session is None:
        return rendered(request, here, "login.html.jinja", 401, problem="That is not the token of this service.")
    answer = RedirectResponse("/", 303)
    secure = request.url.scheme == "https"
    answer.set_cookie(COOKIE, session, max_age=SESSION_S, httponly=True, samesite="strict", secure=secure)
    return answer


@router.post("/logout")
async def log_out(request: Request) -> RedirectResponse:
    sessions: Sessions | None = request.app.state.sessions
    session = session_of(request.cookies)
    if sessions is not None and session is not None:
        sessions.end(session)
    answer = RedirectResponse("/login", 303)
    answer.delete_cookie(COOKIE, httponly=True, samesite="strict")
    return answer
