"""One pair of pictures, without a store."""

from __future__ import annotations

from imgindex.api.opened import StrPath, named_path
from imgindex.ports import Workers
from imgindex.results import Comparison
from imgindex.runs.compare import compare as compare_files
from imgindex.workers.pool import WorkerProcesses


def compare(a: StrPath, b: StrPath, out: StrPath | None = None, *, workers: Workers | None = None) -> Comparison:
    """Compare two picture files; with `out`, write pictures of the difference there. Needs no store.

    The files are decoded in a process that is started for it, or by `workers`, which compare many pairs sooner. Raises
    UsageError where a file cannot be read, or crashes or hangs its decoder, OSError where `out` cannot be written.
    """
    if workers is None:
        with WorkerProcesses(1) as own:
            return compare(a, b, out, workers=own)
    folder = None if out is None else named_path(out)
    return compare_files(named_path(a), named_path(b), workers, folder)
