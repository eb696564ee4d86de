"""The files that take part, with the images that they show, a page at a time."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from sqlalchemy import Connection, func, select

from imgindex.store.catalog import IS_HERE
from imgindex.store.schema import file, image
from imgindex.store.values import rows_of


@dataclass(frozen=True, slots=True)
class ShownFile:
    """A present file and what it shows; sizes are those after EXIF orientation."""

    path: bytes
    size_bytes: int
    mtime_ns: int
    sha256: bytes
    format: str
    width_px: int
    height_px: int


@rows_of("file")
def files_after(tx: Connection, path: bytes, limit: int) -> Sequence[ShownFile]:
    """The `limit` files that follow `path`, in order of their bytes."""
    columns = (
        file.c.path, file.c.size_bytes, file.c.mtime_ns, image.c.sha256, image.c.format, image.c.width_px,
        image.c.height_px,
    )  # fmt: skip
    joined = file.join(image, file.c.image_id == image.c.id)
    statement = select(*columns).select_from(joined).where(IS_HERE, file.c.path > path)
    return [ShownFile(*row) for row in tx.execute(statement.order_by(file.c.path).limit(limit))]


def count_files(tx: Connection) -> int:
    """How many files show an image and take part."""
    statement = select(func.count()).select_from(file).where(IS_HERE, file.c.image_id.is_not(None))
    return int(tx.execute(statement).scalar_one())
