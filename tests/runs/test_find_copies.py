"""What a run verifies, on a store of ids: pictures are stood in for by a table that says which are copies."""

from __future__ import annotations

import hashlib
import itertools
import tempfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgindex.ports import Silent
from imgindex.proof import verify
from imgindex.records import Reach, Relation, Seen, Vectors, Verdict, Verification
from imgindex.runs.context import RunContext
from imgindex.runs.index import crowds, find_copies, follow_up, worker_tasks
from imgindex.runs.index.find_copies import BlockVerifier
from imgindex.runs.index.messages import messages
from imgindex.runs.index.screening import Screened
from imgindex.store import Store, catalog, pairs, searched, spaces
from imgindex.store.catalog import NewFile
from tests.store.test_store import INFO, SPACE

Pair = tuple[int, int]

REACH = Reach(3, 0.1, 0.98)
"""Three nearest each: most copies of a picture are found through others only."""


@dataclass
class World:
    """Images by number with their vectors, and whether two of them are copies; `verified` are the pairs asked for."""

    vectors: Vectors
    are_copies: Callable[[int, int], bool]
    widths: Sequence[int]
    verified: list[Pair] = field(default_factory=list)

    def sha256(self, number: int) -> bytes:
        return hashlib.sha256(b"%d" % number).digest()

    def run(self, store: Store, added: Sequence[int]) -> list[Pair]:
        """Add these images and find their copies; what was verified."""
        space = replace(SPACE, dim=self.vectors.shape[1], floor=REACH.floor)
        with store.write() as tx:
            space_id = spaces.activate_space(tx, space)
            infos = {n: replace(INFO, width_px=self.widths[n]) for n in added}
            ids = [catalog.put_image(tx, self.sha256(n), 10, infos[n], 99.0) for n in added]
            shown = [Seen(b"/p/%06d.jpg" % n, 10, 1, 2, n + 1, 3) for n in added]
            catalog.put_files(tx, [NewFile(seen, i) for seen, i in zip(shown, ids, strict=True)])
            spaces.put_embeddings(tx, space_id, ids, self.vectors[list(added)])
        before = len(self.verified)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(find_copies, "sources_of", self._sources)
            patch.setattr(follow_up, "sources_of", self._sources)
            patch.setattr(find_copies, "screen", lambda _, todo, *__: Screened(list(todo), {}, [], []))
            patch.setattr(BlockVerifier, "_read", lambda *_: None)
            patch.setattr(find_copies, "outcomes_of", self._results)
            embedder: Any = SimpleNamespace(space=space, reach=REACH, short_side_px=8)
            workers: Any = SimpleNamespace(jobs=1)
            find_copies.find_copies(RunContext(store, space_id, embedder, Silent(), workers))
        return self.verified[before:]

    def _sources(self, context: RunContext, todo: Iterable[Any]) -> dict[int, Any]:
        wanted = set(itertools.chain.from_iterable((c.low_id, c.high_id) for c in todo))
        with context.store.read() as tx:
            return {i: SimpleNamespace(sha256=image.sha256) for i, image in catalog.images(tx, wanted).items()}

    def _results(self, _: object, tasks: Iterable[find_copies.Task]) -> Iterator[tuple[find_copies.Task, Verification]]:
        number = {self.sha256(n): n for n in range(len(self.vectors))}
        for task in tasks:
            low, high = sorted((number[task.a.sha256], number[task.b.sha256]))
            self.verified.append((low, high))
            copy = Verification(Verdict.NEAR_DUPLICATE, 90.0, 0.9, Relation.SAME, share_a=1.0, share_b=1.0)
            yield task, copy if self.are_copies(low, high) else Verification(Verdict.DISTINCT, 0.0)

    def proven(self, store: Store) -> set[Pair]:
        number = {self.sha256(n): n for n in range(len(self.vectors))}
        with store.read() as tx:
            images = catalog.images(tx, searched.present_images(tx))
            found = pairs.proven(tx, verify.VERIFIER_VERSION).tolist()
        return {tuple(sorted((number[images[a].sha256], number[images[b].sha256]))) for a, b in found}  # type: ignore[misc]


def unit(rows: np.ndarray) -> Vectors:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True), np.float32)


def line(count: int, seed: int) -> Vectors:
    """Vectors along a curve, in random order of the numbers, so that neighbours are those nearby."""
    random = np.random.default_rng(seed)
    at = random.permutation(count) * 0.02
    return unit(np.column_stack([np.cos(at), np.sin(at), 0.02 * random.normal(size=(count, 6))]))


def test_pairs_of_a_crowd_that_were_refuted_are_not_verified_the_next_night(tmp_path: Path) -> None:
    """Prevents: an unchanged night that reads files, since a search's refuted pair has no row and a crowd asks for
    it."""
    world = World(line(120, 0), lambda a, b: (7 * a + 13 * b) % 10 != 0, [1000 + n for n in range(120)])
    with Store.open(tmp_path / "s", create=True) as store:
        first = world.run(store, range(120))
        assert len(first) == len(set(first)), "no pair is verified twice in one run"
        with store.read() as tx:
            near = pairs.proven_neighbours(tx, list(range(1, 121)), verify.VERIFIER_VERSION)
        assert max(map(len, near.values())) > crowds.CROWD_IMAGES, "there must be a crowd"
        assert world.run(store, []) == []


