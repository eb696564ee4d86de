"""What a job does, in a process of its own: `python -m imgindex.ui.http.job_process`.

The first line of standard input says what, as JSON; a further line, or its end (the service is gone), asks the run to
finish what it is at. Standard output has a line of JSON for whatever there is to tell, the last of them the result:

    {"stage": "verify", "total": 120, "done": 17}   {"said": "..."}   {"result": {...}}   {"failed": "...", "code": 3}
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import asdict, replace
from typing import Any, TextIO

from imgindex import api
from imgindex.errors import UNFORESEEN, ImgIndexError, StoreLocked, last_line

SECONDS_BETWEEN = 0.25
"""Between two lines on one stage: enough for an eye, few enough for a service that reads them."""

LOCKED_S = 1.0
"""Before the store is tried again where a run of somebody else has it."""


class Telling:
    """`ports.Progress` as lines of JSON."""

    def __init__(self, out: TextIO) -> None:
        self.stopping = False
        self._out = out
        self._lock = threading.Lock()
        self._stage = ""
        self._total: int | None = None
        self._done = 0
        self._told_s = 0.0

    def tell(self, message: dict[str, Any]) -> None:
        with self._lock:
            try:
                self._out.write(json.dumps(message) + "\n")
                self._out.flush()
            except OSError:  # nobody listens any more
                self.stopping = True

    def start(self, stage: str, total: int | None) -> None:
        self._stage, self._total, self._done = stage, total, 0
        self._tell_stage()

    def advance(self, count: int = 1) -> None:
        self._done += count
        if time.monotonic() - self._told_s >= SECONDS_BETWEEN:
            self._tell_stage()

    def finish(self) -> None:
        if self._stage:
            self._tell_stage()

    def say(self, sentence: str) -> None:
        self.tell({"said": sentence})

    def _tell_stage(self) -> None:
        self._told_s = time.monotonic()
        self.tell({"stage": self._stage, "total": self._total, "done": self._done})


def index(images: api.ImageIndex, spec: dict[str, Any]) -> dict[str, Any]:
    """What `imgindex index` does."""
    return asdict(images.index(spec["folders"]))


def nightly(images: api.ImageIndex, spec: dict[str, Any]) -> dict[str, Any]:
    """What `imgindex nightly` does: the mark of what was reported moves when the report is kept, by the service."""
    with images.exclusive():
        summary = images.index(spec["folders"])
        if summary.interrupted:
            return asdict(summary)
        full = images.report(similar_per_image=None)
        new = api.only_new(full)
        images.mark_reported(full)
    counts = {"new_groups": len(new.groups), "resolved_groups": len(new.resolved)}
    return asdict(summary) | {"news": counts}


def check(images: api.ImageIndex, spec: dict[str, Any]) -> dict[str, Any]:
    """What `imgindex check` does."""
    return {"findings": [asdict(finding) for finding in images.check()]}


def apply(images: api.ImageIndex, spec: dict[str, Any]) -> dict[str, Any]:
    """What `imgindex apply PLAN --yes` does, to the files of the plan that are not to be left."""
    made, left = api.read_plan(spec["plan"]), set(spec["leave"])
    wanted = replace(made, files=tuple(one for one in made.files if one.path not in left))
    return asdict(images.apply(wanted, spec["action"], yes=True))


def undo(images: api.ImageIndex, spec: dict[str, Any]) -> dict[str, Any]:
    """What `imgindex undo RUN` does."""
    return asdict(images.undo(spec["run"]))


KINDS: dict[str, Callable[[api.ImageIndex, dict[str, Any]], dict[str, Any]]] = {
    "index": index,
    "nightly": nightly,
    "check": check,
    "apply": apply,
    "undo": undo,
}


def work(spec: dict[str, Any], telling: Telling) -> dict[str, Any]:
    """Do what `spec` says, as soon as nobody else writes to the store; the last message to tell."""
    try:
        while True:
            try:
                with api.open(spec["store"], progress=telling, **spec.get("options", {})) as images:
                    result = KINDS[spec["kind"]](images, spec)
                return {"result": result, "stopped": telling.stopping}
            except StoreLocked as error:
                if telling.stopping:
                    return {"result": {}, "stopped": True}
                telling.say(str(error))
                time.sleep(LOCKED_S)
    except ImgIndexError as error:
        return {"failed": str(error), "code": error.exit_code}
    except Exception as error:
        return {"failed": f"imgindex failed ({last_line(error)}); please report this as a bug.", "code": UNFORESEEN}


def main() -> None:
    telling = Telling(sys.stdout)
    spec = json.loads(sys.stdin.readline())

    def listen() -> None:
        sys.stdin.readline()
        telling.stopping = True

    threading.Thread(target=listen, daemon=True).start()
    telling.tell(work(spec, telling))


if __name__ == "__main__":
    main()
