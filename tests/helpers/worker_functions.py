"""Functions that a worker process is given in tests; they must be importable there."""

from __future__ import annotations

import os
import re
import signal
import sys
import time
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgindex.files import read_stable
from imgindex.pictures import prepare
from imgindex.pictures.decode import decode
from imgindex.ports import Front
from imgindex.records import Seen
from imgindex.skips import Skip, Skipped


def misbehave(what: str) -> str:
    match what:
        case "crash":
            os.kill(os.getpid(), signal.SIGSEGV)
        case "exit":
            os._exit(3)
        case "killed":
            os.kill(os.getpid(), signal.SIGKILL)
        case "hang":
            time.sleep(1000)
        case "hold":
            re.match(r"(a+)+$", "a" * 64 + "b")
        case "memory":
            raise MemoryError
        case "skip":
            raise Skipped(Skip("odd", "It is odd."))
        case "vanished":
            raise FileNotFoundError(2, "gone")
        case "bug":
            raise ZeroDivisionError("a bug")
        case "unsendable":
            return lambda: what  # type: ignore[return-value]
        case "noise":
            os.write(2, b"a library's warning\n")
            sys.stdout.write("and print")
    return what


def pid(_: object) -> int:
    time.sleep(0.02)
    return os.getpid()


def meet(item: tuple[str, Path]) -> None:
    """Make a file, wait for it, or neither."""
    what, mark = item
    if what == "make":
        mark.touch()
    while what == "wait" and not mark.exists():
        time.sleep(0.01)


def counted_up(numbers: NDArray[np.float64]) -> NDArray[np.float64]:
    numbers += 1
    return numbers


def same(data: bytes) -> bytes:
    return data


def note_pid_and_sleep(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    time.sleep(1000)


def note_pid_and_hold(folder: str) -> None:
    (Path(folder) / str(os.getpid())).touch()
    misbehave("hold")


def large(n: int) -> NDArray[np.uint8]:
    return np.full(3_000_000, n, np.uint8)


def loaded(_: object) -> list[str]:
    return sorted({name.split(".")[0] for name in sys.modules})


def decode_file(path: bytes) -> tuple[str, tuple[int, ...]]:
    found = decode(read_stable(path)[0], short_side_px=320)
    return found.info.format, found.rgb.shape


def prepare_or_misbehave(seen: Seen, options: prepare.DecodeOptions, front: Front) -> prepare.Prepared:
    """As `prepare_file`, of a file whose name says no other."""
    misbehave(Path(os.fsdecode(seen.path)).stem)
    return prepare.prepare_file(seen, options, front)


def allocated(size_bytes: int) -> int:
    return np.empty(size_bytes, np.uint8).nbytes
