"""Files that have moved: one inode that was at an old path, which is gone, and is at a new one.

1. of the files that were seen where the store knows none, or another one, find the rows of their inode, size and time
2. leave those whose old path still leads to that inode: hard links of one file, not moves
3. where more than the path is another (renaming a file by itself changes its ctime), the content decides
4. let the rows follow, in one transaction
"""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

from imgindex import files
from imgindex.ports import Progress
from imgindex.records import Seen
from imgindex.skips import Skipped
from imgindex.store import Store, catalog, moves
from imgindex.store.catalog import KnownFile
from imgindex.store.moves import Move


def follow_moves(
    store: Store, known: Mapping[bytes, KnownFile], seen: Sequence[Seen], jobs: int, progress: Progress
) -> list[Move]:
    """Let the rows of files that have moved to where they were seen follow them, whichever roots were scanned.

    `known` has every row by its path. A skipped file of which more than the path is another moves with its old stamp,
    so that it is read again.
    """
    moved: list[Move] = []
    doubtful: list[tuple[KnownFile, Seen]] = []
    for row, now in _candidates(known, seen):
        if row.stat.stamp == now.stamp:
            moved.append(Move(row.id, row.path, now))
        elif row.image_id is None:
            moved.append(Move(row.id, row.path, replace(row.stat, path=now.path)))
        else:
            doubtful.append((row, now))
    if doubtful:
        moved += _of_equal_content(store, doubtful, jobs, progress)
    if progress.stopping or not moved:
        return []
    with store.write() as tx:
        moves.move_files(tx, moved)
    return moved


def _candidates(known: Mapping[bytes, KnownFile], seen: Sequence[Seen]) -> Iterator[tuple[KnownFile, Seen]]:
    """(row, where its file may be now), each row and each file at most once, in the order of paths."""
    strange = [now for now in seen if now.path not in known or known[now.path].stat.inode != now.inode]
    wanted = {(now.device, now.inode) for now in strange}
    rows: dict[tuple[int, int], list[KnownFile]] = {}
    for row in known.values():
        if (row.stat.device, row.stat.inode) in wanted:
            rows.setdefault((row.stat.device, row.stat.inode), []).append(row)
    if not rows:
        return
    at = {now.path: (now.device, now.inode) for now in seen}
    for now in strange:
        left = rows.get((now.device, now.inode), [])
        for row in left:
            is_alike = (row.stat.size_bytes, row.stat.mtime_ns) == (now.size_bytes, now.mtime_ns)
            if is_alike and row.path != now.path and _has_left(row.path, now, at):
                left.remove(row)
                yield row, now
                break


def _has_left(old_path: bytes, now: Seen, at: Mapping[bytes, tuple[int, int]]) -> bool:
    """Whether the inode of `now` is at `old_path` no more; False where that cannot be looked at.

    A file system that takes two spellings of a name for one still finds a file by its old one, and a link in the place
    of a moved folder leads there.
    """
    identity = at.get(old_path)
    if identity is None:
        try:
            status = os.lstat(old_path)
        except (FileNotFoundError, NotADirectoryError):
            return True
        except OSError:
            return False
        old = Seen.of(old_path, status)
        identity = (old.device, old.inode)
        if identity == (now.device, now.inode):
            return _is_other_spelling(old_path, now.path, status) or _leads_to(old_path, now.path)
    return identity != (now.device, now.inode)


def _is_other_spelling(old_path: bytes, path: bytes, status: os.stat_result) -> bool:
    return status.st_nlink == 1 and _spelling(old_path) == _spelling(path)


def _leads_to(old_path: bytes, path: bytes) -> bool:
    """Whether the folder of `old_path` is reached through a link now, and is that of `path`."""
    return old_path != path and os.path.realpath(old_path) == path


def _spelling(path: bytes) -> str:
    return unicodedata.normalize("NFC", os.fsdecode(path)).casefold()


def _of_equal_content(
    store: Store, doubtful: Sequence[tuple[KnownFile, Seen]], jobs: int, progress: Progress
) -> list[Move]:
    """Those of which what is at the new path now has the content that the row has."""
    with store.read() as tx:
        images = catalog.images(tx, (row.image_id for row, _ in doubtful if row.image_id is not None))
    moved = []
    progress.start("hash", len(doubtful))
    with ThreadPoolExecutor(jobs) as pool:
        for part in catalog.chunks(doubtful):
            if progress.stopping:
                break
            for (row, _), read in zip(part, pool.map(_content, [now.path for _, now in part]), strict=True):
                if read is not None and row.image_id is not None and read[0] == images[row.image_id].sha256:
                    moved.append(Move(row.id, row.path, read[1]))
                progress.advance()
    progress.finish()
    return moved


def _content(path: bytes) -> tuple[bytes, Seen] | None:
    try:
        data, now = files.read_stable(path)
    except (Skipped, OSError):
        return None
    return files.sha256(data), now
