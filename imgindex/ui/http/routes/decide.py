"""What a person decided of two pictures."""

from __future__ import annotations

from dataclasses import asdict
from typing import Annotated, Any

from fastapi import APIRouter
from pydantic import BaseModel, Field

from imgindex.records import DecisionKind
from imgindex.results.decided import Deciding
from imgindex.ui.http.answers import Answer
from imgindex.ui.http.models import Model
from imgindex.ui.http.routes.shared import PROBLEMS, Here
from imgindex.ui.http.service import Service
from imgindex.ui.http.uploads import file_of_image

router = APIRouter(tags=["decide"], responses=PROBLEMS)

ImageId = Annotated[str, Field(max_length=64)]


class DecisionRequest(BaseModel):
    """Of two images or more, by their ids; of `keeper`, the first stays. `undecided` takes it back."""

    kind: DecisionKind
    images: list[ImageId] = Field(min_length=2, max_length=100)
    note: str = Field(default="", max_length=1000)


class DecidedModel(Model):
    """`pairs` of contents that were decided; `lossy` files have what the one that stays lacks."""

    pairs: int
    lossy: list[dict[str, Any]]
    unproven: list[str]
    unread: int


class DecisionsModel(Model):
    decisions: list[dict[str, Any]]


@router.post("/decisions", response_model=DecidedModel)
async def decide(here: Here, asked: DecisionRequest) -> Answer:
    """Say what images are to each other. It holds for their contents, whatever becomes of names and the index."""
    here.must_write()
    said = await decide_images(here, asked.images, asked.kind, asked.note)
    lossy = [{"path": path, "loss": [asdict(loss) for loss in losses]} for path, losses in said.lossy]
    return Answer({"pairs": said.pairs, "lossy": lossy, "unproven": list(said.unproven), "unread": said.unread})


@router.get("/decisions", response_model=DecisionsModel)
async def decisions(here: Here) -> Answer:
    """What was said last of each two contents, in the order in which it was said."""
    return Answer({"decisions": [asdict(one) for one in await here.run(here.images.decisions)]})


async def decide_images(here: Service, images: list[str], kind: DecisionKind, note: str = "") -> Deciding:
    """Decide on images by their ids. Raises Problem where one is not here, or a job is writing."""
    files = [await here.run(file_of_image, here, image) for image in images]
    return await here.run(here.images.decide, *files, kind=kind, note=note)
