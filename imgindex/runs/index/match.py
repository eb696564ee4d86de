"""search -> verify: what is new against everything, each candidate once."""

from __future__ import annotations

import functools
import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from imgindex.errors import last_line
from imgindex.pictures.prepare import WorkingPicture
from imgindex.pictures.sources import ImageSource, Sources
from imgindex.ports import Progress, Workers
from imgindex.proof import decide, verify
from imgindex.proof.decide import placed
from imgindex.records import Candidate, ProposedBy, Reach, Space, Verdict, Verification
from imgindex.results import MatchSummary
from imgindex.runs.index import crowds
from imgindex.runs.index.blocks import SEARCHED_BY, Block, Blocks, count_pairs, parts_of_block, plan
from imgindex.runs.index.pairset import PairSet
from imgindex.runs.index.screening import Screened, low_is_a, screen
from imgindex.runs.index.worker_tasks import MESSAGES_AHEAD, TASKS_AT_ONCE, Task, outcomes_of
from imgindex.search import proposals
from imgindex.skips import Skipped
from imgindex.store import Store, Transaction, catalog, pairs, sketches, spaces
from imgindex.store.catalog import chunks
from imgindex.store.pairs import StoredPair

COMMON_COPY_REASON = "both are copies of a third; not verified yet"
"""Two copies of one picture are candidates of each other, though no search proposed them: a crop and a watermarked
copy meet through the original. Not through pictures in a crowd, whose pairs would grow with the square."""

REFUTED = Verification(Verdict.DISTINCT, 0.0, evidence={"screened": True})
"""What is said of a pair that sketches refute."""

FORGOTTEN = Verification(Verdict.DISTINCT, 0.0, evidence={"forgotten": True})
"""What is said of a pair that a search proposed and that was refuted, when its crowd asks for it: no row was kept."""


def match(
    store: Store,
    space_id: int,
    space: Space,
    sources: Sources,
    progress: Progress,
    workers: Workers,
    reach: Reach,
) -> MatchSummary:
    """Search and verify every image whose search is not done yet, and candidates that could not be read before.

    A pair is verified where one of its images is new; so are the candidates that a new image makes by
    entering an old one's k nearest, and what a crowd still needs of its keepers, old ones too.
    Each block's pairs and watermarks are one transaction.
    """
    if progress.stopping:
        return MatchSummary(0, 0, 0, 0)
    new, blocks, tried = plan(store, space_id, space, progress, reach)
    total = MatchSummary(len(new), 0, 0, 0)
    round_of = Round(store, space_id, space, sources, progress, workers, reach, tried)
    total = total.plus(round_of.run(blocks))
    while not progress.stopping and (more := round_of.common_copies() or round_of.crowds()):
        total = total.plus(round_of.run(more))
    if not progress.stopping:
        if total.verified:
            round_of.remember_refuted()
        with store.write() as tx:
            pairs.remove_other_versions(tx, space_id, verify.VERIFIER_VERSION)
    return total


@dataclass(frozen=True, slots=True, eq=False)
class Begun:
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


