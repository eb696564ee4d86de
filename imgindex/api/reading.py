"""Verbs that only read: they answer on a store that is read-only, or that another run writes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from imgindex.api.given import PictureLike, given
from imgindex.api.opened import Folders, Opened, named_folders, verb
from imgindex.ports import Progress
from imgindex.records import Verdict
from imgindex.results import Between, Embeddings, File, LeftAlone, Matches, Report, Status, Thumbnail
from imgindex.runs import listing, query
from imgindex.runs.between import between
from imgindex.runs.context import RunContext
from imgindex.runs.keeping import keep_rules
from imgindex.runs.left_alone import left_alone
from imgindex.runs.report.report import DEFAULT_SIMILAR_PER_IMAGE, folder_arguments, report
from imgindex.runs.status import status


class Reading(Opened):
    """What is there, what looks like what, and what is a copy of what."""

    @verb
    def query(self, image: PictureLike, *, k: int = 10, progress: Progress | None = None) -> Matches:
        """The k stored images that look most like a picture, proven copies first.

        `image` is a path, the bytes of a picture file, a PIL image, or uint8[height, width, 3] in RGB order (see
        `PictureLike`). Raises UsageError where it cannot be read, or crashes or hangs its decoder. Worker processes
        that decode and verify are started by the first calls, and kept.
        """
        shown = progress or self._progress
        context = RunContext(self._store, *self._model(shown), shown, self._asking)
        return query.query_image(context, self._index, given(image), k)

    @verb
    def query_text(self, text: str, *, k: int = 10, progress: Progress | None = None) -> Matches:
        """The k stored images nearest to `text`; ModelError where the model knows no words."""
        shown = progress or self._progress
        context = RunContext(self._store, *self._model(shown), shown, self._asking)
        return query.query_text(context, self._index, text, k)

    @verb
    def report(
        self,
        folders: Folders = (),
        *,
        similar_per_image: int | None = DEFAULT_SIMILAR_PER_IMAGE,
        protect: Folders = (),
        keep: Sequence[str] | None = None,
        even_if_lost: bool = False,
        show_decided: bool = False,
    ) -> Report:
        """Duplicate groups and pairs among the present files below `folders` (all where empty), with what is new since
        the last nightly report marked; see `only_new` and `mark_reported`. Of each image at most `similar_per_image`
        pairs that only look alike are named; they are not even counted where it is None.

        `protect` are folders whose files all stay, beside those of the store's config.toml; `keep` are rules that
        choose the keeper, the weightiest first, in place of those there (UsageError names those there are). A rule by
        which something would be lost is followed only with `even_if_lost`. Pairs that a person decided are left out
        unless `show_decided`.
        """
        below = folder_arguments(named_folders(folders))
        rules = keep_rules(self._store.directory, named_folders(protect), keep, even_if_lost=even_if_lost)
        return report(self._store, below, similar_per_image=similar_per_image, rules=rules, show_decided=show_decided)

    @verb
    def between(self, a: Folders, b: Folders, *, least: Verdict = Verdict.NEAR_DUPLICATE) -> Between:
        """What the files below `a` have in common with those below `b`: which pictures of a card are in the archive
        already, which of a test set leak from the training set.

        Of each file below `a` that has something like it below `b`, the best pair that was verified, `a` first:
        copies, and with `least` Verdict.VARIANT or SIMILAR what is weaker, too. A file is no copy of itself, where the
        folders overlap. Raises UsageError where nothing below one of them was indexed.
        """
        below_a, below_b = (folder_arguments(named_folders(folders)) for folders in (a, b))
        return between(self._store, below_a, below_b, least=Verdict(least))

    @verb
    def embeddings(self, folders: Folders = ()) -> Embeddings:
        """The vectors of the images that files below `folders` show (all where empty): ids, first paths and
        float32[N, dim], rows of norm 1, N being the number of distinct images. (0, 0) in a new store."""
        return listing.embeddings(self._store, folder_arguments(named_folders(folders)))

    def __iter__(self) -> Iterator[File]:
        """Every file that is indexed, and was there when its folder was last scanned, by path."""
        return listing.files(self._store)

    @verb
    def __len__(self) -> int:
        """How many files iteration gives."""
        return listing.count(self._store)

    def __bool__(self) -> bool:
        """True: an index without files is there."""
        return True

    @verb
    def thumbnails(
        self, shown: Report, *, pictures: int, progress: Progress | None = None
    ) -> dict[tuple[str, str], Thumbnail]:
        """Small pictures of the first `pictures` groups of a report, by (keeper, path), and of as many pairs of each
        further part, by (a, path)."""
        from imgindex.runs.report.thumbnails import thumbnails

        with self._workers() as workers:
            return thumbnails(self._store, shown, workers, progress or self._progress, pictures=pictures)

    @verb
    def status(self) -> Status:
        """What the store holds."""
        return status(self._store)

    @verb
    def left_alone(
        self,
        *,
        include: Sequence[str] = (),
        exclude: Sequence[str] = (),
        follow_symlinks: bool = False,
        progress: Progress | None = None,
    ) -> tuple[LeftAlone, ...]:
        """What `index` would leave alone now in the folders of the store, given these options, and why; by path."""
        say = (progress or self._progress).say
        return left_alone(self._store, include=include, exclude=exclude, follow_symlinks=follow_symlinks, say=say)
