"""Memory that the worker processes of one run share: what one of them makes of a picture, others read by its place.

Each worker writes into a ring of its own, over what is oldest there, and no lock is needed: a ring says in its first
bytes up to where it is or will be written, and whoever reads looks at that again afterwards. What is gone has to be
made anew. The memory is that of Linux's `memfd_create`, an open file without a name or a disk: it goes with the
processes, however they end. Where there is none, nothing is left, and what was made travels.
"""

from __future__ import annotations

import fcntl
import itertools
import os
import pickle
import struct
from dataclasses import dataclass, field
from typing import Any, TypeAlias

BYTES = 768 << 20
"""Of all rings together: what is made of some 6,000 photos."""

ITEMS = 1 << 13
"""In all rings together: a hundred thousand thumbnails are read again sooner than kept in memory, as photos are, which
fill BYTES first."""

Shape: TypeAlias = tuple[int, int, int]
"""How many rings, the bytes of each, and how often each is written at most in one round."""

_HEAD = struct.Struct("<Q")
PROTOCOL = 5
"""Of pickle: arrays travel without the copy that older protocols make."""

_numbers = itertools.count()


@dataclass(frozen=True, slots=True)
class Place:
    """Where something was written: `position` counts all bytes that its ring ever had room for."""

    pool: int
    ring: int
    position: int
    size: int


class Ring:
    """`capacity` bytes that are written in rounds, each of `items` writes at most; one process writes, any may read.

    From `start` on, the file has its head, which is the position up to which it is written or will be before anything
    else is, and then the bytes."""

    def __init__(self, descriptor: int, start: int, capacity: int, items: int) -> None:
        self._descriptor, self._start = descriptor, start
        self._capacity, self._items = capacity, items
        self._in_round = 0

    def write(self, data: bytes) -> int | None:
        """The position of the data; None where they are larger than the ring, or there is no memory for them."""
        if len(data) > self._capacity:
            return None
        try:
            position = self._head()
            if position % self._capacity + len(data) > self._capacity or self._in_round >= self._items:
                position += -position % self._capacity
                self._in_round = 0
            self._in_round += 1
            os.pwrite(self._descriptor, _HEAD.pack(position + len(data)), self._start)
            written = os.pwrite(self._descriptor, data, self._offset(position))
        except OSError:
            return None
        return position if written == len(data) else None

    def read(self, position: int, size: int) -> bytes | None:
        """What was written there; None where something else was since, or it cannot be read."""
        try:
            data = os.pread(self._descriptor, size, self._offset(position))
        except OSError:
            return None
        return data if len(data) == size and self.holds(position) else None

    def holds(self, position: int) -> bool:
        """Whether what was written there is there still."""
        try:
            return self._head() <= position + self._capacity
        except OSError:
            return False

    def _offset(self, position: int) -> int:
        return self._start + _HEAD.size + position % self._capacity

    def _head(self) -> int:
        head = os.pread(self._descriptor, _HEAD.size, self._start)
        return int(_HEAD.unpack(head)[0]) if head else 0  # nothing is in the file yet


class Pool:
    """The rings of `count` workers, made in their parent. Close it when they have ended."""

    def __init__(self, count: int) -> None:
        self._number, self._shape = next(_numbers), (count, BYTES // count, ITEMS // count)
        self._descriptor = _nameless()
        attach(self._number, self._descriptor, self._shape)

    @property
    def descriptors(self) -> tuple[int, ...]:
        """What a worker has to inherit."""
        return () if self._descriptor is None else (self._descriptor,)

    def arguments(self, own: int) -> tuple[int, int | None, Shape, int]:
        """What `attach` takes in the worker that writes into the ring `own`."""
        return self._number, self._descriptor, self._shape, own

    def close(self) -> None:
        """May be called twice."""
        if _attached.pools.pop(self._number, None) and self._descriptor is not None:
            os.close(self._descriptor)


@dataclass(slots=True)
class _Attached:
    """The rings that this process reads, by pool, and of a worker the pool and the ring that it writes into."""

    pools: dict[int, list[Ring]] = field(default_factory=dict)
    own: tuple[int, int] | None = None


_attached = _Attached()


def _nameless() -> int | None:
    """A file in memory; None where there is none to be had."""
    try:
        made = os.memfd_create("imgindex")
    except (AttributeError, OSError):  # another system than Linux; a sandbox
        return None
    try:
        return fcntl.fcntl(made, fcntl.F_DUPFD_CLOEXEC, 3)  # a worker's first three are others
    finally:
        os.close(made)


def attach(pool: int, descriptor: int | None, shape: Shape, own: int | None = None) -> None:
    """Have this process read the rings of a pool, which are in one file, and write into its `own`."""
    if descriptor is None:
        return
    count, capacity, items = shape
    _attached.pools[pool] = [Ring(descriptor, i * (_HEAD.size + capacity), capacity, items) for i in range(count)]
    if own is not None:
        _attached.own = pool, own


def put(value: object) -> Place | None:
    """Leave something where the other processes of this run find it; None where this process is no worker, or there is
    no room."""
    if _attached.own is None:
        return None
    pool, ring = _attached.own
    data = pickle.dumps(value, PROTOCOL)
    position = _attached.pools[pool][ring].write(data)
    return None if position is None else Place(pool, ring, position, len(data))


def get(place: Place) -> Any | None:
    """What was left at this place; None where it is gone."""
    rings = _attached.pools.get(place.pool)
    data = None if rings is None else rings[place.ring].read(place.position, place.size)
    return None if data is None else pickle.loads(data)


def is_there(place: Place) -> bool:
    """Whether `get` would find it now."""
    rings = _attached.pools.get(place.pool)
    return rings is not None and rings[place.ring].holds(place.position)
