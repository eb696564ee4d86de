"""Statements on sketches: what is kept of an image's look, so that its file need not be read."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from imgindex.store import checksum
from imgindex.store.catalog import chunks
from imgindex.store.schema import sketch
from imgindex.store.values import is_whole


def put_sketches(tx: Connection, made: Iterable[tuple[int, bytes]], short_side_px: int) -> None:
    """Write sketches by image id, in the place of older ones; they were made of pictures decoded to this short side."""
    for part in chunks(sorted(dict(made).items())):
        tx.execute(delete(sketch).where(sketch.c.image_id.in_([image_id for image_id, _ in part])))
        rows = [
            {"image_id": i, "short_side_px": short_side_px, "sketch": data, "digest": checksum.of_bytes(data)}
            for i, data in part
        ]
        tx.execute(insert(sketch), rows)


def sketches(tx: Connection, image_ids: Collection[int], version: int, short_side_px: int) -> dict[int, bytes]:
    """Sketches by image id; left out are those of another version or another short side, and those that are not as
    they were written."""
    found: dict[int, bytes] = {}
    for part in chunks(sorted(image_ids)):
        for row in tx.execute(
            select(sketch).where(sketch.c.image_id.in_(part), sketch.c.short_side_px == short_side_px)
        ):
            if row.sketch[:1] == bytes([version]) and _is_whole(row):
                found[row.image_id] = row.sketch
    return found


def _is_whole(row: Any) -> bool:
    return bool(row.digest == checksum.of_bytes(row.sketch)) and is_whole(row, sketch)
