"""What a run remembers of the pictures that it decoded."""

from __future__ import annotations

import numpy as np
import pytest

from imgindex import spool
from imgindex.pipeline.sources import PixelCache


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
