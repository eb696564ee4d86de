"""trash: through send2trash, so that the file is where a desktop shows it and can put it back, too.

Where it went is found by looking: send2trash does not say. Trash folders are those of the freedesktop.org
specification (`files/NAME`, and `info/NAME.trashinfo` with the path it was at) and of macOS; a file that is moved there
keeps its inode, and one that had to be copied is known by its path and bytes.
"""

from __future__ import annotations

import contextlib
import os
import stat
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from imgindex import files
from imgindex.pictures.scan import trash_home
from imgindex.runs.act.job import Job, NotPossible
from imgindex.runs.act.moving import bring_back
from imgindex.runs.act.renaming import identity, sync_folder
from imgindex.skips import Changed

NO_TRASH = "There is no trash for it ({why}); it was left alone. Use --action move with a folder instead"


class Trash:
    """See `job.Way`."""

    def act(self, job: Job) -> bytes | None:
        from send2trash import TrashPermissionError, send2trash

        if identity(job.path) != job.wanted:
            raise Changed(f"{files.display(job.path)} was replaced")
        job.expect_keeper()
        try:
            send2trash(os.fsdecode(job.path))
        except TrashPermissionError as error:
            raise NotPossible(NO_TRASH.format(why="the trash folder of its disk cannot be made")) from error
        except PermissionError:
            raise
        except OSError as error:
            if identity(job.path) == job.wanted:
                raise NotPossible(NO_TRASH.format(why=error.strerror or error)) from error
            raise
        target = _found(job)
        if target is None:
            raise NotPossible("It was given to the trash, and is not found in any trash folder that is known")
        try:
            if not job.is_at(target):
                raise Changed(f"{files.display(job.path)} was replaced")
            job.expect_keeper()
        except BaseException:
            _restore(job, target)
            raise
        sync_folder(target)
        sync_folder(job.path)
        return target

    def settle(self, job: Job) -> tuple[bool, bytes | None]:
        if job.is_at(job.path):
            return False, None
        target = _found(job)
        return target is not None, target

    def put_back(self, job: Job) -> None:
        if job.is_unsettled and job.is_at(job.path):
            target = job.step.target
            if target is not None and not os.path.lexists(target):
                _remove_info(target)
            return
        target = job.step.target
        if target is None or not job.is_at(target):
            target = _found(job)
        if target is None:
            raise NotPossible("It is in no trash folder any more; was the trash emptied?")
        bring_back(job, target)
        _remove_info(target)


def _restore(job: Job, target: bytes) -> None:
    """Move what is at `target` back, whatever it is."""
    if not os.path.lexists(job.path):
        os.rename(target, job.path)
        _remove_info(target)


def _found(job: Job) -> bytes | None:
    """Where the file of a step is in the trash; None where it is in none."""
    alike = []
    for folder in _folders(job.path):
        with contextlib.suppress(OSError), os.scandir(folder) as listing:
            for entry in listing:
                if entry.inode() == job.wanted.inode and _is_file(entry.path, job.wanted.file):
                    return entry.path
                if _was_at(entry.path, job.path):
                    alike.append(entry.path)
    return next((path for path in alike if job.is_at(path)), None)


def _is_file(path: bytes, file: tuple[int, int]) -> bool:
    now = os.lstat(path)
    return stat.S_ISREG(now.st_mode) and (now.st_dev, now.st_ino) == file


def _folders(path: bytes) -> Iterator[bytes]:
    """Folders in which what was at `path` may be, once it is in the trash."""
    yield os.path.join(trash_home(), b"files")
    yield os.path.expanduser(b"~/.Trash")
    user = str(os.getuid()).encode()
    folder = os.path.dirname(os.path.realpath(path))
    while True:
        yield os.path.join(folder, b".Trash", user, b"files")
        yield os.path.join(folder, b".Trash-" + user, b"files")
        yield os.path.join(folder, b".Trashes", user)
        if folder == os.path.dirname(folder):
            return
        folder = os.path.dirname(folder)


def _info(target: bytes) -> bytes:
    folder, name = os.path.split(target)
    return os.path.join(os.path.dirname(folder), b"info", name + b".trashinfo")


def _remove_info(target: bytes) -> None:
    with contextlib.suppress(OSError):
        os.unlink(_info(target))


def _was_at(target: bytes, path: bytes) -> bool:
    """Whether the note beside a file in the trash says that it was at `path`."""
    with contextlib.suppress(OSError), open(_info(target), "rb") as file:
        for line in file:
            if line.startswith(b"Path="):
                said = unquote_to_bytes(line[len(b"Path=") :].rstrip(b"\n"))
                top = os.path.dirname(os.path.dirname(target))  # the trash folder
                place = os.path.dirname(top) if not top.endswith(b"/" + str(os.getuid()).encode()) else b""
                tops = (place, os.path.dirname(os.path.dirname(top)))
                return said == path or any(os.path.join(one, said) == path for one in tops)
    return False
