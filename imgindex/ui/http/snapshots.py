"""The last report, kept to answer lists from: grouping a library takes seconds, and a page of it must not.

A snapshot is one consistent state of the store. Where the store has changed since, a small one is read again before the
answer; of a large one the last report is given while another thread makes the next, which says so of itself: `current`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import TypeVar

from imgindex.api import ImageIndex, only_new
from imgindex.results import Group, Report, ReportedPair

T = TypeVar("T")

AT_ONCE_S = 1.0
"""A report that took no longer than this is made again before an answer."""

REST = 4.0
"""Of the time that a report took, which passes before the next is begun: a run that writes for an hour must not keep a
core busy with reports."""

LONGEST_S = 600.0
"""Files come and go without a word to the store."""


@dataclass(frozen=True, slots=True, eq=False)
class Snapshot:
    """A report, with the id of the image behind each path that it names, and its groups by id."""

    report: Report
    images: dict[str, str]
    mark: Hashable
    made_s: float
    took_s: float
    groups: dict[str, Group] = field(init=False)
    group_of: dict[str, Group] = field(init=False)
    news: Report = field(init=False)

    def __post_init__(self) -> None:
        fill = object.__setattr__
        fill(self, "groups", {group.id: group for group in self.report.groups})
        fill(self, "group_of", {path: group for group in self.report.groups for path in paths_of(group)})
        fill(self, "news", only_new(self.report))

    def image(self, path: str) -> str | None:
        """The id of the image that this file shows."""
        return self.images.get(path)

    def pair_id(self, pair: ReportedPair) -> str:
        """What a pair is known by: the ids of its two images."""
        return f"{self.image(pair.a)}-{self.image(pair.b)}"


def paths_of(group: Group) -> list[str]:
    """Every file of a group, the one to keep first."""
    return [group.keeper, *(member.path for member in group.members)]


def take(images: ImageIndex) -> Snapshot:
    """Make a report now. Takes seconds in a large store."""
    began = time.monotonic()
    mark = images.mark()
    report = images.report()
    paths = {path for group in report.groups for path in paths_of(group)}
    paths.update(path for pair in report.pairs for path in (pair.a, pair.b))
    found = images.images_of(sorted(paths))
    now = time.monotonic()
    return Snapshot(report, found, mark, now, now - began)


class Snapshots:
    """The snapshot to answer from; used on the event loop, which it never blocks."""

    def __init__(self, images: ImageIndex, run: Callable[..., Awaitable[T]]) -> None:
        self._images = images
        self._run = run
        self._last: Snapshot | None = None
        self._making: asyncio.Task[Snapshot] | None = None
        self._filtered: dict[Hashable, object] = {}

    @property
    def last(self) -> Snapshot | None:
        """What was read last, however old; None before the first."""
        return self._last

    async def get(self) -> tuple[Snapshot, bool]:
        """(a snapshot, whether it is of the store as it is now)."""
        last = self._last
        if last is None:
            return await asyncio.shield(self._make()), True
        mark = await self._run(self._images.mark)
        age_s = time.monotonic() - last.made_s
        if mark == last.mark and age_s < LONGEST_S:
            return last, True
        if last.took_s <= AT_ONCE_S:
            return await asyncio.shield(self._make()), True
        if age_s > REST * last.took_s:
            self._make()
        return last, False

    async def fresh(self) -> Snapshot:
        """A snapshot that is made now, for who has just changed something and asks what became of it."""
        while (making := self._making) is not None and not making.done():
            await asyncio.wait([making])
        return await asyncio.shield(self._make())

    def filtered(self, snapshot: Snapshot, key: Hashable, make: Callable[[], T]) -> T:
        """What `make` gives, kept with the snapshot: pages of one list need not filter it again."""
        if snapshot is not self._last:
            return make()
        if key not in self._filtered:
            if len(self._filtered) >= MAX_FILTERED:
                self._filtered.clear()
            self._filtered[key] = make()
        return self._filtered[key]  # type: ignore[return-value]

    def _make(self) -> asyncio.Task[Snapshot]:
        if self._making is None or self._making.done():
            self._making = asyncio.ensure_future(self._made())
            self._making.add_done_callback(_looked_at)
        return self._making

    async def _made(self) -> Snapshot:
        made: Snapshot = await self._run(take, self._images)  # type: ignore[assignment]
        self._last = made
        self._filtered = {}
        return made


MAX_FILTERED = 64


def _looked_at(task: asyncio.Task[Snapshot]) -> None:
    """Nobody may be waiting for a task that failed; the next that is begun says so again."""
    if not task.cancelled():
        task.exception()
