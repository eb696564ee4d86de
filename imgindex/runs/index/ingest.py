"""scan -> decode -> embed -> store: every new content once, every path remembered.

1. scan the roots, let the rows of moved files follow them, and leave out the files that are unchanged
2. hash the files whose size some known content has; of a known content only the path is new
3. in worker processes, read, hash and decode the others, and make of each all that is made of one picture alone
4. embed them in batches, as they come
5. in a thread, write each batch in one transaction: images, vectors, file rows

Steps 3 to 5 run at once, each a bounded number of files ahead of the next.
"""

from __future__ import annotations

import functools
import itertools
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field, replace

import numpy as np

from imgindex import files, skips
from imgindex.errors import last_line
from imgindex.pictures import scan
from imgindex.pictures.prepare import Prepared, prepare_file
from imgindex.records import Seen, Vectors
from imgindex.results import IngestSummary
from imgindex.runs.context import RunContext
from imgindex.runs.index.moves import follow_moves
from imgindex.runs.index.walk import Walk
from imgindex.skips import Skip, Skipped
from imgindex.store import catalog, sketches, spaces
from imgindex.store.catalog import NewFile

STORE_BATCH = 256
"""Images in one transaction: one fsync for some seconds of work, which is all that a crash can cost."""


@dataclass(slots=True)
class Batch:
    """What one transaction writes: images, each with its vector and the files that show it, and skipped files."""

    images: list[Prepared] = field(default_factory=list)
    vectors: list[Vectors] = field(default_factory=list)
    shown_by: list[list[Seen]] = field(default_factory=list)
    skipped: list[NewFile] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.images) + len(self.skipped)


