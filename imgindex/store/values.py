"""Values on their way into rows and out of them: what no column can hold, and what nobody wrote."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Sequence
from types import NoneType
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Boolean, Float, Integer, LargeBinary, Table, Text

from imgindex.errors import StoreError, last_line

P = ParamSpec("P")
Read = TypeVar("Read")
Row = TypeVar("Row", bound=Sequence[Any])

REMEDY = "run: imgindex check --repair"


def storable(text: str) -> str:
    """`text` with escapes for what UTF-8 cannot say: a decoder may quote bytes of a file, or its name."""
    return text.encode("utf-8", "backslashreplace").decode()


_KINDS: tuple[tuple[type[Any], type], ...] = (
    (Boolean, bool),
    (Integer, int),
    (Float, float),
    (LargeBinary, bytes),
    (Text, str),
)


@functools.cache
def _kinds(table: Table) -> tuple[frozenset[type], ...]:
    """The types of the values of each column."""
    return tuple(
        frozenset(
            {next(kind for of, kind in _KINDS if isinstance(column.type, of))}
            | ({NoneType} if column.nullable else set())
        )
        for column in table.c
    )


def all_typed(rows: Iterable[Row], table: Table) -> list[Row]:
    """The rows, each of them `typed`."""
    found = list(rows)
    for row in found:
        typed(row, table)
    return found


def typed(row: Sequence[Any], table: Table) -> None:
    """Raise TypeError where a row, which begins with all columns of `table`, has a value of another type than theirs:
    SQLite keeps the type with each value, and a flipped bit changes it."""
    for place, (value, kinds) in enumerate(zip(row, _kinds(table), strict=False)):
        if type(value) not in kinds:
            raise TypeError(f"{table.c[place].name} is no {'/'.join(kind.__name__ for kind in kinds)}")


def rows_of(table: str) -> Callable[[Callable[P, Read]], Callable[P, Read]]:
    """For functions that make nouns of rows of `table`: a value that they cannot take was never written, and is a
    StoreError that says so."""

    def decorate(read: Callable[P, Read]) -> Callable[P, Read]:
        @functools.wraps(read)
        def reading(*args: P.args, **kwargs: P.kwargs) -> Read:
            try:
                return read(*args, **kwargs)
            except (ValueError, TypeError, LookupError, AttributeError, OverflowError) as error:
                raise StoreError(
                    f"A row of `{table}` in the store is damaged ({last_line(error)}); {REMEDY}"
                ) from error

        return reading

    return decorate
