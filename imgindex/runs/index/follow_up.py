"""What verified pairs ask for beyond the search: pairs that common copies join, and the keeper of each crowd."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass

from imgindex.proof import verify
from imgindex.records import Candidate, ProposedBy
from imgindex.runs.context import RunContext
from imgindex.runs.index import crowds
from imgindex.runs.index.blocks import Block, parts_of_block
from imgindex.runs.index.pairset import PairSet
from imgindex.runs.index.screening import low_is_a
from imgindex.runs.index.settle import FORGOTTEN, settled, sources_of
from imgindex.search import proposals
from imgindex.store import Transaction, pairs, spaces
from imgindex.store.catalog import chunks
from imgindex.store.pairs import StoredPair

COMMON_COPY_REASON = "both are copies of a third; not verified yet"
"""Two copies of one picture are candidates of each other, though no search proposed them: a crop and a watermarked
copy meet through the original. Not through pictures in a crowd, whose pairs would grow with the square."""


@dataclass(frozen=True, slots=True, eq=False)
class FollowUp:
    """`tried` are the pairs that this run has verified, or need not."""

    context: RunContext
    tried: PairSet

    def common(self, tx: Transaction, copies: Sequence[StoredPair]) -> list[Candidate]:
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

    def common_copies(self) -> list[Block]:
        """What the last blocks left to be tried, and was not."""
        with self.context.store.read() as tx:
            waiting = pairs.pending_candidates(tx, self.context.reach.floor)
        todo = [c for c in waiting if c.key not in self.tried]
        return list(parts_of_block(todo, {}))

    def crowds(self) -> list[Block]:
        """What is to be verified next of groups with many members: each against the keeper."""
        with self.context.store.read() as tx:
            todo = self._joined(tx, crowds.stars(tx, self.context.space_id, self.tried))
        return list(parts_of_block(todo, {}))

    def remember_refuted(self) -> None:
        """Keep what crowds ask for and was refuted when a search proposed it, or the next run would verify it again."""
        store, space_id, floor = self.context.store, self.context.space_id, self.context.space.floor
        with store.read() as tx:
            waiting = {c.key for c in pairs.pending_candidates(tx, self.context.reach.floor)}
            asked = crowds.stars(tx, space_id, waiting)
        while asked and all(key in self.tried for key in asked):
            with store.read() as tx:
                refuted = self._joined(tx, asked)
            known = sources_of(self.context, refuted)
            with store.write() as tx:
                pairs.put_pairs(tx, space_id, [settled(c, low_is_a(c, known), FORGOTTEN, floor) for c in refuted])
                asked = crowds.stars(tx, space_id, waiting)

    def _joined(self, tx: Transaction, keys: Sequence[tuple[int, int]]) -> list[Candidate]:
        """These pairs, which copies join, as candidates; without those that an image without a vector is in."""
        space_id, dim = self.context.space_id, self.context.space.dim
        without = spaces.images_without_vector(tx, space_id, sorted(set(itertools.chain.from_iterable(keys))))
        wanted = [key for key in keys if not without.intersection(key)]
        found: list[Candidate] = []
        for part in chunks(wanted):
            low, high = (spaces.vectors_of(tx, space_id, dim, [key[side] for key in part]) for side in (0, 1))
            cosines = proposals.cosines(low, high).tolist()
            found += [
                Candidate(*key, ProposedBy.COMMON_COPY, cosine) for key, cosine in zip(part, cosines, strict=True)
            ]
        return found
