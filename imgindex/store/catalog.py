"""Statements on roots, files, images and skipped files; each runs inside a transaction it is given."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any, TypeVar

import numpy as np
from sqlalchemy import Connection, bindparam, delete, insert, select, update

from imgindex import clock
from imgindex.records import NEIGHBOUR, PictureInfo, Seen, StoredImage
from imgindex.skips import Skip
from imgindex.store.schema import (
    embedding,
    file,
    image,
    pair,
    pending,
    root,
    sketch,
    skipped,
    state,
    watermark,
    weighed,
)
from imgindex.store.values import all_whole, rows_of, storable, whole

T = TypeVar("T")

CHUNK = 500
"""Values in one IN (...): below every SQLite's limit on variables."""


IS_HERE = file.c.missing_since_s.is_(None) & ~file.c.left_out
"""A file that takes part: present, as far as the last scan knows, and not left out."""


@dataclass(frozen=True, slots=True)
class KnownFile:
    """A row of `file`: exactly one of `image_id` and `skipped_id` is set."""

    id: int
    stat: Seen
    image_id: int | None
    skipped_id: int | None
    missing_since_s: int | None
    left_out: bool
    retry: bool

    @property
    def path(self) -> bytes:
        return self.stat.path


@dataclass(frozen=True, slots=True)
class NewFile:
    """A path to write: it shows image `image_id`, or is skipped for `skip`; exactly one of the two."""

    stat: Seen
    image_id: int | None = None
    skip: Skip | None = None


def put_root(tx: Connection, path: bytes) -> int:
    """The id of this root, a new row where it is not known."""
    known = tx.execute(select(root.c.id).where(root.c.path == path)).scalar()
    if known is not None:
        return int(known)
    return _new_id(tx.execute(insert(root).values(path=path, files=0)).inserted_primary_key)


def finish_scan(tx: Connection, root_id: int, files: int) -> None:
    """Record that a scan of this root completed without an error and saw `files` files."""
    tx.execute(update(root).where(root.c.id == root_id).values(scanned_at_s=clock.now_s(), files=files))


@rows_of("root")
def roots(tx: Connection) -> list[tuple[bytes, int | None, int]]:
    """(path, last completed scan in unix seconds or None, files it saw) of every root, by path."""
    rows = all_whole(tx.execute(select(root).order_by(root.c.path)), root)
    return [(row.path, row.scanned_at_s, row.files) for row in rows]


def known_files(tx: Connection) -> Iterator[KnownFile]:
    """Every file row, by path."""
    statement = (
        select(file, skipped.c.environment)
        .select_from(file.outerjoin(skipped, file.c.skipped_id == skipped.c.id))
        .order_by(file.c.path)
    )
    for row in tx.execute(statement):
        yield KnownFile(
            row.id, _seen(row), row.image_id, row.skipped_id, row.missing_since_s, row.left_out, bool(row.environment)
        )


def shown_files(tx: Connection) -> Iterator[tuple[bytes, int | None, bool]]:
    """(path, id of the image that it shows, whether it is missing) of every file row that is not left out, by path."""
    for row in tx.execute(select(file).order_by(file.c.path)):
        shown = _shown(row)
        if not row.left_out:
            yield shown


@rows_of("file")
def _shown(row: Any) -> tuple[bytes, int | None, bool]:
    whole(row, file)
    return row.path, row.image_id, row.missing_since_s is not None


@rows_of("file")
def _seen(row: Any) -> Seen:
    whole(row, file)
    inode, device = int.from_bytes(row.inode), int.from_bytes(row.device)
    return Seen(row.path, row.size_bytes, row.mtime_ns, row.ctime_ns, inode, device)


