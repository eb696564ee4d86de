"""hardlink, symlink, reflink: the copy's name stays, and leads to bytes that are the keeper's own. Only of files whose
bytes are equal: whoever opens the name finds what was there."""

from __future__ import annotations

import contextlib
import errno
import os

from imgindex import files
from imgindex.runs.act.copying import clone_new, has_content
from imgindex.runs.act.job import Job, NotPossible
from imgindex.runs.act.removing import make_again
from imgindex.runs.act.renaming import identity, make_folders, rename_new, sync_folder, take_aside


class Link:
    """What the three have in common: the link is made under another name, and takes the place of the file, which waits
    aside until then. See `job.Way`."""

    def make(self, job: Job) -> None:
        """Make the link at `job.new`."""
        raise NotImplementedError

    def is_ours(self, job: Job, path: bytes) -> bool:
        """Whether the link that `make` makes is at `path`."""
        raise NotImplementedError

    def act(self, job: Job) -> bytes | None:
        _forget(job.new)
        try:
            self.make(job)
            take_aside(job.path, job.aside, job.wanted)
        except BaseException:
            _forget(job.new)
            raise
        try:
            job.expect_keeper()
            rename_new(job.new, job.path)
        except BaseException:
            rename_new(job.aside, job.path)
            _forget(job.new)
            raise
        sync_folder(job.path)
        os.unlink(job.aside)
        sync_folder(job.path)
        return None

    def settle(self, job: Job) -> tuple[bool, bytes | None]:
        _forget(job.new)
        if os.path.lexists(job.aside):
            if self.is_ours(job, job.path):
                if has_content(os.path.realpath(job.path), job.sha256):
                    os.unlink(job.aside)
                    return True, None
                os.unlink(job.path)
            rename_new(job.aside, job.path)
            return False, None
        return self.is_ours(job, job.path), None

    def put_back(self, job: Job) -> None:
        restored, old = job.beside(job.path, b"restored"), job.beside(job.path, b"link")
        if job.is_unsettled:
            _forget(job.new)
            if os.path.lexists(job.aside):
                if self.is_ours(job, job.path):
                    os.unlink(job.path)
                rename_new(job.aside, job.path)
                return
            if job.is_at(job.path) and not self.is_ours(job, job.path):
                if self.is_ours(job, old):
                    os.unlink(old)
                _forget(restored)
                return
        if os.path.lexists(job.path) and not self.is_ours(job, job.path):
            raise NotPossible("There is another file in its place")
        make_folders(os.path.dirname(job.path))
        if not job.is_at(restored):
            _forget(restored)
            make_again(job, restored)
        if os.path.lexists(job.path):
            rename_new(job.path, old)
            if not self.is_ours(job, old):
                rename_new(old, job.path)
                raise NotPossible("There is another file in its place")
        rename_new(restored, job.path)
        sync_folder(job.path)
        _forget(old)


class Hardlink(Link):
    def make(self, job: Job) -> None:
        try:
            os.link(job.step.keeper, job.new, follow_symlinks=False)
        except OSError as error:
            raise NotPossible(_no_link(error, job, "hard link")) from error
        now = identity(job.new)
        if now is None or now.file != job.keeper.file:
            os.unlink(job.new)
            job.expect_keeper()

    def is_ours(self, job: Job, path: bytes) -> bool:
        now = identity(path)
        return now is not None and now.file == job.keeper.file


class Symlink(Link):
    def make(self, job: Job) -> None:
        os.symlink(job.step.keeper, job.new)

    def is_ours(self, job: Job, path: bytes) -> bool:
        try:
            return os.readlink(path) == job.step.keeper
        except OSError:
            return False


class Reflink(Link):
    """The copy keeps an inode of its own, with its times and permissions: nothing of it is lost, and there is nothing
    to put back once it is done."""

    def make(self, job: Job) -> None:
        try:
            clone_new(job.step.keeper, job.new, job.beside(job.path, b"clone"), job.sha256, job.attributes)
        except OSError as error:
            if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EACCES, errno.EIO):
                raise
            raise NotPossible(_no_link(error, job, "reflink")) from error

    def is_ours(self, job: Job, path: bytes) -> bool:
        now = identity(path)
        return now is not None and now.file != job.wanted.file and job.is_at(path)

    def put_back(self, job: Job) -> None:
        happened, _ = self.settle(job)
        if not happened and not job.is_at(job.path):
            raise NotPossible("There is another file in its place")


def _no_link(error: OSError, job: Job, kind: str) -> str:
    keeper = files.display(job.step.keeper)
    if error.errno == errno.EXDEV:
        return f"A {kind} cannot lead to another disk, where {keeper} is; it was left alone"
    return f"Its file system makes no {kind} to {keeper} ({error.strerror}); it was left alone"


def _forget(path: bytes) -> None:
    """Remove what a run has made under a name that only it uses."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(path)
