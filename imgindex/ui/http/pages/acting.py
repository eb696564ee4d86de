"""The pages on which a plan is reviewed and carried out, and runs are undone."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Path, Query, Request
from starlette.responses import HTMLResponse, RedirectResponse

from imgindex.ui.http.pages.rendering import rendered
from imgindex.ui.http.routes.act import Deed, carry_out, make_plan, put_back
from imgindex.ui.http.routes.shared import Here

router = APIRouter(include_in_schema=False)

MAX_ROWS = 500
"""Of a plan: more in one page would be scrolled through, not reviewed. The rest is counted, and goes with it."""


@router.get("/plan")
async def ask(request: Request, here: Here, folder: Annotated[str, Query(max_length=4096)] = "") -> HTMLResponse:
    roots = await here.run(here.images.roots)
    return rendered(request, here, "plan.html.jinja", plan=None, folder=folder, roots=roots, max_rows=MAX_ROWS)


@router.post("/plan")
async def plan(
    here: Here, folder: Annotated[str, Form(max_length=4096)] = "", edited: Annotated[bool, Form()] = False
) -> RedirectResponse:
    here.must_write()
    number, _ = await make_plan(here, [folder] if folder else [], edited=edited)
    return RedirectResponse(f"/plans/{number}", 303)


@router.get("/plans/{plan}")
async def review(request: Request, here: Here, plan: str) -> HTMLResponse:
    made = await here.run(here.plans.get, plan)
    shown = made.files[:MAX_ROWS]
    images = await here.run(here.images.images_of, [path for one in shown for path in (one.path, one.keeper)])
    rows = [(one, images.get(one.path), images.get(one.keeper)) for one in shown]
    return rendered(
        request, here, "plan.html.jinja", plan=made, rows=rows, number=plan, folder="", roots=(), max_rows=MAX_ROWS
    )


@router.post("/plans/{plan}/apply")
async def apply(
    here: Here,
    plan: str,
    shown: Annotated[list[str], Form(max_length=MAX_ROWS)] = [],  # noqa: B006  FastAPI copies it
    go: Annotated[list[str], Form(max_length=MAX_ROWS)] = [],  # noqa: B006
) -> RedirectResponse:
    """Of what was shown, what is still ticked goes. Rows are named by their number: a name may be no text."""
    here.must_write()
    made = await here.run(here.plans.get, plan)
    left = set(shown) - set(go)
    leave = [one.path for number, one in enumerate(made.files[:MAX_ROWS]) if str(number) in left]
    await carry_out(here, plan, Deed.TRASH, leave)
    return RedirectResponse("/jobs", 303)


@router.post("/runs/{run}/undo")
async def undo(here: Here, run: Annotated[int, Path(ge=1, le=1 << 60)]) -> RedirectResponse:
    here.must_write()
    await put_back(here, run)
    return RedirectResponse("/jobs", 303)