def put_files(tx: Connection, files: Sequence[NewFile]) -> None:
    """Write file rows: a known path is taken over, a new one added. `skipped` rows no longer used are removed."""
    left: set[int] = set()
    for part in chunks(files):
        by_path = {new.stat.path: new for new in part}
        old = {
            row.path: row
            for row in tx.execute(
                select(file.c.id, file.c.path, file.c.skipped_id, file.c.image_id).where(file.c.path.in_(list(by_path)))
            )
        }
        # what cannot be read just now keeps what is known of it, and is read on the next run
        for path, row in old.items():
            if row.image_id is not None and (skip := by_path[path].skip) is not None and skip.environment:
                del by_path[path]
        values = [_file_values(tx, new) for new in by_path.values()]
        fresh = [row for row in values if row["path"] not in old]
        known = [row | {"file_id": old[row["path"]].id} for row in values if row["path"] in old]
        if fresh:
            tx.execute(insert(file), fresh)
        if known:
            columns: dict[str, Any] = {name: bindparam(name) for name in known[0] if name not in ("path", "file_id")}
            tx.execute(
                update(file).where(file.c.id == bindparam("file_id")).values(**columns),
                [{k: v for k, v in row.items() if k != "path"} for row in known],
            )
        unused = [row.skipped_id for path, row in old.items() if row.skipped_id is not None and path in by_path]
        tx.execute(delete(skipped).where(skipped.c.id.in_(unused)))
        left.update(row.image_id for row in old.values() if row.image_id is not None)
    remove_orphans(tx, left)


def forget(tx: Connection, path: bytes) -> int:
    """Remove the rows of every file at or below `path`, of the roots there, and of images that no file shows any more;
    returns how many files that were."""
    below = path.rstrip(b"/") + b"/"
    inside = (file.c.path == path) | ((file.c.path > below) & (file.c.path < below[:-1] + b"0"))  # "0" follows "/"
    rows = tx.execute(select(file.c.id, file.c.image_id, file.c.skipped_id).where(inside)).all()
    for part in chunks(rows):
        tx.execute(delete(file).where(file.c.id.in_([row.id for row in part])))
        tx.execute(delete(skipped).where(skipped.c.id.in_([row.skipped_id for row in part if row.skipped_id])))
    remove_orphans(tx, {row.image_id for row in rows if row.image_id is not None})
    tx.execute(delete(root).where((root.c.path == path) | ((root.c.path > below) & (root.c.path < below[:-1] + b"0"))))
    return len(rows)


def remove_orphans(tx: Connection, image_ids: Iterable[int]) -> None:
    """Remove those of these images that no file row shows any more, with all that hangs on them."""
    wanted = set(image_ids)
    for part in chunks(sorted(wanted)):
        wanted.difference_update(tx.execute(select(file.c.image_id).where(file.c.image_id.in_(part))).scalars())
    for part in chunks(sorted(wanted)):
        for table in (weighed, pair, pending):
            tx.execute(delete(table).where(table.c.low_id.in_(part) | table.c.high_id.in_(part)))
        for table in (watermark, sketch):
            tx.execute(delete(table).where(table.c.image_id.in_(part)))
        if tx.execute(delete(embedding).where(embedding.c.image_id.in_(part))).rowcount:
            tx.execute(update(state).values(generation=state.c.generation + 1))
        tx.execute(delete(image).where(image.c.id.in_(part)))
    forget_neighbours(tx, wanted)


def forget_searches(tx: Connection) -> None:
    """Images without a file that is here take no part in searches: when one comes back, it is searched as if new."""
    here = select(file.c.id).where(file.c.image_id == watermark.c.image_id, IS_HERE)
    gone = set(tx.execute(select(watermark.c.image_id).where(~here.exists())).scalars())
    tx.execute(delete(watermark).where(~here.exists()))
    forget_neighbours(tx, gone)