def test_common_copies_are_followed_to_the_end_in_one_run(tmp_path: Path) -> None:
    """Prevents: a group whose pairs come in one by one, night after night, with nothing new in the folder."""
    world = World(line(30, 1), lambda a, b: True, [1000] * 30)
    with Store.open(tmp_path / "s", create=True) as store:
        world.run(store, range(30))
        assert world.proven(store) == set(itertools.combinations(range(30), 2))
        assert world.run(store, []) == []


@given(st.integers(0, 10**6), st.lists(st.integers(0, 2), min_size=24, max_size=24))
@settings(max_examples=12, deadline=None)
def test_any_partition_into_runs_proves_at_least_the_pairs_of_one(seed: int, run_of: list[int]) -> None:
    """Prevents: copies that are found or not by the day on which a folder came."""
    random = np.random.default_rng(seed)
    group = random.integers(0, 4, len(run_of))
    vectors = unit(np.eye(6)[group] + 0.6 * random.normal(size=(len(run_of), 6)))
    world = World(vectors, lambda a, b: bool(group[a] == group[b]) and (a + b) % 7 != 0, [1000] * len(run_of))
    with tempfile.TemporaryDirectory() as folder:
        with Store.open(Path(folder) / "one", create=True) as store:
            world.run(store, range(len(run_of)))
            at_once = world.proven(store)
        with Store.open(Path(folder) / "many", create=True) as store:
            for run in range(3):
                world.run(store, [n for n, at in enumerate(run_of) if at == run])
            assert at_once <= world.proven(store)
            assert world.run(store, []) == []


def test_a_block_is_begun_when_the_workers_have_the_last_pairs_of_the_one_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: workers without work while a block is read, and pictures of one block that drive those of the one
    before out of memory."""
    waiting: list[int] = []
    latest: list[find_copies.OpenBlock] = []
    begin = BlockVerifier._open

    def watched(self: BlockVerifier, block: Any) -> find_copies.OpenBlock:
        waiting.extend(one.waiting for one in latest)
        latest[:] = [begin(self, block)]
        return latest[0]

    monkeypatch.setattr(BlockVerifier, "_open", watched)
    monkeypatch.setattr(find_copies, "TASKS_AT_ONCE", 5)
    monkeypatch.setattr("imgindex.runs.index.blocks.BLOCK", 20)
    world = World(line(90, 3), lambda a, b: False, [1000 + n for n in range(90)])
    with Store.open(tmp_path / "s", create=True) as store:
        world.run(store, range(90))
    assert len(waiting) > 3
    assert max(waiting) == find_copies.MESSAGES_AHEAD * 5


@pytest.mark.parametrize("are_copies", [False, True])
def test_a_block_is_written_before_the_next_but_one_is_begun(
    are_copies: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: a kill that costs a night's blocks, and memory that grows with them, where strangers are told apart
    faster than a message to the workers is filled."""
    begun, written, most = [0], [0], [0]
    begin, finish = BlockVerifier._open, BlockVerifier._finish

    def counted_begin(self: BlockVerifier, block: Any) -> Any:
        begun[0] += 1
        most[0] = max(most[0], begun[0] - written[0])
        return begin(self, block)

    def counted_finish(self: BlockVerifier, block: Any) -> Any:
        found = finish(self, block)
        written[0] += 1
        return found

    monkeypatch.setattr(BlockVerifier, "_open", counted_begin)
    monkeypatch.setattr(BlockVerifier, "_finish", counted_finish)
    monkeypatch.setattr("imgindex.runs.index.blocks.BLOCK", 4)
    world = World(line(60, 2), lambda a, b: are_copies, [1000 + n for n in range(60)])
    with Store.open(tmp_path / "s", create=True) as store:
        world.run(store, range(60))
    assert begun == written and begun[0] > 10
    assert most == [2]


def test_a_message_has_few_pairs_of_large_pictures() -> None:
    """Prevents: a worker that is taken for hanging, and killed, while it decodes what it was given at once."""

    def pair(megapixels: int) -> Any:
        one = SimpleNamespace(info=replace(INFO, width_px=megapixels * 1000, height_px=500))
        return SimpleNamespace(a=one, b=one)

    def lengths(pairs: list[Any]) -> list[int]:
        parts = list(messages(pairs, worker_tasks.pixels_of, worker_tasks.TASKS_AT_ONCE))
        assert [task for part in parts for task in part] == pairs
        return list(map(len, parts))

    assert lengths([]) == []
    assert lengths([pair(1)] * 70) == [32, 32, 6]
    assert lengths([pair(40)] * 13) == [5, 5, 3]
    assert lengths([pair(1), pair(900), pair(1), pair(1)]) == [1, 1, 2]
