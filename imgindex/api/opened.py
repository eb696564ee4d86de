"""What every verb needs: the store, its model and search index, and workers, each opened once."""

from __future__ import annotations

import functools
import os
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Concatenate, ParamSpec, Self, TypeAlias, TypeVar

from imgindex.errors import ImgIndexError, StoreError, UsageError, named
from imgindex.ports import Embedder, Progress, Silent, Workers
from imgindex.results import Finding
from imgindex.runs.model import open_model, open_model_to_read
from imgindex.search.index_files import OpenIndex
from imgindex.store import Store, spaces
from imgindex.workers.pool import WorkerProcesses

StrPath: TypeAlias = str | os.PathLike[str]
"""A path as a caller names it."""

Folders: TypeAlias = StrPath | Iterable[StrPath]
"""One folder, or several."""

S = TypeVar("S", bound="Opened")
P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Options:
    """How models are opened and how much runs at once."""

    model: str
    device: str
    jobs: int
    rebuild: bool
    own: Embedder | None = None


def named_path(path: StrPath) -> str:
    """The path as text; raises UsageError where it is empty."""
    return named(os.fspath(path))


def named_folders(folders: Folders) -> list[str]:
    """The folders as text; raises UsageError where one is empty."""
    several = (folders,) if isinstance(folders, str | os.PathLike) else folders
    return [named_path(folder) for folder in several]


def verb(method: Callable[Concatenate[S, P], T]) -> Callable[Concatenate[S, P], T]:
    """A verb that fails in a way nobody foresaw, on a store that `check` finds broken, fails for that: StoreError."""

    @functools.wraps(method)
    def diagnosed(self: S, /, *args: P.args, **kwargs: P.kwargs) -> T:
        try:
            return method(self, *args, **kwargs)
        except (ImgIndexError, OSError):
            raise
        except Exception as error:
            if damage := self._damage():
                raise StoreError(
                    f"The store is damaged: {damage[0].sentence} Mend it: imgindex check --repair"
                ) from error
            raise

    return diagnosed


class Opened:
    """An open store and what its verbs share; each kind of verb is a class on top of this one."""

    def __init__(
        self,
        store: Store,
        options: Options,
        progress: Progress,
        workers: Workers | None,
        loaded: Embedder | None = None,
    ) -> None:
        self._opened = store
        self._is_closed = False
        self._options = options
        self._progress = progress
        self._given = workers
        self._asking = workers or WorkerProcesses(options.jobs)
        self._loading = threading.Lock()
        self._loaded = loaded
        self._is_rebuilt = False
        self._index = OpenIndex()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes (workers that were given to `open` stay), and close the store.

        May be called twice; every other call raises UsageError from then on.
        """
        if self._given is None:
            self._asking.close()
        self._is_closed = True
        self._opened.close()

    def exclusive(self) -> AbstractContextManager[None]:
        """Keep every other writing run out of the store; raises StoreLocked where one is in it."""
        return self._store.exclusive()

    @property
    def space(self) -> str:
        """Name of the store's active embedding space; empty in a new store."""
        with self._store.read() as tx:
            active = spaces.active_space(tx)
        return "" if active is None else active[1].name

    def _damage(self) -> tuple[Finding, ...]:
        """What is broken in the store."""
        from imgindex.runs.check.check import check

        return check(self._store, progress=Silent())

    @property
    def _store(self) -> Store:
        """The store, which every verb begins with."""
        if self._is_closed:
            raise UsageError(f"The index of the store in {self._opened.directory} is closed; open it again.")
        return self._opened

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
            found = open_model_to_read(self._store, self._options.device, progress.say, self._loaded, self._options.own)
            self._loaded = found[1]
            return found

    def _model_to_write(self, progress: Progress) -> tuple[int, Embedder]:
        o = self._options
        rebuild = o.rebuild and not self._is_rebuilt
        with self._loading:
            found = open_model(
                self._store, o.model, o.device, progress.say, rebuild=rebuild, loaded=self._loaded, own=o.own
            )
            self._loaded, self._is_rebuilt = found[1], True
            return found
