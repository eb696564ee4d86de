"""move: to a folder that mirrors where the files were, on the same disk or another.

Across disks a file is copied, synced and read back before its old name goes: first to one that nobody knows.
"""

from __future__ import annotations

import contextlib
import errno
import os

from imgindex import files
from imgindex.runs.act.copying import copy_new
from imgindex.runs.act.job import Job, NotPossible
from imgindex.runs.act.renaming import (
    identity,
    make_folders,
    remove_folders,
    rename_new,
    sync_folder,
    take_aside,
)
from imgindex.skips import Changed


class Move:
    """See `job.Way`."""

    def act(self, job: Job) -> bytes | None:
        target = _target(job)
        make_folders(os.path.dirname(target))
        try:
            rename_new(job.path, target)
        except OSError as error:
            if error.errno != errno.EXDEV:
                raise
            self._across(job, target)
            return target
        try:
            if identity(target) != job.wanted:
                raise Changed(f"{files.display(job.path)} was replaced")
            job.expect_keeper()
        except BaseException:
            rename_new(target, job.path)
            raise
        sync_folder(target)
        sync_folder(job.path)
        return target

    def _across(self, job: Job, target: bytes) -> None:
        copy_new(job.path, target, job.beside(target, b"new"), job.sha256, job.attributes)
        try:
            take_aside(job.path, job.aside, job.wanted)
            try:
                job.expect_keeper()
            except BaseException:
                rename_new(job.aside, job.path)
                raise
        except BaseException:
            if job.is_at(job.path):
                os.unlink(target)
            raise
        os.unlink(job.aside)
        sync_folder(job.path)

    def settle(self, job: Job) -> tuple[bool, bytes | None]:
        target = _target(job)
        with contextlib.suppress(FileNotFoundError):
            os.unlink(job.beside(target, b"new"))
        if os.path.lexists(job.aside):
            if job.is_at(target):
                os.unlink(job.aside)
                return True, target
            rename_new(job.aside, job.path)
            return False, None
        if job.is_at(job.path):
            _remove_second(job, target)
            return False, None
        return (True, target) if job.is_at(target) else (False, None)

    def put_back(self, job: Job) -> None:
        target = _target(job)
        if job.is_unsettled:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(job.beside(target, b"new"))
            if os.path.lexists(job.aside) and not os.path.lexists(job.path):
                rename_new(job.aside, job.path)
            if job.is_at(job.path):
                _remove_second(job, target)
                remove_folders(_made(job))
                return
        bring_back(job, target)
        remove_folders(_made(job))


def bring_back(job: Job, target: bytes) -> None:
    """Move the file from `target` to where it was."""
    if not job.is_at(target):
        raise NotPossible(f"It is not at {files.display(target)} any more")
    if os.path.lexists(job.path):
        raise NotPossible(f"There is another file in its place; it stays at {files.display(target)}")
    make_folders(os.path.dirname(job.path))
    try:
        rename_new(target, job.path)
    except OSError as error:
        if error.errno != errno.EXDEV:
            raise
        copy_new(target, job.path, job.new, job.sha256, job.attributes)
        os.unlink(target)
    sync_folder(job.path)
    sync_folder(target)


def _target(job: Job) -> bytes:
    assert job.step.target is not None
    return job.step.target


def _made(job: Job) -> list[bytes]:
    return [os.fsencode(folder) for folder in job.step.facts.get("made", ())]


def _remove_second(job: Job, target: bytes) -> None:
    """Of a file that is at its path and at the target, remove the latter."""
    if not job.is_at(target):
        return
    one, other = os.lstat(job.path), os.lstat(target)
    if (one.st_dev, one.st_ino) != (other.st_dev, other.st_ino) or one.st_nlink > 1:
        os.unlink(target)
