"""What the CPU time of `imgindex` and its worker processes is spent on, noted from outside while it runs.

`environment(folder)` is the environment of a command to watch; `measured(folder)` reads what was noted. Each process
wraps the functions of FUNCTIONS as their modules are imported, and keeps its sums in a mapped file, because workers are
killed and never come to an end of their own. Time inside a wrapped function that another one calls counts for the
inner one only.
"""

from __future__ import annotations

import atexit
import functools
import importlib.abc
import mmap
import os
import struct
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec, PathFinder
from pathlib import Path
from types import ModuleType
from typing import Any

FOLDER = "IMGINDEX_STAGE_TIMES"
HOOK = Path(__file__).resolve().parent / "stage_hook"

STAGES = ("starting", "reading", "decoding", "features", "model", "search", "verification", "database")
"""`starting` is what a process did before the first of FUNCTIONS was called: its imports."""

FUNCTIONS: dict[str, dict[str, str]] = {
    "imgindex.files": {"read_stable": "reading", "sha256": "reading"},
    "imgindex.pictures.decode": {"decode": "decoding", "pixel_digest": "decoding", "luma": "decoding"},
    "imgindex.pictures.texture": {"texture": "features"},
    "imgindex.pictures.features": {"extract": "features", "luma_of": "features", "reduce_luma": "features"},
    "imgindex.pictures.outline": {"outline": "features"},
    "imgindex.pictures.sketch": {"drawn": "features"},
    "imgindex.proof.screen": {"ways": "verification", "features_agree": "verification"},
    "imgindex.search.embed.sift_vlad": {"SiftVlad.front": "model"},
    "imgindex.search.embed.clip": {"Clip.finish": "model"},
    "imgindex.search.proposals": {"propose": "search"},
    "imgindex.search.index_files": {"open_index": "search", "save_index": "search"},
    "imgindex.proof.verify": {"verify": "verification"},
    "imgindex.store.database": {"Store.read": "database", "Store.write": "database"},
}

WHOLE_PROCESS = frozenset({"model", "search"})
"""Stages whose libraries compute in threads of their own: their time is that of the process, not of the thread."""

SUMS = struct.Struct(f"{len(STAGES) + 1}d")
"""Seconds of each stage, then of the whole process, as they stand in a process's file."""

MISSING = "missing.txt"


class Clock:
    """The sums of this process, by stage; safe to use from several threads."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(bytes(SUMS.size))
        with path.open("r+b") as file:
            self._file = mmap.mmap(file.fileno(), SUMS.size)
        self._sums = [0.0] * len(STAGES)
        self._lock = threading.Lock()
        self._local = threading.local()

    @contextmanager
    def stage(self, name: str) -> Iterator[None]:
        self._turn(name)
        try:
            yield
        finally:
            self._turn(None)

    def save(self) -> None:
        with self._lock:
            SUMS.pack_into(self._file, 0, *self._sums, time.process_time())

    def _turn(self, begun: str | None) -> None:
        """Give the time since the last turn of this thread to the stage it was in; begin a stage, or end that one."""
        now = {False: time.thread_time(), True: time.process_time()}
        if not self._sums[0]:
            self._sums[0] = now[True]
        stack: list[str] = self._local.__dict__.setdefault("stack", [])
        if stack:
            whole = stack[-1] in WHOLE_PROCESS
            with self._lock:
                self._sums[STAGES.index(stack[-1])] += now[whole] - self._local.since[whole]
        if begun is None:
            stack.pop()
        else:
            stack.append(begun)
        self._local.since = now
        if not stack:
            self.save()


class Watching(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Wraps what FUNCTIONS names of a module, once the module is loaded and before anybody has it."""

    def __init__(self, clock: Clock, folder: Path) -> None:
        self._clock, self._folder = clock, folder
        self._inner: dict[str, importlib.abc.Loader] = {}

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        found = PathFinder.find_spec(fullname, path, target) if fullname in FUNCTIONS else None
        if found is not None and isinstance(found.loader, importlib.abc.Loader):
            self._inner[fullname], found.loader = found.loader, self
        return found

    def create_module(self, spec: ModuleSpec) -> ModuleType | None:
        return self._inner[spec.name].create_module(spec)

    def exec_module(self, module: ModuleType) -> None:
        self._inner[module.__name__].exec_module(module)
        for name, stage in FUNCTIONS[module.__name__].items():
            *outer, last = name.split(".")
            owner: Any = module
            for part in outer:
                owner = getattr(owner, part, None)
            function = getattr(owner, last, None)
            if function is None:
                with (self._folder / MISSING).open("a") as file:
                    file.write(f"{module.__name__}.{name}\n")
            else:
                setattr(owner, last, self._wrapped(function, stage))

    def _wrapped(self, function: Callable[..., Any], stage: str) -> Callable[..., Any]:
        if stage == "database":

            @contextmanager
            def transaction(*arguments: Any, **named: Any) -> Iterator[Any]:
                with self._clock.stage(stage), function(*arguments, **named) as connection:
                    yield connection

            return transaction

        @functools.wraps(function)
        def timed(*arguments: Any, **named: Any) -> Any:
            with self._clock.stage(stage):
                return function(*arguments, **named)

        return timed


def install(folder: Path) -> None:
    """Watch this process; called by the hook when a Python starts."""
    clock = Clock(folder / f"{os.getpid()}.stages")
    sys.meta_path.insert(0, Watching(clock, folder))
    atexit.register(clock.save)


def environment(folder: Path) -> dict[str, str]:
    """The environment in which every Python that is started notes its stages in `folder`."""
    path = os.pathsep.join([str(HOOK), str(HOOK.parent), *filter(None, [os.environ.get("PYTHONPATH")])])
    return os.environ | {FOLDER: str(folder), "PYTHONPATH": path}


def measured(folder: Path) -> tuple[dict[str, float], float, list[str]]:
    """(CPU seconds by stage, CPU seconds of all processes, functions that were to be watched and are not there)."""
    totals = [SUMS.unpack(path.read_bytes()) for path in folder.glob("*.stages")]
    *stages, everything = map(sum, zip(*totals, strict=True))
    missing = folder / MISSING
    names = sorted(set(missing.read_text().split())) if missing.exists() else []
    return dict(zip(STAGES, stages, strict=True)), everything, names