def forget_neighbours(tx: Connection, gone: Collection[int]) -> None:
    """Images that had one of `gone` among their nearest are searched again: another is now within their reach."""
    if not gone:
        return
    lost = np.fromiter(gone, np.int64, len(gone))
    touched = [
        row.image_id
        for row in tx.execute(select(watermark.c.image_id, watermark.c.nearest))
        if np.isin(np.frombuffer(row.nearest, NEIGHBOUR)["id"], lost).any()
    ]
    for part in chunks(touched):
        tx.execute(delete(watermark).where(watermark.c.image_id.in_(part)))


def _file_values(tx: Connection, new: NewFile) -> dict[str, object]:
    skipped_id = None
    if new.skip is not None:
        row = insert(skipped).values(asdict(new.skip) | {"detail": storable(new.skip.detail)})
        skipped_id = _new_id(tx.execute(row).inserted_primary_key)
    return {"path": new.stat.path, "image_id": new.image_id, "skipped_id": skipped_id} | stat_values(new.stat)


def stat_values(stat: Seen) -> dict[str, object]:
    """The columns of `file` that say what was seen of it now, apart from its path."""
    return {
        "size_bytes": stat.size_bytes,
        "mtime_ns": stat.mtime_ns,
        "ctime_ns": stat.ctime_ns,
        "inode": stat.inode.to_bytes(8),
        "device": stat.device.to_bytes(8),
        "missing_since_s": None,
        "left_out": False,
    }


def mark_missing(tx: Connection, file_ids: Sequence[int]) -> None:
    """A completed scan no longer found these files."""
    now = clock.now_s()
    for part in chunks(file_ids):
        here = file.c.id.in_(part) & file.c.missing_since_s.is_(None)
        tx.execute(update(file).where(here).values(missing_since_s=now))


def put_devices(tx: Connection, devices: Mapping[int, int]) -> None:
    """The device numbers of these files, by file id, where a disk has another one since it was mounted again."""
    if devices:
        one = update(file).where(file.c.id == bindparam("file_id")).values(device=bindparam("number"))
        tx.execute(one, [{"file_id": i, "number": number.to_bytes(8)} for i, number in devices.items()])


def mark_left_out(tx: Connection, file_ids: Sequence[int], *, left_out: bool) -> None:
    """Patterns leave these files out from now on, or do so no more."""
    for part in chunks(file_ids):
        tx.execute(update(file).where(file.c.id.in_(part)).values(left_out=left_out))


def mark_present(tx: Connection, file_ids: Sequence[int]) -> None:
    """Files that were missing are back, unchanged."""
    for part in chunks(file_ids):
        tx.execute(update(file).where(file.c.id.in_(part)).values(missing_since_s=None))


def put_image(tx: Connection, sha256: bytes, size_bytes: int, info: PictureInfo, texture: float) -> int:
    """The id of the image with this content, a new row where it is not known."""
    return put_images(tx, [(sha256, size_bytes, info, texture)])[sha256]


def put_images(tx: Connection, contents: Sequence[tuple[bytes, int, PictureInfo, float]]) -> dict[bytes, int]:
    """Image ids by sha256 of these (sha256, size in bytes, info, texture), new rows where they are not known."""
    ids: dict[bytes, int] = {}
    for part in chunks(contents):
        known = select(image.c.sha256, image.c.id).where(image.c.sha256.in_([content[0] for content in part]))
        ids.update((row.sha256, row.id) for row in tx.execute(known))
        new = {content[0]: content for content in part if content[0] not in ids}
        if new:
            added = insert(image).returning(image.c.sha256, image.c.id)
            ids.update((row.sha256, row.id) for row in tx.execute(added, list(map(_image_values, new.values()))))
    return ids


def _image_values(content: tuple[bytes, int, PictureInfo, float]) -> dict[str, object]:
    sha256, size_bytes, info, texture = content
    return {
        "sha256": sha256,
        "size_bytes": size_bytes,
        "format": info.format,
        "width_px": info.width_px,
        "height_px": info.height_px,
        "mode": info.mode,
        "bit_depth": info.bit_depth,
        "has_alpha": info.has_alpha,
        "frames": info.frames,
        "icc_digest": info.icc_digest,
        "pixel_digest": info.pixel_digest,
        "texture": texture,
    }


