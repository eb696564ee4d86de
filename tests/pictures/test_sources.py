"""What a run remembers of the pictures that it decoded."""

from __future__ import annotations

import functools
import io
import os
import pickle
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from imgindex import files
from imgindex.pictures import sources
from imgindex.pictures.prepare import DecodeOptions, Prepared, decode_options, prepare_file
from imgindex.pictures.sources import ImageSource, PixelCache
from imgindex.records import PictureInfo
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.workers.pool import WorkerProcesses
from tests.helpers.pictures import save, scene


def kept(cache: PixelCache, count: int) -> list[int]:
    return [key for key in range(count) if cache.peek(key) is not None]


def test_the_least_recently_used_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: memory that grows with the number of files, of large pictures or of many small ones."""
    monkeypatch.setattr(sources, "CACHE_ITEMS", 5)
    by_bytes, by_items = PixelCache(300), PixelCache(1 << 20)
    for cache in (by_bytes, by_items):
        for key in range(10):
            cache.put(key, np.zeros(100, np.uint8))
            cache.get(0, lambda: np.zeros(100, np.uint8))
    assert kept(by_bytes, 10) == [0, 8, 9]
    assert kept(by_items, 10) == [0, 6, 7, 8, 9]


def test_one_picture_larger_than_the_cache_is_kept() -> None:
    """Prevents: a picture that is decoded again for each of its pairs."""
    cache = PixelCache(10)
    cache.put(1, np.zeros(100, np.uint8))
    assert kept(cache, 2) == [1]


def test_a_value_put_again_is_counted_once() -> None:
    """Prevents: room that is lost to values that are no longer there."""
    cache = PixelCache(250)
    for _ in range(9):
        cache.put(1, np.zeros(100, np.uint8))
    cache.put(2, np.zeros(100, np.uint8))
    assert kept(cache, 3) == [1, 2]


@dataclass
class Counted:
    """A content that counts how often it is read."""

    data: bytes
    reads: int = 0

    def read(self) -> bytes:
        self.reads += 1
        return self.data


@pytest.fixture
def world() -> Counted:
    buffer = io.BytesIO()
    scene(1, 400, 300).save(buffer, "PNG")
    return Counted(buffer.getvalue())


OPTIONS = DecodeOptions(320, True)


def source_of(content: Counted, cache: PixelCache) -> ImageSource:
    info = PictureInfo("PNG", 400, 300, "RGB", 8, False, 1)
    return ImageSource(b"sha", info, content, OPTIONS, cache)


def test_what_was_decoded_elsewhere_is_not_read_again(world: Counted) -> None:
    """Prevents: each file decoded by both workers, and again for each message."""
    made = source_of(world, PixelCache(1 << 20)).make_working(True)
    assert made.has_features and world.reads == 1
    parent = source_of(world, PixelCache(1 << 20))
    assert not parent.has_working(False)
    parent.keep_working(made)
    assert parent.has_working(True)
    travelled = pickle.loads(pickle.dumps(parent))
    assert travelled.features().points.shape == parent.features().points.shape
    assert travelled.luma(320).shape == (240, 320)
    assert world.reads == travelled.content.reads == 1


def test_what_knows_less_replaces_nothing(world: Counted) -> None:
    """Prevents: features made again because a picture was also decoded without them."""
    plain, whole = (source_of(world, PixelCache(1 << 20)).make_working(asked) for asked in (False, True))
    assert (plain.has_features, whole.has_features) == (False, True)
    source = source_of(world, PixelCache(1 << 20))
    source.keep_working(whole)
    found = source.features()
    source.keep_working(plain)
    assert source.features() is found
    poor = source_of(world, PixelCache(1 << 20))
    poor.keep_working(plain)
    assert poor.has_working(False) and not poor.has_working(True)
    poor.outline()
    poor.keep_working(whole)
    assert poor.has_working(True)
    assert world.reads == 2


def test_decoding_workers_give_what_a_verification_asks(tmp_path: Path) -> None:
    """Prevents: files that are read again for their pairs, unnoticed but for the time."""
    path = save(scene(2), tmp_path / "a.jpg")
    embedder = FakeEmbedder()
    work = functools.partial(prepare_file, options=decode_options(embedder), front=embedder.front)
    with WorkerProcesses(1) as workers:
        _, seen = files.read_stable(os.fsencode(path))
        [(_, made)] = workers.run(work, [seen])
    assert isinstance(made, Prepared)
    assert made.working.has_features
