"""Statements of `check`: they read rows as SQLite has them, whatever a flipped bit made of them. Nothing here assumes
the type of a value that it reads."""

from __future__ import annotations

import itertools
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, Table

from imgindex.records import Grade, ProposedBy, Relation, Verdict
from imgindex.store import checksum
from imgindex.store.decisions import Decision
from imgindex.store.schema import metadata, sealed_columns
from imgindex.store.spaces import LITTLE_ENDIAN_FLOAT32
from imgindex.store.sqlite import seals
from imgindex.store.sqlite.raw import rows

NORM_TOLERANCE = 1e-3

WITH_AUTOINCREMENT = tuple(
    table.name for table in metadata.sorted_tables if table.dialect_options["sqlite"]["autoincrement"]
)

LOG_TRIGGERS = {
    f"decision_no_{action.lower()}": (
        f"CREATE TRIGGER decision_no_{action.lower()} BEFORE {action} ON decision "
        "BEGIN SELECT RAISE(ABORT, 'decisions are an append-only log'); END"
    )
    for action in ("UPDATE", "DELETE")
}
"""The triggers that keep decisions an append-only log, by name, as the migrations make them."""

TRIGGERS = LOG_TRIGGERS | seals.TRIGGERS
"""All there are."""

CHECK_FAILED = "CHECK constraint failed"
"""Each CHECK of the schema is part of a numbered invariant, which names the row and mends it."""

CHECKED = ("state", "embedding", "file", "pair", "weighed", "pending", "watermark", "index_cache", "sketch")
"""Tables whose references belong to a numbered invariant."""

_FILE_FAULT = """CASE
    WHEN (image_id IS NULL) = (skipped_id IS NULL) THEN 'it is to show an image or to be skipped, one of the two' END"""


def _in(values: Iterable[str]) -> str:
    return ", ".join(f"'{value}'" for value in values)


_CANDIDATE_FAULT = f"""CASE
    WHEN typeof(low_id) <> 'integer' OR typeof(high_id) <> 'integer' OR low_id >= high_id
        THEN 'its two images are not in the order of their ids'
    WHEN proposed_by NOT IN ({_in(ProposedBy)}) THEN 'it does not say how it was proposed'
    WHEN proposed_by = '{ProposedBy.FLOOR}' AND typeof(cosine) <> 'real' THEN 'it has no cosine'
    WHEN typeof(cosine) NOT IN ('null', 'real') OR cosine NOT BETWEEN -1 AND 1 THEN 'its cosine is none'
    {{more}} END"""

_FAULTS = {
    "pair": _CANDIDATE_FAULT.format(
        more=f"""
    WHEN proposed_by = '{ProposedBy.FLOOR}' AND (typeof(floor) <> 'real' OR cosine < floor)
        THEN 'its cosine is below the floor that proposed it'
    WHEN verdict NOT IN ({_in(Verdict)}) OR relation NOT IN ({_in(Relation)}) THEN 'its verdict is not a known one'"""
    ),
    "pending": _CANDIDATE_FAULT.format(more="WHEN typeof(reason) <> 'text' THEN 'it does not say why it waits'"),
}

_COPIES = _in(verdict for verdict in Verdict if verdict.is_copy)

_WEIGHED_FAULT = f"""CASE
    WHEN typeof(low_id) <> 'integer' OR typeof(high_id) <> 'integer' OR low_id >= high_id
        THEN 'its two images are not in the order of their ids'
    WHEN NOT EXISTS (SELECT 1 FROM pair WHERE pair.low_id = weighed.low_id AND pair.high_id = weighed.high_id
        AND verdict IN ({_COPIES})) THEN 'they are not proven to be copies'
    WHEN grade_a NOT IN ({_in(Grade)}) OR grade_b NOT IN ({_in(Grade)}) THEN 'its grade is not a known one' END"""

CHANGED = "its checksum does not match"


@dataclass(frozen=True, slots=True)
class BrokenPair:
    """A row of `pair` or `pending` that cannot be trusted, and why."""

    table: str
    rowid: int
    low_id: Any
    high_id: Any
    proposed_by: Any
    why: str

    @property
    def ends(self) -> tuple[Any, Any]:
        return self.low_id, self.high_id

    @property
    def is_in_order(self) -> bool:
        return isinstance(self.low_id, int) and isinstance(self.high_id, int) and self.low_id < self.high_id