@dataclass(frozen=True, slots=True)
class Round:
    """Verifies blocks of candidates and writes each with what it found, in one transaction."""

    store: Store
    space_id: int
    space: Space
    sources: Sources
    progress: Progress
    workers: Workers
    reach: Reach
    tried: PairSet

    def run(self, blocks: Blocks | list[Block]) -> MatchSummary:
        """Verify blocks until the last, or until the run is to stop.

        A block is begun while the workers have the last pairs of the one before, and that is written while they have
        the first of the new: they need not wait for what is read and written. Told to stop, it writes the pairs that it
        has; without watermarks, their images are searched again.
        """
        total = MatchSummary(0, 0, 0, 0)
        self.progress.start("verify", count_pairs(blocks))
        before: Begun | None = None
        at_workers = MESSAGES_AHEAD * self.workers.jobs * TASKS_AT_ONCE
        for block in blocks:
            if before is not None:
                self._take(before, max(0, before.waiting - at_workers))
                if self.progress.stopping:
                    break
            begun = self._begin(block)
            self._take(begun, 1)  # by then the workers have the pairs that follow
            if before is not None:
                total = total.plus(self._finish(before))
            before = begun
            if self.progress.stopping:
                break
        if before is not None:
            total = total.plus(self._finish(before))
        self.progress.finish()
        return total

    def _begin(self, block: Block) -> Begun:
        """Tell the strangers of a block apart, and read what the others need."""
        known = _sources(self.store, self.sources, block.todo)
        screened = screen(self.store, block.todo, known, self.workers, self.progress, self.sources.short_side_px)
        if screened.made:
            with self.store.write() as tx:
                sketches.put_sketches(tx, screened.made, self.sources.short_side_px)
        settled = [self._settled(c, low_is_a(c, known), REFUTED) for c in screened.refuted]
        self.progress.advance(len(settled))
        self._warm(known, screened)
        tasks = iter(()) if self.progress.stopping else screened.tasks(known)
        return Begun(block, settled, [], outcomes_of(self.workers, tasks))

    def _take(self, begun: Begun, count: int | None) -> None:
        """Keep the next outcomes of a block, all where `count` is None, or fewer where the run is to stop."""
        for task, result in itertools.islice(begun.outcomes, count):
            if isinstance(result, Verification):
                begun.settled.append(self._settled(task.candidate, task.a_is_low, result))
            elif isinstance(result, OSError | Skipped):
                begun.unread.append((task.candidate, str(result)))
            else:
                begun.unread.append((task.candidate, f"imgindex failed on it ({last_line(result)})"))
            self.progress.advance()
            if self.progress.stopping:
                return

    def _finish(self, begun: Begun) -> MatchSummary:
        """Verify what is left of a block, and write its pairs, its watermarks, and what is still to be tried:
        candidates that could not be read, and pairs whose images were both proven copies of a third."""
        if not self.progress.stopping:
            self._take(begun, None)
        self.tried.update(c.key for c in begun.block.todo)
        copies = [p for p in begun.settled if p.outcome.verdict.is_copy]
        with self.store.write() as tx:
            pairs.put_pairs(tx, self.space_id, begun.settled)
            common = [(c, COMMON_COPY_REASON) for c in self._common(tx, copies)]
            pairs.put_pending(tx, begun.unread + common)
            if not self.progress.stopping:
                nearest = begun.block.nearest
                marks = {i: (proposals.entry_cosine(n, self.reach), n.tobytes()) for i, n in nearest.items()}
                pairs.put_watermarks(tx, self.space_id, marks, self.reach.floor, self.reach.k, SEARCHED_BY)
        return MatchSummary(0, len(begun.settled), len(copies), len(begun.unread))

    def _settled(self, candidate: Candidate, a_is_low: bool, found: Verification) -> StoredPair:
        outcome = placed(found, candidate.cosine, self.space.floor)
        near = decide.is_near(outcome.evidence)
        return StoredPair(candidate, a_is_low, outcome, verify.VERIFIER_VERSION, is_near=near)

    def _warm(self, known: dict[int, ImageSource], screened: Screened) -> None:
        """Read what is left, each image once; one that cannot be read now says so again later."""
        keys = {c.key for c in screened.left}
        with_features = set(itertools.chain.from_iterable(keys - screened.by_frames.keys()))
        without = set(itertools.chain.from_iterable(keys)) - with_features
        for wanted, features in ((with_features, True), (without, False)):
            cold = [known[i] for i in sorted(wanted) if not known[i].has_working(features)]
            make = functools.partial(ImageSource.make_working, with_features=features)
            for source, made in self.workers.run(make, cold):
                if isinstance(made, WorkingPicture):
                    source.keep_working(made)
                if self.progress.stopping:
                    return

    def _common(self, tx: Transaction, copies: Sequence[StoredPair]) -> list[Candidate]:
        """Untried pairs that two steps of proven copies join, the second step being one of `copies`."""
        ends = sorted(set(itertools.chain.from_iterable((p.a_id, p.b_id) for p in copies)))
        near = pairs.proven_neighbours(tx, ends, verify.VERIFIER_VERSION)
        further = set().union(*(near[i] for i in ends if crowds.depends_on_theirs(len(near[i])))) - near.keys()
        near |= pairs.proven_neighbours(tx, sorted(further), verify.VERIFIER_VERSION)
        followed = {i for i in ends if not crowds.is_crowded(i, near)}
        keys: set[tuple[int, int]] = set()
        for p in copies:
            for one, other in ((p.a_id, p.b_id), (p.b_id, p.a_id)):
                if other in followed:
                    keys.update((min(one, far), max(one, far)) for far in near[other] if far != one)
        keys = {key for key in keys if key not in self.tried}
        keys -= pairs.verified_keys(tx, verify.VERIFIER_VERSION, sorted({low for low, _ in keys}))
        return self._joined(tx, sorted(keys))

    def _joined(self, tx: Transaction, keys: Sequence[tuple[int, int]]) -> list[Candidate]:
        """These pairs, which copies join, as candidates; without those that an image without a vector is in."""
        without = spaces.images_without_vector(tx, self.space_id, sorted(set(itertools.chain.from_iterable(keys))))
        wanted = [key for key in keys if not without.intersection(key)]
        found: list[Candidate] = []
        for part in chunks(wanted):
            low, high = (
                spaces.vectors_of(tx, self.space_id, self.space.dim, [key[side] for key in part]) for side in (0, 1)
            )
            cosines = proposals.cosines(low, high).tolist()
            found += [
                Candidate(*key, ProposedBy.COMMON_COPY, cosine) for key, cosine in zip(part, cosines, strict=True)
            ]
        return found

    def common_copies(self) -> list[Block]:
        """What the last blocks left to be tried, and was not."""
        with self.store.read() as tx:
            waiting = pairs.pending_candidates(tx, self.reach.floor)
        todo = [c for c in waiting if c.key not in self.tried]
        return list(parts_of_block(todo, {}))

    def crowds(self) -> list[Block]:
        """What is to be verified next of groups with many members: each against the keeper."""
        with self.store.read() as tx:
            todo = self._joined(tx, crowds.stars(tx, self.space_id, self.tried))
        return list(parts_of_block(todo, {}))

    def remember_refuted(self) -> None:
        """Keep what crowds ask for and was refuted when a search proposed it, or the next run would verify it again."""
        with self.store.read() as tx:
            waiting = {c.key for c in pairs.pending_candidates(tx, self.reach.floor)}
            asked = crowds.stars(tx, self.space_id, waiting)
        while asked and all(key in self.tried for key in asked):
            with self.store.read() as tx:
                refuted = self._joined(tx, asked)
            known = _sources(self.store, self.sources, refuted)
            with self.store.write() as tx:
                pairs.put_pairs(tx, self.space_id, [self._settled(c, low_is_a(c, known), FORGOTTEN) for c in refuted])
                asked = crowds.stars(tx, self.space_id, waiting)


def _sources(store: Store, sources: Sources, todo: Iterable[Candidate]) -> dict[int, ImageSource]:
    """Sources of every image of some candidates, by image id."""
    wanted = set(itertools.chain.from_iterable(c.key for c in todo))
    with store.read() as tx:
        images = catalog.images(tx, wanted)
        paths = catalog.present_paths(tx, wanted)
    return {i: sources.of(image, paths.get(i, [])) for i, image in images.items()}
