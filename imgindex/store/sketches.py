"""Statements on sketches: what is kept of an image's look, so that its file need not be read."""

from __future__ import annotations

from collections.abc import Collection, Sequence

from sqlalchemy import Connection, delete, insert, select

from imgindex import checksum
from imgindex.schema import sketch
from imgindex.store.catalog import chunks


def put_sketches(tx: Connection, made: Sequence[tuple[int, bytes]]) -> None:
    """Write sketches by image id, in the place of older ones."""
    for part in chunks(made):
        tx.execute(delete(sketch).where(sketch.c.image_id.in_([image_id for image_id, _ in part])))
        rows = [{"image_id": i, "sketch": data, "digest": checksum.of_bytes(data)} for i, data in part]
        tx.execute(insert(sketch), rows)


def sketches(tx: Connection, image_ids: Collection[int], version: int) -> dict[int, bytes]:
    """Sketches by image id; those of another version, and those whose digest does not match, are left out."""
    found: dict[int, bytes] = {}
    for part in chunks(sorted(image_ids)):
        for row in tx.execute(select(sketch).where(sketch.c.image_id.in_(part))):
            if row.digest == checksum.of_bytes(row.sketch) and row.sketch[:1] == bytes([version]):
                found[row.image_id] = row.sketch
    return found