@dataclass(frozen=True, slots=True)
class RawCacheRow:
    """A row of `index_cache` as it is."""

    id: int
    space_id: Any
    name: Any
    digest: Any
    generation: Any
    held: tuple[Any, ...]
    """First id, last id, vectors."""


def damage(tx: Connection) -> list[str]:
    """What SQLite finds broken in the database file (its first 100 sentences), references to tables that are not there,
    of which it says nothing, and references to rows that are not there in tables that no other statement looks at."""
    found = [str(said) for [said] in rows(tx, "PRAGMA integrity_check")]
    lost = rows(
        tx,
        f"""SELECT name, keys."table" FROM sqlite_master JOIN pragma_foreign_key_list(name) keys
        WHERE type = 'table' AND keys."table" NOT IN (SELECT name FROM sqlite_master)
        UNION SELECT "table", parent FROM pragma_foreign_key_check WHERE "table" NOT IN ({_in(CHECKED)})""",
    )
    return [said for said in found if said != "ok" and CHECK_FAILED not in said] + [
        f"{table} refers to what is not there in {parent}" for table, parent in lost
    ]


def dangling(tx: Connection, table: str) -> set[int]:
    """rowids of a table's rows that refer to a row that is not there (foreign_key_check)."""
    return {row[1] for row in rows(tx, f"PRAGMA foreign_key_check({table})")}


def path_of(tx: Connection, image_id: int) -> bytes | None:
    """One path of an image; None where it has none."""
    found = rows(tx, "SELECT path FROM file WHERE image_id = ? ORDER BY path LIMIT 1", image_id)
    return next((path for [path] in found if isinstance(path, bytes)), None)


def dims(tx: Connection) -> dict[Any, Any]:
    """What each space says of the numbers in its vectors, by id."""
    return dict(rows(tx, "SELECT id, dim FROM space"))


def embeddings(tx: Connection) -> Iterator[tuple[Any, ...]]:
    """(rowid, image_id, space_id, vector, digest) of every embedding, in the order of the file."""
    return rows(tx, "SELECT rowid, image_id, space_id, vector, digest FROM embedding ORDER BY rowid")


def vector_faults(found: list[tuple[Any, ...]]) -> list[str | None]:
    """Why each of some embeddings (rowid, image_id, space_id, vector, digest) is damaged; None where it is whole."""
    faults = [_blob_fault(vector, digest) for *_, vector, digest in found]
    by_length: defaultdict[int, list[int]] = defaultdict(list)
    for at, fault in enumerate(faults):
        if fault is None:
            by_length[len(found[at][3])].append(at)
    for length, where in by_length.items():
        dim = length // LITTLE_ENDIAN_FLOAT32.itemsize
        matrix = np.frombuffer(b"".join(found[at][3] for at in where), LITTLE_ENDIAN_FLOAT32).reshape(-1, dim)
        with np.errstate(all="ignore"):
            norms = np.sqrt(np.einsum("ij,ij->i", matrix, matrix, dtype=np.float64))
            is_unit = np.abs(norms - 1.0) <= NORM_TOLERANCE  # not so where a number is not finite
        for at in np.flatnonzero(~is_unit).tolist():
            faults[where[at]] = "it is not finite or not of norm 1"
    return faults


def _blob_fault(vector: Any, digest: Any) -> str | None:
    if not isinstance(vector, bytes) or not vector or len(vector) % LITTLE_ENDIAN_FLOAT32.itemsize:
        return "its bytes are no vector"
    return None if checksum.of_bytes(vector) == digest else "its digest does not match"


def broken_files(tx: Connection) -> list[tuple[int, Any, str]]:
    """(id, path, why) of file rows that show neither an image nor a reason, or both, or one that is not there."""
    found = list(rows(tx, f"SELECT id, path, {_FILE_FAULT} AS why FROM file WHERE why IS NOT NULL"))
    known = {row[0] for row in found}
    for key in sorted(dangling(tx, "file") - known):
        [[path]] = rows(tx, "SELECT path FROM file WHERE id = ?", key)
        found.append((key, path, "what it refers to is not there"))
    return found


def images_without_file(tx: Connection) -> list[int]:
    statement = "SELECT id FROM image WHERE NOT EXISTS (SELECT 1 FROM file WHERE image_id = image.id) ORDER BY id"
    return [key for [key] in rows(tx, statement)]


