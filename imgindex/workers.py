"""Processes that do what may crash, hang or eat memory: decoding untrusted files.

Each worker process has its own pipe and its own thread in the parent, so that the death of one in the
middle of an answer harms no other, and answers are taken in while the parent computes. A worker is a fresh
interpreter that never imports the parent's main module: calling from a plain script is safe.
"""

from __future__ import annotations

import contextlib
import faulthandler
import os
import pickle
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from multiprocessing.connection import Connection, Pipe
from types import TracebackType
from typing import Any, TypeVar

from imgindex.files import Skipped, out_of_memory
from imgindex.records import Skip

Item = TypeVar("Item")
Result = TypeVar("Result")

TIMEOUT_S = 120.0
"""Time for one file. JPEG 2000, the slowest decoder, took 3.2 s for 24 megapixels on a busy machine with two
cores, which is 40 s for the 300 that the pixel limit allows; a decoder that hangs costs this once a run."""

LOOK_AHEAD = 4
"""Files given out per worker, and LOOK_AHEAD_BASE for all, before the first of them is taken: enough to work
on while the parent embeds a batch, few enough to hold their pictures in memory."""

LOOK_AHEAD_BASE = 32

START_TIMEOUT_S = 120.0
"""Time for a worker to start, 0.4 to 0.8 s where measured: only a broken installation or a stalled disk gets here."""

_PARENT_CHECK_S = 0.5
_KEEP_FREED_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
}
"""glibc gives an array of 128 kB back to the kernel as soon as it is freed, and pays a page fault for each 4 kB of the
next one. Kept instead, verifying an unrelated pair took 0.63 ms, not 1.06 ms."""

_BOOT = "from imgindex.workers import serve; serve({descriptor}, {parent}, {timeout_s})"


class Workers:
    """At most `jobs` processes; `run` may be called many times. Close it, or use it in a `with` block."""

    def __init__(self, jobs: int, *, timeout_s: float = TIMEOUT_S) -> None:
        self._timeout_s = timeout_s
        self._pending = LOOK_AHEAD_BASE + LOOK_AHEAD * jobs
        self._threads = ThreadPoolExecutor(jobs, thread_name_prefix="imgindex-worker")
        self._local = threading.local()
        self._lock = threading.Lock()
        self._processes: set[_Process] = set()
        self._closed = False

    def run(
        self, function: Callable[[Item], Result], items: Iterable[Item]
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """(item, what `function(item)` returned or raised), in the order of `items`.

        Items are taken as workers get free, a bounded number ahead of what was yielded. `function`, items
        and results travel by pickle; `function` is sent with every item. A worker that dies, hangs or runs
        out of memory costs its own item only, which gets a Skipped.
        """
        pending: deque[tuple[Item, Future[Result | Exception]]] = deque()
        try:
            for item in items:
                pending.append((item, self._threads.submit(self._call, function, item)))
                if len(pending) >= self._pending:
                    done, future = pending.popleft()
                    yield done, future.result()
            while pending:
                done, future = pending.popleft()
                yield done, future.result()
        finally:
            for _, future in pending:
                future.cancel()

    def close(self) -> None:
        """Kill the workers; what they were doing is lost. May be called twice."""
        with self._lock:
            self._closed = True
            processes, self._processes = self._processes, set()
        for process in processes:
            process.kill()
        self._threads.shutdown(wait=True, cancel_futures=True)
        for process in processes:
            process.reap()

    def __enter__(self) -> Workers:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _call(self, function: Callable[[Item], Result], item: Item) -> Result | Exception:
        process = self._process()
        try:
            outcome: Result | Exception = process.call(function, item)
        except _Died as death:
            with self._lock:
                self._processes.discard(process)
            self._local.process = None
            return Skipped(death.skip)
        return outcome

    def _process(self) -> _Process:
        process: _Process | None = getattr(self._local, "process", None)
        if process is None:
            with self._lock:
                if self._closed:
                    raise RuntimeError("the workers are closed")
                process = _Process(self._timeout_s)
                self._processes.add(process)
            self._local.process = process
        return process


class _Died(Exception):
    def __init__(self, skip: Skip) -> None:
        super().__init__(skip)
        self.skip = skip


class _Process:
    """One worker process and the parent's end of its pipe; used by one thread, killed by any."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pipe, child = Pipe()
        self._ready = False
        boot = _BOOT.format(descriptor=child.fileno(), parent=os.getpid(), timeout_s=timeout_s)
        with child:
            self._process = subprocess.Popen(
                [sys.executable, "-P", "-c", boot],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                pass_fds=(child.fileno(),),
                process_group=0,
                env={
                    **os.environ,
                    "PYTHONPATH": os.pathsep.join(folder or os.getcwd() for folder in sys.path),
                    "OMP_NUM_THREADS": "1",
                    "OPENBLAS_NUM_THREADS": "1",
                    **_KEEP_FREED_MEMORY,
                },
            )

    def call(self, function: Callable[[Item], Result], item: Item) -> Result | Exception:
        """What `function(item)` returned or raised; raises _Died where the process did not live to say."""
        self._wait_until_ready()
        try:
            self._pipe.send((function, item))
            if not self._pipe.poll(self._timeout_s):
                self.kill()
                self.reap()
                raise _Died(_timed_out(self._timeout_s))
            answer: Result | Exception = self._pipe.recv()
        except (EOFError, OSError) as error:
            raise _Died(_crashed(self.reap())) from error
        return answer

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        with contextlib.suppress(EOFError, OSError):
            self._ready = self._pipe.poll(START_TIMEOUT_S) and bool(self._pipe.recv())
        if not self._ready:
            self.kill()
            raise RuntimeError(f"a worker process did not start (exit code {self.reap()})")

    def kill(self) -> None:
        self._process.kill()

    def reap(self) -> int:
        """Wait for the end of a process that was killed or died; returns its exit code. May be called twice."""
        self._pipe.close()
        return self._process.wait()


def _timed_out(timeout_s: float) -> Skip:
    return Skip(
        "decoder-timeout",
        f"It was not decoded within {timeout_s:.0f} seconds and was given up; check the disk, or replace the file.",
        environment=True,
    )


def _crashed(exit_code: int) -> Skip:
    if exit_code == -signal.SIGKILL:
        return out_of_memory()
    how = signal.Signals(-exit_code).name if exit_code < 0 else f"exit code {exit_code}"
    return Skip("decoder-crash", f"The decoder crashed on it ({how}); restore the file from a backup or convert it.")


def serve(descriptor: int, parent: int, timeout_s: float) -> None:
    """A worker's whole life: answer what comes through the pipe, end when the parent does.

    What the C libraries of the decoders print to stderr would tear the parent's progress bar; it is dropped.
    A decoder that hangs in C code, and so keeps every Python thread from running, ends by itself when the
    parent is not there to end it.
    """
    import cv2

    cv2.setNumThreads(1)
    pipe = Connection(descriptor)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
        pipe.send(True)
        while True:
            try:
                message = pipe.recv_bytes()
            except (EOFError, OSError):
                return
            faulthandler.dump_traceback_later(2 * timeout_s, exit=True, file=nowhere)
            answer = _answer(message)
            faulthandler.cancel_dump_traceback_later()
            pipe.send(answer)


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    os._exit(0)


def _answer(message: bytes) -> Any:
    try:
        function, item = pickle.loads(message)
        return function(item)
    except MemoryError:
        return Skipped(out_of_memory())
    except (Skipped, OSError) as error:
        return error
    except Exception as error:
        return RuntimeError("".join(traceback.format_exception(error)))
