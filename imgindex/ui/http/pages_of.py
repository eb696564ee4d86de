"""Lists in pages. A cursor names the row that a page ended with, not a number: rows that come and go between two pages
make none show twice or not at all."""

from __future__ import annotations

import base64
import binascii
import bisect
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from imgindex.ui.http.problems import Problem

T = TypeVar("T")

MAX_CURSOR = 8192
"""Characters: a path has 4096 bytes at most, and a cursor may name one."""


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """`total` rows are in the list; `next_cursor` is None on its last page."""

    rows: Sequence[T]
    total: int
    next_cursor: str | None


def page(rows: Sequence[T], key: Callable[[T], tuple[Any, ...]], cursor: str | None, limit: int) -> Page[T]:
    """The rows after the cursor; they are sorted by `key`, which is another one for each row."""
    start = 0
    if cursor is not None:
        after = decoded(cursor)
        try:
            start = bisect.bisect_right(rows, after, key=key)
        except TypeError as error:
            raise not_ours() from error
    part = rows[start : start + limit]
    more = start + limit < len(rows)
    return Page(part, len(rows), encoded(key(part[-1])) if more and part else None)


def encoded(key: tuple[Any, ...]) -> str:
    return base64.urlsafe_b64encode(json.dumps(key).encode()).decode().rstrip("=")


def decoded(cursor: str) -> tuple[Any, ...]:
    """Raises Problem where it is none that was given out."""
    try:
        found = json.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
    except (binascii.Error, ValueError, RecursionError) as error:
        raise not_ours() from error
    if not isinstance(found, list):
        raise not_ours()
    return tuple(found)


def not_ours() -> Problem:
    return Problem(422, "cursor", "This cursor is not one that was given out; begin again without it.")
