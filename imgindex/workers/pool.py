"""Processes that do what may crash, hang or eat memory: decoding untrusted files.

Each worker process has its own pipe and its own thread in the parent, so that the death of one in the
middle of an answer harms no other, and answers are taken in while the parent computes. The next small item is sent
before the last one is answered: a worker need not wait for a busy parent. See `process` for what a worker
is.
"""

from __future__ import annotations

import os
import threading
from collections import deque
from collections.abc import Callable, Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from queue import SimpleQueue
from types import TracebackType
from typing import Any

from imgindex.ports import Item, Result
from imgindex.skips import Skipped
from imgindex.workers.process import CLOSED, Died, Process, pickled

TIMEOUT_S = 120.0
"""Time for one file. JPEG 2000, the slowest decoder, took 3.2 s for 24 megapixels on a busy machine with two
cores, which is 40 s for the 300 that the pixel limit allows; a decoder that hangs costs this once a run."""

LOOK_AHEAD = 4
"""Items given out per worker, and LOOK_AHEAD_BASE for all, before the first of them is taken: enough to work
on while the parent is busy, few enough to hold their results in memory."""

LOOK_AHEAD_BASE = 32

IN_WORKER = 2
"""Small items at a worker: the one that it works on and the next."""

SMALL_BYTES = 4096
"""A message of this size never waits for a worker that is busy: every system's socket has room for two."""


