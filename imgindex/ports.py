"""The seams: what a stage needs of another, as protocols that a real part and a plain twin both satisfy."""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from typing import Any, Protocol, TypeAlias, TypeVar, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from imgindex.records import LocalFeatures, Luma, Outline, Picture, PictureInfo, Reach, Rgb, Space, Vectors

Item = TypeVar("Item")
Result = TypeVar("Result")

Front: TypeAlias = Callable[[Picture], NDArray[Any]]
"""The part of embedding that is done for one picture where it was decoded; see `Embedder.front`."""


class Embedder(Protocol):
    """Turns pictures into unit vectors of one space. May be used from several threads."""

    @property
    def space(self) -> Space: ...

    @property
    def short_side_px(self) -> int:
        """Pictures are decoded so that their shorter side has at least this many pixels (where they have them)."""

    @property
    def reach(self) -> Reach:
        """Which neighbours of each image are worth verifying."""

    @property
    def batch_size(self) -> int:
        """How many pictures a call of `finish` should be given for best speed."""

    @property
    def front(self) -> Front:
        """What is done for each picture on its own. It travels by pickle to the processes that decode, and what it
        gives travels back instead of the picture: a vector where no more is to be done, else what `finish` needs."""

    def finish(self, fronts: Sequence[NDArray[Any]]) -> Vectors:
        """float32[len(fronts), dim], rows of norm 1 in input order, of what `front` gave; a picture's vector depends on
        it alone."""


@runtime_checkable
class TextEmbedder(Protocol):
    """An embedder whose space also has vectors for texts."""

    def embed_text(self, texts: Sequence[str]) -> Vectors:
        """float32[len(texts), dim], rows of norm 1; raises ModelError where the model has no text tower."""


class VectorIndex(Protocol):
    """Inner product over unit vectors with 64-bit ids. There is no `remove`: a rebuild is the one path."""

    @property
    def dim(self) -> int: ...

    def __len__(self) -> int: ...

    def add(self, ids: NDArray[np.int64], vectors: Vectors) -> None:
        """Append; raises ValueError on an id that is there already or twice in `ids`."""

    def search(self, queries: Vectors, k: int) -> tuple[NDArray[np.float32], NDArray[np.int64]]:
        """(cosines float32[n, k] descending, ids int64[n, k]); short rows end with id -1 and cosine -inf."""


class Source(Protocol):
    """One image as the verifier sees it; pixels are read from its file when asked and cached by the giver.

    Every method raises OSError where the file cannot be read now.
    """

    @property
    def key(self) -> Hashable:
        """Equal for sources that show the same picture: what is made of one of them may be kept for the others."""

    @property
    def info(self) -> PictureInfo: ...

    def luma(self, long_side_px: int) -> Luma:
        """Oriented luma with the longer side at most `long_side_px`, never enlarged."""

    def rgb(self, long_side_px: int) -> Rgb:
        """The same in colour."""

    def tints(self) -> NDArray[np.uint8]:
        """Of the working picture, as `features.tints_of` gives them."""

    def outline(self) -> Outline:
        """Of the working picture, as `outline.outline` gives it."""

    def features(self) -> LocalFeatures:
        """Local features as `features.extract` gives them."""

    def pixel_digest(self) -> bytes:
        """Digest of the oriented full-resolution pixels."""

    def frames(self, numbers: Sequence[int]) -> Iterator[Source]:
        """The frames or pages of these numbers (from 0, ascending), each as a picture of its own."""


class Workers(Protocol):
    """Where risky work is done: at most `jobs` items at once, a bounded number ahead of what was taken.

    `run` and `as_completed` may be called many times, from several threads, and within another's loop; an iteration may
    be left before its end. A function, its items and its results travel by pickle.
    """

    @property
    def jobs(self) -> int:
        """How many items are worked on at once, at most."""

    def run(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int | None = None
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """(item, what `function(item)` returned or raised), in the order of `items`.

        At most `ahead` items for each of `jobs` are begun before the first is taken, where that is said. OSError and
        Skipped come as they were raised, a want of memory as a Skipped, and any other exception as a RuntimeError that
        has its traceback as text.
        """

    def as_completed(
        self, function: Callable[[Item], Result], items: Iterable[Item], ahead: int = 0
    ) -> Iterator[tuple[Item, Result | Exception]]:
        """As `run`, in the order in which the items are done: a slow one keeps no other waiting.

        As many as `ahead` items may be begun before the first is taken, and so many results wait in memory.
        """

    def close(self) -> None:
        """End; what is not done is lost, and every iteration that is asked for more raises RuntimeError. May be called
        twice, and from any thread."""


class Progress(Protocol):
    """Where a run tells a person how far it is, and is told to end; it may be called from one thread only."""

    @property
    def stopping(self) -> bool:
        """True once the run is to end: it writes what is finished, and begins nothing more."""

    def start(self, stage: str, total: int | None) -> None:
        """A stage begins; `total` is how much there is to do, None where that is not known."""

    def advance(self, count: int = 1) -> None: ...

    def finish(self) -> None:
        """The stage ended."""

    def say(self, sentence: str) -> None:
        """A sentence for the person."""


class Silent:
    """`ports.Progress` that shows nothing."""

    stopping = False

    def start(self, stage: str, total: int | None) -> None: ...

    def advance(self, count: int = 1) -> None: ...

    def finish(self) -> None: ...

    def say(self, sentence: str) -> None: ...
