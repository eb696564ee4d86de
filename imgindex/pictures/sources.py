"""Pixels, outlines and local features of stored images for the verifier: left by decoding, else made again."""

from __future__ import annotations

import contextlib
import functools
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from imgindex import files
from imgindex.pictures import decode, features, frames, sketch
from imgindex.pictures.contents import InMemory, OnDisk, Readable
from imgindex.pictures.features import WORKING_SIDE_PX
from imgindex.pictures.outline import outline
from imgindex.pictures.prepare import DecodeOptions, Made, WorkingPicture, decoded, prepare
from imgindex.records import LocalFeatures, Luma, Outline, Picture, PictureInfo, Rgb
from imgindex.skips import Skipped

if TYPE_CHECKING:
    from imgindex.records import StoredImage

CACHE_BYTES = 768 << 20
"""In the command: what is made of some 7,000 photos."""

CACHE_ITEMS = 1 << 13
"""In one cache: a hundred thousand thumbnails are read again sooner than kept in memory, as photos are, which fill
CACHE_BYTES first."""

WORKER_CACHE_BYTES = 128 << 20
"""In each worker process: larger lumas of documents, which meet in many pairs, and the last pairs' working pictures."""


FRAME_CACHE_BYTES = 32 << 20
"""For one frame of an animation, while it is compared."""


class Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


S = TypeVar("S", bound=Sized)
T = TypeVar("T")


