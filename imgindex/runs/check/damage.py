"""What is broken in a store, as data, and how a value that cannot be right is shown."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from imgindex import files

MAX_SHOWN = 40
"""Characters of a value that cannot be right."""


@dataclass(frozen=True, slots=True)
class Damage:
    """Something broken: the invariant, the sentence and the remedy of its Finding, and what mends it, if anything.
    What `is_first` is mended before all else, which writes to the same row."""

    invariant: int
    sentence: str
    remedy: str
    mend: Callable[[], None] | None = None
    is_first: bool = False

    @property
    def key(self) -> tuple[int, str]:
        return self.invariant, self.sentence


def many(count: int, one: str, more: str = "") -> str:
    return f"{count:,} {one if count == 1 else more or one + 's'}"


def shown(value: Any) -> str:
    return files.display(value if isinstance(value, bytes) else os.fsencode(str(value)))


def _cut(value: Any) -> str:
    """A value for a person: no more of it than tells what it is."""
    if value is None:
        return "nothing"
    if isinstance(value, bytes):
        return f"{len(value):,} bytes"
    return shown(value)[:MAX_SHOWN] if isinstance(value, int | float) else f"the text {shown(value)[:MAX_SHOWN]!r}"
