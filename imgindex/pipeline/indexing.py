"""index: scan -> decode -> embed -> store -> search -> verify -> weigh, for what is new."""

from __future__ import annotations

from collections.abc import Sequence

from imgindex.pipeline.cache import save_index
from imgindex.pipeline.ingest import Ingest
from imgindex.pipeline.match import match
from imgindex.pipeline.prepare import wish_of
from imgindex.pipeline.redecide import decide_again
from imgindex.pipeline.retry import try_skipped_again
from imgindex.pipeline.sources import Sources
from imgindex.pipeline.walk import walk
from imgindex.pipeline.weigh import weigh_copies
from imgindex.ports import Embedder, Progress, Workers
from imgindex.report.model import IndexSummary
from imgindex.store import Store
from imgindex.timing import Timed


def index(
    store: Store,
    space_id: int,
    embedder: Embedder,
    folders: Sequence[str],
    progress: Progress,
    workers: Workers,
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    follow_symlinks: bool = False,
    accept_missing: bool = False,
) -> IndexSummary:
    """Bring the store up to date with `folders`. The caller holds `store.exclusive()`.

    Told to stop, it keeps what is finished; the next run goes on from there.
    """
    timed = Timed(progress)
    decide_again(store)
    try_skipped_again(store)
    found = walk(
        folders,
        store=store.directory,
        include=include,
        exclude=exclude,
        follow_symlinks=follow_symlinks,
        accept_missing=accept_missing,
        progress=timed,
    )
    sources = Sources(wish_of(embedder))
    ingested = Ingest(store, space_id, embedder, sources, timed, workers).run(found)
    matched = match(store, space_id, embedder.space, sources, timed, workers, embedder.reach)
    weighed = weigh_copies(store, timed, workers)
    if not timed.stopping:
        save_index(store, space_id, embedder.space, timed)
    return IndexSummary(ingested, matched, weighed, timed.seconds, timed.stopping)
