"""One worker process: both ends of its pipe.

A worker is a fresh interpreter that never imports the parent's main module: calling from a plain script is safe.
"""

from __future__ import annotations

import contextlib
import os
import pickle
import resource
import signal
import subprocess
import sys
import threading
import time
import traceback
from collections.abc import Callable
from multiprocessing.connection import Connection, Pipe
from typing import Any

from imgindex.skips import Skip, Skipped, out_of_memory
from imgindex.workers.garbage import collect_seldom

START_TIMEOUT_S = 120.0
"""Time for a worker to start, 0.4 to 0.8 s where measured: only a broken installation or a stalled disk gets here."""

MEMORY_BYTES = 8 << 30
"""What one worker may allocate, used or not: a PNG of 204 megapixels with alpha needs more than 4 GiB to be decoded in
1.6 GB of memory. What goes beyond is no picture that the pixel limits admit, but an attack or a leak."""

_PARENT_CHECK_S = 0.5
_KEEP_FREED_MEMORY = {
    "MALLOC_TRIM_THRESHOLD_": str(256 << 20),
    "MALLOC_MMAP_THRESHOLD_": str(32 << 20),
    "MALLOC_TOP_PAD_": str(16 << 20),
}
"""glibc gives an array of 128 kB back to the kernel as soon as it is freed, and pays a page fault for each 4 kB of the
next one. Kept instead, verifying an unrelated pair took 0.63 ms, not 1.06 ms."""

_READY = b"ready"

_PROTOCOL = 5
"""Of pickle: arrays travel without the copy that older protocols make."""

CLOSED = "the workers are closed"
"""What is said of an item that was not done before its workers were closed."""

_BOOT = "from imgindex.workers.process import serve; serve({descriptor}, {parent}, {timeout_s})"


class Died(Exception):
    def __init__(self, skip: Skip) -> None:
        super().__init__(skip)
        self.skip = skip


class Process:
    """One worker process, and the parent's end of its pipe; used by one thread, killed by any."""

    def __init__(self, timeout_s: float) -> None:
        self._timeout_s = timeout_s
        self._pipe, child = Pipe()
        self._ready = False
        self._function = b""
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

    def message(self, function: bytes, item: Any) -> bytes:
        """What `send` takes; the function is in it only where the worker does not have it."""
        return pickled((None if function == self._function else function, item))

    def send(self, message: bytes, function: bytes) -> None:
        """Have the worker call `function` as `message` says; raises Died where it does not live."""
        self._wait_until_ready()
        try:
            self._pipe.send_bytes(message)
        except OSError as error:
            raise Died(_crashed(self.reap())) from error
        self._function = function

    def receive(self) -> Any:
        """The next answer, what the function returned or raised; raises Died where the worker did not live to say."""
        try:
            if not self._pipe.poll(self._timeout_s):
                self.kill()
                self.reap()
                raise Died(_timed_out(self._timeout_s))
            answer = self._pipe.recv_bytes()
        except (EOFError, OSError) as error:
            raise Died(_crashed(self.reap())) from error
        return _unpickled(answer)

    def _wait_until_ready(self) -> None:
        if self._ready:
            return
        with contextlib.suppress(EOFError, OSError):
            self._ready = self._pipe.poll(START_TIMEOUT_S) and self._pipe.recv_bytes() == _READY
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
    A decoder that hangs in C code, and so keeps every Python thread from running, ends by SIGALRM when the parent is
    not there to end it: a timer of the kernel costs nothing, `faulthandler` starts and ends a thread for each message.
    """
    import cv2

    signal.signal(signal.SIGALRM, signal.SIG_DFL)
    _limit_memory()
    cv2.setNumThreads(1)
    pipe = Connection(descriptor)
    threading.Thread(target=_end_with, args=(parent,), daemon=True).start()
    with open(os.devnull, "wb") as nowhere:
        os.dup2(nowhere.fileno(), sys.stderr.fileno())
        pipe.send_bytes(_READY)
        answering = Answering(loaded=collect_seldom)
        while True:
            try:
                message = pipe.recv_bytes()
            except (EOFError, OSError):
                return
            signal.setitimer(signal.ITIMER_REAL, 2 * timeout_s)
            answer = answering(message)
            signal.setitimer(signal.ITIMER_REAL, 0.0)
            pipe.send_bytes(answer)


def _limit_memory() -> None:
    """Let an allocation fail beyond MEMORY_BYTES: it costs the file, and no other process its memory."""
    _, hard = resource.getrlimit(resource.RLIMIT_DATA)
    limit = MEMORY_BYTES if hard == resource.RLIM_INFINITY else min(MEMORY_BYTES, hard)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, hard))


def _end_with(parent: int) -> None:
    while os.getppid() == parent:
        time.sleep(_PARENT_CHECK_S)
    os._exit(0)


class Answering:
    """What a worker does with a message: it calls the function that came last. `loaded` is told of each that came."""

    def __init__(self, loaded: Callable[[], None] = lambda: None) -> None:
        self._loaded = loaded
        self._pickled = b""
        self._function: Callable[[Any], Any] | None = None

    def __call__(self, message: bytes) -> bytes:
        """What the function returned or raised, as `ports.Workers.run` says, pickled."""
        outcome = self._outcome(message)
        try:
            return pickled(outcome)
        except Exception as error:
            return pickled(RuntimeError(f"{type(outcome).__name__} cannot be sent: {error}"))

    def _outcome(self, message: bytes) -> Any:
        try:
            function, item = pickle.loads(message)
            if function is not None:
                self._pickled, self._function = function, None
            if self._function is None:
                self._function = pickle.loads(self._pickled)
                self._loaded()
            return self._function(item)
        except MemoryError:
            return Skipped(out_of_memory())
        except (Skipped, OSError) as error:
            return error
        except Exception as error:
            return RuntimeError("".join(traceback.format_exception(error)))


def _sendable(answer: Any) -> bytes:
    try:
        return pickled(answer)
    except Exception as error:
        return pickled(RuntimeError(f"{type(answer).__name__} cannot be sent: {error}"))


def _unpickled(answer: bytes) -> Any:
    """An answer; an exception of a library that pickles and does not come back costs its own item, never the run."""
    try:
        return pickle.loads(answer)
    except Exception as error:
        return RuntimeError(f"an answer could not be read: {type(error).__name__}: {error}")


def pickled(value: object) -> bytes:
    return pickle.dumps(value, _PROTOCOL)
