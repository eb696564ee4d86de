"""Search: by a picture that is dropped, or by words."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Request
from starlette.responses import HTMLResponse

from imgindex.errors import ImgIndexError
from imgindex.results import Match, losses_text
from imgindex.ui.http.pages.rendering import rendered
from imgindex.ui.http.pages.routes import ROWS
from imgindex.ui.http.problems import Problem, of_error
from imgindex.ui.http.routes.shared import Here
from imgindex.ui.http.service import Service
from imgindex.ui.http.uploads import Asked, ImageFile, file_of
from imgindex.ui.http.wire import keeper_of

router = APIRouter(include_in_schema=False)


@router.get("/search")
async def search(request: Request, here: Here) -> HTMLResponse:
    return _found(request, here, [], {})


@router.post("/search")
async def searched(
    request: Request, here: Here, image: ImageFile = None, text: Annotated[str, Form(max_length=1000)] = ""
) -> HTMLResponse:
    upload = image if image is not None and image.size else None
    matches: list[Match] = []
    lines: list[str] = []
    sentence = ""
    try:
        if upload is not None:
            async with file_of(here, Asked(upload, None, None)) as file:
                known = await here.run(here.images.recognize, file, k=ROWS, weighed=True)
            matches = list(known.matches)
            best = known.best
            sentence = (
                "A copy of what is here" if best is not None and best.verdict.is_copy else "No copy of what is here"
            )
            if best is not None and best.verdict.is_copy:
                lines.append(f"To keep: {keeper_of(best, here.snapshots.last)}")
            if known.loss:
                lines.append(f"It alone has {losses_text(known.loss)}.")
            elif known.loss is not None:
                lines.append("Nothing would be lost without it.")
        elif text:
            matches = list(await here.run(here.images.query_text, text, k=ROWS))
            sentence = "Nearest to these words"
        else:
            raise Problem(422, "asked", "Choose a picture, or type words.")
    except (Problem, ImgIndexError) as error:
        problem = error.sentence if isinstance(error, Problem) else of_error(error).sentence
        return _found(request, here, [], {}, text=text, problem=problem)
    images = await here.run(here.images.images_of, [match.path for match in matches])
    return _found(request, here, matches, images, text=text, sentence=sentence, lines=lines)


def _found(
    request: Request,
    here: Service,
    matches: list[Match],
    images: dict[str, str],
    *,
    text: str = "",
    sentence: str = "",
    lines: list[str] | None = None,
    problem: str = "",
) -> HTMLResponse:
    return rendered(
        request,
        here,
        "search.html.jinja",
        422 if problem else 200,
        matches=[(match, images.get(match.path)) for match in matches],
        text=text,
        sentence=sentence,
        lines=lines or [],
        problem=problem,
    )
