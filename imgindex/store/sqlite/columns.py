"""Statements of `check` on single values: of the type of their column, and in the range that the program writes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from sqlalchemy import Boolean, Column, Connection, Float, Integer, LargeBinary, Table

from imgindex.store.schema import (
    file,
    image,
    index_cache,
    nightly,
    reported,
    root,
    sketch,
    skipped,
    space,
    state,
    watermark,
)
from imgindex.store.sqlite.raw import rows

CHECKED = (image, file, skipped, root, space, state, watermark, sketch, index_cache, nightly, reported)
"""Vectors, pairs and decisions have a digest or a checksum, pending candidates are checked with the pairs."""

ELSEWHERE = frozenset({"state.generation", "space.dim", "sketch.sketch", "sketch.digest"})
"""Columns that another invariant checks; so does it every checksum and every reference to a row of another table."""

MAX_PIXELS = 300_000_000
"""No picture of more pixels is indexed (decode.MAX_PIXELS; a test holds the two to each other)."""

RANGES = {
    "image.size_bytes": "> 0",
    "image.width_px": f"BETWEEN 1 AND {MAX_PIXELS}",
    "image.height_px": f"BETWEEN 1 AND {MAX_PIXELS} AND image.width_px * image.height_px <= {MAX_PIXELS}",
    "image.format": "<> ''",
    "image.mode": "<> ''",
    "image.bit_depth": "BETWEEN 1 AND 64",
    "image.frames": ">= 1",
    "image.texture": "BETWEEN 0 AND 255",
    "file.path": "<> x'' AND instr(file.path, x'00') = 0",
    "file.size_bytes": ">= 0",
    "skipped.reason": "<> ''",
    "root.path": "<> x'' AND instr(root.path, x'00') = 0",
    "root.files": ">= 0",
    "space.fingerprint": "<> ''",
    "space.floor": "BETWEEN -1 AND 2",
    "state.rules_version": ">= 0",
    "watermark.k": ">= 1",
    "watermark.kth_cosine": "BETWEEN -2 AND 2",
    "sketch.short_side_px": ">= 1",
    "index_cache.generation": ">= 0",
    "nightly.finished_at_s": ">= 0",
}
"""What holds of a whole value beside its type; cosines are in [-1, 1], and what every or no pair
reaches is written as -2 or 2."""

LENGTHS = {"file.inode": "= 8", "file.device": "= 8", "watermark.nearest": "% 12 = 0"}
"""Bytes of BLOBs whose column does not say how many it has; `nearest` is a list of records.NEIGHBOUR."""


@dataclass(frozen=True, slots=True)
class WrongValue:
    """A row with a value that was never written: the first such column, and the value."""

    rowid: int
    column: str
    value: Any


def wrong_values(tx: Connection, table: Table) -> Iterator[WrongValue]:
    """Rows of `table` with a value that cannot be right, in the order of the file."""
    name = table.name
    wrong = [(column.name, _whole(column)) for column in table.c if _is_checked(column)]
    cases = " ".join(f"WHEN NOT ({whole}) THEN '{column}'" for column, whole in wrong)
    values = " ".join(f"WHEN NOT ({whole}) THEN {name}.{column}" for column, whole in wrong)
    statement = f"SELECT {name}.rowid, CASE {cases} END AS wrong, CASE {values} END FROM {name} WHERE wrong IS NOT NULL"
    for row in rows(tx, statement):
        yield WrongValue(*row)


def _is_checked(column: Column[Any]) -> bool:
    return not (column.foreign_keys or column.name == "checksum" or f"{column.table.name}.{column.name}" in ELSEWHERE)


def _whole(column: Column[Any]) -> str:
    """SQL that is true of a value as it may have been written, and never NULL."""
    name = f"{column.table.name}.{column.name}"
    conditions = [f"typeof({name}) = '{_storage(column)}'"]
    if isinstance(column.type, Boolean):
        conditions.append(f"{name} IN (0, 1)")
    if isinstance(column.type, LargeBinary) and column.type.length is not None:
        conditions.append(f"length({name}) = {column.type.length}")
    if name in LENGTHS:
        conditions.append(f"length({name}) {LENGTHS[name]}")
    if name in RANGES:
        conditions.append(f"{name} {RANGES[name]}")
    whole = " AND ".join(f"ifnull({condition}, 0)" for condition in conditions)
    return f"({name} IS NULL OR ({whole}))" if column.nullable else whole


def _storage(column: Column[Any]) -> str:
    """SQLite's storage class of a column's values."""
    if isinstance(column.type, Boolean | Integer):
        return "integer"
    if isinstance(column.type, Float):
        return "real"
    return "blob" if isinstance(column.type, LargeBinary) else "text"
