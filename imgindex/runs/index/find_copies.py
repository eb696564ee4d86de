"""search -> verify: what is new against everything, each candidate once."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterator
from dataclasses import dataclass

from imgindex.errors import last_line
from imgindex.pictures.prepare import WorkingPicture
from imgindex.pictures.sources import ImageSource
from imgindex.proof import verify
from imgindex.records import Candidate, Verification
from imgindex.results import VerifySummary
from imgindex.runs.context import RunContext
from imgindex.runs.index.blocks import SEARCHED_BY, Block, Blocks, count_pairs, plan
from imgindex.runs.index.follow_up import COMMON_COPY_REASON, FollowUp
from imgindex.runs.index.screening import Screened, low_is_a, screen
from imgindex.runs.index.settle import REFUTED, settled, sources_of
from imgindex.runs.index.worker_tasks import MESSAGES_AHEAD, TASKS_AT_ONCE, Task, outcomes_of
from imgindex.search import proposals
from imgindex.skips import Skipped
from imgindex.store import pairs, sketches
from imgindex.store.pairs import StoredPair


def find_copies(context: RunContext) -> VerifySummary:
    """Search and verify every image whose search is not done yet, and candidates that could not be read before.

    A pair is verified where one of its images is new; so are the candidates that a new image makes by
    entering an old one's k nearest, and what a crowd still needs of its keepers, old ones too.
    Each block's pairs and watermarks are one transaction.
    """
    progress = context.progress
    if progress.stopping:
        return VerifySummary(0, 0, 0, 0)
    new, blocks, tried = plan(context.store, context.space_id, context.space, progress, context.reach)
    total = VerifySummary(len(new), 0, 0, 0)
    follow_up = FollowUp(context, tried)
    verifier = BlockVerifier(context, follow_up)
    total = total.plus(verifier.run(blocks))
    while not progress.stopping and (more := follow_up.common_copies() or follow_up.crowds()):
        total = total.plus(verifier.run(more))
    if not progress.stopping:
        if total.verified:
            follow_up.remember_refuted()
        with context.store.write() as tx:
            pairs.remove_other_versions(tx, context.space_id, verify.VERIFIER_VERSION)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class OpenBlock:
    """A block whose strangers are told apart: the pairs that are settled, those that could not be read and why, and the
    outcomes of the others as they come."""

    block: Block
    settled: list[StoredPair]
    unread: list[tuple[Candidate, str]]
    outcomes: Iterator[tuple[Task, Verification | Exception]]

    @property
    def waiting(self) -> int:
        """How many outcomes were not taken yet."""
        return len(self.block.todo) - len(self.settled) - len(self.unread)


@dataclass(frozen=True, slots=True, eq=False)
class BlockVerifier:
    """Verifies blocks of candidates and writes each with what it found, in one transaction."""

    context: RunContext
    follow_up: FollowUp

    def run(self, blocks: Blocks | list[Block]) -> VerifySummary:
        """Verify blocks until the last, or until the run is to stop.

        A block is opened while the workers have the last pairs of the one before, and that is written while they have
        the first of the new: they need not wait for what is read and written. Told to stop, it writes the pairs that it
        has; without watermarks, their images are searched again.
        """
        progress = self.context.progress
        total = VerifySummary(0, 0, 0, 0)
        progress.start("verify", count_pairs(blocks))
        before: OpenBlock | None = None
        at_workers = MESSAGES_AHEAD * self.context.workers.jobs * TASKS_AT_ONCE
        for block in blocks:
            if before is not None:
                self._take(before, max(0, before.waiting - at_workers))
                if progress.stopping:
                    break
            opened = self._open(block)
            self._take(opened, 1)  # by then the workers have the pairs that follow
            if before is not None:
                total = total.plus(self._finish(before))
            before = opened
            if progress.stopping:
                break
        if before is not None:
            total = total.plus(self._finish(before))
        progress.finish()
        return total

    def _open(self, block: Block) -> OpenBlock:
        """Tell the strangers of a block apart, and read what the others need."""
        context = self.context
        known = sources_of(context, block.todo)
        screened = screen(context, block.todo, known)
        if screened.made:
            with context.store.write() as tx:
                sketches.put_sketches(tx, screened.made, context.options.short_side_px)
        pairs_settled = [self._settled(c, low_is_a(c, known), REFUTED) for c in screened.refuted]
        context.progress.advance(len(pairs_settled))
        self._read(known, screened)
        tasks = iter(()) if context.progress.stopping else screened.tasks(known)
        return OpenBlock(block, pairs_settled, [], outcomes_of(context.workers, tasks))

    def _take(self, opened: OpenBlock, count: int | None) -> None:
        """Keep the next outcomes of a block, all where `count` is None, or fewer where the run is to stop."""
        for task, result in itertools.islice(opened.outcomes, count):
            if isinstance(result, Verification):
                opened.settled.append(self._settled(task.candidate, task.a_is_low, result))
            elif isinstance(result, OSError | Skipped):
                opened.unread.append((task.candidate, str(result)))
            else:
                opened.unread.append((task.candidate, f"imgindex failed on it ({last_line(result)})"))
            self.context.progress.advance()
            if self.context.progress.stopping:
                return

    def _finish(self, opened: OpenBlock) -> VerifySummary:
        """Verify what is left of a block, and write its pairs, its watermarks, and what is still to be tried:
        candidates that could not be read, and pairs whose images were both proven copies of a third."""
        progress, space_id, reach = self.context.progress, self.context.space_id, self.context.reach
        if not progress.stopping:
            self._take(opened, None)
        self.follow_up.tried.update(c.key for c in opened.block.todo)
        copies = [p for p in opened.settled if p.outcome.verdict.is_copy]
        with self.context.store.write() as tx:
            pairs.put_pairs(tx, space_id, opened.settled)
            common = [(c, COMMON_COPY_REASON) for c in self.follow_up.common(tx, copies)]
            pairs.put_pending(tx, opened.unread + common)
            if not progress.stopping:
                nearest = opened.block.nearest
                marks = {i: (proposals.entry_cosine(n, reach), n.tobytes()) for i, n in nearest.items()}
                pairs.put_watermarks(tx, space_id, marks, reach.floor, reach.k, SEARCHED_BY)
        return VerifySummary(0, len(opened.settled), len(copies), len(opened.unread))

    def _settled(self, candidate: Candidate, a_is_low: bool, found: Verification) -> StoredPair:
        return settled(candidate, a_is_low, found, self.context.space.floor)

    def _read(self, known: dict[int, ImageSource], screened: Screened) -> None:
        """Read what is left, each image once; one that cannot be read now says so again later."""
        keys = {c.key for c in screened.left}
        with_features = set(itertools.chain.from_iterable(keys - screened.by_frames.keys()))
        without = set(itertools.chain.from_iterable(keys)) - with_features
        for wanted, features in ((with_features, True), (without, False)):
            unread = [known[i] for i in sorted(wanted) if not known[i].has_working(features)]
            make = functools.partial(ImageSource.make_working, with_features=features)
            for source, made in self.context.workers.run(make, unread):
                if isinstance(made, WorkingPicture):
                    source.keep_working(made)
                if self.context.progress.stopping:
                    return
