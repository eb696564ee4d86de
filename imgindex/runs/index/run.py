"""index: scan -> decode -> embed -> store -> search -> verify -> weigh, for what is new."""

from __future__ import annotations

from collections.abc import Sequence

from imgindex.results import IndexSummary
from imgindex.runs.context import RunContext
from imgindex.runs.index.catch_up import decide_again, try_skipped_again
from imgindex.runs.index.find_copies import find_copies
from imgindex.runs.index.ingest import Ingest
from imgindex.runs.index.walk import walk
from imgindex.runs.index.weigh import weigh_copies
from imgindex.runs.timing import Timed
from imgindex.search.index_files import save_index
from imgindex.store import catalog


def index(
    context: RunContext,
    folders: Sequence[str],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    follow_symlinks: bool = False,
    accept_missing: bool = False,
) -> IndexSummary:
    """Bring the store up to date with `folders`. The caller holds `exclusive()` of the store.

    Told to stop, it keeps what is finished; the next run goes on from there.
    """
    timed = Timed(context.progress)
    context = context.told_to(timed)
    store = context.store
    decide_again(store)
    try_skipped_again(store)
    with store.read() as tx:
        roots = [path for path, *_ in catalog.roots(tx)]
    found = walk(
        folders,
        store=store.directory,
        roots=roots,
        include=include,
        exclude=exclude,
        follow_symlinks=follow_symlinks,
        accept_missing=accept_missing,
        progress=timed,
    )
    ingested = Ingest(context).run(found)
    verified = find_copies(context)
    weighed = weigh_copies(store, timed, context.workers)
    if not timed.stopping:
        save_index(store, context.space_id, context.space, timed)
    return IndexSummary(ingested, verified, weighed, timed.seconds, timed.stopping, timed.stopped_in)
