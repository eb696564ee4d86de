"""Pixels and local features of stored images for the verifier: remembered from decoding, else read again."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable, Iterable
from typing import Protocol, TypeVar

from imgindex import decode, features, files
from imgindex.features import WORKING_SIDE_PX
from imgindex.files import Skipped
from imgindex.pipeline.prepare import Wish, prepare
from imgindex.records import LocalFeatures, Luma, Picture, PictureInfo
from imgindex.store.catalog import StoredImage

CACHE_BYTES = 768 << 20
"""Working pictures and features of some 6,000 images, or of the images of a few thousand pairs."""


class Sized(Protocol):
    @property
    def nbytes(self) -> int: ...


S = TypeVar("S", bound=Sized)


class PixelCache:
    """Least recently used arrays up to a number of bytes; safe to use from several threads."""

    def __init__(self, max_bytes: int = CACHE_BYTES) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._items: OrderedDict[Hashable, Sized] = OrderedDict()
        self._lock = threading.Lock()

    def put(self, key: Hashable, value: Sized) -> None:
        with self._lock:
            old = self._items.pop(key, None)
            self._bytes += value.nbytes - (0 if old is None else old.nbytes)
            self._items[key] = value
            while self._bytes > self._max_bytes and len(self._items) > 1:
                self._bytes -= self._items.popitem(last=False)[1].nbytes

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
    """`ports.Source` of one content, whose bytes `read` gives; `name` keeps contents apart in the cache."""

    def __init__(
        self, name: Hashable, info: PictureInfo, read: Callable[[], bytes], wish: Wish, cache: PixelCache
    ) -> None:
        self.info = info
        self._name = name
        self._read = read
        self._wish = wish
        self._cache = cache

    def remember(self, picture: Picture) -> None:
        """Keep what decoding gave, so that the file need not be read again."""
        self._cache.put((self._name, "working"), features.working_luma(picture.rgb))
        if picture.features is not None:
            self._cache.put((self._name, "features"), picture.features)

    def luma(self, long_side_px: int) -> Luma:
        """See `ports.Source.luma`."""
        if long_side_px <= WORKING_SIDE_PX:
            return features.reduce_luma(self._working(), long_side_px)
        full = max(self.info.size)
        size = min(long_side_px, full)
        return self._cache.get((self._name, size), lambda: decode.luma(self._data(), size))

    def features(self) -> LocalFeatures:
        """See `ports.Source.features`."""
        return self._cache.get((self._name, "features"), lambda: features.extract(self._working()))

    def pixel_digest(self) -> bytes:
        """See `ports.Source.pixel_digest`."""
        return self.info.pixel_digest or decode.pixel_digest(self._data())

    def _working(self) -> Luma:
        return self._cache.get(
            (self._name, "working"),
            lambda: features.working_luma(prepare(self._data(), self._plain_wish).rgb),
        )

    @property
    def _plain_wish(self) -> Wish:
        return Wish(self._wish.short_side_px, features=False)

    def _data(self) -> bytes:
        try:
            return self._read()
        except Skipped as skipped:
            raise OSError(skipped.skip.detail) from skipped


class Sources:
    """Sources of stored images by id."""

    def __init__(self, wish: Wish, cache: PixelCache | None = None) -> None:
        self._wish = wish
        self._cache = PixelCache() if cache is None else cache

    def of(self, image: StoredImage, paths: Iterable[bytes]) -> ImageSource:
        known = list(paths)
        return ImageSource(image.sha256, image.info, lambda: read_content(known, image.sha256), self._wish, self._cache)

    def of_bytes(self, data: bytes, info: PictureInfo) -> ImageSource:
        """A picture that need not be in the store."""
        return ImageSource(files.sha256(data), info, lambda: data, self._wish, self._cache)

    def remember(self, sha256: bytes, picture: Picture) -> None:
        """Keep what decoding gave of a content, so that its file need not be read again."""

        def unread() -> bytes:
            raise AssertionError("nothing is read to remember")

        ImageSource(sha256, picture.info, unread, self._wish, self._cache).remember(picture)


def read_content(paths: Iterable[bytes], sha256: bytes) -> bytes:
    """The bytes of the first path that still has this content; OSError where none can be read now."""
    last: OSError | None = None
    for path in paths:
        try:
            data, _ = files.read_stable(path)
        except OSError as error:
            last = error
            continue
        if files.sha256(data) == sha256:
            return data
        last = files.Changed(f"{files.display(path)} has other content than when it was indexed")
    raise last or FileNotFoundError("no file shows this image any more")
