"""One pair of pictures, without a store."""

from __future__ import annotations

from imgindex.api.given import PictureLike, given
from imgindex.api.opened import StrPath, named_path
from imgindex.ports import Workers
from imgindex.results import Comparison
from imgindex.runs.compare import compare as compare_pictures
from imgindex.workers.pool import WorkerProcesses


def compare(
    a: PictureLike, b: PictureLike, out: StrPath | None = None, *, workers: Workers | None = None
) -> Comparison:
    """Compare two pictures, each a path, the bytes of a picture file, a PIL image or an array (see `ImageIndex.query`);
    with `out`, write pictures of the difference there. Needs no store.

    They are decoded in a process that is started for it, or by `workers`, which compare many pairs sooner. Raises
    UsageError where one cannot be read, or crashes or hangs its decoder, OSError where `out` cannot be written.
    """
    if workers is None:
        with WorkerProcesses(1) as own:
            return compare(a, b, out, workers=own)
    folder = None if out is None else named_path(out)
    return compare_pictures(given(a), given(b), workers, folder)
