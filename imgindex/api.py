"""The verbs of the command line as a small typed Python API."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from imgindex.errors import ImgIndexError, RootError, StoreError, UsageError, named
from imgindex.ports import Embedder, Progress, Silent, Workers
from imgindex.results import Comparison, Finding, IndexSummary, Match, Report, Status, Thumbnail
from imgindex.runs import model as models
from imgindex.runs import query
from imgindex.runs.compare import compare as compare_files
from imgindex.runs.index.run import index
from imgindex.runs.report.changes import only_new
from imgindex.runs.report.report import DEFAULT_SIMILAR_PER_IMAGE, folder_arguments, mark_reported, report
from imgindex.runs.status import status
from imgindex.search.index_files import OpenIndex
from imgindex.store import Store, catalog, spaces
from imgindex.workers.inline import InlineWorkers
from imgindex.workers.pool import WorkerProcesses, default_jobs

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["ImageIndex", "InlineWorkers", "WorkerProcesses", "compare", "only_new", "open"]


@dataclass(frozen=True, slots=True)
class Options:
    """How models are opened and how much runs at once."""

    model: str
    device: str
    jobs: int
    rebuild: bool


def _named(paths: Iterable[str | os.PathLike[str]]) -> list[str]:
    """The paths as text; raises UsageError where one is empty."""
    return [named(os.fspath(path)) for path in paths]


def _diagnosed(verb: Callable[Concatenate[ImageIndex, P], T]) -> Callable[Concatenate[ImageIndex, P], T]:
    """A verb that fails in a way nobody foresaw, on a store that `check` finds broken, fails for that: StoreError."""

    @functools.wraps(verb)
    def diagnosed(self: ImageIndex, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return verb(self, *args, **kwargs)
        except (ImgIndexError, OSError):
            raise
        except Exception as error:
            if damage := self.check():
                raise StoreError(
                    f"The store is damaged: {damage[0].sentence} Mend it: imgindex check --repair"
                ) from error
            raise

    return diagnosed


class ImageIndex:
    """An open store, with its model and its search index, each loaded once, when first needed. Use it as a context
    manager.

    Any number of threads may call its methods at once; `close` it when the last call has ended. One run at a time
    writes: where another has the store, `index`, `mark_reported`, `forget` and a repair raise StoreLocked. Calls that
    take long can be given a `progress` of their own; without it they tell that of `open`, whichever thread they are on.
    """

    def __init__(self, store: Store, options: Options, progress: Progress, workers: Workers | None) -> None:
        self._store = store
        self._options = options
        self._progress = progress
        self._given = workers
        self._asking = workers or WorkerProcesses(options.jobs)
        self._loading = threading.Lock()
        self._loaded: Embedder | None = None
        self._is_rebuilt = False
        self._index = OpenIndex()

    def __enter__(self) -> ImageIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes (workers that were given to `open` stay), and close the store."""
        if self._given is None:
            self._asking.close()
        self._store.close()

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep every other writing run out of the store; raises StoreLocked where one is in it."""
        return self._store.exclusive()

    @property
    def space(self) -> str:
        """Name of the store's active embedding space; empty in a new store."""
        with self._store.read() as tx:
            active = spaces.active_space(tx)
        return "" if active is None else active[1].name

    @_diagnosed
    def index(
        self,
        folders: Iterable[str | os.PathLike[str]],
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        follow_symlinks: bool = False,
        accept_missing: bool = False,
        progress: Progress | None = None,
    ) -> IndexSummary:
        """Bring the store up to date with these folders; only what is new costs time.

        Raises StoreLocked where another run has the store, ModelError where the model cannot be used.
        """
        shown = progress or self._progress
        paths = _named(folders)
        if not self.space and not any(os.path.isdir(path) for path in paths):
            raise RootError(f"There is no folder {', '.join(paths)}; check the spelling, or mount its disk.")
        with self._store.exclusive(), self._workers() as workers:
            return index(
                self._store,
                *self._model_to_write(shown),
                paths,
                shown,
                workers,
                include=include,
                exclude=exclude,
                follow_symlinks=follow_symlinks,
                accept_missing=accept_missing,
            )

    @_diagnosed
    def query(self, image: str | os.PathLike[str], *, k: int = 10, progress: Progress | None = None) -> list[Match]:
        """The k stored images that look most like the picture at `image`, proven copies first.

        Raises UsageError where the picture cannot be read, or crashes or hangs its decoder. Worker processes that
        decode and verify are started by the first calls, and kept.
        """
        shown = progress or self._progress
        space_id, embedder = self._model(shown)
        return query.query_image(self._store, self._index, space_id, embedder, os.fspath(image), k, self._asking, shown)

    @_diagnosed
    def query_text(self, text: str, *, k: int = 10, progress: Progress | None = None) -> list[Match]:
        """The k stored images nearest to `text`; ModelError where the model knows no words."""
        shown = progress or self._progress
        return query.query_text(self._store, self._index, *self._model(shown), text, k, shown.say)

    @_diagnosed
    def report(
        self,
        folders: Iterable[str | os.PathLike[str]] = (),
        *,
        similar_per_image: int | None = DEFAULT_SIMILAR_PER_IMAGE,
    ) -> Report:
        """Duplicate groups and pairs among the present files below `folders` (all where empty), with what is new since
        the last nightly report marked; see `only_new` and `mark_reported`. Of each image at most `similar_per_image`
        pairs that only look alike are named; they are not even counted where it is None."""
        below = folder_arguments(_named(folders))
        return report(self._store, below, similar_per_image=similar_per_image)

    @_diagnosed
    def mark_reported(self, full: Report) -> None:
        """From now on nothing of `full`, a report of the whole store, is new any more."""
        with self._store.exclusive():
            mark_reported(self._store, full)

    @_diagnosed
    def thumbnails(
        self, shown: Report, *, pictures: int, progress: Progress | None = None
    ) -> dict[tuple[str, str], Thumbnail]:
        """Small pictures of the first `pictures` groups of a report, by (keeper, path), and of as many pairs of each
        further part, by (a, path)."""
        from imgindex.runs.report.thumbnails import thumbnails

        with self._workers() as workers:
            return thumbnails(self._store, shown, workers, progress or self._progress, pictures=pictures)

    @_diagnosed
    def forget(self, path: str | os.PathLike[str]) -> int:
        """Remove what the store knows of a file, or of a folder and all below it; returns how many files that were.

        The files stay as they are. What is still there and below a folder that is indexed again comes back.
        """
        given = named(os.fspath(path))
        [real] = folder_arguments([given])
        if os.path.islink(given):  # what a link leads to was not named
            [folder] = folder_arguments([os.path.dirname(os.path.abspath(given))])
            real = os.path.join(folder, os.fsencode(os.path.basename(given)))
        with self._store.exclusive(), self._store.write() as tx:
            return catalog.forget(tx, real)

    def backup(self, target: str | os.PathLike[str]) -> None:
        """Write a consistent copy of the database to a new file, while others may read and write the store."""
        path = Path(named(os.fspath(target))).absolute()
        if path.exists():
            raise UsageError(f"There is a file {path} already; choose another name for the backup.")
        self._store.backup(path)

    def check(self, *, repair: bool = False, progress: Progress | None = None) -> tuple[Finding, ...]:
        """What is broken in the store; with `repair`, mended where it can be rebuilt."""
        from imgindex.runs.check.check import check

        shown = progress or self._progress
        if not repair:
            return check(self._store, progress=shown)
        with self._store.exclusive():
            return check(self._store, repair=True, progress=shown)

    @_diagnosed
    def status(self) -> Status:
        """What the store holds."""
        return status(self._store)

    @contextmanager
    def _workers(self) -> Iterator[Workers]:
        """For one run: processes of its own, which end with it and let nobody wait who asks meanwhile."""
        if self._given is not None:
            yield self._given
            return
        with WorkerProcesses(self._options.jobs) as workers:
            yield workers

    def _model(self, progress: Progress) -> tuple[int, Embedder]:
        """(id of the space that answers, its embedder), loaded where it is not yet; other threads wait for that."""
        with self._loading:
            found = models.open_model_to_read(self._store, self._options.device, progress.say, self._loaded)
            self._loaded = found[1]
            return found

    def _model_to_write(self, progress: Progress) -> tuple[int, Embedder]:
        o = self._options
        rebuild = o.rebuild and not self._is_rebuilt
        with self._loading:
            found = models.open_model(
                self._store, o.model, o.device, progress.say, rebuild=rebuild, loaded=self._loaded
            )
            self._loaded, self._is_rebuilt = found[1], True
            return found


