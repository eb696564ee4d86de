"""A tree of photos that is acted on, and what must hold of it."""

from __future__ import annotations

import hashlib
import os
import stat
from dataclasses import dataclass
from pathlib import Path

from imgindex.acts import ApplySummary, Plan
from imgindex.api import ImageIndex

Snapshot = dict[str, tuple[object, ...]]
"""By path below a folder: type and permissions, time, extended attributes, and bytes or where a link leads."""


def snapshot(folder: Path) -> Snapshot:
    found: Snapshot = {}
    for path in sorted(folder.rglob("*")):
        status = path.lstat()
        if stat.S_ISDIR(status.st_mode):
            found[os.fsdecode(path.relative_to(folder))] = ("folder",)
            continue
        is_link = path.is_symlink()
        xattrs = tuple(
            (name, os.getxattr(path, name, follow_symlinks=False)) for name in os.listxattr(path, follow_symlinks=False)
        )
        content = os.fsencode(os.readlink(path)) if is_link else path.read_bytes()
        found[os.fsdecode(path.relative_to(folder))] = (
            status.st_mode,
            status.st_mtime_ns,
            status.st_nlink,
            xattrs,
            content,
        )
    return found


def contents(*folders: Path) -> set[str]:
    """SHA-256 of every file below these."""
    return {
        hashlib.sha256(path.read_bytes()).hexdigest()
        for folder in folders
        for path in folder.rglob("*")
        if path.is_file() and not path.is_symlink()
    }


@dataclass
class Tree:
    """`photos`, a store of them that is open, and `base`, which has both."""

    base: Path
    photos: Path
    images: ImageIndex

    def plan(self) -> Plan:
        return self.images.plan()

    def path(self, name: str) -> Path:
        return self.photos / name

    @property
    def trash(self) -> Path:
        return self.base / "data" / "Trash"


def names(summary: ApplySummary) -> list[str]:
    """Of the files that were acted on."""
    return sorted(Path(one.path).name for one in summary.acted)


def why(summary: ApplySummary, name: str) -> str:
    """Why a file was skipped."""
    [found] = [one.why for one in summary.skipped if Path(one.path).name == name]
    return found
