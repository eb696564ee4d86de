"""A change of every column of every table: a reading verb gives the answer that it gave, or says what is damaged."""

from __future__ import annotations

import shutil
import sqlite3
from collections.abc import Callable
from pathlib import Path

import pytest

import imgindex
from imgindex.api import InlineWorkers
from imgindex.errors import StoreError
from imgindex.store import DATABASE_NAME
from imgindex.store.schema import SEALED, decision
from tests.runs.check.stores import checked, flip, numbers, said, sql

CELLS = [(table.name, column.name) for table in (*SEALED, decision) for column in table.c]


def status(store: Path) -> object:
    with imgindex.open(store, workers=InlineWorkers(), create=False) as images:
        return images.status()


def query(store: Path) -> object:
    photo = store.parent / "asked.jpg"
    with imgindex.open(store, workers=InlineWorkers(), create=False) as images:
        return images.query(photo, k=5)


VERBS: tuple[Callable[[Path], object], ...] = (said, status, query)


@pytest.fixture
def filled(store: Path, whole: Path) -> Path:
    """With what a nightly report said, a candidate that waits, and a picture to ask for."""
    shutil.copy(whole / "photos" / "0-60.jpg", store.parent / "asked.jpg")
    with imgindex.open(store, workers=InlineWorkers()) as images:
        images.mark_reported(images.report())
    return store


def test_a_changed_cell_changes_no_answer(filled: Path) -> None:
    """Prevents: a flipped bit in `width_px` that changed which file is kept, in a store that `check` called whole."""
    sql(filled, "VACUUM")
    healthy = (filled / DATABASE_NAME).read_bytes()
    answers = [verb(filled) for verb in VERBS]
    unseen, found_by_check = [], 0
    for number, (table, column) in enumerate(CELLS):
        (filled / DATABASE_NAME).write_bytes(healthy)
        if not sql(filled, f"SELECT 1 FROM {table} LIMIT 1"):
            continue
        bit = (0, 3, 30)[number % 3]
        try:
            flip(filled, table, column, bit)
        except sqlite3.IntegrityError:  # there is such a row
            flip(filled, table, column, bit + 9)
        found = numbers(checked(filled))
        found_by_check += bool(found)
        unseen += [] if found else [(table, column, bit, "check")]
        for verb, before in zip(VERBS, answers, strict=True):
            try:
                if verb(filled) != before:
                    unseen.append((table, column, bit, verb.__name__))
            except StoreError as error:
                assert "check --repair" in str(error) or "backup" in str(error)
    assert unseen == [], unseen
    assert found_by_check > 80