class Ingest:
    """One run of the five steps; `run` does them all."""

    def __init__(self, context: RunContext) -> None:
        self._context = context
        self._copies: dict[bytes, list[Seen]] = {}
        self._content: dict[bytes, bytes] = {}
        self.summary = IngestSummary()

    def run(self, walk: Walk) -> IngestSummary:
        """Index what `walk` found new or changed, then record what it found back and missing; told to stop, keep what
        was done and record nothing of the walk."""
        s = self.summary
        context = self._context
        with context.store.read() as tx:
            walk.recall(tx)
        moved = follow_moves(context.store, walk.known, walk.files, context.workers.jobs, context.progress)
        with context.store.read() as tx:
            if moved:
                walk.recall(tx)
            to_read = walk.to_read(tx, self._context.space_id)
            known_sizes = catalog.image_sizes(tx)
        s.seen, s.ignored = len(walk.files), walk.ignored
        s.left_out_files = sum(item.is_by_pattern and not item.is_folder for item in walk.left_out.values())
        s.left_out_folders = sum(item.is_by_pattern and item.is_folder for item in walk.left_out.values())
        s.hidden_folders = sum(item.reason == scan.HIDDEN for item in walk.left_out.values())
        s.moved = len({move.path for move in moved} - {seen.path for seen in to_read})
        s.unchanged = s.seen - len(to_read) - s.moved
        s.unreadable = _refused_before(walk, to_read)
        sizes = Counter(seen.size_bytes for seen in to_read)
        doubtful: list[Seen] = []
        fresh: list[Seen] = []
        for seen in to_read:
            known_size = sizes[seen.size_bytes] > 1 or seen.size_bytes in known_sizes
            (doubtful if known_size else fresh).append(seen)
        self._index(sorted(fresh + self._hash(doubtful), key=lambda seen: seen.path))
        s.unreadable += s.skipped
        if self._context.progress.stopping:
            return s
        with self._context.store.write() as tx:
            s.missing = walk.finish(tx)
        s.problems = tuple(problem.sentence for problem in walk.unaccepted())
        return s

    def _hash(self, doubtful: Sequence[Seen]) -> list[Seen]:
        """Of files that may be copies of known content or of each other, one for each content to decode.

        Files of known content are written; the copies of new content wait in `self._copies`.
        """
        first: dict[bytes, Seen] = {}
        settled: list[NewFile] = []
        self._context.progress.start("hash", len(doubtful))
        with ThreadPoolExecutor(self._context.workers.jobs) as pool:
            for result in itertools.chain.from_iterable(pool.map(_hashed, part) for part in catalog.chunks(doubtful)):
                self._context.progress.advance()
                if self._context.progress.stopping:
                    pool.shutdown(cancel_futures=True)
                    return []
                if isinstance(result, NewFile):
                    settled.append(result)
                elif (sha256 := result[0]) in first:
                    self._copies.setdefault(sha256, []).append(result[1])
                else:
                    first[sha256] = result[1]
        self._context.progress.finish()
        with self._context.store.read() as tx:
            known = catalog.embedded_images(tx, self._context.space_id, list(first))
        for sha256, image_id in known.items():
            same = (first.pop(sha256), *self._copies.pop(sha256, []))
            settled += [NewFile(seen, image_id) for seen in same]
            self.summary.known_content += len(same)
        with self._context.store.write() as tx:
            catalog.put_files(tx, settled)
        self.summary.skipped += sum(new.skip is not None for new in settled)
        self._content = {seen.path: sha256 for sha256, seen in first.items() if sha256 in self._copies}
        return list(first.values())

    def _index(self, to_index: Sequence[Seen]) -> None:
        """Steps 3 to 5."""
        step = min(self._context.embedder.batch_size, STORE_BATCH)
        work = functools.partial(prepare_file, options=self._context.options, front=self._context.embedder.front)
        batch = Batch()
        waiting: list[Prepared] = []
        self._context.progress.start("index", len(to_index))
        with ThreadPoolExecutor(1, "imgindex-writer") as writer:
            written: Future[None] | None = None
            for seen, result in self._context.workers.as_completed(work, to_index, ahead=2 * step):
                if isinstance(result, Prepared):
                    waiting.append(result)
                else:
                    batch.skipped += self._skipped(seen, _skip_of(result))
                if len(waiting) >= step:
                    self._embed(waiting, batch)
                    waiting = []
                if len(batch) >= STORE_BATCH:
                    if written is not None:
                        written.result()
                    written, batch = writer.submit(self._write, batch), Batch()
                self._context.progress.advance()
                if self._context.progress.stopping:
                    break
            self._embed(waiting, batch)
            if written is not None:
                written.result()
            writer.submit(self._write, batch).result()
        self._context.progress.finish()
        if self._context.progress.stopping:
            return
        left = [NewFile(seen, skip=CHANGED) for copies in self._copies.values() for seen in copies]
        with self._context.store.write() as tx:
            catalog.put_files(tx, left)
        self.summary.skipped += len(left)

    def _skipped(self, seen: Seen, skip: Skip) -> list[NewFile]:
        """This file and the waiting copies of it: what keeps one from being decoded keeps the others from it."""
        copies = self._copies.pop(self._content.get(seen.path, b""), [])
        return [NewFile(same, skip=skip) for same in (seen, *copies)]

    def _embed(self, waiting: Sequence[Prepared], batch: Batch) -> None:
        """Move decoded files to the batch, with their vectors and the copies that wait for them."""
        if waiting:
            batch.vectors.append(self._context.embedder.finish([made.front for made in waiting]))
        for made in waiting:
            self._context.sources.remember(made)
            batch.images.append(replace(made, front=NOTHING))
            batch.shown_by.append([made.seen, *self._copies.pop(made.sha256, [])])

    def _write(self, batch: Batch) -> None:
        """Write a batch: images, vectors and file rows, or none of them."""
        new_files = list(batch.skipped)
        with self._context.store.write() as tx:
            if batch.images:
                ids = catalog.put_images(tx, [(p.sha256, p.seen.size_bytes, p.info, p.texture) for p in batch.images])
                image_ids = [ids[made.sha256] for made in batch.images]
                spaces.put_embeddings(tx, self._context.space_id, image_ids, np.concatenate(batch.vectors))
                made_sketches = zip(image_ids, (made.sketch for made in batch.images), strict=True)
                sketches.put_sketches(tx, made_sketches, self._context.embedder.short_side_px)
                for image_id, shown_by in zip(image_ids, batch.shown_by, strict=True):
                    new_files += [NewFile(seen, image_id) for seen in shown_by]
            catalog.put_files(tx, new_files)
        self.summary.embedded_images += len(batch.images)
        self.summary.new_copies += sum(len(shown_by) - 1 for shown_by in batch.shown_by)
        self.summary.skipped += len(batch.skipped)


def _refused_before(walk: Walk, to_read: Sequence[Seen]) -> int:
    """How many files were skipped by an earlier run, and are not read again."""
    again = {seen.path for seen in to_read}
    known = (walk.known.get(seen.path) for seen in walk.files if seen.path not in again)
    return sum(row is not None and row.skipped_id is not None for row in known)


NOTHING = np.zeros(0, np.float32)
CHANGED = Skip("changed", "It changed while it was read; it is read again on the next run.", environment=True)


def _skip_of(error: object) -> Skip:
    if isinstance(error, Skipped):
        return error.skip
    if isinstance(error, MemoryError):
        return skips.out_of_memory()
    if isinstance(error, OSError):
        return skips.skip_of(error)
    why = last_line(error)
    return Skip("decoder-error", f"imgindex failed on it ({why}); please report this as a bug.", environment=True)


def _hashed(seen: Seen) -> tuple[bytes, Seen] | NewFile:
    try:
        data, now = files.read_stable(seen.path)
    except Exception as error:  # in a thread of this process: what is raised here would end the run
        return NewFile(seen, skip=_skip_of(error))
    return files.sha256(data), now
