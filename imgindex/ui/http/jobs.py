"""Runs that write: one at a time, others in line, each in a process of its own and recorded.

A job's process ends with what it is at when the service ends, however that ends: its standard input closes. What the
records then show as running was interrupted, and a new job with the same order goes on from what was finished.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import secrets
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from imgindex import clock
from imgindex.api import ImageIndex
from imgindex.ui.http.job_records import Record, Records, State
from imgindex.ui.http.metrics import Metrics
from imgindex.ui.http.observe import LOG
from imgindex.ui.http.problems import Problem, unknown

MAX_WAITING = 50

INTERRUPTED = "The service ended in the middle of it. What was finished is kept; resume it to go on."

LINE_BYTES = 1 << 24
"""Of one message of a job: its result lists what could not be read."""

ENDING_S = 20.0
"""For a job to finish its batch when the service ends; then it is killed, which loses that batch only."""


@dataclass(slots=True, eq=False)
class Job:
    """A job as it is now; `changed` is set, and replaced, with everything that changes."""

    record: Record
    stage: str = ""
    done: int = 0
    total: int | None = None
    stage_began_s: float = 0.0
    asked_to_stop: bool = False
    process: asyncio.subprocess.Process | None = None
    changed: asyncio.Event = field(default_factory=asyncio.Event)

    @property
    def fields(self) -> dict[str, Any]:
        """As `models.JobModel` describes it."""
        r = self.record
        seconds = time.monotonic() - self.stage_began_s
        rate = self.done / seconds if r.state is State.RUNNING and self.done and seconds > 0 else None
        left = (self.total - self.done) / rate if rate and self.total is not None else None
        return {
            "id": r.id,
            "kind": r.kind,
            "folders": r.spec.get("folders", []),
            "state": r.state.value,
            "sentence": r.sentence,
            "stage": self.stage,
            "done": self.done,
            "total": self.total,
            "rate": rate,
            "left_s": left,
            "asked_at": r.asked_at,
            "began_at": r.began_at,
            "ended_at": r.ended_at,
            "resumes": r.resumes,
            "result": r.result,
        }

    def change(self) -> None:
        """Wake everybody who watches."""
        self.changed.set()
        self.changed = asyncio.Event()


class Jobs:
    """The jobs of a store; used on the event loop."""

    def __init__(self, images: ImageIndex, metrics: Metrics, run: Callable[..., Awaitable[Any]]) -> None:
        self._images = images
        self._metrics = metrics
        self._run = run
        self._records = Records(images.directory)
        self._jobs: dict[str, Job] = {}
        self._turn = asyncio.Lock()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    async def read_records(self) -> None:
        """Take up what an earlier service left; what it had not ended was interrupted."""
        for record in await self._run(self._records.read):
            if not record.state.is_over:
                record.state, record.sentence, record.ended_at = State.INTERRUPTED, INTERRUPTED, _now()
                with contextlib.suppress(OSError):
                    await self._run(self._records.put, record)
            self._jobs[record.id] = Job(record)

    @property
    def all(self) -> list[Job]:
        """Newest first."""
        return sorted(self._jobs.values(), key=lambda job: (job.record.asked_at, job.record.id), reverse=True)

    def get(self, job_id: str) -> Job:
        if job_id not in self._jobs:
            raise unknown("job")
        return self._jobs[job_id]

    async def add(self, kind: str, resumes: str | None = None, **order: Any) -> Job:
        """A new job, which runs as soon as it is its turn. Raises Problem where too many wait."""
        if sum(not job.record.state.is_over for job in self._jobs.values()) >= MAX_WAITING:
            raise Problem(429, "jobs", "Too many jobs wait already; try again when some have ended.", retry_s=60)
        spec = {"kind": kind, "store": os.fspath(self._images.directory)} | order
        record = Record(secrets.token_hex(8), kind, spec, State.WAITING, "It waits for its turn.", _now())
        record.resumes = resumes
        job = Job(record)
        self._jobs[record.id] = job
        await self._put(job)
        task = asyncio.create_task(self._take_turn(job))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        return job

    async def resume(self, job_id: str) -> Job:
        """A job with the order of one that did not come to its end."""
        record = self.get(job_id).record
        if record.state not in (State.INTERRUPTED, State.CANCELLED, State.FAILED):
            raise Problem(409, "state", f"This job is {record.state}; there is nothing to resume.")
        order = {name: value for name, value in record.spec.items() if name not in ("kind", "store")}
        return await self.add(record.kind, record.id, **order)

    async def cancel(self, job_id: str) -> Job:
        """What Ctrl-C does: the first time it finishes its batch, the second time it ends at once."""
        job = self.get(job_id)
        if job.record.state.is_over:
            raise Problem(409, "state", f"This job is {job.record.state} already.")
        if job.process is None:
            await self._end(job, State.CANCELLED, "It was cancelled before it began.")
        elif job.asked_to_stop:
            job.process.kill()
        else:
            job.record.sentence = "It was told to end, and finishes what it is at."
            _ask_to_stop(job)
            job.change()
        return job

    async def watch(self, job_id: str) -> AsyncIterator[dict[str, Any]]:
        """The job now, and again whenever it has changed, until it is over."""
        job = self.get(job_id)
        while True:
            changed, was_over = job.changed, job.record.state.is_over
            yield job.fields
            if was_over:
                return
            await changed.wait()

    async def close(self) -> None:
        """End what runs, as Ctrl-C does; what waits is found as interrupted by the next service."""
        self._closing = True
        for job in self._jobs.values():
            if job.process is not None:
                _ask_to_stop(job)
        tasks = set(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=ENDING_S)
            for job in self._jobs.values():
                if late and job.process is not None:
                    job.process.kill()
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)

    async def _take_turn(self, job: Job) -> None:
        async with self._turn:
            if not (self._closing or job.record.state.is_over):
                try:
                    await self._work(job)
                except Exception:
                    LOG.exception("job", extra={"fields": {"job": job.record.id}})
                    await self._end(job, State.FAILED, "imgindex failed on this job; its log says more.")

    async def _work(self, job: Job) -> None:
        job.record.state, job.record.began_at, job.record.sentence = State.RUNNING, _now(), "It runs."
        await self._put(job)
        job.process = process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "imgindex.ui.http.job_process",
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=LINE_BYTES,
            start_new_session=True,  # Ctrl-C is for the service, which passes it on
        )  # fmt: skip
        assert process.stdin is not None
        assert process.stdout is not None
        last: dict[str, Any] = {}
        try:
            process.stdin.write(json.dumps(job.record.spec).encode() + b"\n")
            async for line in process.stdout:
                last = json.loads(line)
                self._told(job, last)
            await process.wait()
        finally:
            job.process = None
            if process.returncode is None:
                process.kill()
        if "failed" in last:
            await self._end(job, State.FAILED, last["failed"])
        elif "result" not in last:
            state = State.CANCELLED if job.asked_to_stop else State.FAILED
            await self._end(job, state, "Its process was ended. What was finished is kept; resume it to go on.")
        elif last["stopped"]:
            job.record.result = last["result"]
            await self._end(job, State.CANCELLED, "It was told to end. What was finished is kept; resume it to go on.")
        else:
            job.record.result = last["result"]
            await self._end(job, State.DONE, "Done.")

    def _told(self, job: Job, message: dict[str, Any]) -> None:
        if "stage" in message:
            if message["stage"] != job.stage:
                job.stage_began_s = time.monotonic()
            job.stage, job.total, job.done = message["stage"], message["total"], message["done"]
        elif "said" in message:
            job.record.sentence = message["said"]
        job.change()

    async def _end(self, job: Job, state: State, sentence: str) -> None:
        job.record.state, job.record.sentence, job.record.ended_at = state, sentence, _now()
        await self._put(job)

    async def _put(self, job: Job) -> None:
        self._count()
        job.change()
        try:
            await self._run(self._records.put, job.record)
        except OSError as error:
            LOG.error("record", extra={"fields": {"job": job.record.id, "error": str(error)}})

    def _count(self) -> None:
        for state in (State.RUNNING, State.WAITING):
            count = sum(job.record.state is state for job in self._jobs.values())
            self._metrics.jobs.labels(state.value).set(count)


def _ask_to_stop(job: Job) -> None:
    job.asked_to_stop = True
    if job.process is not None and job.process.stdin is not None:
        with contextlib.suppress(OSError, RuntimeError):
            job.process.stdin.write(b"stop\n")


def _now() -> str:
    return clock.utc(clock.now_s())
