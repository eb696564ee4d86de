"""The verbs of the command line as a small typed Python API."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Concatenate, ParamSpec, TypeVar

from imgindex.errors import ImgIndexError, RootError, StoreError, UsageError, named
from imgindex.ports import Embedder, Progress, Silent
from imgindex.results import Finding, IndexSummary, Look, Match, Report, Status
from imgindex.runs import model as models
from imgindex.runs import query
from imgindex.runs.compare import compare
from imgindex.runs.index.run import index
from imgindex.runs.report.changes import only_new
from imgindex.runs.report.report import DEFAULT_SIMILAR_PER_IMAGE, folder_arguments, mark_reported, report
from imgindex.runs.status import status
from imgindex.search.index_files import OpenIndex
from imgindex.store import Store, catalog, spaces
from imgindex.workers.pool import Workers, default_jobs

P = ParamSpec("P")
T = TypeVar("T")

__all__ = ["ImageIndex", "compare", "only_new", "open"]


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
    """An open store and its model, which is loaded when it is first needed. Use it as a context manager."""

    def __init__(self, store: Store, options: Options, progress: Progress) -> None:
        self._store = store
        self._options = options
        self._progress = progress
        self._opened: tuple[int, Embedder] | None = None
        self._index = OpenIndex()

    def __enter__(self) -> ImageIndex:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
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
    ) -> IndexSummary:
        """Bring the store up to date with these folders; only what is new costs time.

        Raises StoreLocked where another run has the store, ModelError where the model cannot be used.
        """
        o = self._options
        paths = _named(folders)
        if not self.space and not any(os.path.isdir(path) for path in paths):
            raise RootError(f"There is no folder {', '.join(paths)}; check the spelling, or mount its disk.")
        with self._store.exclusive():
            self._opened = models.open_model(self._store, o.model, o.device, self._progress.say, rebuild=o.rebuild)
            return index(
                self._store,
                *self._opened,
                paths,
                self._progress,
                jobs=self._jobs,
                include=include,
                exclude=exclude,
                follow_symlinks=follow_symlinks,
                accept_missing=accept_missing,
            )

    @_diagnosed
    def query(self, image: str | os.PathLike[str], *, k: int = 10) -> list[Match]:
        """The k stored images that look most like the picture at `image`, proven copies first."""
        return query.query_image(self._store, self._index, *self._model(), os.fspath(image), k, self._progress.say)

    @_diagnosed
    def query_text(self, text: str, *, k: int = 10) -> list[Match]:
        """The k stored images nearest to `text`; ModelError where the model knows no words."""
        return query.query_text(self._store, self._index, *self._model(), text, k, self._progress.say)

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
    def thumbnails(self, shown: Report, *, groups: int) -> dict[tuple[bytes, bytes], Look]:
        """Small pictures of the first `groups` groups of a report, by (keeper, path)."""
        from imgindex.runs.report.thumbnails import looks

        with Workers(self._jobs) as workers:
            return looks(self._store, shown, workers, self._progress, groups=groups)

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

    def check(self, *, repair: bool = False) -> tuple[Finding, ...]:
        """What is broken in the store; with `repair`, mended where it can be rebuilt."""
        from imgindex.runs.check.check import check

        if not repair:
            return check(self._store, progress=self._progress)
        with self._store.exclusive():
            return check(self._store, repair=True, progress=self._progress)

    @_diagnosed
    def status(self) -> Status:
        """What the store holds."""
        return status(self._store)

    @property
    def _jobs(self) -> int:
        return self._options.jobs or default_jobs()

    def _model(self) -> tuple[int, Embedder]:
        if self._opened is None:
            self._opened = models.open_model_to_read(self._store, self._options.device, self._progress.say)
        return self._opened


def open(
    store: str | os.PathLike[str],
    *,
    model: str = models.AUTO,
    device: str = "auto",
    jobs: int = 0,
    rebuild: bool = False,
    create: bool = True,
    progress: Progress | None = None,
) -> ImageIndex:
    """Open the store in a directory; with `create`, make it where there is none.

    `model` is what a new store gets; an existing one keeps its own. `jobs` are worker processes, 0 for one
    per core. Raises StoreError with a sentence, UsageError where the path is empty.
    """
    options = Options(model, device, jobs, rebuild)
    return ImageIndex(Store.open(Path(named(os.fspath(store))), create=create), options, progress or Silent())
