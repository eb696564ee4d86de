"""Verbs that look a little up, of which a program asks many: one image, a page of files, one picture to show."""

from __future__ import annotations

from collections.abc import Hashable, Iterable
from pathlib import Path

from imgindex.api.opened import Opened, StrPath, named_path, verb
from imgindex.ports import Progress, Workers
from imgindex.results import RootStatus
from imgindex.runs import drawn, lookup, query
from imgindex.runs.context import RunContext
from imgindex.runs.drawn import Laid
from imgindex.runs.lookup import Image, ListedFile
from imgindex.runs.recognize import Recognition, recognize

__all__ = ["Image", "Laid", "ListedFile", "Looking", "Recognition"]


class Looking(Opened):
    """What is this picture, where is that image, what does it look like?"""

    @property
    def directory(self) -> Path:
        """Where the store is."""
        return self._store.directory

    @property
    def workers(self) -> Workers:
        """The processes that decode and verify what is asked for."""
        return self._asking

    @verb
    def prepare(self) -> None:
        """Open what the first question would open: the model and the search index. Of a new store, nothing."""
        if self.space:
            query.prepare(self._context(self._progress), self._index)

    def mark(self) -> Hashable:
        """Another value after everything that anybody writes to the store, for those who keep what they were told."""
        return self._store.mark()

    @verb
    def recognize(
        self, image: StrPath, *, k: int = 5, weighed: bool = False, progress: Progress | None = None
    ) -> Recognition:
        """Is the picture at `image` a copy of anything here? The k stored images that are most like it and, where it is
        to be `weighed` against the best, what would be lost without it; see `query`, whose errors it has."""
        context = self._context(progress or self._progress)
        return recognize(context, self._index, named_path(image), k, weighed=weighed)

    @verb
    def image(self, image: str) -> Image | None:
        """The stored image of this id (see `lookup.Image`), with all its files."""
        return lookup.image(self._store, image)

    @verb
    def images_of(self, paths: Iterable[str]) -> dict[str, str]:
        """The id of the image that each of these files shows, of those that are indexed."""
        return lookup.images_of(self._store, list(paths))

    @verb
    def files(self, *, after: str = "", limit: int = 100, below: str | None = None) -> list[ListedFile]:
        """The `limit` files that follow the path `after`, in order of their bytes; only those below a folder, where one
        is named."""
        return lookup.files(self._store, after=after, limit=limit, below=below)

    @verb
    def roots(self) -> list[RootStatus]:
        """The folders that were indexed, by path."""
        return lookup.roots(self._store)

    @verb
    def picture(self, image: str, *, long_side_px: int) -> bytes | None:
        """A stored image as a JPEG of at most this size; None where there is none. Raises UsageError where none of its
        files can be read now."""
        return drawn.picture(self._store, image, long_side_px, self._asking)

    @verb
    def original(self, image: str) -> tuple[str, bytes] | None:
        """(name of a file that shows it, its bytes) of the stored image of this id; None where there is none. Raises
        UsageError where no file has this content now."""
        return lookup.original(self._store, image)

    @verb
    def laid(self, first: str, second: str, *, long_side_px: int) -> Laid | None:
        """One stored image laid on another, and where they differ; None where that is not known. Raises UsageError
        where one of them cannot be read now."""
        return drawn.laid(self._store, first, second, long_side_px, self._asking)

    def _context(self, progress: Progress) -> RunContext:
        return RunContext(self._store, *self._model(progress), progress, self._asking)
