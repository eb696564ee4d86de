"""Statements on contents, which decisions know by sha256, and what shows them."""

from __future__ import annotations

from collections.abc import Sequence

from sqlalchemy import Connection, select

from imgindex.store.catalog import chunks
from imgindex.store.schema import file, image


def ids_of(tx: Connection, digests: Sequence[bytes]) -> dict[bytes, int]:
    """Image ids by sha256, of the contents that the store has."""
    found: dict[bytes, int] = {}
    for part in chunks(digests):
        rows = tx.execute(select(image.c.sha256, image.c.id).where(image.c.sha256.in_(part)))
        found.update({row.sha256: row.id for row in rows})
    return found


def paths_of_contents(tx: Connection, digests: Sequence[bytes]) -> dict[bytes, list[bytes]]:
    """The paths of files not missing, by the sha256 of what they show, each list sorted."""
    found: dict[bytes, list[bytes]] = {}
    for part in chunks(digests):
        rows = (
            select(image.c.sha256, file.c.path)
            .select_from(file.join(image, file.c.image_id == image.c.id))
            .where(image.c.sha256.in_(part), file.c.missing_since_s.is_(None))
            .order_by(file.c.path)
        )
        for sha256, path in tx.execute(rows):
            found.setdefault(sha256, []).append(path)
    return found
