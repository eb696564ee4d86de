"""The viewer's decisions: what two pictures are to each other, and taking that back."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Form
from starlette.responses import RedirectResponse

from imgindex.records import DecisionKind
from imgindex.ui.http.routes.decide import decide_images
from imgindex.ui.http.routes.shared import Here

router = APIRouter(include_in_schema=False)

ImageField = Annotated[str, Form(max_length=64)]
Next = Annotated[str, Form(pattern=r"^/[a-z]*(/[0-9a-f-]*)?$", max_length=200)]
"""Where to go on: a page of this service, and nothing else."""


@router.post("/decide")
async def decide(
    here: Here,
    first: ImageField,
    second: ImageField,
    kind: Annotated[DecisionKind, Form()],
    onward: Next = "/redundant",
) -> RedirectResponse:
    """Decide, and show the next; what was said can be taken back there. Of KEEPER, the second stays."""
    here.must_write()
    images = [second, first] if kind is DecisionKind.KEEPER else [first, second]
    await decide_images(here, images, kind)
    await here.snapshots.fresh()
    told = {"decided": kind.value, "first": first, "second": second}
    return RedirectResponse(onward if kind is DecisionKind.UNDECIDED else f"{onward}?{urlencode(told)}", 303)
