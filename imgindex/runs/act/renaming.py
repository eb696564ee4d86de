"""Names of files: moved without ever replacing another, and taken aside before anything is removed.

Nothing is removed by its name alone: what is at a path is first moved to a name that only this run knows, and looked at
there. Whatever was put at the path meanwhile by somebody else is so found, and put back.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import functools
import os
import stat
from collections.abc import Callable
from dataclasses import dataclass

from imgindex import files
from imgindex.skips import Changed

AT_FDCWD = -100
RENAME_NOREPLACE = 1
"""linux/fcntl.h, linux/fs.h"""

NOT_THERE = (errno.ENOSYS, errno.EINVAL, errno.ENOTSUP, errno.EOPNOTSUPP, errno.EPERM)
"""What a kernel or a file system says that does not have a call."""


@dataclass(frozen=True, slots=True)
class Identity:
    """What tells one file from another that took its name: where its inode is, its size and when it was written."""

    device: int
    inode: int
    size_bytes: int
    mtime_ns: int

    @classmethod
    def of(cls, status: os.stat_result) -> Identity:
        return cls(status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns)

    @property
    def file(self) -> tuple[int, int]:
        """Equal for all names of one file."""
        return self.device, self.inode


def identity(path: bytes) -> Identity | None:
    """Of the regular file at `path`; None where there is none, or something else. Raises OSError where it cannot be
    looked at."""
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None
    return Identity.of(status) if stat.S_ISREG(status.st_mode) else None


def rename_new(source: bytes, target: bytes) -> None:
    """Move a name on one file system; raises FileExistsError where there is something at `target`, and OSError with
    EXDEV where that is on another file system.

    Where neither the system nor the file system can do that in one step, a second name is made and the first removed:
    between the two there are both.
    """
    rename = _renameat2()
    if rename is not None:
        if rename(AT_FDCWD, source, AT_FDCWD, target, RENAME_NOREPLACE) == 0:
            return
        code = ctypes.get_errno()
        if code not in NOT_THERE:
            raise OSError(code, os.strerror(code), source, None, target)
    try:
        os.link(source, target, follow_symlinks=False)
    except OSError as error:
        if error.errno not in (*NOT_THERE, errno.EMLINK):
            raise
    else:
        os.unlink(source)
        return
    if os.path.lexists(target):
        raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target)
    os.rename(source, target)


@functools.cache
def _renameat2() -> Callable[..., int] | None:
    try:
        function = ctypes.CDLL(None, use_errno=True).renameat2
    except (OSError, AttributeError):
        return None
    function.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_char_p, ctypes.c_uint)
    return function


def take_aside(path: bytes, aside: bytes, wanted: Identity) -> None:
    """Move the file `wanted` from `path` to `aside`; raises Changed, and leaves `path` as it is, where another is
    there."""
    rename_new(path, aside)
    if identity(aside) != wanted:
        rename_new(aside, path)
        raise Changed(f"{files.display(path)} was replaced")


def sync_folder(path: bytes) -> None:
    """Make the names beside `path` durable, where that can be done."""
    with contextlib.suppress(OSError):
        files.sync_directory(os.fsdecode(os.path.dirname(path)))


def make_folders(folder: bytes) -> list[bytes]:
    """Make `folder` and what is missing above it; the ones that were made, outermost first."""
    missing = []
    while not os.path.isdir(folder):
        missing.append(folder)
        folder = os.path.dirname(folder)
    made = []
    for one in reversed(missing):
        os.mkdir(one)
        made.append(one)
        sync_folder(one)
    return made


def remove_folders(made: list[bytes]) -> None:
    """Remove folders that were made, innermost first, as long as they are empty."""
    for folder in reversed(made):
        try:
            os.rmdir(folder)
        except OSError:
            return
