"""What the tests of runs ask a store for."""

from __future__ import annotations

from pathlib import Path

from imgindex.results import Report
from imgindex.runs.index import worker_tasks
from imgindex.search.embed.fake import FakeEmbedder


class Counting(FakeEmbedder):
    """Counts the pictures it is given."""

    def __init__(self, name: str = "fake") -> None:
        super().__init__(name)
        self.embedded = 0

    def finish(self, fronts):  # type: ignore[no-untyped-def]
        self.embedded += len(fronts)
        return super().finish(fronts)


def copies(report: Report) -> set[tuple[str, str, str]]:
    return {
        (*sorted(Path(path).name for path in (p.a, p.b)), p.verdict.value) for p in report.pairs if p.verdict.is_copy
    }


def failing_once(given):  # type: ignore[no-untyped-def]
    """Where the workers are: the first pair of each message fails as a bug would."""
    return [RuntimeError("a bug"), *map(worker_tasks.verified, given[1:])]
