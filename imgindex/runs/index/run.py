"""index: scan -> decode -> embed -> store -> search -> verify -> weigh, for what is new."""

from __future__ import annotations

from collections.abc import Sequence

from imgindex.pictures.prepare import decode_options
from imgindex.pictures.sources import Sources
from imgindex.ports import Embedder, Progress, Workers
from imgindex.results import IndexSummary
from imgindex.runs.index.catch_up import decide_again, try_skipped_again
from imgindex.runs.index.ingest import Ingest
from imgindex.runs.index.match import match
from imgindex.runs.index.walk import walk
from imgindex.runs.index.weigh import weigh_copies
from imgindex.runs.timing import Timed
from imgindex.search.index_files import save_index
from imgindex.store import Store, catalog


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
    sources = Sources(decode_options(embedder))
    ingested = Ingest(store, space_id, embedder, sources, timed, workers).run(found)
    matched = match(store, space_id, embedder.space, sources, timed, workers, embedder.reach)
    weighed = weigh_copies(store, timed, workers)
    if not timed.stopping:
        save_index(store, space_id, embedder.space, timed)
    return IndexSummary(ingested, matched, weighed, timed.seconds, timed.stopping)
