"""scan -> decode -> embed -> store: every new content once, every path remembered.

1. scan the roots and leave out the files that are unchanged
2. hash the files whose size some known content has; of a known content only the path is new
3. read, hash and decode the others in worker processes
4. embed them in batches
5. write each batch in one transaction: images, vectors, file rows
"""

from __future__ import annotations

import functools
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

import numpy as np

from imgindex import files
from imgindex.errors import last_line
from imgindex.files import Seen, Skipped
from imgindex.pipeline.prepare import Prepared, prepare_file, wish_of
from imgindex.pipeline.sources import Sources
from imgindex.pipeline.walk import Walk
from imgindex.ports import Embedder, Progress
from imgindex.records import Skip
from imgindex.report.model import IngestSummary
from imgindex.store import Store, catalog, sketches, spaces
from imgindex.store.catalog import NewFile
from imgindex.workers import Workers

STORE_BATCH = 256
"""Images in one transaction: one fsync for some seconds of work, which is all that a crash can cost."""


class Ingest:
    """One run of the five steps; `run` does them all."""

    def __init__(
        self,
        store: Store,
        space_id: int,
        embedder: Embedder,
        sources: Sources,
        progress: Progress,
        workers: Workers,
        jobs: int,
    ) -> None:
        self._store = store
        self._space_id = space_id
        self._embedder = embedder
        self._sources = sources
        self._progress = progress
        self._workers = workers
        self._jobs = jobs
        self._copies: dict[bytes, list[Seen]] = {}
        self._content: dict[bytes, bytes] = {}
        self.summary = IngestSummary()

    def run(self, walk: Walk) -> IngestSummary:
        """Index what `walk` found new or changed, then record what it found back and missing; told to stop, keep what
        was done and record nothing of the walk."""
        s = self.summary
        with self._store.read() as tx:
            to_read = walk.to_read(tx, self._space_id)
            known_sizes = catalog.image_sizes(tx)
        s.seen, s.ignored = len(walk.files), walk.ignored
        s.unchanged = s.seen - len(to_read)
        sizes = Counter(seen.size_bytes for seen in to_read)
        doubtful: list[Seen] = []
        fresh: list[Seen] = []
        for seen in to_read:
            known_size = sizes[seen.size_bytes] > 1 or seen.size_bytes in known_sizes
            (doubtful if known_size else fresh).append(seen)
        self._decode(sorted(fresh + self._hash(doubtful), key=lambda seen: seen.path))
        if self._progress.stopping:
            return s
        with self._store.write() as tx:
            s.missing = walk.finish(tx)
        s.problems = tuple(problem.sentence for problem in walk.problems)
        return s

    def _hash(self, doubtful: Sequence[Seen]) -> list[Seen]:
        """Of files that may be copies of known content or of each other, one for each content to decode.

        Files of known content are written; the copies of new content wait in `self._copies`.
        """
        first: dict[bytes, Seen] = {}
        settled: list[NewFile] = []
        self._progress.start("hash", len(doubtful))
        with ThreadPoolExecutor(self._jobs) as pool:
            for result in pool.map(_hashed, doubtful):
                self._progress.advance()
                if self._progress.stopping:
                    pool.shutdown(cancel_futures=True)
                    return []
                if isinstance(result, NewFile):
                    settled.append(result)
                elif (sha256 := result[0]) in first:
                    self._copies.setdefault(sha256, []).append(result[1])
                else:
                    first[sha256] = result[1]
        self._progress.finish()
        with self._store.read() as tx:
            known = catalog.embedded_images(tx, self._space_id, list(first))
        for sha256, image_id in known.items():
            same = (first.pop(sha256), *self._copies.pop(sha256, []))
            settled += [NewFile(seen, image_id) for seen in same]
            self.summary.known_content += len(same)
        with self._store.write() as tx:
            catalog.put_files(tx, settled)
        self.summary.skipped += sum(new.skip is not None for new in settled)
        self._content = {seen.path: sha256 for sha256, seen in first.items() if sha256 in self._copies}
        return list(first.values())

    def _decode(self, to_decode: Sequence[Seen]) -> None:
        wish = wish_of(self._embedder)
        by_path = {seen.path: seen for seen in to_decode}
        batch: list[Prepared] = []
        skipped: list[NewFile] = []
        self._progress.start("index", len(to_decode))
        for path, result in self._workers.run(functools.partial(prepare_file, wish=wish), by_path):
            if isinstance(result, Prepared):
                batch.append(result)
            else:
                skipped += self._skipped(by_path[path], _skip_of(result))
            if len(batch) + len(skipped) >= STORE_BATCH:
                self._write(batch, skipped)
                batch, skipped = [], []
            self._progress.advance()
            if self._progress.stopping:
                break
        self._write(batch, skipped)
        self._progress.finish()
        if self._progress.stopping:
            return
        left = [NewFile(seen, skip=CHANGED) for copies in self._copies.values() for seen in copies]
        with self._store.write() as tx:
            catalog.put_files(tx, left)
        self.summary.skipped += len(left)

    def _skipped(self, seen: Seen, skip: Skip) -> list[NewFile]:
        """This file and the waiting copies of it: what keeps one from being decoded keeps the others from it."""
        copies = self._copies.pop(self._content.get(seen.path, b""), [])
        return [NewFile(same, skip=skip) for same in (seen, *copies)]

    def _write(self, batch: Sequence[Prepared], skipped: Sequence[NewFile]) -> None:
        """Embed a batch and write it: images, vectors and file rows, or none of them."""
        step = self._embedder.batch_size
        vectors = [
            self._embedder.embed([item.picture for item in batch[start : start + step]])
            for start in range(0, len(batch), step)
        ]
        new_files = list(skipped)
        with self._store.write() as tx:
            ids = [catalog.put_image(tx, p.sha256, p.seen.size_bytes, p.picture.info, p.texture) for p in batch]
            if ids:
                spaces.put_embeddings(tx, self._space_id, ids, np.concatenate(vectors))
                made = zip(ids, (p.sketch for p in batch), strict=True)
                sketches.put_sketches(tx, made, self._embedder.short_side_px)
            for item, image_id in zip(batch, ids, strict=True):
                copies = self._copies.pop(item.sha256, [])
                self.summary.new_copies += len(copies)
                new_files += [NewFile(seen, image_id) for seen in (item.seen, *copies)]
            catalog.put_files(tx, new_files)
        for item in batch:
            self._sources.remember(item.sha256, item.picture)
        self.summary.embedded_images += len(batch)
        self.summary.skipped += len(skipped)


CHANGED = Skip("changed", "It changed while it was read; it is read again on the next run.", environment=True)


def _skip_of(error: object) -> Skip:
    if isinstance(error, Skipped):
        return error.skip
    if isinstance(error, OSError):
        return files.skip_of(error)
    why = last_line(error)
    return Skip("decoder-error", f"imgindex failed on it ({why}); please report this as a bug.", environment=True)


def _hashed(seen: Seen) -> tuple[bytes, Seen] | NewFile:
    try:
        data, now = files.read_stable(seen.path)
    except (Skipped, OSError) as error:
        return NewFile(seen, skip=_skip_of(error))
    return files.sha256(data), now
