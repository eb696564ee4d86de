"""Statements on embedding spaces, their vectors and the rows that name FAISS files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection, delete, func, insert, select, update

from imgindex.records import Space, Vectors
from imgindex.store import checksum
from imgindex.store.catalog import chunks
from imgindex.store.schema import embedding, index_cache, space, state
from imgindex.store.values import all_whole, is_whole, rows_of, whole

LITTLE_ENDIAN_FLOAT32 = np.dtype("<f4")

VECTORS_AT_ONCE = 16384
"""Vectors read into memory together: 32 MB of 512 numbers."""


@dataclass(frozen=True, slots=True)
class CacheRow:
    """A FAISS file in the store directory and what it must hold to be trusted."""

    name: str
    digest: bytes
    generation: int
    first_id: int
    last_id: int
    vectors: int
    size_bytes: int | None = None
    mtime_ns: int | None = None

    @property
    def held(self) -> tuple[int, int, int]:
        """First id, last id, vectors."""
        return self.first_id, self.last_id, self.vectors


@rows_of("state")
def _state(tx: Connection) -> Any:
    [row] = all_whole(tx.execute(select(state)), state)
    return row


def generation(tx: Connection) -> int:
    return int(_state(tx).generation)


def rules_version(tx: Connection) -> int:
    """The `decide.RULES_VERSION` that the stored pairs were decided by."""
    return int(_state(tx).rules_version)


def set_rules_version(tx: Connection, version: int) -> None:
    tx.execute(update(state).values(rules_version=version))


def active_space(tx: Connection) -> tuple[int, Space] | None:
    """(id, space) of the space that `index` writes and `query` searches; None in a new store."""
    space_id = _state(tx).active_space_id
    return (
        None
        if space_id is None
        else (space_id, _space(tx.execute(select(space).where(space.c.id == space_id)).first()))
    )


def activate_space(tx: Connection, wanted: Space) -> int:
    """Make `wanted` the active space, adding it where it is not known; returns its id."""
    space_id = tx.execute(select(space.c.id).where(space.c.fingerprint == wanted.fingerprint)).scalar()
    values = {
        "name": wanted.name,
        "model": wanted.model,
        "revision": wanted.revision,
        "preprocessing": wanted.preprocessing,
        "dim": wanted.dim,
        "precision": wanted.precision,
        "floor": wanted.floor,
    }
    if space_id is None:
        key = tx.execute(insert(space).values(fingerprint=wanted.fingerprint, **values)).inserted_primary_key
        assert key is not None
        space_id = key[0]
    else:
        tx.execute(update(space).where(space.c.id == space_id).values(**values))
    tx.execute(update(state).values(active_space_id=space_id))
    return int(space_id)


@rows_of("space")
def _space(row: Any) -> Space:
    if row is None:
        raise LookupError("the active one is not there")
    whole(row, space)
    r = row._mapping
    return Space(
        name=r["name"],
        model=r["model"],
        revision=r["revision"],
        preprocessing=r["preprocessing"],
        dim=r["dim"],
        precision=r["precision"],
        fingerprint=r["fingerprint"],
        floor=r["floor"],
    )


def put_embeddings(tx: Connection, space_id: int, image_ids: Sequence[int], vectors: Vectors) -> int:
    """Write one vector per image, images that have one already left out; returns the new generation."""
    have: set[int] = set()
    for part in chunks(image_ids):
        rows = select(embedding.c.image_id).where(embedding.c.space_id == space_id, embedding.c.image_id.in_(part))
        have.update(tx.execute(rows).scalars())
    grown = generation(tx) + 1
    rows_to_add = []
    for image_id, vector in zip(image_ids, vectors, strict=True):
        if image_id not in have:
            blob = np.ascontiguousarray(vector, LITTLE_ENDIAN_FLOAT32).tobytes()
            rows_to_add.append(
                {
                    "image_id": image_id,
                    "space_id": space_id,
                    "vector": blob,
                    "digest": checksum.of_bytes(blob),
                    "generation": grown,
                }
            )
            have.add(image_id)
    if not rows_to_add:
        return grown - 1
    tx.execute(insert(embedding), rows_to_add)
    tx.execute(update(state).values(generation=grown))
    return grown


def images_without_vector(tx: Connection, space_id: int, image_ids: Sequence[int]) -> set[int]:
    """Those of `image_ids` that have no vector in this space."""
    without = set(image_ids)
    for part in chunks(image_ids):
        rows = select(embedding.c.image_id).where(embedding.c.space_id == space_id, embedding.c.image_id.in_(part))
        without.difference_update(tx.execute(rows).scalars())
    return without


def vector_ids(tx: Connection, space_id: int) -> NDArray[np.int64]:
    """Image ids that have a vector in this space, ascending."""
    rows = select(embedding.c.image_id).where(embedding.c.space_id == space_id).order_by(embedding.c.image_id)
    return np.fromiter(tx.execute(rows).scalars(), np.int64)


def vectors(tx: Connection, space_id: int, dim: int) -> tuple[NDArray[np.int64], Vectors]:
    """(ids int64[n] ascending, float32[n, dim]) of this space, exactly as they were stored."""
    parts = list(vector_blocks(tx, space_id, dim))
    empty = np.empty(0, np.int64), np.empty((0, dim), np.float32)
    return np.concatenate([empty[0], *(ids for ids, _ in parts)]), np.concatenate([empty[1], *(v for _, v in parts)])


def vector_blocks(tx: Connection, space_id: int, dim: int) -> Iterator[tuple[NDArray[np.int64], Vectors]]:
    """(ids int64[n], float32[n, dim]) of this space in the order of ids, n at most VECTORS_AT_ONCE."""
    statement = select(embedding).where(embedding.c.space_id == space_id).order_by(embedding.c.image_id)
    for rows in tx.execute(statement).partitions(VECTORS_AT_ONCE):
        yield np.array([row.image_id for row in rows], np.int64), _matrix(rows, dim)


def ids_after(tx: Connection, space_id: int, generation: int) -> NDArray[np.int64]:
    """Image ids, ascending, of embeddings that this space got after a generation."""
    rows = select(embedding.c.image_id).where(embedding.c.space_id == space_id, embedding.c.generation > generation)
    return np.sort(np.fromiter(tx.execute(rows).scalars(), np.int64))


def count_until(tx: Connection, space_id: int, generation: int) -> int:
    """How many of the embeddings that this space had at a generation it still has."""
    rows = select(func.count()).where(embedding.c.space_id == space_id, embedding.c.generation <= generation)
    return int(tx.execute(rows).scalar_one())


@rows_of("embedding")
def _matrix(rows: Iterable[Any], dim: int) -> Vectors:
    """The vectors of rows of `embedding`, in their order."""
    blobs = []
    for row in rows:
        whole(row, embedding)
        if checksum.of_bytes(row.vector) != row.digest:
            raise ValueError("a vector does not match its digest")
        blobs.append(row.vector)
    return np.asarray(np.frombuffer(b"".join(blobs), LITTLE_ENDIAN_FLOAT32).reshape(-1, dim), np.float32)


def vectors_of(tx: Connection, space_id: int, dim: int, image_ids: Sequence[int]) -> Vectors:
    """float32[len(image_ids), dim] in their order; raises KeyError where one has no vector."""
    found: dict[int, Any] = {}
    for part in chunks(image_ids):
        rows = select(embedding).where(embedding.c.space_id == space_id, embedding.c.image_id.in_(part))
        found.update({row.image_id: row for row in tx.execute(rows)})
    return _matrix((found[image_id] for image_id in image_ids), dim)


def cache_rows(tx: Connection, space_id: int) -> list[CacheRow]:
    """The FAISS files of a space, base first; none where a row is not as it was written: they are built again."""
    rows = tx.execute(select(index_cache).where(index_cache.c.space_id == space_id).order_by(index_cache.c.id)).all()
    if not all(is_whole(row, index_cache) for row in rows):
        return []
    return [
        CacheRow(
            row.name, row.digest, row.generation, row.first_id, row.last_id, row.vectors, row.size_bytes, row.mtime_ns
        )
        for row in rows
    ]


def put_cache_rows(tx: Connection, space_id: int, rows: Sequence[CacheRow]) -> None:
    """Name files that are already complete on disk, base first; they replace what was named before."""
    tx.execute(delete(index_cache).where(index_cache.c.space_id == space_id))
    tx.execute(
        insert(index_cache),
        [
            {
                "space_id": space_id,
                "name": row.name,
                "digest": row.digest,
                "generation": row.generation,
                "first_id": row.first_id,
                "last_id": row.last_id,
                "vectors": row.vectors,
                "size_bytes": row.size_bytes,
                "mtime_ns": row.mtime_ns,
            }
            for row in rows
        ],
    )
