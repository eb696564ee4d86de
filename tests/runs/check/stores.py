"""A store that is checked, damaged and mended."""

from __future__ import annotations

import os
import sqlite3
import struct
from pathlib import Path
from typing import Any

import imgindex
from imgindex.ports import Silent
from imgindex.results import Finding, Report
from imgindex.runs.check.check import check
from imgindex.runs.report.report import report
from imgindex.store import DATABASE_NAME, Store
from imgindex.workers.inline import InlineWorkers


def index(store: Path, photos: Path) -> None:
    with imgindex.open(store, workers=InlineWorkers()) as images:
        images.index([photos])


def checked(directory: Path, *, repair: bool = False) -> tuple[Finding, ...]:
    with Store.open(directory) as store:
        if not repair:
            return check(store, progress=Silent())
        with store.exclusive():
            return check(store, repair=True, progress=Silent())


def numbers(findings: tuple[Finding, ...]) -> list[int]:
    return [finding.invariant for finding in findings]


def said(directory: Path) -> tuple[object, ...]:
    """What a report says, its time left out."""
    with Store.open(directory) as store:
        found: Report = report(store)
    return found.counts, found.groups, found.pairs, found.skipped


def sql(directory: Path, statement: str, *values: object) -> list[Any]:
    """Run a statement past every guard of the store: foreign keys, checks, and triggers, which stay as they were."""
    connection = sqlite3.connect(directory / DATABASE_NAME)
    connection.text_factory = lambda data: data.decode("utf-8", "surrogateescape")
    connection.execute("PRAGMA ignore_check_constraints = ON")
    triggers = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
    for name, _ in triggers:
        connection.execute(f"DROP TRIGGER {name}")
    try:
        found = connection.execute(statement, values).fetchall()
        for name, made in triggers:
            if not statement.endswith(name) and "RENAME" not in statement:
                connection.execute(made)
        connection.commit()
    finally:
        connection.close()
    return found


def mended(directory: Path, photos: Path, before: tuple[object, ...]) -> None:
    """Repair, index again: the store is whole and reports what it did before."""
    assert all(finding.repaired for finding in checked(directory, repair=True))
    assert checked(directory) == (), "a repair must leave nothing that the next check finds"
    index(directory, photos)
    assert checked(directory) == ()
    assert said(directory) == before


def flipped(value: object, bit: int) -> object:
    """`value` with one bit flipped, as a disk would: texts by their UTF-8 bytes, numbers by their own."""
    if isinstance(value, int):
        return value ^ (1 << bit)
    if isinstance(value, float):
        [bits] = struct.unpack("<q", struct.pack("<d", value))
        return struct.unpack("<d", struct.pack("<q", bits ^ (1 << bit)))[0]
    data = bytearray(value if isinstance(value, bytes) else os.fsencode(str(value)))
    data[bit % len(data)] ^= 1 << bit % 8
    return bytes(data)


def flip(store: Path, table: str, column: str, bit: int) -> None:
    """Flip one bit of a column in one row; where it is NULL everywhere, a value appears."""
    rows = sql(store, f"SELECT rowid, {column} FROM {table} ORDER BY {column} IS NULL, {column} = 0, rowid LIMIT 1")
    [(rowid, value)] = rows
    new = "?" if not isinstance(value, str) else "CAST(? AS TEXT)"
    assert sql(store, f"UPDATE {table} SET {column} = {new} WHERE rowid = {rowid} RETURNING {column}",
               0.5 if value is None else flipped(value, bit)) != [(value,)]  # fmt: skip


def cache_of(store: Path) -> Path:
    [path] = store.glob("*.faiss")
    return path