class PixelCache:
    """Least recently used values up to a number of bytes, and CACHE_ITEMS; safe to use from several threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._items: OrderedDict[Hashable, Sized] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: Hashable, value: Sized) -> None:
        with self._lock:
            old = self._items.pop(key, None)
            self._bytes += value.nbytes - (0 if old is None else old.nbytes)
            self._items[key] = value
            while (self._bytes > self._max_bytes and len(self._items) > 1) or len(self._items) > CACHE_ITEMS:
                self._bytes -= self._items.popitem(last=False)[1].nbytes

    def peek(self, key: Hashable) -> Sized | None:
        with self._lock:
            return self._items.get(key)

    def get(self, key: Hashable, make: Callable[[], S]) -> S:
        """The value of `key`, made now where it is not remembered (two threads may both make it)."""
        with self._lock:
            found = self._items.get(key)
            if found is not None:
                self._items.move_to_end(key)
                return found  # type: ignore[return-value]
        made = make()
        self.put(key, made)
        return made


class ImageSource:
    """`ports.Source` of one content. Pickled, it takes the working picture that the cache has of it along, so that a
    worker process need not read the file again."""

    def __init__(
        self, sha256: bytes, info: PictureInfo, content: Readable, options: DecodeOptions, cache: PixelCache
    ) -> None:
        self.info = info
        self.sha256 = sha256
        self.content = content
        self._options = options
        self._cache = cache

    @property
    def key(self) -> Hashable:
        """See `ports.Source.key`; pictures decoded for another embedder have other pixels."""
        return self.sha256, self._options.short_side_px

    def __reduce__(self) -> tuple[Any, ...]:
        return _revived, (self.sha256, self.info, self.content, self._options, self._cache.peek(self.key))

    def has_working(self, with_features: bool) -> bool:
        """Whether the working picture is at hand."""
        found = self._cache.peek(self.key)
        return isinstance(found, WorkingPicture) and found.has_features >= with_features

    def make_working(self, with_features: bool) -> WorkingPicture:
        """What `keep_working` takes, made here. Raises OSError."""
        if with_features:
            self.features()
        return self._working()

    def keep_working(self, made: WorkingPicture) -> None:
        """Keep what was made elsewhere, unless as much is known."""
        known = self._cache.peek(self.key)
        if not isinstance(known, WorkingPicture) or made.has_features > known.has_features:
            self._cache.put(self.key, made)

    def sketch(self) -> bytes:
        """The sketch of this image, made anew."""
        return sketch.drawn(self.outline(), self.features())

    def luma(self, long_side_px: int) -> Luma:
        """See `ports.Source.luma`."""
        if long_side_px <= WORKING_SIDE_PX:
            return features.reduce_luma(self._working().luma, long_side_px)
        size = min(long_side_px, max(self.info.size))
        return self._cache.get((self.key, size), lambda: self._of_data(lambda data: decode.luma(data, size)))

    def rgb(self, long_side_px: int) -> Rgb:
        """See `ports.Source.rgb`."""
        size = min(long_side_px, max(self.info.size))
        return self._cache.get((self.key, size, "rgb"), lambda: self._of_data(lambda data: decode.rgb(data, size)))

    def tints(self) -> NDArray[np.uint8]:
        """See `ports.Source.tints`."""
        return self._working().tints

    def canvas(self, long_side_px: int) -> Rgb:
        """Pixels to lay on others or to look at: see `prepare.decoded`. Not kept. Raises OSError."""
        return self._of_data(lambda data: decoded(data, self.info, long_side_px))

    def outline(self) -> Outline:
        """See `ports.Source.outline`."""
        return self._working().outline

    def features(self) -> LocalFeatures:
        """See `ports.Source.features`."""
        working = self._working()
        if working.features is None:
            working = replace(working, features=features.extract(working.luma))
            self._cache.put(self.key, working)
        assert working.features is not None
        return working.features

    def pixel_digest(self) -> bytes:
        """See `ports.Source.pixel_digest`."""
        return self.info.pixel_digest or self._of_data(decode.pixel_digest)

    def frames(self, numbers: Sequence[int]) -> Iterator[ImageSource]:
        """See `ports.Source.frames`."""
        with _unread():
            for data in frames.frames(self.content.read(), numbers):
                picture, cache = prepare(data, self._options), PixelCache(FRAME_CACHE_BYTES)
                alone = ImageSource(files.sha256(data), picture.info, InMemory(data), self._options, cache)
                alone.keep_working(working_of(picture))
                yield alone

    def _working(self) -> WorkingPicture:
        return self._cache.get(self.key, self._make)

    def _make(self) -> WorkingPicture:
        options = DecodeOptions(self._options.short_side_px, features=False)
        return working_of(self._of_data(lambda data: prepare(data, options)))

    def _of_data(self, make: Callable[[bytes], T]) -> T:
        """What `make` gives of the bytes; whatever keeps it from that is an OSError."""
        with _unread():
            return make(self.content.read())


@contextlib.contextmanager
def _unread() -> Iterator[None]:
    """Says that a content cannot be decoded as verification says that a file cannot be read."""
    try:
        yield
    except Skipped as skipped:
        raise OSError(skipped.skip.detail) from skipped


def working_of(picture: Picture) -> WorkingPicture:
    """What verification works on of a decoded picture."""
    luma = features.working_luma(picture.rgb)
    return WorkingPicture(luma, features.tints_of(picture.rgb, luma), outline(luma), picture.features)


@functools.lru_cache(maxsize=1)
def _process_cache() -> PixelCache:
    return PixelCache(WORKER_CACHE_BYTES)


def _revived(
    sha256: bytes, info: PictureInfo, content: Readable, options: DecodeOptions, known: WorkingPicture | None
) -> ImageSource:
    source = ImageSource(sha256, info, content, options, _process_cache())
    if known is not None:
        source.keep_working(known)
    return source


class Sources:
    """Sources of images that share one cache."""

    def __init__(self, options: DecodeOptions, cache: PixelCache | None = None) -> None:
        self._options = options
        self._cache = PixelCache(CACHE_BYTES) if cache is None else cache

    @property
    def short_side_px(self) -> int:
        """What the pictures are decoded to: see `ports.Embedder.short_side_px`."""
        return self._options.short_side_px

    def of(self, image: StoredImage, paths: Iterable[bytes]) -> ImageSource:
        """A stored image, which `paths` show."""
        content = OnDisk(tuple(paths), image.sha256)
        return ImageSource(image.sha256, image.info, content, self._options, self._cache)

    def remember(self, made: Made) -> ImageSource:
        """Keep what decoding gave of a content, so that it need not be read again; the content as a source."""
        source = ImageSource(made.sha256, made.info, made.content, self._options, self._cache)
        source.keep_working(made.working)
        return source
