"""delete: for good. Only a file whose bytes are those of its keeper can be made again."""

from __future__ import annotations

import contextlib
import os

from imgindex import files
from imgindex.runs.act.copying import copy_new
from imgindex.runs.act.job import Job, NotPossible
from imgindex.runs.act.renaming import make_folders, rename_new, sync_folder, take_aside


class Delete:
    """See `job.Way`."""

    def act(self, job: Job) -> bytes | None:
        take_aside(job.path, job.aside, job.wanted)
        try:
            job.expect_keeper()
        except BaseException:
            rename_new(job.aside, job.path)
            raise
        os.unlink(job.aside)
        sync_folder(job.path)
        return None

    def settle(self, job: Job) -> tuple[bool, bytes | None]:
        if os.path.lexists(job.aside):
            rename_new(job.aside, job.path)
        return not job.is_at(job.path), None

    def put_back(self, job: Job) -> None:
        if job.is_unsettled:
            if os.path.lexists(job.aside):
                rename_new(job.aside, job.path)
            if job.is_at(job.path):
                return
        if os.path.lexists(job.path):
            raise NotPossible("There is another file in its place")
        make_folders(os.path.dirname(job.path))
        make_again(job, job.path)


def make_again(job: Job, path: bytes) -> None:
    """Make the file at `path`, where nothing is, from another of the same bytes."""
    with contextlib.suppress(FileNotFoundError):
        os.unlink(job.new)
    for source in (job.step.keeper, *job.contents(job.sha256)):
        if source != path and job.is_at(source):
            copy_new(source, path, job.new, job.sha256, job.attributes)
            return
    raise NotPossible(
        f"It was deleted, and no file has its bytes any more; {files.display(job.step.keeper)} was kept for it"
    )
