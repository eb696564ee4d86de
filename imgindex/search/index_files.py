"""The FAISS files beside the database: a base and appended segments, trusted only while they match their rows.

An index is used while the digest of each of its files holds and nothing that it has was removed from the store since.
A change that only adds appends a segment; any other, damage, and an index that is outgrown build all anew. A new
segment takes in those before it, the base at last, that are not more than twice as large: n vectors are in at most
log2(n) files, and each is written at most log2(n) times.
"""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Iterable, Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgindex import files, records
from imgindex.errors import StoreError
from imgindex.ports import Progress, VectorIndex
from imgindex.records import Space
from imgindex.search import vectors
from imgindex.search.vectors import FaissIndex
from imgindex.store import Store, Transaction, spaces
from imgindex.store.spaces import VECTORS_AT_ONCE, CacheRow
from imgindex.store.values import REMEDY

SAMPLE_SEED = 0


class OpenIndex:
    """The search index of a store, opened once for many questions, and anew when the store has changed. For any number
    of threads, who wait while it is opened."""

    def __init__(self) -> None:
        self._of: tuple[int, int] | None = None
        self._index: FaissIndex | None = None
        self._opening = threading.Lock()

    def get(self, directory: Path, tx: Transaction, space_id: int, space: Space) -> VectorIndex:
        """An index of every vector that the space has in this transaction, or had a moment later: where another thread
        sees a newer state of the store, its index is not exchanged for an older one."""
        generation = spaces.generation(tx)
        with self._opening:
            if self._index is None or self._of is None or self._of[0] != space_id or self._of[1] < generation:
                self._index = None  # two would not fit where one does
                self._index = open_index(directory, tx, space_id, space)
                self._of = space_id, generation
            return self._index


def open_index(directory: Path, tx: Transaction, space_id: int, space: Space) -> FaissIndex:
    """An index of every vector of the space: from its files where those can be trusted, what was added since included,
    else built anew. Raises StoreError where vectors are gone that nobody removed."""
    rows = spaces.cache_rows(tx, space_id)
    if rows and rows[-1].generation == spaces.generation(tx) and not _only_grew(tx, space_id, rows):
        raise StoreError(f"The store in {directory} has lost vectors since they were written; {REMEDY}")
    if rows and _only_grew(tx, space_id, rows):
        index = load_index(directory, rows)
        if index is not None:
            _add(index, tx, space_id, space, spaces.ids_after(tx, space_id, rows[-1].generation))
            return index
    return _built(tx, space_id, space)


def load_index(directory: Path, rows: Sequence[CacheRow]) -> FaissIndex | None:
    """The index in the files of `rows`; None where one is damaged, gone, or holds other ids than its row says."""
    whole: FaissIndex | None = None
    for row in rows:
        part = vectors.load(directory / row.name, row.digest)
        if part is None or not len(part) or (part.ids[0], part.ids[-1], len(part)) != row.held:
            return None
        if whole is None:
            whole = part
        else:
            try:
                whole.take_in(part)
            except ValueError:  # an id is in two files
                return None
    return whole


def _only_grew(tx: Transaction, space_id: int, rows: Sequence[CacheRow]) -> bool:
    """Whether all that these files hold is still in the store."""
    return spaces.count_until(tx, space_id, rows[-1].generation) == sum(row.vectors for row in rows)


def _add(index: FaissIndex, tx: Transaction, space_id: int, space: Space, ids: NDArray[np.int64]) -> None:
    for start in range(0, len(ids), VECTORS_AT_ONCE):
        part = ids[start : start + VECTORS_AT_ONCE]
        index.add(part, spaces.vectors_of(tx, space_id, space.dim, part.tolist()))


