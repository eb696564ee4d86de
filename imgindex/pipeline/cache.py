"""The FAISS file beside the database: used while its digest and generation hold, rebuilt silently where not."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from imgindex import files
from imgindex.candidates import VectorTable
from imgindex.errors import StoreError
from imgindex.ports import Progress
from imgindex.records import Space
from imgindex.store import Store, spaces
from imgindex.store.spaces import CacheRow
from imgindex.vectors import FlatIndex, file_digest


def open_index(store: Store, space_id: int, space: Space, table: VectorTable | None = None) -> FlatIndex:
    """An index of every vector of the space, or of `table`: from the cache file where that can be trusted and holds
    just these, else built anew."""
    with store.read() as tx:
        generation = spaces.generation(tx)
        row = spaces.cache_row(tx, space_id)
        if row is not None and row.generation == generation:
            index = FlatIndex.load(store.directory / row.name, row.digest)
            ids = spaces.vector_ids(tx, space_id) if table is None else table.ids
            if index is not None and np.array_equal(index.ids, ids):
                return index
        if table is None:
            table = VectorTable(*spaces.vectors(tx, space_id, space.dim))
    index = FlatIndex(space.dim)
    index.add(table.ids, table.vectors)
    return index


def save_index(store: Store, space_id: int, space: Space, progress: Progress) -> None:
    """Write the cache file if the store has changed since; where that fails, the next run builds it again."""
    try:
        _save_index(store, space_id, space)
    except (OSError, RuntimeError, StoreError) as error:
        progress.say(f"The search index could not be saved ({error}); the next run builds it again.")


def _save_index(store: Store, space_id: int, space: Space) -> None:
    """Data first, then the row that names it."""
    with store.read() as tx:
        generation = spaces.generation(tx)
        row = spaces.cache_row(tx, space_id)
    if row is not None and row.generation == generation and _is_whole(store.directory / row.name, row.digest):
        return
    index = open_index(store, space_id, space)
    if not len(index):
        return
    name = f"space-{space_id}-{generation}.faiss"
    path = store.directory / name
    files.write_atomic(path, index.write)
    new = CacheRow(name, file_digest(path), generation, int(index.ids[0]), int(index.ids[-1]), len(index))
    try:
        with store.write() as tx:
            if spaces.generation(tx) == generation:
                spaces.put_cache_row(tx, space_id, new)
    except StoreError:
        _remove([path])
        raise
    _remove(old for old in store.directory.glob(f"space-{space_id}-*.faiss") if old.name != name)
    _remove(store.directory.glob(files.TEMPORARY))  # of a run that was killed


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _is_whole(path: Path, digest: bytes) -> bool:
    try:
        return file_digest(path) == digest
    except OSError:
        return False
