"""The answers as OpenAPI describes them. Fields that `imgindex report --format json` has mean the same here."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, Field

IMAGE_ID = "e8605ae62ddd946bef56bba73435937edcab675f8ef20cdcee29fdbf2d94045f"


class Model(BaseModel):
    model_config = ConfigDict(extra="forbid")


class ErrorModel(Model):
    code: str = Field(examples=["unknown"])
    sentence: str = Field(examples=["There is no image of this id here."])
    request: str


class ProblemModel(Model):
    error: ErrorModel


class LossModel(Model):
    """One thing that would be gone; `places` are boxes (left, top, right, bottom) in shares of the picture's sides."""

    what: str = Field(examples=["detail"])
    amount: float = Field(ge=0, le=1)
    words: str = Field(examples=["half the resolution"])
    places: list[tuple[float, float, float, float]]


class MatchModel(Model):
    image: str | None = Field(description="Id of the image found.", examples=[IMAGE_ID])
    path: str
    other_paths: list[str]
    hard_links: list[str]
    verdict: str = Field(examples=["near-duplicate"])
    relation: str | None
    score: float
    cosine: float
    ssim: float | None
    transform: str | None = Field(examples=["resized 0.50x"])
    width_px: int
    height_px: int
    size_bytes: int


class CheckModel(Model):
    """`copy`: the picture is a copy of something here. `keeper`: the file to keep of the group that the best match
    belongs to, as the last report has it, or the match itself. `loss` is what goes if the picture is not stored beside
    the best match; None where it was not asked for, or could not be told."""

    copy_: bool = Field(alias="copy")
    verdict: str = Field(examples=["near-duplicate"], description="of the best match; `distinct` where there is none")
    keeper: str | None
    group: str | None = Field(description="Id of the best match's group.")
    grade: str | None = Field(description="How the picture stands below the best match: `redundant` or `edited`.")
    loss: list[LossModel] | None
    loss_of_match: list[LossModel] | None
    matches: list[MatchModel]
    added: str | None = Field(description="Where the picture was stored, where that was asked for and it is new.")


class QueryModel(Model):
    space: str
    matches: list[MatchModel]


class RegionModel(Model):
    x: int
    y: int
    width: int
    height: int
    area_px: int


class ComparisonModel(Model):
    verdict: str
    relation: str | None
    score: float
    ssim: float | None
    transform: str | None
    share_a: float
    share_b: float
    scale: float
    matrix: list[float] | None
    regions: list[RegionModel] | None


class MemberModel(Model):
    image: str | None
    path: str
    verdict: str
    score: float
    transform: str | None
    grade: str
    given: str
    loss: list[LossModel]
    differs: list[str]
    size_bytes: int
    width_px: int
    height_px: int
    new: bool
    hard_links: list[str]


class GroupModel(Model):
    id: str = Field(examples=[IMAGE_ID[:16]])
    number: int
    keeper: str
    keeper_image: str | None
    keeper_bytes: int
    width_px: int
    height_px: int
    why: list[str]
    keeper_new: bool
    keeper_hard_links: list[str]
    change: str
    reclaimable_bytes: int
    members: list[MemberModel]


class PairModel(Model):
    id: str
    image_a: str | None
    image_b: str | None
    a: str
    b: str
    verdict: str
    relation: str | None
    score: float
    cosine: float | None
    ssim: float | None
    transform: str | None
    share_a: float
    share_b: float
    loss_a: list[LossModel] | None
    loss_b: list[LossModel] | None
    grade_a: str | None
    grade_b: str | None
    differs: list[str]
    neither: bool


class FileModel(Model):
    path: str
    size_bytes: int
    modified_at_s: int
    missing: bool
    image: str | None
    reason: str | None


class ImageModel(Model):
    id: str = Field(examples=[IMAGE_ID])
    format: str
    width_px: int
    height_px: int
    mode: str
    bit_depth: int
    has_alpha: bool
    frames: int
    size_bytes: int
    files: list[FileModel]


class SkippedModel(Model):
    path: str
    reason: str
    detail: str


class ListModel(Model):
    """`total` rows match; `next_cursor` leads to the next page, None on the last. `as_of` is when the state was read,
    `current` whether the store has not changed since."""

    total: int
    next_cursor: str | None
    as_of: str
    current: bool


class GroupsModel(ListModel):
    redundant_files: int
    reclaimable_bytes: int
    groups: list[GroupModel]


class PairsModel(ListModel):
    pairs: list[PairModel]


class SkippedListModel(ListModel):
    by_reason: dict[str, int]
    skipped: list[SkippedModel]


class ResolvedModel(Model):
    keeper: str
    files: int


class NewsModel(GroupsModel):
    since: str | None
    resolved: list[ResolvedModel]


class FilesModel(Model):
    next_cursor: str | None
    files: list[FileModel]


class StatusModel(Model):
    store: str
    space: str
    generated_at: str
    since: str | None
    counts: dict[str, int]
    folders: list[dict[str, Any]]


class HealthModel(Model):
    status: str = Field(examples=["ok"])


class ReadyModel(Model):
    ready: bool
    reason: str


class JobModel(Model):
    """`state`: waiting, running, done, failed, cancelled or interrupted (the service ended in the middle of it; what it
    had finished is kept, and `resume` goes on). `rate` is in items a second, `left_s` an estimate."""

    id: str
    kind: str
    folders: list[str]
    state: str
    sentence: str
    stage: str
    done: int
    total: int | None
    rate: float | None
    left_s: float | None
    asked_at: str
    began_at: str | None
    ended_at: str | None
    resumes: str | None
    result: dict[str, Any] | None


class JobsModel(Model):
    jobs: list[JobModel]


class JobRequest(BaseModel):
    """`index` and `nightly` take folders; `check` examines the whole store."""

    kind: str = Field(pattern="^(index|nightly|check)$", examples=["index"])
    folders: list[str] = Field(default=[], max_length=100)