def _built(tx: Transaction, space_id: int, space: Space) -> FaissIndex:
    """An index of all vectors, where they are many trained on a sample that a seed chose."""
    ids = spaces.vector_ids(tx, space_id)
    index: FaissIndex = vectors.FlatIndex(space.dim)
    if (lists := vectors.lists_for(len(ids))) > 1:
        count = min(len(ids), vectors.TRAINING_VECTORS)
        chosen = np.sort(np.random.default_rng(SAMPLE_SEED).choice(ids, count, replace=False))
        index = vectors.ListIndex.trained(spaces.vectors_of(tx, space_id, space.dim, chosen.tolist()), lists)
    for part, block in spaces.vector_blocks(tx, space_id, space.dim):
        index.add(part, block)
    return index


def save_index(store: Store, space_id: int, space: Space, progress: Progress) -> None:
    """Bring the files up to date with the store; where that fails, the next run does it. The caller holds
    `store.exclusive()`."""
    try:
        _save_index(store, space_id, space)
    except (OSError, RuntimeError, StoreError) as error:
        progress.say(f"The search index could not be saved ({error}); the next run builds it again.")


def _save_index(store: Store, space_id: int, space: Space) -> None:
    """Data first, then the row that names it."""
    with store.read() as tx:
        generation = spaces.generation(tx)
        rows = spaces.cache_rows(tx, space_id)
        is_current = bool(rows) and rows[-1].generation == generation
        if is_current and all(_is_whole(store.directory, row) for row in rows):
            return
        usable = bool(rows) and not is_current and _only_grew(tx, space_id, rows)
        usable = usable and all(_is_untouched(store.directory, row) or _is_whole(store.directory, row) for row in rows)
        grown = _grown(store.directory, tx, space_id, space, rows) if usable else None
        kept, index = grown or ([], _built(tx, space_id, space))
    if not len(index):
        return
    name = f"space-{space_id}-{generation}.faiss"
    path = store.directory / name
    files.write_atomic(path, index.write)
    held, stat = (int(index.ids[0]), int(index.ids[-1]), len(index)), path.stat()
    new = CacheRow(name, vectors.file_digest(path), generation, *held, stat.st_size, records.signed(stat.st_mtime_ns))
    try:
        with store.write() as tx:
            if spaces.generation(tx) == generation:
                spaces.put_cache_rows(tx, space_id, [*kept, new])
    except StoreError:
        _remove([path])
        raise
    named = {name, *(row.name for row in kept)}
    _remove(old for old in store.directory.glob(f"space-{space_id}-*.faiss") if old.name not in named)
    _remove(store.directory.glob(files.TEMPORARY))  # of a run that was killed


def _grown(
    directory: Path, tx: Transaction, space_id: int, space: Space, rows: list[CacheRow]
) -> tuple[list[CacheRow], FaissIndex] | None:
    """(rows of files that stay, a segment of all else); None where an index of so many is to be built anew."""
    ids = spaces.ids_after(tx, space_id, rows[-1].generation)
    segment = vectors.empty_like(directory / rows[-1].name)
    if segment is None or vectors.is_outgrown(segment, len(ids) + sum(row.vectors for row in rows)):
        return None
    _add(segment, tx, space_id, space, ids)
    kept = list(rows)
    while kept and 2 * len(segment) >= kept[-1].vectors:
        before = load_index(directory, [kept.pop()])
        if before is None:
            return None
        before.take_in(segment)
        segment = before
    return kept, segment


def _remove(paths: Iterable[Path]) -> None:
    for path in paths:
        with contextlib.suppress(OSError):
            os.unlink(path)


def _is_whole(directory: Path, row: CacheRow) -> bool:
    try:
        return vectors.file_digest(directory / row.name) == row.digest
    except OSError:
        return False


def _is_untouched(directory: Path, row: CacheRow) -> bool:
    """Whether nobody wrote to the file since: what a disk made of it is seen where it is opened, and by a run that has
    nothing to append. Reading half a gigabyte to add five megabytes to it would take longer than all else."""
    try:
        stat = (directory / row.name).stat()
    except OSError:
        return False
    return (stat.st_size, records.signed(stat.st_mtime_ns)) == (row.size_bytes, row.mtime_ns)
