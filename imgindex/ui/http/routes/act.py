"""Plan, act and undo: what the command line does, with the same checks. Nothing is removed for good from here."""

from __future__ import annotations

import json
from dataclasses import asdict
from enum import StrEnum
from typing import Annotated, Any

from fastapi import APIRouter, Path
from pydantic import BaseModel, Field

from imgindex import api
from imgindex.acts import Action, Plan
from imgindex.ui.http.answers import Answer
from imgindex.ui.http.jobs import Job
from imgindex.ui.http.models import JobModel, Model
from imgindex.ui.http.problems import Problem
from imgindex.ui.http.routes.shared import PROBLEMS, Here
from imgindex.ui.http.service import Service

router = APIRouter(tags=["act"], responses=PROBLEMS)


class Deed(StrEnum):
    """What can be done from here: what `undo` brings back. The command line can do more."""

    TRASH = Action.TRASH.value
    HARDLINK = Action.HARDLINK.value


class PlanRequest(BaseModel):
    """Redundant files below these folders, all where there are none; with `edited`, edited copies, too."""

    folders: list[str] = Field(default=[], max_length=100)
    edited: bool = False
    min_score: float = Field(default=0.0, ge=0, le=100)


class RunRequest(BaseModel):
    """`leave` are copies of the plan that stay after all."""

    plan: str = Field(max_length=16)
    action: Deed = Deed.TRASH
    leave: list[str] = Field(default=[], max_length=100_000)


class PlanModel(Model):
    id: str
    imgindex_plan: int
    store: str
    space: str
    made_at: str
    counts: dict[str, int]
    files: list[dict[str, Any]]
    left_out: list[dict[str, Any]]


class RunsModel(Model):
    runs: list[dict[str, Any]]


@router.post("/plans", response_model=PlanModel)
async def plan(here: Here, asked: PlanRequest) -> Answer:
    """Which files may go, and why. Nothing is touched."""
    here.must_write()
    number, made = await make_plan(here, asked.folders, edited=asked.edited, min_score=asked.min_score)
    return Answer({"id": number} | json.loads(api.plan_json(made)))


@router.get("/plans/{plan}", response_model=PlanModel)
async def get_plan(here: Here, plan: str) -> Answer:
    made = await here.run(here.plans.get, plan)
    return Answer({"id": plan} | json.loads(api.plan_json(made)))


@router.post("/runs", response_model=JobModel, status_code=202)
async def run(here: Here, asked: RunRequest) -> Answer:
    """Carry a plan out, as a job: each file is read and compared with its keeper again before it goes."""
    here.must_write()
    return Answer((await carry_out(here, asked.plan, asked.action, asked.leave)).fields, 202)


@router.get("/runs", response_model=RunsModel)
async def runs(here: Here) -> Answer:
    """What was done to files, the last run first."""
    return Answer({"runs": [asdict(one) for one in await here.run(here.images.runs)]})


@router.post("/runs/{run}/undo", response_model=JobModel, status_code=202)
async def undo(here: Here, run: Annotated[int, Path(ge=1, le=1 << 60)]) -> Answer:
    """Put back what a run did, as a job."""
    here.must_write()
    return Answer((await put_back(here, run)).fields, 202)


async def make_plan(here: Service, folders: list[str], *, edited: bool, min_score: float = 0.0) -> tuple[str, Plan]:
    """(the id of a new plan, the plan). Raises Problem."""
    if any("\0" in folder or not folder for folder in folders):
        raise Problem(422, "asked", "Name folders by their whole paths.")
    made = await here.run(here.images.plan, folders, edited=edited, min_score=min_score)
    try:
        return await here.run(here.plans.put, made), made
    except OSError as error:
        raise Problem(503, "store", f"The plan cannot be kept: {error.strerror or error}.") from error


async def carry_out(here: Service, plan: str, deed: Deed, leave: list[str]) -> Job:
    """A job that acts on the files of a plan. Raises Problem."""
    path = await here.run(here.plans.path, plan)
    return await here.jobs.add("apply", plan=str(path), action=deed.value, leave=leave)


async def put_back(here: Service, run: int) -> Job:
    """A job that undoes a run. Raises Problem where there is none of this number."""
    if run not in {one.run for one in await here.run(here.images.runs)}:
        raise Problem(404, "unknown", "There is no run of this number.")
    return await here.jobs.add("undo", run=run)
