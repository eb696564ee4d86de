"""Progress as lines: what a log or a pipe gets while a run works."""

from __future__ import annotations

import io

import pytest

from imgindex.ui import progress
from imgindex.ui.progress import Lines


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """The time in seconds, to be set."""
    now = [100.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    return now


def test_a_line_says_how_far_and_how_long(clock: list[float]) -> None:
    out = io.StringIO()
    lines = Lines(out)
    lines.start("index", 300)
    clock[0] += 50.0
    lines.advance(100)
    assert out.getvalue() == "index: 100 of 300, 2.0/s, 1:40 left\n"


def test_nothing_done_in_a_long_time_is_no_error(clock: list[float]) -> None:
    """On a busy machine the first pairs take longer than a line: the run must not end because nothing has ended yet."""
    out = io.StringIO()
    lines = Lines(out)
    lines.start("verify", 1000)
    clock[0] += 60.0
    lines.advance(0)
    assert out.getvalue() == "verify: 0 of 1,000, 0.0/s\n"
