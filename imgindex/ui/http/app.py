"""The application: what can be asked, and what each request passes before it is."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from fastapi import FastAPI
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp

from imgindex import __version__
from imgindex.api import ImageIndex
from imgindex.errors import ImgIndexError
from imgindex.ui.http.answers import Answer
from imgindex.ui.http.bounds import Bounded
from imgindex.ui.http.guard import Guarded
from imgindex.ui.http.observe import UNFORESEEN, Observed
from imgindex.ui.http.pages import acting, deciding, forms, routes, searching
from imgindex.ui.http.pages.rendering import rendered
from imgindex.ui.http.problems import Problem, of_error
from imgindex.ui.http.routes import act, ask, decide, lists, pictures, state, work
from imgindex.ui.http.routes.shared import API
from imgindex.ui.http.service import Service
from imgindex.ui.http.settings import Settings
from imgindex.ui.http.tokens import Admitted, Sessions

DESIGN = Path(__file__).parents[1] / "design.css"

DESCRIPTION = (
    "Finds duplicate pictures and proves it. A path below is always one of the machine that the service is on."
)


def create_app(
    opened: Callable[[], ImageIndex],
    settings: Settings,
    *,
    token_digest: bytes | None = None,
    failed: Callable[[ImgIndexError], None] = lambda error: None,
) -> ASGIApp:
    """The service as an ASGI application. `opened` opens the index, in a thread; `failed` is told where that fails.

    Where `settings` need a token, `token_digest` is that of it (`tokens.kept`); ValueError where it is missing.
    """
    if settings.needs_token and token_digest is None:
        raise ValueError("a service that other machines reach needs a token")
    service = Service(opened, settings, failed)

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        await service.start()
        yield
        await service.stop()

    app = FastAPI(
        title="imgindex",
        version=__version__,
        description=DESCRIPTION,
        lifespan=lifespan,
        docs_url=None,  # its page loads scripts from elsewhere
        redoc_url=None,
        openapi_url=f"{API}/openapi.json",
        max_body_size=settings.limits.body_bytes,
        default_response_class=Answer,
    )
    app.state.service = service
    app.state.sessions = sessions = (
        None if token_digest is None else Sessions(token_digest, attempts=settings.limits.attempts)
    )
    for room in (state, ask, lists, pictures, work, act, decide):
        app.include_router(room.router, prefix=API)
    for shown in (routes, searching, forms, acting, deciding):
        app.include_router(shown.router)
    app.mount("/static", StaticFiles(packages=[("imgindex.ui.http", "static")]))
    app.add_api_route("/design.css", _design, include_in_schema=False)
    app.add_exception_handler(Problem, _answer_problem)
    app.add_exception_handler(ImgIndexError, _answer_problem)
    app.add_exception_handler(HTTPException, _answer_http)
    app.add_exception_handler(Exception, _answer_unforeseen)
    app.add_exception_handler(RequestValidationError, _answer_invalid)
    layers: ASGIApp = Bounded(app, settings.limits, service.metrics)
    if sessions is not None and settings.needs_token:
        layers = Admitted(layers, sessions)
    return Observed(Guarded(layers, settings), service.metrics)


async def _design() -> Response:
    """The design that the report's page has, too."""
    return Response(DESIGN.read_bytes(), media_type="text/css", headers={"Cache-Control": "no-cache"})


async def _answer_problem(request: Request, error: Exception) -> Response:
    """A Problem, or an error of imgindex: JSON for programs, a page for people."""
    problem = error if isinstance(error, Problem) else of_error(error)  # type: ignore[arg-type]
    if request.url.path.startswith(API) or "text/html" not in request.headers.get("accept", ""):
        return problem.answer(request.scope)
    heading = "There is no such page" if problem.status == 404 else "Not now"
    here = request.app.state.service
    return rendered(request, here, "problem.html.jinja", problem.status, heading=heading, sentence=problem.sentence)


async def _answer_http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    answer = await _answer_problem(request, Problem(error.status_code, "http", f"{error.detail}."))
    answer.headers.update(error.headers or {})
    return answer


async def _answer_unforeseen(request: Request, error: Exception) -> Answer:
    """`Observed` writes it into the log."""
    return UNFORESEEN.answer(request.scope)


async def _answer_invalid(request: Request, error: Exception) -> Answer:
    """What does not fit its description, in one sentence; what was sent is not repeated."""
    assert isinstance(error, RequestValidationError)
    first = error.errors()[0]
    where = ".".join(str(part) for part in first["loc"] if isinstance(part, str))
    return Problem(422, "asked", f"{where}: {first['msg']}.").answer(request.scope)
