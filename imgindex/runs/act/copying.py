"""Copies of files: the bytes with their times, permissions, owner and extended attributes; on the disk and read back
before they get their name."""

from __future__ import annotations

import base64
import contextlib
import fcntl
import os
import stat
from collections.abc import Callable, Mapping
from io import FileIO
from typing import Any

from imgindex import files
from imgindex.runs.act.renaming import rename_new
from imgindex.skips import Changed, Skipped

FICLONE = 0x40049409
"""linux/fs.h: let a file share the blocks of another until one of the two is written to."""

CHUNK_BYTES = 1 << 20


def attributes(path: bytes) -> dict[str, Any]:
    """What a file has beside its bytes, JSON-serialisable: see `put_attributes`."""
    status = os.lstat(path)
    found: dict[str, str] = {}
    if hasattr(os, "listxattr"):
        with contextlib.suppress(OSError):
            for name in os.listxattr(path, follow_symlinks=False):
                with contextlib.suppress(OSError):
                    value = os.getxattr(path, name, follow_symlinks=False)
                    found[base64.b64encode(os.fsencode(name)).decode()] = base64.b64encode(value).decode()
    return {
        "mode": stat.S_IMODE(status.st_mode),
        "uid": status.st_uid,
        "gid": status.st_gid,
        "atime_ns": status.st_atime_ns,
        "mtime_ns": status.st_mtime_ns,
        "xattrs": found,
    }


def put_attributes(descriptor: int, wanted: Mapping[str, Any]) -> None:
    """Give an open file what `attributes` said; owner and extended attributes as far as user and file system may."""
    with contextlib.suppress(OSError):
        os.fchown(descriptor, wanted["uid"], wanted["gid"])
    if hasattr(os, "setxattr"):
        for name, value in wanted["xattrs"].items():
            with contextlib.suppress(OSError):
                os.setxattr(descriptor, base64.b64decode(name), base64.b64decode(value))
    os.fchmod(descriptor, wanted["mode"])
    os.utime(descriptor, ns=(wanted["atime_ns"], wanted["mtime_ns"]))


def copy_new(source: bytes, target: bytes, temporary: bytes, sha256: bytes, wanted: Mapping[str, Any]) -> None:
    """Make `target`, where nothing is, a copy of `source` with the attributes `wanted`.

    Raises Changed where the bytes are not those of `sha256`; nothing is left at `target` then.
    """
    write_new(target, temporary, sha256, wanted, lambda file: _copy(source, file))


def clone_new(source: bytes, target: bytes, temporary: bytes, sha256: bytes, wanted: Mapping[str, Any]) -> None:
    """The same without copying: both share their blocks. Raises OSError where the file system cannot do that."""

    def clone(file: FileIO) -> None:
        with open(_opened(source), "rb", buffering=0) as original:
            fcntl.ioctl(file.fileno(), FICLONE, original.fileno())

    write_new(target, temporary, sha256, wanted, clone)


def write_new(
    target: bytes, temporary: bytes, sha256: bytes, wanted: Mapping[str, Any], write: Callable[[FileIO], None]
) -> None:
    """Make `target`, where nothing is, what `write` writes: a temporary file, synced, read back, and renamed."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(temporary)  # of a run that was cut off
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with open(descriptor, "wb", buffering=0) as file:
            write(file)
            os.fsync(file.fileno())
            if files.hashed(temporary)[0] != sha256:
                raise Changed(f"what was written of {files.display(target)} is not what was to be written")
            put_attributes(file.fileno(), wanted)
            os.fsync(file.fileno())
        rename_new(temporary, target)
    except BaseException:
        with contextlib.suppress(FileNotFoundError):
            os.unlink(temporary)
        raise
    files.sync_directory(os.fsdecode(os.path.dirname(target)))


def _opened(path: bytes) -> int:
    return os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | os.O_NOFOLLOW)


def _copy(source: bytes, file: FileIO) -> None:
    with open(_opened(source), "rb", buffering=0) as original:
        while chunk := original.read(CHUNK_BYTES):
            view = memoryview(chunk)
            while view:
                view = view[file.write(view) :]


def has_content(path: bytes, sha256: bytes) -> bool:
    """Whether a regular file with these bytes is at `path`, and no link."""
    try:
        return files.hashed(path)[0] == sha256
    except (OSError, Skipped):
        return False
