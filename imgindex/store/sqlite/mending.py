"""Statements of `repair`: they remove what is damaged, or correct what other rows tell."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import numpy as np
from sqlalchemy import Connection

from imgindex.records import Vectors
from imgindex.store import checksum
from imgindex.store.schema import embedding, metadata, space, state
from imgindex.store.spaces import LITTLE_ENDIAN_FLOAT32
from imgindex.store.sqlite import faults, seals
from imgindex.store.sqlite.faults import ChangedRow
from imgindex.store.sqlite.raw import rows


def remove(tx: Connection, table: str, rowids: Iterable[int]) -> None:
    """Delete rows by rowid; an integer `id` is the rowid."""
    _for_each(tx, f"DELETE FROM {table} WHERE rowid = ?", rowids)


def remove_unfounded(tx: Connection) -> None:
    """Remove what was weighed of pairs that have no row any more."""
    tx.exec_driver_sql(
        """DELETE FROM weighed WHERE NOT EXISTS
        (SELECT 1 FROM pair WHERE pair.low_id = weighed.low_id AND pair.high_id = weighed.high_id)"""
    )


def forget_searches(tx: Connection, image_ids: Iterable[Any]) -> None:
    """Remove the watermarks of these images in every space: the next run searches and verifies them again."""
    _for_each(tx, "DELETE FROM watermark WHERE image_id = ?", (i for i in image_ids if isinstance(i, int)))


def _for_each(tx: Connection, statement: str, values: Iterable[Any]) -> None:
    if some := [(value,) for value in values]:
        tx.exec_driver_sql(statement, some)


def remove_embeddings(tx: Connection, found: Mapping[int, Any]) -> None:
    """Delete embeddings (image ids by rowid) with the watermarks of their images; the generation grows."""
    remove(tx, "embedding", found)
    forget_searches(tx, found.values())
    tx.exec_driver_sql("UPDATE state SET generation = generation + 1")


def put_dim(tx: Connection, space_id: int, dim: int) -> None:
    """The row keeps its checksum, which matches again where nothing else of it changed."""
    with seals.lifted(tx, space):
        tx.exec_driver_sql("UPDATE space SET dim = ? WHERE id = ?", (dim, space_id))


def original(tx: Connection, table: str, row: ChangedRow) -> tuple[str, Any] | None:
    """(column, its value) of the one bit that makes a row match its checksum again; None where there is none such, or
    the checksum itself changed."""
    [(stored,)] = rows(tx, f"SELECT checksum FROM {table} WHERE rowid = ?", row.rowid)
    names, values = list(row.values), list(row.values.values())
    for at, value in enumerate(values):
        for other in _one_bit_away(value):
            if checksum.of_row((*values[:at], other, *values[at + 1 :])) == stored:
                return names[at], other
    return None


def _one_bit_away(value: Any) -> Iterator[Any]:
    """All that a whole number, a float, a text or bytes become by one flipped bit."""
    kind: dict[type, str] = {int: "<q", float: "<d"}
    if type(value) in kind:
        data = struct.pack(kind[type(value)], value)
    elif isinstance(value, str):
        data = value.encode("utf-8", "surrogateescape")
    elif isinstance(value, bytes):
        data = value
    else:
        return
    for bit in range(8 * len(data)):
        other = bytearray(data)
        other[bit // 8] ^= 1 << bit % 8
        if type(value) in kind:
            yield struct.unpack(kind[type(value)], other)[0]
        else:
            yield other.decode("utf-8", "surrogateescape") if isinstance(value, str) else bytes(other)


def put_back(tx: Connection, table: str, row: ChangedRow) -> bool:
    """Undo the one bit that changed in a row; False where that is not what happened."""
    found = original(tx, table, row)
    if found is not None:
        with seals.lifted(tx, metadata.tables[table]):
            tx.exec_driver_sql(f"UPDATE {table} SET {found[0]} = ? WHERE rowid = ?", (found[1], row.rowid))
    return found is not None


def mend_state(tx: Connection) -> None:
    """One row of `state`, with a generation that no embedding is above; what was cached until now goes."""
    with seals.lifted(tx, state):
        tx.exec_driver_sql("DELETE FROM state WHERE id <> 1")
        tx.exec_driver_sql("INSERT OR IGNORE INTO state (id, generation) VALUES (1, 0)")
        tx.exec_driver_sql("UPDATE state SET generation = 0 WHERE typeof(generation) <> 'integer'")
        seals.seal(tx, state)
    tx.exec_driver_sql(
        f"""UPDATE embedding SET generation = (SELECT generation FROM state)
        WHERE generation > (SELECT generation FROM state) AND {seals.is_whole(embedding)}"""
    )
    tx.exec_driver_sql("UPDATE state SET generation = generation + 1")
    tx.exec_driver_sql("DELETE FROM index_cache")
    if not faults.has_active_space(tx):
        mend_active_space(tx)


def mend_active_space(tx: Connection) -> None:
    """The space with the most embeddings becomes the active one; none where there are no embeddings."""
    tx.exec_driver_sql(
        """UPDATE state SET active_space_id = (SELECT space_id FROM embedding JOIN space ON space.id = space_id
        GROUP BY space_id ORDER BY count(*) DESC, space_id DESC LIMIT 1)"""
    )


def raise_sequence(tx: Connection, table: str, highest: int) -> None:
    tx.exec_driver_sql("DELETE FROM sqlite_sequence WHERE name = ?", (table,))
    tx.exec_driver_sql("INSERT INTO sqlite_sequence (name, seq) VALUES (?, ?)", (table, highest))


def vectors_of_pair(tx: Connection, low_id: int, high_id: int) -> tuple[Vectors, Vectors] | None:
    """float32[1, dim] of each image in the active space; None where one has no vector there."""
    statement = """SELECT low.vector, high.vector FROM state
        JOIN embedding low ON low.space_id = active_space_id AND low.image_id = ?
        JOIN embedding high ON high.space_id = active_space_id AND high.image_id = ?"""
    for blobs in rows(tx, statement, low_id, high_id):
        low, high = (np.asarray(np.frombuffer(blob, LITTLE_ENDIAN_FLOAT32)[None], np.float32) for blob in blobs)
        return low, high
    return None


def have_equal_pixels(tx: Connection, low_id: int, high_id: int) -> bool:
    """Whether two images have one pixel digest, which proposes them as a pair on every run."""
    statement = "SELECT 1 FROM image a JOIN image b ON a.pixel_digest = b.pixel_digest WHERE a.id = ? AND b.id = ?"
    return any(rows(tx, statement, low_id, high_id))


def put_trigger(tx: Connection, name: str) -> None:
    tx.exec_driver_sql(f"DROP TRIGGER IF EXISTS {name}")
    # DROP leaves a row of the schema whose type or name a flipped bit changed, and a second one makes it unreadable
    tx.exec_driver_sql("PRAGMA writable_schema = ON")
    left = "DELETE FROM sqlite_master WHERE name = ? OR sql LIKE 'CREATE TRIGGER ' || ? || ' %'"
    tx.exec_driver_sql(left, (name, name))
    tx.exec_driver_sql("PRAGMA writable_schema = OFF")
    tx.exec_driver_sql(faults.TRIGGERS[name])


def files_of(tx: Connection, column: str, ids: Iterable[int]) -> list[int]:
    """Ids of the file rows whose `image_id` or `skipped_id` is one of `ids`."""
    return [key for one in ids for [key] in rows(tx, f"SELECT id FROM file WHERE {column} = ?", one)]


def forget_rules(tx: Connection) -> None:
    tx.exec_driver_sql("UPDATE state SET rules_version = 0")
