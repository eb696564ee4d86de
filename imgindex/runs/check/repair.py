"""repair: mend what `check` found, where it can be rebuilt; each kind of damage in one transaction.

What is removed is made again by the next run of `index`: it embeds, searches and verifies what has no row. Decisions
are never touched.
"""

from __future__ import annotations

import contextlib
import itertools
import os
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from imgindex import files
from imgindex.errors import StoreError
from imgindex.records import Candidate, ProposedBy
from imgindex.search import proposals
from imgindex.store import Store, catalog, pairs
from imgindex.store.sqlite import faults, mending
from imgindex.store.sqlite.faults import BrokenPair, ChangedRow

RESTORE = "Restore the database from a backup (imgindex backup FILE makes one), or index into a new store."
REPAIR = "imgindex check --repair "

LEFT_OVER = ("space-*.faiss", files.TEMPORARY)
"""What a run that was cut off may leave in the store directory, beside the FAISS files that a row names."""

PROPOSED_AGAIN = frozenset({ProposedBy.DIGEST, ProposedBy.FLOOR, ProposedBy.TOP_K})
"""A pair that came about so is found again once one of its images is searched again."""

DAMAGED_ROW = "its row was damaged; not verified again yet"


@dataclass(frozen=True, slots=True)
class Repair:
    """Each method mends one kind of damage; the caller holds `store.exclusive()`."""

    store: Store

    def remove(self, table: str, rowids: Sequence[int]) -> None:
        with self.store.write() as tx:
            mending.remove(tx, table, rowids)

    def remove_vectors(self, image_ids: dict[int, Any]) -> None:
        """Remove embeddings, given as image ids by rowid."""
        with self.store.write() as tx:
            mending.remove_embeddings(tx, image_ids)

    def put_dim(self, space_id: int, dim: int) -> None:
        with self.store.write() as tx:
            mending.put_dim(tx, space_id, dim)

    def remove_files(self, broken: Sequence[int] = ()) -> None:
        """Remove these file rows, and every image and reason that no file has then."""
        with self.store.write() as tx:
            mending.remove(tx, "file", broken)
            catalog.remove_orphans(tx, faults.images_without_file(tx))
            mending.remove(tx, "skipped", faults.skipped_without_file(tx))

    def remove_files_of(self, column: str, ids: Sequence[int]) -> None:
        """Remove the file rows of these images (`image_id`) or reasons (`skipped_id`), and what no file has then."""
        with self.store.read() as tx:
            found = mending.files_of(tx, column, ids)
        self.remove_files(found)

    def put_back(self, table: str, rows: Sequence[ChangedRow]) -> None:
        """Give rows of `space` or `state` the values they had; where that is not known of the state, begin anew."""
        with self.store.write() as tx:
            left = [row for row in rows if not mending.put_back(tx, table, row)]
            if left and table == "state":
                mending.mend_state(tx)
                mending.mend_active_space(tx)
                mending.forget_rules(tx)

    def begin_generation(self) -> None:
        with self.store.write() as tx:
            mending.mend_state(tx)
        self.remove_left_over()

    def choose_active_space(self) -> None:
        with self.store.write() as tx:
            mending.mend_active_space(tx)

    def decide_again(self) -> None:
        """Let the next run decide every stored pair by the present rules."""
        with self.store.write() as tx:
            mending.forget_rules(tx)

    def of_values(self, table: str, rowids: Sequence[int]) -> tuple[str, Callable[[], None] | None]:
        """(the remedy of wrong values in these rows of a table, what mends them)."""
        read_again = f"{REPAIR}removes them, and the next imgindex index reads the files again."
        made_again = f"{REPAIR}removes them, and the next imgindex index makes them again."
        match table:
            case "space":
                return RESTORE, None
            case "state":
                return f"{REPAIR}lets the next imgindex index decide all pairs by the present rules.", self.decide_again
            case "image" | "skipped":
                return read_again, partial(self.remove_files_of, f"{table}_id", rowids)
            case "file":
                return read_again, partial(self.remove_files, rowids)
            case "index_cache":
                return made_again, partial(self.remove_cache, rowids)
            case "nightly" | "reported":
                told_again = f"{REPAIR}removes them; the next nightly report may name files again."
                return told_again, partial(self.remove, table, rowids)
        return made_again, partial(self.remove, table, rowids)

    def raise_sequences(self, above: Sequence[tuple[str, int]]) -> None:
        """Let the ids of these tables go on from the highest there is."""
        with self.store.write() as tx:
            for table, highest in above:
                mending.raise_sequence(tx, table, highest)

    def remove_pairs(self, broken: Sequence[BrokenPair]) -> None:
        """Their images are searched again. What no search may have proposed, or nobody knows how, waits to be tried."""
        with self.store.write() as tx:
            for row in broken:
                mending.remove(tx, row.table, [row.rowid])
            mending.remove_unfounded(tx)
            mending.forget_searches(tx, set(itertools.chain.from_iterable(row.ends for row in broken)))
            again = {}
            for row in broken:
                if not row.is_in_order or row.proposed_by in PROPOSED_AGAIN:
                    continue
                if row.proposed_by != ProposedBy.COMMON_COPY and mending.have_equal_pixels(tx, *row.ends):
                    continue
                vectors = mending.vectors_of_pair(tx, *row.ends)
                if vectors is not None:
                    cosine = float(proposals.cosines(*vectors)[0])
                    again[row.ends] = Candidate(*row.ends, ProposedBy.COMMON_COPY, cosine), DAMAGED_ROW
            pairs.put_pending(tx, list(again.values()))

    def put_triggers(self, names: Iterable[str]) -> None:
        with self.store.write() as tx:
            for name in names:
                mending.put_trigger(tx, name)

    def remove_cache(self, rowids: Sequence[int]) -> None:
        """The row first: what names a file goes before the file."""
        self.remove("index_cache", rowids)
        self.remove_left_over()

    def remove_left_over(self) -> None:
        for path in left_over(self.store):
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)


def left_over(store: Store) -> list[Path]:
    """Files that no row names; none where the store cannot be locked, as they may be those of a run."""
    try:
        with store.exclusive():
            with store.read() as tx:
                named = {row.name for row in faults.cache_rows(tx)}
            found = itertools.chain.from_iterable(store.directory.glob(pattern) for pattern in LEFT_OVER)
            return sorted(path for path in found if path.name not in named)
    except StoreError:
        return []