def embedded_images(tx: Connection, space_id: int, digests: Sequence[bytes]) -> dict[bytes, int]:
    """Image ids by sha256, of those contents that have a vector in this space."""
    found: dict[bytes, int] = {}
    for part in chunks(digests):
        rows = (
            select(image.c.sha256, image.c.id)
            .select_from(image.join(embedding, embedding.c.image_id == image.c.id))
            .where(embedding.c.space_id == space_id, image.c.sha256.in_(part))
        )
        found.update({row.sha256: row.id for row in tx.execute(rows)})
    return found


def image_sizes(tx: Connection) -> set[int]:
    """The size in bytes of every known content: a file of another size cannot be a known one."""
    return set(tx.execute(select(image.c.size_bytes).distinct()).scalars())


@rows_of("image")
def images(tx: Connection, ids: Iterable[int]) -> dict[int, StoredImage]:
    """Images by id; other rows name them, so that one which is not there is damage."""
    found = {}
    for part in chunks(sorted(set(ids))):
        rows = {row.id: row for row in tx.execute(select(image).where(image.c.id.in_(part)))}
        for image_id in part:
            if image_id not in rows:
                raise LookupError(f"image {image_id} is not there")
            found[image_id] = _stored_image(rows[image_id])
    return found


@rows_of("image")
def _stored_image(row: Any) -> StoredImage:
    whole(row, image)
    info = PictureInfo(
        format=row.format,
        width_px=row.width_px,
        height_px=row.height_px,
        mode=row.mode,
        bit_depth=row.bit_depth,
        has_alpha=row.has_alpha,
        frames=row.frames,
        icc_digest=row.icc_digest,
        pixel_digest=row.pixel_digest,
    )
    return StoredImage(row.id, row.sha256, row.size_bytes, info, row.texture)


def present_paths(tx: Connection, image_ids: Iterable[int]) -> dict[int, list[bytes]]:
    """Paths of files neither missing nor left out, by image, each list sorted."""
    return {i: [stat.path for stat in stats] for i, stats in present_files(tx, image_ids).items()}


def present_files(tx: Connection, image_ids: Iterable[int]) -> dict[int, list[Seen]]:
    """Files neither missing nor left out, by image, each list in order of paths."""
    found: dict[int, list[Seen]] = {}
    for part in chunks(sorted(set(image_ids))):
        shown = set()
        for row in tx.execute(select(file).where(file.c.image_id.in_(part)).order_by(file.c.path)):
            seen = _seen(row)
            shown.add(row.image_id)
            if row.missing_since_s is None and not row.left_out:
                found.setdefault(row.image_id, []).append(seen)
        _refuse_unshown(set(part) - shown)
    return found


@rows_of("file")
def _refuse_unshown(image_ids: Collection[int]) -> None:
    """Every image has a file row, present or missing: without one, the row was damaged."""
    if image_ids:
        raise LookupError(f"image {min(image_ids)} has no row any more")


def contents(tx: Connection, paths: Sequence[bytes]) -> dict[bytes, bytes]:
    """The sha256 of the image that each of these paths shows, of those that show one."""
    found: dict[bytes, bytes] = {}
    for part in chunks(paths):
        rows = (
            select(file.c.path, image.c.sha256)
            .select_from(file.join(image, file.c.image_id == image.c.id))
            .where(file.c.path.in_(part))
        )
        found.update({row.path: row.sha256 for row in tx.execute(rows)})
    return found


def _new_id(key: object) -> int:
    assert key is not None
    return int(key[0])  # type: ignore[index]


def chunks(values: Sequence[T]) -> Iterator[Sequence[T]]:
    """`values` in parts that fit one IN (...)."""
    for start in range(0, len(values), CHUNK):
        yield values[start : start + CHUNK]
