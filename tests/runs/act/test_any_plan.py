"""Whatever trees, decisions, protected folders and plans there are: nothing loses its last copy, and undo is the
inverse of apply."""

from __future__ import annotations

import os
import random
import shutil
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from send2trash import plat_other

import imgindex
from imgindex.acts import Action, Plan
from imgindex.records import DecisionKind
from imgindex.search import embed
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.store.decisions import Said, add_decisions
from imgindex.workers.inline import InlineWorkers
from tests.helpers.pictures import reduced, save, scene
from tests.runs.act.acted import contents, snapshot

FOLDERS = ("", "a", "b", "a/deep")
ENDINGS = ("", "-small")


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two scenes, and a smaller copy of each."""
    folder = tmp_path_factory.mktemp("pictures")
    for seed in range(2):
        save(scene(seed, 320, 240), folder / f"{seed}.jpg")
        save(reduced(folder / f"{seed}.jpg", (200, 150)), folder / f"{seed}-small.jpg", quality=80)
    return folder


files = st.lists(
    st.tuples(st.integers(0, 1), st.sampled_from(ENDINGS), st.sampled_from(FOLDERS), st.integers(1, 5)),
    min_size=3, max_size=7, unique=True,
)  # fmt: skip


def swapped(plan: Plan, shuffle: random.Random) -> Plan:
    """A plan of which some entries were turned around or given the keeper of another, as a careless hand does."""
    changed = []
    for one in plan.files:
        kind = shuffle.randrange(4)
        other = shuffle.choice(plan.files)
        if kind == 0 and not any(one.keeper == c.path for c in changed):
            changed.append(
                replace(one, path=one.keeper, sha256=one.keeper_sha256, keeper=one.path, keeper_sha256=one.sha256)
            )
        elif kind == 1:
            changed.append(replace(one, keeper=other.path, keeper_sha256=other.sha256))
        else:
            changed.append(one)
    return replace(plan, files=tuple({one.path: one for one in changed}.values()))


@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    files=files,
    action=st.sampled_from([action for action in Action if action is not Action.REFLINK]),
    protected=st.sampled_from([None, "a", "b"]),
    decides=st.booleans(),
    careless=st.booleans(),
    seed=st.integers(0, 1 << 16),
)
def test_nothing_loses_its_last_copy(
    pictures: Path, files: list[tuple[int, str, str, int]], action: Action, protected: str | None, decides: bool,
    careless: bool, seed: int,
) -> None:  # fmt: skip
    shuffle = random.Random(seed)
    with tempfile.TemporaryDirectory() as temporary, pytest.MonkeyPatch.context() as patch:
        base = Path(temporary)
        photos = base / "photos"
        patch.setenv("XDG_DATA_HOME", str(base / "data"))
        patch.setattr(plat_other, "HOMETRASH_B", os.fsencode(base / "data" / "Trash"))
        patch.setattr(embed, "open_embedder", lambda model, say, device="auto": FakeEmbedder())
        for folder in FOLDERS:
            (photos / folder).mkdir(parents=True, exist_ok=True)
        for picture, ending, folder, number in files:
            path = photos / folder / f"{picture}{ending}-{number}.jpg"
            shutil.copy(pictures / f"{picture}{ending}.jpg", path)
            os.utime(path, ns=(number * 10**18 // 3, number * 10**18 // 3 + 7))
        with imgindex.open(base / "store", workers=InlineWorkers()) as images:
            images.index([photos])
            safe = [] if protected is None else [photos / protected]
            plan = images.plan(protect=safe)
            if decides and plan.files:
                one = shuffle.choice(plan.files)
                if one.sha256 != one.keeper_sha256:
                    with images._store.write() as tx:
                        add_decisions(tx, [Said(DecisionKind.KEEP_BOTH, one.sha256, one.keeper_sha256)])
            if careless:
                plan = swapped(plan, shuffle)
            order = list(plan.files)
            shuffle.shuffle(order)
            destination = base / "gone" if action is Action.MOVE else None
            expected = images.apply(plan, action, destination=destination, protect=safe)
            plan = replace(plan, files=tuple(order))
            before, held = snapshot(photos), contents(photos)
            kept = [snapshot(folder) for folder in safe]
            done = images.apply(plan, action, destination=destination, protect=safe, yes=True)
            assert {one.path for one in done.acted} == {one.path for one in expected.acted}
            assert [snapshot(folder) for folder in safe] == kept
            by_path = {one.path: one for one in plan.files}
            for one in done.acted:
                keeper = Path(one.keeper)
                assert keeper.is_file() and not keeper.is_symlink()
                assert before[str(keeper.relative_to(photos))][-1] == keeper.read_bytes()
            gone = held - contents(photos, base / "data", base / "gone")
            lost = {by_path[one.path].sha256.hex() for one in done.acted} if action is Action.DELETE else set()
            assert gone <= lost
            report = images.report()
            assert (report.counts.missing, report.counts.outdated) == (0, 0)
            if done.run is not None:
                left = images.undo(done.run).left
                assert action is Action.DELETE or left == ()
                after = snapshot(photos)
                never = {str(Path(one.path).relative_to(photos)) for one in left}
                assert after == {name: was for name, was in before.items() if name not in never}
            assert images.check() == ()
