"""Values on their way into rows and out of them: what no column can hold, and what nobody wrote."""

from __future__ import annotations

import functools
import operator
from collections.abc import Callable, Iterable, Sequence
from typing import Any, ParamSpec, TypeVar

from sqlalchemy import Boolean, Table

from imgindex.errors import StoreError, last_line
from imgindex.store import checksum
from imgindex.store.schema import sealed_columns

P = ParamSpec("P")
Read = TypeVar("Read")
Row = TypeVar("Row", bound=Sequence[Any])

REMEDY = "run: imgindex check --repair"


def storable(text: str) -> str:
    """`text` with escapes for what UTF-8 cannot say: a decoder may quote bytes of a file, or its name."""
    return text.encode("utf-8", "backslashreplace").decode()


@functools.cache
def _layout(table: Table) -> tuple[Callable[[Any], tuple[Any, ...]], int]:
    """(what takes the sealed values of a row as SQLite has them, which stores truth values as numbers; the place of the
    checksum)."""
    names = [column.name for column in table.c]
    places = [names.index(name) for name in sealed_columns(table)]
    truths = [at for at in places if isinstance(table.c[at].type, Boolean)]
    count = len(places)

    def picked(row: Any) -> tuple[Any, ...]:
        values = list(row[:count])
        for at in truths:
            values[at] = int(values[at])
        return tuple(values)

    if places != [*range(count)]:
        return operator.itemgetter(*places), names.index("checksum")
    return picked if truths else operator.itemgetter(slice(count)), names.index("checksum")


def all_whole(rows: Iterable[Row], table: Table) -> list[Row]:
    """The rows, each of them `whole`."""
    found = list(rows)
    for row in found:
        whole(row, table)
    return found


def whole(row: Sequence[Any], table: Table) -> None:
    """Raise ValueError where a row, which begins with all columns of `table`, has other values than were written, or
    values of another type."""
    if not is_whole(row, table):
        raise ValueError("it is not as it was written")


def is_whole(row: Sequence[Any], table: Table) -> bool:
    """Whether a row, which begins with all columns of `table`, is as it was written."""
    picked, at = _layout(table)
    return bool(row[at] == checksum.of_row(picked(row)))


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
