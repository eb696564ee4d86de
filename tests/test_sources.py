"""What a run remembers of the pictures that it decoded."""

from __future__ import annotations

import functools
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from imgindex import files, spool
from imgindex.embed.fake import FakeEmbedder
from imgindex.pipeline.prepare import Left, Prepared, Traits, Wish, prepare_file, wish_of
from imgindex.pipeline.sources import ImageSource, PixelCache
from imgindex.records import PictureInfo
from imgindex.workers import Workers
from tests.pictures import save, scene


def kept(cache: PixelCache, count: int) -> list[int]:
    return [key for key in range(count) if cache.peek(key) is not None]


def test_the_least_recently_used_make_room(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: memory that grows with the number of files, of large pictures or of many small ones."""
    monkeypatch.setattr(spool, "ITEMS", 5)
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
def world(monkeypatch: pytest.MonkeyPatch) -> Iterator[Counted]:
    """A picture in a process that is both parent and worker, with a ring of 300,000 bytes."""
    monkeypatch.setattr(spool, "BYTES", 300_000)
    monkeypatch.setattr(spool, "_attached", spool._Attached())
    pool = spool.Pool(1)
    spool.attach(*pool.arguments(0))
    buffer = io.BytesIO()
    scene(1, 400, 300).save(buffer, "PNG")
    yield Counted(buffer.getvalue())
    pool.close()


WISH = Wish(320, True)


def source_of(content: Counted, cache: PixelCache) -> ImageSource:
    info = PictureInfo("PNG", 400, 300, "RGB", 8, False, 1)
    return ImageSource(b"sha", info, content, WISH, cache)


def overwritten(left: Left) -> None:
    while spool.is_there(left.place):
        spool.put(bytes(100_000))


def test_what_a_worker_left_is_not_read_again(world: Counted) -> None:
    """Prevents: each file decoded by both workers, and again for each message."""
    left = source_of(world, PixelCache(1 << 20)).warmth(True)
    assert isinstance(left, Left) and left.has_features
    assert world.reads == 1
    parent = source_of(world, PixelCache(1 << 20))
    assert not parent.is_warm(False)
    parent.warm(left)
    assert parent.is_warm(True)
    other = source_of(world, PixelCache(1 << 20))
    other.warm(left)
    assert other.features().points.shape == parent.features().points.shape
    assert other.luma(320).shape == (240, 320)
    assert world.reads == 1


def test_what_is_gone_is_made_again_once(world: Counted) -> None:
    """Prevents: a picture decoded for every message that says where it was."""
    left = source_of(world, PixelCache(1 << 20)).warmth(True)
    assert isinstance(left, Left)
    overwritten(left)
    cache = PixelCache(1 << 20)
    for _ in range(4):
        source = source_of(world, cache)
        source.warm(left)
        assert source.outline().thumbs
    assert world.reads == 2
    parent = source_of(world, PixelCache(1 << 20))
    parent.warm(left)
    assert not parent.is_warm(False)


def test_what_knows_less_replaces_nothing(world: Counted) -> None:
    """Prevents: features made again because a picture was also left without them."""
    plain, whole = (source_of(world, PixelCache(1 << 20)).warmth(asked) for asked in (False, True))
    assert (plain.has_features, whole.has_features) == (False, True)
    source = source_of(world, PixelCache(1 << 20))
    source.warm(whole)
    found = source.features()
    source.warm(plain)
    assert source.features() is found
    poor = source_of(world, PixelCache(1 << 20))
    poor.warm(plain)
    assert poor.is_warm(False) and not poor.is_warm(True)
    poor.outline()
    poor.warm(whole)
    assert poor.is_warm(True)
    assert world.reads == 2


def test_workers_leave_what_they_decode(tmp_path: Path) -> None:
    """Prevents: pictures that travel with every message, unnoticed but for the time."""
    path = save(scene(2), tmp_path / "a.jpg")
    embedder = FakeEmbedder()
    work = functools.partial(prepare_file, wish=wish_of(embedder), front=embedder.front)
    with Workers(1) as workers:
        _, seen = files.read_stable(os.fsencode(path))
        [(_, made)] = workers.run(work, [seen])
        assert isinstance(made, Prepared) and isinstance(made.traits, Left)
        assert isinstance(spool.get(made.traits.place), Traits)
    assert isinstance(work(seen).traits, Traits)
