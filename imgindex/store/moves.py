"""Statements for files that have moved: their rows follow them, and so does what the last nightly report said."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from sqlalchemy import ColumnElement, Connection, LargeBinary, Table, bindparam, delete, select, update

from imgindex.records import Seen
from imgindex.store.catalog import chunks, remove_orphans, stat_values
from imgindex.store.schema import file, reported, root, skipped


@dataclass(frozen=True, slots=True)
class Move:
    """The file of row `file_id`, which was at `old_path`, is where `stat` says."""

    file_id: int
    old_path: bytes
    stat: Seen

    @property
    def path(self) -> bytes:
        return self.stat.path


def move_files(tx: Connection, moves: Sequence[Move]) -> None:
    """Let these rows follow their files; any order of `moves` will do, names may be swapped or passed on in a circle.

    A row that is at one of the new paths and does not move itself is of a file that is no more, and goes; so do roots
    of which all has moved away.
    """
    if not moves:
        return
    _remove_replaced(tx, moves)
    new_paths = {move.old_path: move.path for move in moves}
    aside = {move.old_path: b"\0%d" % move.file_id for move in moves}  # no path has a zero byte
    at_last = {aside[old]: new for old, new in new_paths.items()}
    for table in (file, reported):
        _rename(tx, table, aside)
        _rename(tx, table, at_last)
    values: dict[str, ColumnElement[object]] = {name: bindparam(name) for name in stat_values(moves[0].stat)}
    one = update(file).where(file.c.id == bindparam("file_id")).values(**values)
    tx.execute(one, [stat_values(move.stat) | {"file_id": move.file_id} for move in moves])
    _remove_left_roots(tx, moves)


def _rename(tx: Connection, table: Table, new_paths: Mapping[bytes, bytes]) -> None:
    one = update(table).where(table.c.path == bindparam("old", type_=LargeBinary)).values(path=bindparam("new"))
    tx.execute(one, [{"old": old, "new": new} for old, new in new_paths.items()])


def _remove_replaced(tx: Connection, moves: Sequence[Move]) -> None:
    targets = sorted({move.path for move in moves} - {move.old_path for move in moves})
    left: set[int] = set()
    for part in chunks(targets):
        rows = tx.execute(select(file.c.id, file.c.image_id, file.c.skipped_id).where(file.c.path.in_(part))).all()
        tx.execute(delete(file).where(file.c.id.in_([row.id for row in rows])))
        tx.execute(delete(skipped).where(skipped.c.id.in_([row.skipped_id for row in rows if row.skipped_id])))
        tx.execute(delete(reported).where(reported.c.path.in_(part)))
        left.update(row.image_id for row in rows if row.image_id is not None)
    remove_orphans(tx, left)


def _remove_left_roots(tx: Connection, moves: Iterable[Move]) -> None:
    """Roots below which no file is known any more since these have moved."""
    old_paths = [move.old_path for move in moves]
    for row in tx.execute(select(root.c.id, root.c.path)).all():
        below = row.path.rstrip(b"/") + b"/"
        inside = (file.c.path > below) & (file.c.path < below[:-1] + b"0")  # "0" follows "/"
        is_left = any(path.startswith(below) for path in old_paths)
        if is_left and tx.execute(select(file.c.id).where(inside).limit(1)).first() is None:
            tx.execute(delete(root).where(root.c.id == row.id))
