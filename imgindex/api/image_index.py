"""An open store with all its verbs, and how to open one."""

from __future__ import annotations

from pathlib import Path

from imgindex.api.acting import Acting
from imgindex.api.deciding import DecidingVerbs
from imgindex.api.looking import Looking
from imgindex.api.opened import Options, StrPath, named_path
from imgindex.api.reading import Reading
from imgindex.api.writing import Writing
from imgindex.errors import UsageError, named
from imgindex.ports import Embedder, Progress, Silent, Workers
from imgindex.runs.model import AUTO, open_new
from imgindex.search.embed.own import own
from imgindex.store import Store
from imgindex.workers.pool import default_jobs


class ImageIndex(Reading, Looking, Writing, DecidingVerbs, Acting):
    """An open store, with its model and its search index, each loaded once, when first needed. Use it as a context
    manager.

    Any number of threads may call its methods at once; `close` it when the last call has ended. One run at a time
    writes: where another has the store, `index`, `decide`, `mark_reported`, `forget`, `apply`, `undo` and a repair
    raise StoreLocked. Calls that take long can be given a `progress` of their own; without it they tell that of
    `open`, whichever thread they are on.
    """


JOBS_PER_CORE = 16
"""Worker processes, each of 70 MB and more: a slipped finger must not fill the memory."""


def open(
    store: StrPath,
    *,
    model: str = AUTO,
    device: str = "auto",
    jobs: int = 0,
    rebuild: bool = False,
    create: bool = True,
    progress: Progress | None = None,
    workers: Workers | None = None,
    embedder: Embedder | None = None,
    model_first: bool = False,
) -> ImageIndex:
    """Open the store in a directory; with `create`, make it where there is none.

    `model` is what a new store gets; an existing one keeps its own. `jobs` are worker processes, 0 for one
    per core; or else `workers` do their work, and stay open: `InlineWorkers()` in a notebook that shall start no
    process. An `embedder` of one's own takes the place of the model, for as long as it is the store's; see `Embedder`
    for what it must do.
    With `model_first`, the model of a new store is loaded before anything is made, so that one that cannot be loaded
    leaves nothing behind. Raises StoreError with a sentence, UsageError where the path or the model is empty,
    ModelError where the model that was to be first cannot be used.
    """
    if jobs > (most := JOBS_PER_CORE * default_jobs()):
        raise UsageError(f"{jobs:,} jobs are more than this machine can use; ask for at most {most}.")
    if workers is not None and jobs:
        raise UsageError("Give jobs, or workers that have their own number of them.")
    if embedder is not None and model != AUTO:
        raise UsageError("Give a model, or an embedder of your own, which is one.")
    brought = None if embedder is None else own(embedder)
    options = Options(named(model), device, jobs or default_jobs(), rebuild, brought)
    directory = Path(named_path(store))
    shown = progress or Silent()
    is_new = create and model_first and embedder is None and not Store.is_in(directory)
    loaded = open_new(model, device, shown.say) if is_new else None
    return ImageIndex(Store.open(directory, create=create), options, shown, workers, loaded)
