"""Is it there, can it answer, what does it hold?"""

from __future__ import annotations

import time
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter
from starlette.responses import Response

from imgindex import clock
from imgindex.ui.http.answers import Answer
from imgindex.ui.http.models import HealthModel, ReadyModel, StatusModel
from imgindex.ui.http.routes.shared import PROBLEMS, Here

router = APIRouter(tags=["state"], responses=PROBLEMS)


@router.get("/health", response_model=HealthModel)
async def health() -> Answer:
    """Does the process answer?"""
    return Answer({"status": "ok"})


@router.get("/ready", response_model=ReadyModel)
async def ready(here: Here) -> Answer:
    """Can it answer questions? 503 with the reason while the store is opened or upgraded."""
    if here.why_not:
        return Answer({"ready": False, "reason": here.why_not}, 503, {"Retry-After": "2"})
    return Answer({"ready": True, "reason": ""})


@router.get("/status", response_model=StatusModel)
async def status(here: Here) -> Answer:
    """What the store holds: counts as in a report, and the indexed folders."""
    snapshot, _ = await here.snapshots.get()
    roots = await here.run(here.images.roots)
    folders = [
        {
            "path": root.path,
            "files": root.files,
            "scanned_at": None if root.scanned_at_s is None else clock.utc(root.scanned_at_s),
        }
        for root in roots
    ]
    report = snapshot.report
    told: dict[str, Any] = {
        "store": report.store,
        "space": report.space,
        "generated_at": report.generated_at,
        "since": report.since,
        "counts": asdict(report.counts),
        "folders": folders,
    }
    return Answer(told)


@router.get("/metrics", response_class=Response, responses={200: {"content": {"text/plain": {}}}})
async def metrics(here: Here) -> Response:
    """Numbers for Prometheus; what the store holds is as of the last report."""
    told = here.metrics
    last = here.snapshots.last if not here.why_not else None
    if last is not None:
        counts = last.report.counts
        told.images.set(counts.images)
        told.files.set(counts.files)
        told.skipped.set(counts.skipped)
        told.groups.set(counts.groups)
        told.redundant.set(counts.duplicate_files)
        told.reclaimable.set(counts.reclaimable_bytes)
        told.report_age.set(time.monotonic() - last.made_s)
        told.report_seconds.set(last.took_s)
    return Response(told.text(), media_type="text/plain; version=0.0.4; charset=utf-8")
