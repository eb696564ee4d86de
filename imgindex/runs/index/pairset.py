"""Pairs of image ids by the million, at 8 bytes each: a run over 100,000 images tries some two million."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable

import numpy as np

RECENT = 1 << 16
"""Pairs that are kept as they came before they are sorted in: 4 MB of them."""

ID_BITS = 32


class PairSet:
    """A set of (low_id, high_id) that only grows; ids are in [0, 2 ** 31).

    A pair that is added again takes room again.
    """

    def __init__(self, keys: Iterable[tuple[int, int]] = ()) -> None:
        self._recent: set[int] = set()
        self._sorted = np.empty(0, np.int64).data
        self.update(keys)

    def update(self, keys: Iterable[tuple[int, int]]) -> None:
        for key in keys:
            self._recent.add(_packed(key))
            if len(self._recent) >= RECENT:
                self._sort_in()

    def __contains__(self, key: object) -> bool:
        assert isinstance(key, tuple)
        packed = _packed(key)
        if packed in self._recent:
            return True
        at = bisect_left(self._sorted, packed)
        return at < len(self._sorted) and self._sorted[at] == packed

    def _sort_in(self) -> None:
        recent = np.fromiter(self._recent, np.int64, len(self._recent))
        ascending = np.concatenate([self._sorted, np.sort(recent)])  # twice, which a stable sort merges
        self._sorted = np.sort(ascending, kind="stable").data
        self._recent.clear()


def _packed(key: tuple[int, int]) -> int:
    return key[0] << ID_BITS | key[1]