def skipped_without_file(tx: Connection) -> list[int]:
    statement = "SELECT id FROM skipped WHERE id NOT IN (SELECT skipped_id FROM file WHERE skipped_id IS NOT NULL)"
    return [key for [key] in rows(tx, f"{statement} ORDER BY id")]


def generation(tx: Connection) -> int | None:
    """The generation of the store; None where `state` is not one row with a whole number in it."""
    found = list(rows(tx, "SELECT id, generation FROM state"))
    whole = len(found) == 1 and found[0][0] == 1 and isinstance(found[0][1], int)
    return found[0][1] if whole else None


def embeddings_above(tx: Connection, generation: int) -> list[int]:
    """Image ids of embeddings whose generation the store has not reached."""
    statement = "SELECT image_id FROM embedding WHERE typeof(generation) <> 'integer' OR generation > ? ORDER BY rowid"
    return [key for [key] in rows(tx, statement, generation)]


def has_active_space(tx: Connection) -> bool:
    """Whether the active space exists; a store without embeddings needs none."""
    statement = """SELECT active_space_id IN (SELECT id FROM space)
        OR (active_space_id IS NULL AND NOT EXISTS (SELECT 1 FROM embedding)) FROM state"""
    return all(found for [found] in rows(tx, statement))


def held(tx: Connection, space_id: Any) -> tuple[Any, ...]:
    """(first id, last id, vectors) of a space."""
    if not isinstance(space_id, int):
        return None, None, 0
    statement = "SELECT min(image_id), max(image_id), count(*) FROM embedding WHERE space_id = ?"
    [(first, last, count)] = rows(tx, statement, space_id)
    return first, last, count


def embedded_ids(tx: Connection, space_id: Any) -> NDArray[np.int64]:
    """Image ids that have a vector in this space, ascending."""
    statement = "SELECT image_id FROM embedding WHERE space_id = ? AND typeof(image_id) = 'integer' ORDER BY image_id"
    return np.fromiter((key for [key] in rows(tx, statement, space_id)), np.int64)


def without_autoincrement(tx: Connection) -> list[str]:
    """Tables whose ids SQLite would use twice."""
    ddl = {name: str(sql) for name, sql in rows(tx, "SELECT name, sql FROM sqlite_master WHERE type = 'table'")}
    return [name for name in WITH_AUTOINCREMENT if "AUTOINCREMENT" not in ddl.get(name, "").upper()]


def above_sequence(tx: Connection) -> list[tuple[str, int]]:
    """(table, highest id) where ids go beyond what `sqlite_sequence` knows to have been given."""
    given = dict(rows(tx, "SELECT name, seq FROM sqlite_sequence"))
    found = []
    for table in WITH_AUTOINCREMENT:
        [[highest]] = rows(tx, f"SELECT max(id) FROM {table}")
        seq = given.get(table, 0)
        if highest is not None and not (isinstance(seq, int) and highest <= seq):
            found.append((table, highest))
    return found


def broken_pairs(tx: Connection, table: str) -> list[BrokenPair]:
    """Rows of `pair` or `pending` that are out of order, refer to nothing, or do not say how they were proposed."""
    columns = f"rowid, low_id, high_id, proposed_by, {_FAULTS[table]} AS why"
    found = [BrokenPair(table, *row) for row in rows(tx, f"SELECT {columns} FROM {table} WHERE why IS NOT NULL")]
    known = {row.rowid for row in found}
    columns = "rowid, low_id, high_id, proposed_by, 'an image or a space that it refers to is not there'"
    for rowid in sorted(dangling(tx, table) - known):
        found += [BrokenPair(table, *row) for row in rows(tx, f"SELECT {columns} FROM {table} WHERE rowid = ?", rowid)]
    return found


@dataclass(frozen=True, slots=True)
class BrokenWeighing:
    """A row of `weighed` that cannot be trusted, and why."""

    rowid: int
    low_id: Any
    high_id: Any
    why: str


def broken_weighings(tx: Connection) -> list[BrokenWeighing]:
    """Rows of `weighed` that are out of order, or of a pair or image that is not there, or of no copies."""
    columns = f"rowid, low_id, high_id, {_WEIGHED_FAULT} AS why"
    found = [BrokenWeighing(*row) for row in rows(tx, f"SELECT {columns} FROM weighed WHERE why IS NOT NULL")]
    known = {row.rowid for row in found}
    columns = "rowid, low_id, high_id, 'an image that it refers to is not there'"
    for rowid in sorted(dangling(tx, "weighed") - known):
        found += [BrokenWeighing(*row) for row in rows(tx, f"SELECT {columns} FROM weighed WHERE rowid = ?", rowid)]
    return found


