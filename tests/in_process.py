"""Workers without processes, for tests that index many small folders."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest

from imgindex.runs.index import run


class InProcess:
    """Does what `workers.Workers` does, one item after the other, here."""

    def __init__(self, jobs: int) -> None:
        self.jobs = jobs

    def __enter__(self) -> InProcess:
        return self

    def __exit__(self, *_: object) -> None:
        """Nothing is left to end."""

    def run(self, function: Callable[[Any], Any], items: Iterable[Any], ahead: int = 0) -> Iterator[tuple[Any, Any]]:
        for item in items:
            try:
                yield item, function(item)
            except Exception as error:
                yield item, error

    as_completed = run


def work_in_process(patch: pytest.MonkeyPatch) -> None:
    """Until the patch is undone, `index` starts no process."""
    patch.setattr(run, "Workers", InProcess)
