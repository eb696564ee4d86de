"""Which image, and which of its files, one wants to keep: human choice and protected folders come before this."""

from __future__ import annotations

from collections.abc import Iterable

from imgindex.keep.order import KeeperKey
from imgindex.records import Seen, StoredImage


def file_key(stat: Seen) -> tuple[int, int, bytes]:
    """Sorts files of one content, the one to keep first: oldest, shortest path, path."""
    return stat.mtime_ns, len(stat.path), stat.path


def keeper_key(image: StoredImage, files: Iterable[Seen]) -> KeeperKey:
    """What an image is kept for; `files` are its present ones."""
    return KeeperKey(-image.info.pixels, -image.size_bytes, *min(map(file_key, files)))
