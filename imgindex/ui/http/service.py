"""What all requests share: the open index, the threads that ask it, what is kept of its answers."""

from __future__ import annotations

import asyncio
import functools
import os
import shutil
import tempfile
import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from concurrent.futures import ThreadPoolExecutor
from typing import ParamSpec, TypeVar

from imgindex.api import ImageIndex
from imgindex.errors import ImgIndexError
from imgindex.ui.http.jobs import Jobs
from imgindex.ui.http.metrics import Metrics
from imgindex.ui.http.observe import LOG
from imgindex.ui.http.plans import Plans
from imgindex.ui.http.problems import Problem
from imgindex.ui.http.settings import Settings
from imgindex.ui.http.snapshots import Snapshots

P = ParamSpec("P")
T = TypeVar("T")

THREADS = 12
"""Questions to the index at once. They wait for its worker processes most of the time; more of them would only stand
in line there."""

DRAWN_BYTES = 64 << 20
"""Of thumbnails and previews that were drawn: some 3,000 thumbnails."""

OPENING = "The store is being opened, or upgraded; this takes seconds, or minutes for a large one."


class Service:
    """Opens its index in the background: until then requests are told so, and `ready` says why."""

    def __init__(self, opened: Callable[[], ImageIndex], settings: Settings, failed: Callable[[ImgIndexError], None]):
        self.settings = settings
        self.metrics = Metrics()
        self.drawn = Kept(DRAWN_BYTES)
        self.why_not = OPENING
        self._opened = opened
        self._failed = failed
        self._images: ImageIndex | None = None
        self._snapshots: Snapshots | None = None
        self._jobs: Jobs | None = None
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="imgindex-ask")
        self._uploads = tempfile.mkdtemp(prefix="imgindex-serve-")
        self._opening: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._opening = asyncio.create_task(self._open())

    async def stop(self) -> None:
        """Jobs are told to end, and what they had finished is kept."""
        if self._opening is not None:
            await asyncio.wait([self._opening])
        if self._jobs is not None:
            await self._jobs.close()
        if self._images is not None:
            await self.run(self._images.close)
        self._pool.shutdown(wait=False, cancel_futures=True)
        shutil.rmtree(self._uploads, ignore_errors=True)

    @property
    def images(self) -> ImageIndex:
        """Raises Problem while there is none."""
        if self._images is None:
            raise Problem(503, "opening", self.why_not, retry_s=2)
        return self._images

    @property
    def snapshots(self) -> Snapshots:
        self.images  # noqa: B018  raises while there is none
        assert self._snapshots is not None
        return self._snapshots

    @property
    def jobs(self) -> Jobs:
        self.images  # noqa: B018  raises while there is none
        assert self._jobs is not None
        return self._jobs

    @property
    def plans(self) -> Plans:
        """Raises Problem while there is no store."""
        return Plans(self.images.directory)

    @property
    def uploads(self) -> str:
        """A folder of this process alone, for the time that an upload is looked at."""
        return self._uploads

    async def run(self, ask: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Ask in a thread of the pool."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, functools.partial(ask, *args, **kwargs))

    def must_write(self) -> None:
        """Raises Problem where the service only reads."""
        if self.settings.read_only:
            raise Problem(403, "read-only", "This service only reads; start it without --read-only to change anything.")

    async def _open(self) -> None:
        try:
            images = await self.run(self._opened)
            await self.run(images.prepare)
            jobs = Jobs(images, self.metrics, self.run)
            await jobs.read_records()
        except ImgIndexError as error:
            self.why_not = str(error)
            LOG.error("not opened", extra={"fields": {"sentence": str(error)}})
            self._failed(error)
            return
        self._snapshots = Snapshots(images, self.run)
        self._jobs = jobs
        self._images = images
        self.why_not = ""
        LOG.info("open", extra={"fields": {"store": os.fspath(images.directory)}})


class Kept:
    """The values asked for last, up to a number of bytes; for any number of threads."""

    def __init__(self, max_bytes: int) -> None:
        self._max_bytes = max_bytes
        self._bytes = 0
        self._items: OrderedDict[Hashable, bytes] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Hashable) -> bytes | None:
        with self._lock:
            if key in self._items:
                self._items.move_to_end(key)
            return self._items.get(key)

    def put(self, key: Hashable, value: bytes) -> None:
        with self._lock:
            self._bytes += len(value) - len(self._items.pop(key, b""))
            self._items[key] = value
            while self._bytes > self._max_bytes:
                self._bytes -= len(self._items.popitem(last=False)[1])
