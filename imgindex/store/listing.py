"""Statements that look single images and pages of files up, for those who ask for a little at a time."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from sqlalchemy import Connection, Select, select

from imgindex.records import StoredImage
from imgindex.store.catalog import images
from imgindex.store.schema import file, image, skipped
from imgindex.store.values import rows_of, whole


@dataclass(frozen=True, slots=True)
class FileRow:
    """A file as a list shows it: either `sha256`, of what it shows, or `reason`, why it was skipped, is set."""

    path: bytes
    size_bytes: int
    mtime_ns: int
    is_missing: bool
    sha256: bytes | None
    reason: str | None


def image_with(tx: Connection, sha256: bytes) -> StoredImage | None:
    """The image of this content."""
    found = tx.execute(select(image.c.id).where(image.c.sha256 == sha256)).scalar()
    return None if found is None else images(tx, [found])[found]


@rows_of("file")
def files_of_image(tx: Connection, image_id: int) -> list[FileRow]:
    """Every file that shows an image, missing ones included, by path."""
    return [_row(row) for row in tx.execute(_rows().where(file.c.image_id == image_id).order_by(file.c.path))]


@rows_of("file")
def files_after(tx: Connection, after: bytes, limit: int, below: bytes | None) -> list[FileRow]:
    """The `limit` files that follow the path `after`, in order of their bytes; only those below the folder `below`."""
    wanted = file.c.path > after
    if below is not None:
        start = below.rstrip(b"/") + b"/"
        wanted &= (file.c.path > start) & (file.c.path < start[:-1] + b"0")  # "0" follows "/"
    return [_row(row) for row in tx.execute(_rows().where(wanted).order_by(file.c.path).limit(limit))]


def _rows() -> Select[Any]:
    joined = file.outerjoin(image, file.c.image_id == image.c.id).outerjoin(skipped, file.c.skipped_id == skipped.c.id)
    return select(file, image.c.sha256, skipped.c.reason).select_from(joined)


def _row(row: Any) -> FileRow:
    whole(row, file)
    if row.sha256 is None and row.reason is None:
        raise LookupError("what it shows is not there")
    return FileRow(row.path, row.size_bytes, row.mtime_ns, row.missing_since_s is not None, row.sha256, row.reason)