@dataclass(frozen=True, slots=True)
class ChangedRow:
    """A row of a sealed table that is not as it was written, with what its checksum is made of, by column."""

    rowid: int
    values: dict[str, Any]


def changed_rows(tx: Connection, table: Table) -> Iterator[ChangedRow | None]:
    """For every row of a sealed table: None where it is as it was written, else the row."""
    names = sealed_columns(table)
    for rowid, stored, *values in rows(tx, f"SELECT rowid, checksum, {', '.join(names)} FROM {table.name}"):
        yield None if stored == _checksum(values) else ChangedRow(rowid, dict(zip(names, values, strict=True)))


def broken_pair(table: str, row: ChangedRow) -> BrokenPair:
    """A row of `pair` or `pending` that is not as it was written."""
    low, high, proposed_by = (row.values[name] for name in ("low_id", "high_id", "proposed_by"))
    return BrokenPair(table, row.rowid, low, high, proposed_by, CHANGED)


def broken_weighing(row: ChangedRow) -> BrokenWeighing:
    """A row of `weighed` that is not as it was written."""
    return BrokenWeighing(row.rowid, row.values["low_id"], row.values["high_id"], CHANGED)


def _checksum(values: list[Any]) -> bytes | None:
    """The checksum of the values of a row; None where such values were never written."""
    try:
        return checksum.of_row(tuple(values))
    except ValueError:
        return None


def changed_triggers(tx: Connection) -> list[str]:
    """Names of TRIGGERS that are not there as they were made."""
    found = dict(rows(tx, "SELECT name, sql FROM sqlite_master WHERE type = 'trigger'"))
    return [name for name, sql in TRIGGERS.items() if " ".join(str(found.get(name)).split()) != sql]


def lost_decisions(tx: Connection) -> list[int]:
    """Ids that the log has given and that no decision has any more, the first 100."""
    there = {key for [key] in rows(tx, "SELECT id FROM decision")}
    given = [seq for [seq] in rows(tx, "SELECT seq FROM sqlite_sequence WHERE name = 'decision'")]
    last = max([0, *there, *(seq for seq in given if isinstance(seq, int))])
    return list(itertools.islice((key for key in range(1, last + 1) if key not in there), 100))


def changed_decisions(tx: Connection) -> list[int]:
    """Ids of decisions that are not as they were written."""
    columns = "id, made_at_s, kind, low_sha256, high_sha256, note, checksum"
    found = rows(tx, f"SELECT {columns} FROM decision ORDER BY id")
    return [row[0] for row in found if not _is_whole(Decision(*row))]


def _is_whole(decision: Decision) -> bool:
    try:
        return decision.is_whole
    except (AttributeError, TypeError, ValueError):
        return False


def cache_rows(tx: Connection) -> list[RawCacheRow]:
    columns = "id, space_id, name, digest, generation, first_id, last_id, vectors"
    found = rows(tx, f"SELECT {columns} FROM index_cache ORDER BY id")
    return [RawCacheRow(key, space, name, digest, made, (*held,)) for key, space, name, digest, made, *held in found]


def lone_watermarks(tx: Connection) -> list[tuple[int, Any]]:
    """(rowid, image id) of watermarks of an image that has no vector in their space."""
    statement = """SELECT rowid, image_id FROM watermark WHERE NOT EXISTS
        (SELECT 1 FROM embedding e WHERE e.image_id = watermark.image_id AND e.space_id = watermark.space_id)"""
    return [(rowid, image_id) for rowid, image_id in rows(tx, statement)]


def broken_sketches(tx: Connection) -> Iterator[tuple[int, Any] | None]:
    """For every sketch: None where it is whole and of an image that is there, else (rowid, image id)."""
    lone = dangling(tx, "sketch")
    for rowid, image_id, data, digest in rows(tx, "SELECT rowid, image_id, sketch, digest FROM sketch"):
        is_whole = rowid not in lone and isinstance(data, bytes) and checksum.of_bytes(data) == digest
        yield None if is_whole else (rowid, image_id)
