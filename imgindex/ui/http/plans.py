"""Plans that were made here, kept as files in the store's directory until they are carried out, or forgotten."""

from __future__ import annotations

import contextlib
import os
import secrets
from pathlib import Path

from imgindex import api
from imgindex.acts import Plan
from imgindex.ui.http.problems import unknown

FOLDER = "plans"

KEPT = 50
"""Plans beyond these are forgotten, the oldest first."""


class Plans:
    """The plans of a store; its methods wait for the disk. What a client names is an id: a plan, and with it every path
    that is acted on, is always one that was made here."""

    def __init__(self, directory: Path) -> None:
        self._folder = directory / FOLDER

    def put(self, plan: Plan) -> str:
        """The id of the plan. Raises OSError."""
        self._folder.mkdir(mode=0o700, exist_ok=True)
        number = secrets.token_hex(8)
        api.write_plan(plan, self._folder / f"{number}.json")
        every = sorted(self._folder.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        for old in every[:-KEPT]:
            with contextlib.suppress(OSError):
                os.unlink(old)
        return number

    def path(self, plan: str) -> Path:
        """Where a plan is. Raises Problem where there is none of this id."""
        found = self._folder / f"{plan}.json"
        if len(plan) != 16 or not all(c in "0123456789abcdef" for c in plan) or not found.is_file():
            raise unknown("plan")
        return found

    def get(self, plan: str) -> Plan:
        """Raises Problem, or UsageError where the file is not what was written."""
        return api.read_plan(self.path(plan))
