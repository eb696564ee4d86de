"""What looks like this picture, and is it a copy of anything here?"""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Form, Query

from imgindex import api
from imgindex.ui.as_json import comparison_fields
from imgindex.ui.http import wire
from imgindex.ui.http.answers import Answer
from imgindex.ui.http.models import CheckModel, ComparisonModel, QueryModel
from imgindex.ui.http.problems import Problem
from imgindex.ui.http.routes.shared import PROBLEMS, Here
from imgindex.ui.http.uploads import Asked, IdField, ImageFile, PathField, file_of

router = APIRouter(tags=["ask"], responses=PROBLEMS)

MAX_ANSWERS = 100

Answers = Annotated[int, Query(ge=1, le=MAX_ANSWERS, description="How many answers.")]


@router.post("/check", response_model=CheckModel)
async def check(
    here: Here,
    image: ImageFile = None,
    path: PathField = None,
    id: IdField = None,
    loss: Annotated[bool, Query(description="Weigh the picture against the best match, too.")] = False,
    k: Answers = 5,
) -> Answer:
    """Is this picture a copy of anything here? What an upload form asks before it stores one."""
    async with file_of(here, Asked(image, path, id)) as file:
        found = await here.run(here.images.recognize, file, k=k, weighed=loss)
    images = await here.run(here.images.images_of, [match.path for match in found.matches])
    return Answer(wire.recognition(found, images, here.snapshots.last, None))


@router.post("/query", response_model=QueryModel)
async def query(
    here: Here,
    image: ImageFile = None,
    path: PathField = None,
    id: IdField = None,
    text: Annotated[str | None, Form(max_length=1000, description="Or words, with a CLIP model.")] = None,
    k: Answers = 10,
) -> Answer:
    """What looks like this picture, or like these words? Proven copies first."""
    if text and not (image or path or id):
        matches = await here.run(here.images.query_text, text, k=k)
    else:
        if text:
            raise Problem(422, "asked", "Give a picture or words, and not both.")
        async with file_of(here, Asked(image, path, id)) as file:
            matches = await here.run(here.images.query, file, k=k)
    images = await here.run(here.images.images_of, [match.path for match in matches])
    space = await here.run(lambda: here.images.space)
    return Answer({"space": space, "matches": [wire.match(one, images) for one in matches]})


@router.post("/compare", response_model=ComparisonModel)
async def compare(
    here: Here,
    image_a: ImageFile = None,
    path_a: PathField = None,
    id_a: IdField = None,
    image_b: ImageFile = None,
    path_b: PathField = None,
    id_b: IdField = None,
) -> Answer:
    """Are these two copies? Neither need be in the store."""
    async with (
        file_of(here, Asked(image_a, path_a, id_a)) as a,
        file_of(here, Asked(image_b, path_b, id_b)) as b,
    ):
        found = await here.run(api.compare, a, b, workers=here.images.workers)
    return Answer(comparison_fields(found))
