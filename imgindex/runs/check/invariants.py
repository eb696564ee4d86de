"""What is broken in a store: each invariant of `check` looked at by itself, and said in a sentence."""

from __future__ import annotations

import itertools
import os
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from imgindex import files
from imgindex.ports import Progress
from imgindex.runs.check import seals
from imgindex.runs.check.damage import Damage, _cut, many, shown
from imgindex.runs.check.repair import REPAIR, RESTORE, Repair, left_over
from imgindex.search import vectors
from imgindex.search.index_files import load_index
from imgindex.search.recall import LEAST_RECALL, NEAREST, SAMPLE, recall
from imgindex.store import Store
from imgindex.store.spaces import LITTLE_ENDIAN_FLOAT32, CacheRow
from imgindex.store.sqlite import columns, faults
from imgindex.store.sqlite.faults import BrokenPair, BrokenWeighing, RawCacheRow

T = TypeVar("T")

CHUNK = 4096
"""Rows looked at together: 8 MiB of vectors of 512 numbers."""

CACHE_NAME = re.compile(r"space-[0-9]+-[0-9]+\.faiss", re.ASCII)
OTHER_LENGTH = "its length is not that of its space"


@dataclass(frozen=True, slots=True)
class Invariants:
    """Each method checks one invariant, and gives what is broken of it."""

    store: Store
    progress: Progress
    repair: Repair

    @property
    def stages(self) -> tuple[tuple[str, Callable[[], Iterable[Damage]]], ...]:
        """What a person is told is being checked, and how, by number of the invariant."""
        return (
            ("database", self.database),
            ("vectors", self.vectors),
            ("files", self.files),
            ("generation", self.generation),
            ("ids", self.ids),
            ("pairs", self.pairs),
            ("decisions", self.decisions),
            ("checksums", self.checksums),
            ("search index", self.cache),
            ("what is remembered", self.remembered),
            ("values", self.values),
        )

    def database(self) -> Iterator[Damage]:
        with self.store.read() as tx:
            said = faults.damage(tx)
        if said:
            example = files.display(os.fsencode(said[0].strip().splitlines()[-1]))
            yield Damage(0, f"SQLite finds {many(len(said), 'fault')} in the database, e.g.: {example}.", RESTORE)

    def vectors(self) -> Iterator[Damage]:
        """A space that says another length than all its vectors have is itself damaged, and they are not."""
        bad: dict[int, tuple[Any, str]] = {}
        other_length: defaultdict[int, dict[int, tuple[Any, int]]] = defaultdict(dict)
        as_stated = set()
        with self.store.read() as tx:
            dims = faults.dims(tx)
            lone = faults.dangling(tx, "embedding")
            for rows in _parts(faults.embeddings(tx)):
                for (rowid, image_id, space_id, vector, _), fault in zip(rows, faults.vector_faults(rows), strict=True):
                    if fault is not None:
                        bad[rowid] = image_id, fault
                    elif rowid in lone:
                        bad[rowid] = image_id, "the image or the space that it belongs to is not there"
                    elif _length(dims[space_id]) == len(vector):
                        as_stated.add(space_id)
                    else:
                        other_length[space_id][rowid] = image_id, len(vector)
                self.progress.advance(len(rows))
        for space_id, others in other_length.items():
            lengths = {length for _, length in others.values()}
            if len(lengths) == 1 and space_id not in as_stated:
                yield self._wrong_dim(space_id, dims[space_id], *lengths)
            else:
                bad |= {rowid: (image_id, OTHER_LENGTH) for rowid, (image_id, _) in others.items()}
        if bad:
            image_id, fault = next(iter(bad.values()))
            yield Damage(
                1,
                f"{many(len(bad), 'vector')} cannot be trusted, e.g. that of {self._image(image_id)}: {fault}.",
                f"{REPAIR}removes them, and the next imgindex index embeds their images again.",
                partial(self.repair.remove_vectors, {rowid: image_id for rowid, (image_id, _) in bad.items()}),
            )

    def _wrong_dim(self, space_id: int, stated: Any, length: int) -> Damage:
        dim = length // LITTLE_ENDIAN_FLOAT32.itemsize

        sentence = f"Space {space_id} says that its vectors have {stated} numbers, and all of them have {dim}."
        return Damage(1, sentence, f"{REPAIR}corrects the number.", partial(self.repair.put_dim, space_id, dim))

    def files(self) -> Iterator[Damage]:
        with self.store.read() as tx:
            broken = faults.broken_files(tx)
            orphans = faults.images_without_file(tx)
            unused = faults.skipped_without_file(tx)
        if broken:
            _, path, why = broken[0]
            yield Damage(
                2,
                f"{many(len(broken), 'file row')} cannot be trusted, e.g. that of {shown(path)}: {why}.",
                f"{REPAIR}removes them, and the next imgindex index reads the files again.",
                partial(self.repair.remove_files, [key for key, *_ in broken]),
            )
        if orphans:
            yield Damage(
                2,
                f"{many(len(orphans), 'image')} without a file row, e.g. image {orphans[0]}.",
                f"{REPAIR}removes them with their vectors and pairs.",
                self.repair.remove_files,
            )
        if unused:
            yield Damage(
                2,
                f"{many(len(unused), 'row')} of skipped files without a file, e.g. row {unused[0]}.",
                f"{REPAIR}removes them.",
                self.repair.remove_files,
            )

    def generation(self) -> Iterator[Damage]:
        with self.store.read() as tx:
            generation = faults.generation(tx)
            above = [] if generation is None else faults.embeddings_above(tx, generation)
            has_active = faults.has_active_space(tx)
            rows = faults.cache_rows(tx)
            wrong = [row for row in rows if not _is_earlier(row, generation) and row.generation != generation]
            for space_id in sorted({row.space_id for row in rows if row.generation == generation}, key=str):
                of_space = [row for row in rows if row.space_id == space_id]
                if _together(of_space) != faults.held(tx, space_id):
                    wrong += [row for row in of_space if row not in wrong]
        if generation is None:
            yield Damage(
                3, "The store does not say its generation.", f"{REPAIR}begins a new one.", self.repair.begin_generation
            )
        if above:
            yield Damage(
                3,
                f"{many(len(above), 'vector')} of a generation beyond the store's, {generation}, e.g. that of "
                f"{self._image(above[0])}.",
                f"{REPAIR}begins a new generation.",
                self.repair.begin_generation,
            )
        if not has_active:
            yield Damage(
                3,
                "The embedding space that the store is said to use is not there.",
                f"{REPAIR}makes that with the most vectors the active one.",
                self.repair.choose_active_space,
            )
        if wrong:
            yield Damage(
                3,
                f"{many(len(wrong), 'search index', 'search indexes')} of generation {generation} or beyond without "
                f"just the vectors there are, e.g. {shown(wrong[0].name)}.",
                f"{REPAIR}removes them, and the next imgindex index writes new ones.",
                partial(self.repair.remove_cache, [row.id for row in wrong]),
            )

    def ids(self) -> Iterator[Damage]:
        with self.store.read() as tx:
            without = faults.without_autoincrement(tx)
            above = faults.above_sequence(tx)
        if without:
            yield Damage(4, f"Ids of {', '.join(without)} may be used twice: AUTOINCREMENT is not there.", RESTORE)
        if above:
            table, highest = above[0]
            yield Damage(
                4,
                f"{many(len(above), 'table')} with ids beyond those ever given, e.g. {table} {highest}.",
                f"{REPAIR}counts on from the highest.",
                partial(self.repair.raise_sequences, above),
            )

    def pairs(self) -> Iterator[Damage]:
        for table, name in (("pair", "pair"), ("pending", "pending candidate")):
            with self.store.read() as tx:
                broken = faults.broken_pairs(tx, table)
            yield from self.broken_pairs(5, name, broken)
        with self.store.read() as tx:
            unfounded = faults.broken_weighings(tx)
        yield from self.broken_weighings(5, unfounded)

    def broken_pairs(self, invariant: int, name: str, broken: list[BrokenPair]) -> Iterator[Damage]:
        """What is said of rows of `pair` or `pending`."""
        if broken:
            first = broken[0]
            yield Damage(
                invariant,
                f"{many(len(broken), name)} cannot be trusted, e.g. that of {self._image(first.low_id)} and "
                f"{self._image(first.high_id)}: {first.why}.",
                f"{REPAIR}removes them, and the next imgindex index verifies them again.",
                partial(self.repair.remove_pairs, broken),
            )

    def broken_weighings(self, invariant: int, broken: list[BrokenWeighing]) -> Iterator[Damage]:
        """What is said of rows of `weighed`."""
        if broken:
            first = broken[0]
            yield Damage(
                invariant,
                f"What was weighed of {many(len(broken), 'pair')} cannot be trusted, e.g. of "
                f"{self._image(first.low_id)} and {self._image(first.high_id)}: {first.why}.",
                f"{REPAIR}removes it, and the next imgindex index weighs them again.",
                partial(self.repair.remove, "weighed", [row.rowid for row in broken]),
            )

    def decisions(self) -> Iterator[Damage]:
        with self.store.read() as tx:
            triggers = faults.changed_triggers(tx)
            lost = faults.lost_decisions(tx)
        if triggers:
            yield Damage(
                6,
                f"{many(len(triggers), 'guard')} of the rows missing or changed, e.g. the trigger {triggers[0]}.",
                f"{REPAIR}makes them again.",
                partial(self.repair.put_triggers, triggers),
            )
        if lost:
            yield Damage(6, f"Decisions are gone from the log, e.g. decision {lost[0]}.", RESTORE)

    def checksums(self) -> Iterator[Damage]:
        with self.store.read() as tx:
            sealed = [*seals.changed(self, tx), *seals.records(tx)]
            changed = faults.changed_decisions(tx)
        yield from sealed
        if changed:
            yield Damage(
                7,
                f"{many(len(changed), 'decision')} with a checksum that does not match, e.g. decision {changed[0]}.",
                "Decide on that pair again, or restore the database from a backup (imgindex backup FILE makes one): "
                "what a person decided is never changed by imgindex.",
            )

    def cache(self) -> Iterator[Damage]:
        with self.store.read() as tx:
            generation = faults.generation(tx)
            rows = faults.cache_rows(tx)
            lone = faults.dangling(tx, "index_cache")
        bad = [(row, why) for row in rows if (why := self._file_fault(row, lone)) is not None]
        if not bad:
            for space_id in sorted({row.space_id for row in rows}):
                of_space = [row for row in rows if row.space_id == space_id]
                why = self._index_fault(of_space, generation)
                bad += [] if why is None else [(row, why) for row in of_space]
        with self.store.read() as tx:
            now = faults.cache_rows(tx)
        bad = [(row, why) for row, why in bad if row in now]  # a run that goes on may have replaced it meanwhile
        if bad:
            row, why = bad[0]
            yield Damage(
                8,
                f"{many(len(bad), 'search index', 'search indexes')} of no use, e.g. {shown(row.name)}: {why}.",
                f"{REPAIR}removes them, and the next imgindex index writes new ones.",
                partial(self.repair.remove_cache, [row.id for row, _ in bad]),
            )
        strays = left_over(self.store)
        if strays:
            size = sum(_size_bytes(path) for path in strays)
            example = files.display(os.fsencode(strays[0].name))
            yield Damage(
                8,
                f"{many(len(strays), 'file')} in the store that nothing names, {size:,} bytes, e.g. {example}.",
                f"{REPAIR}deletes them.",
                self.repair.remove_left_over,
            )

    def _file_fault(self, row: RawCacheRow, lone: set[int]) -> str | None:
        if row.id in lone:
            return "its space is not there"
        if not isinstance(row.name, str) or not CACHE_NAME.fullmatch(row.name):
            return "no file has such a name"
        path = self.store.directory / row.name
        if not path.exists():  # a cache may be deleted, and a backup has none
            return None
        index = vectors.load(path, row.digest)
        if index is None:
            return "the file does not match its digest"
        ends = (int(index.ids[0]), int(index.ids[-1]), len(index)) if len(index) else (None, None, 0)
        return None if ends == row.held else "the file holds other ids than its row says"

    def _index_fault(self, rows: list[RawCacheRow], generation: int | None) -> str | None:
        """What is wrong with the files of one space, each of which is as its row says; how much it finds is said."""
        space_id = rows[0].space_id
        paths = [self.store.directory / row.name for row in rows]
        if rows[-1].generation != generation or not all(path.exists() for path in paths):
            return None
        index = load_index(self.store.directory, [CacheRow(r.name, r.digest, r.generation, *r.held) for r in rows])
        with self.store.read() as tx:
            if faults.generation(tx) != generation:
                return None
            if index is None or not np.array_equal(index.ids, faults.embedded_ids(tx, space_id)):
                return "its files hold other ids than the store"
        if index.lists == 1:
            return None
        share = recall(self.store, space_id, index)
        self.progress.say(
            f"The search index finds {share:.1%} of the {NEAREST} nearest of {SAMPLE} sampled images that exact search "
            "finds."
        )
        return None if share >= LEAST_RECALL else f"it finds only {share:.0%} of what exact search finds"

    def remembered(self) -> Iterator[Damage]:
        sketches = []
        with self.store.read() as tx:
            lone = faults.lone_watermarks(tx)
            for part in _parts(faults.broken_sketches(tx)):
                sketches += [found for found in part if found is not None]
                self.progress.advance(len(part))
        if lone:
            yield Damage(
                9,
                f"{many(len(lone), 'watermark')} of an image without a vector, e.g. of {self._image(lone[0][1])}.",
                f"{REPAIR}removes them.",
                partial(self.repair.remove, "watermark", [rowid for rowid, _ in lone]),
            )
        if sketches:
            yield Damage(
                9,
                f"{many(len(sketches), 'damaged sketch', 'damaged sketches')}, e.g. of {self._image(sketches[0][1])}.",
                f"{REPAIR}removes them; they are made again where they are wanted.",
                partial(self.repair.remove, "sketch", [rowid for rowid, _ in sketches]),
            )

    def values(self) -> Iterator[Damage]:
        for table in columns.CHECKED:
            with self.store.read() as tx:
                wrong = list(columns.wrong_values(tx, table))
            if wrong:
                first = wrong[0]
                named = self._image(first.rowid) if table.name == "image" else f"row {first.rowid}"
                remedy, mend = self.repair.of_values(table.name, [row.rowid for row in wrong])
                yield Damage(
                    10,
                    f"{many(len(wrong), 'row')} of {table.name} with a value that cannot be right, e.g. in {named} "
                    f"{first.column}: {_cut(first.value)}.",
                    remedy,
                    mend,
                )

    def _image(self, image_id: Any) -> str:
        """An image for a person: its id, and a path where it has one."""
        with self.store.read() as tx:
            path = faults.path_of(tx, image_id) if isinstance(image_id, int) else None
        return f"image {shown(image_id)}" + ("" if path is None else f" ({files.display(path)})")


def _length(dim: Any) -> int:
    """Bytes of a vector; -1 where `dim` is no number of numbers."""
    return dim * LITTLE_ENDIAN_FLOAT32.itemsize if isinstance(dim, int) else -1


def _is_earlier(row: RawCacheRow, generation: int | None) -> bool:
    return generation is not None and isinstance(row.generation, int) and row.generation < generation


def _together(rows: list[RawCacheRow]) -> tuple[Any, ...] | None:
    """First id, last id and vectors of the files of one space; None where a row does not say them."""
    if not all(isinstance(value, int) for row in rows for value in row.held):
        return None
    first, last, count = zip(*(row.held for row in rows), strict=True)
    return min(first), max(last), sum(count)


def _parts(rows: Iterable[T]) -> Iterator[list[T]]:
    rest = iter(rows)
    while part := list(itertools.islice(rest, CHUNK)):
        yield part


def _size_bytes(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return 0