class WorkerProcesses:
    """`ports.Workers` in at most `jobs` processes, each started when one more is needed. Close it, or use it in a
    `with` block. A worker that dies, hangs or runs out of memory costs its own item only, which gets a Skipped."""

    def __init__(self, jobs: int, *, timeout_s: float = TIMEOUT_S) -> None:
        self._jobs = jobs
        self._timeout_s = timeout_s
        self._todo: deque[_Task] = deque()
        self._changed = threading.Condition()
        self._threads: list[threading.Thread] = []
        self._processes: set[Process] = set()
        self._idle = 0
        self._closed = False

    @property
    def jobs(self) -> int:
        """How many processes there are at most."""
        return self._jobs

    def run(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """See `ports.Workers.run`; `function` is sent once to each worker."""
        given = self._look_ahead if ahead is None else ahead * self._jobs
        return self._outcomes(_Run(pickled(function)), items, given, in_order=True)

    def as_completed(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int = 0
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """See `ports.Workers.as_completed`; at least LOOK_AHEAD for each worker are begun before the first is taken."""
        return self._outcomes(_Run(pickled(function), early=True), items, max(ahead, self._look_ahead), in_order=False)

    @property
    def _look_ahead(self) -> int:
        return LOOK_AHEAD_BASE + LOOK_AHEAD * self._jobs

    def _outcomes(self, run: _Run, items: Iterable[Item], ahead: int, *, in_order: bool) -> Iterator[tuple[Item, Any]]:
        given = taken = 0
        try:
            for item in items:
                self._give(_Task(run, given, item))
                given += 1
                if given - taken >= ahead:
                    yield run.take(taken if in_order else None)
                    taken += 1
            while taken < given:
                yield run.take(taken if in_order else None)
                taken += 1
        finally:
            run.abandoned = True

    def close(self) -> None:
        """Kill the workers; what they were doing is lost. May be called twice."""
        with self._changed:
            self._closed = True
            self._refuse_all()
            processes, self._processes = self._processes, set()
            self._changed.notify_all()
        for process in processes:
            process.kill()
        for thread in self._threads:
            thread.join()
        for process in processes:
            process.reap()

    def __enter__(self) -> WorkerProcesses:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _give(self, task: _Task) -> None:
        with self._changed:
            if self._closed:
                raise RuntimeError(CLOSED)
            self._todo.append(task)
            self._changed.notify()
            if len(self._threads) < self._jobs and len(self._todo) > self._idle:
                name = f"imgindex-worker-{len(self._threads)}"
                self._threads.append(threading.Thread(target=self._serve, name=name, daemon=True))
                self._threads[-1].start()

    def _serve(self) -> None:
        """The life of one worker's thread: it gives tasks, takes answers, and replaces the worker where that died."""
        process: Process | None = None
        sent: deque[_Task] = deque()
        while True:
            task = self._next_task(sent)
            if task is None and not sent:
                return
            try:
                if process is None:
                    process = self._started()
                if task is not None and self._sends(process, task, sent):
                    continue
                task = None
                answer = process.receive()
                sent.popleft().finish(answer)
            except Died as death:
                assert process is not None
                with self._changed:
                    self._processes.discard(process)
                process = None
                sent.popleft().finish(Skipped(death.skip))
                self._take_back(sent)
            except Exception as error:  # no worker could be started, or something cannot be pickled
                failed = task or sent[0]
                if failed in sent:
                    sent.remove(failed)
                failed.finish(_Failure(error))

    def _next_task(self, sent: Sequence[_Task]) -> _Task | None:
        """A task for a worker that has `sent`; None where it has enough to do, or where the workers are closed."""
        with self._changed:
            while True:
                while self._todo and self._todo[0].run.abandoned:
                    self._todo.popleft()
                early = len(sent) < IN_WORKER and not self._idle and len(self._threads) == self._jobs
                if self._todo and (not sent or (early and self._todo[0].run.early)):
                    return self._todo.popleft()
                if sent or self._closed:
                    return None
                self._idle += 1
                self._changed.wait()
                self._idle -= 1

    def _sends(self, process: Process, task: _Task, sent: deque[_Task]) -> bool:
        """Whether the task was sent; put back where it is too large for a worker that is busy."""
        message = process.message(task.run.function, task.item)
        if sent and len(message) > SMALL_BYTES:
            self._take_back([task])
            return False
        sent.append(task)
        process.send(message, task.run.function)
        return True

    def _take_back(self, tasks: Collection[_Task]) -> None:
        with self._changed:
            self._todo.extendleft(reversed(list(tasks)))
            self._changed.notify_all()
            if self._closed:
                self._refuse_all()
        if isinstance(tasks, deque):
            tasks.clear()

    def _refuse_all(self) -> None:
        while self._todo:
            self._todo.popleft().finish(_Failure(RuntimeError(CLOSED)))

    def _started(self) -> Process:
        with self._changed:
            if self._closed:
                raise RuntimeError(CLOSED)
            process = Process(self._timeout_s)
            self._processes.add(process)
        return process


@dataclass(slots=True, eq=False)
class _Run:
    """One call of `run` or `as_completed`. `early`: its items may be sent to a worker that is busy."""

    function: bytes
    early: bool = False
    abandoned: bool = False
    _done: SimpleQueue[tuple[_Task, Any]] = field(default_factory=SimpleQueue)
    _arrived: dict[int, tuple[_Task, Any]] = field(default_factory=dict)

    def put(self, task: _Task, outcome: Any) -> None:
        self._done.put((task, outcome))

    def take(self, number: int | None) -> tuple[Any, Any]:
        """(item, outcome) of this task, or of whichever is done next; raises what kept it from being done."""
        if number is None:
            task, outcome = self._done.get()
        else:
            while number not in self._arrived:
                arrived = self._done.get()
                self._arrived[arrived[0].number] = arrived
            task, outcome = self._arrived.pop(number)
        if isinstance(outcome, _Failure):
            raise outcome.error
        return task.item, outcome


@dataclass(frozen=True, slots=True, eq=False)
class _Task:
    """An item of a run and its place in it."""

    run: _Run
    number: int
    item: Any

    def finish(self, outcome: Any) -> None:
        self.run.put(self, outcome)


@dataclass(frozen=True, slots=True)
class _Failure:
    """What kept a task from being done, and is no fault of its item."""

    error: Exception


def default_jobs() -> int:
    """Cores this process may use, at least 1."""
    return max(1, len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1)
