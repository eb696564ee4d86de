"""The time of day, in seconds since 1970, as whatever clock a machine has gives it: never outside of the calendar."""

from __future__ import annotations

import datetime
import time

LAST_S = 253_402_214_400
"""9999-12-31T00:00:00Z: `datetime` ends a day later, and no time zone is further from UTC than that."""


def now_s() -> int:
    """Unix time in [0, LAST_S]; a clock that was never set may be before 1970, one that is broken beyond 9999."""
    return bounded(time.time())


def bounded(unix_s: float) -> int:
    """Whole seconds in [0, LAST_S], the nearest to `unix_s`."""
    return int(min(max(unix_s, 0), LAST_S))


def utc(unix_s: float) -> str:
    """2026-11-22T03:00:00Z, bounded."""
    return datetime.datetime.fromtimestamp(bounded(unix_s), datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def local(unix_s: float) -> str:
    """2026-11-22 04:00:00 CET where this machine is, bounded."""
    return datetime.datetime.fromtimestamp(bounded(unix_s)).astimezone().strftime("%Y-%m-%d %H:%M:%S %Z")