def open(
    store: str | os.PathLike[str],
    *,
    model: str = models.AUTO,
    device: str = "auto",
    jobs: int = 0,
    rebuild: bool = False,
    create: bool = True,
    progress: Progress | None = None,
    workers: Workers | None = None,
) -> ImageIndex:
    """Open the store in a directory; with `create`, make it where there is none.

    `model` is what a new store gets; an existing one keeps its own. `jobs` are worker processes, 0 for one
    per core; or else `workers` do their work, and stay open: `InlineWorkers()` in a notebook that shall start no
    process. Raises StoreError with a sentence, UsageError where the path or the model is empty.
    """
    if workers is not None and jobs:
        raise UsageError("Give jobs, or workers that have their own number of them.")
    options = Options(named(model), device, jobs or default_jobs(), rebuild)
    directory = Path(named(os.fspath(store)))
    return ImageIndex(Store.open(directory, create=create), options, progress or Silent(), workers)


def compare(
    a: str | os.PathLike[str],
    b: str | os.PathLike[str],
    out: str | os.PathLike[str] | None = None,
    *,
    workers: Workers | None = None,
) -> Comparison:
    """Compare two picture files; with `out`, write pictures of the difference there. Needs no store.

    The files are decoded in a process that is started for it, or by `workers`, which compare many pairs sooner. Raises
    UsageError where a file cannot be read, or crashes or hangs its decoder, OSError where `out` cannot be written.
    """
    if workers is not None:
        return compare_files(os.fspath(a), os.fspath(b), workers, out)
    with WorkerProcesses(1) as own:
        return compare_files(os.fspath(a), os.fspath(b), own, out)
