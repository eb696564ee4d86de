"""Backups and readers while another process indexes: each sees one state of the store, whole and true."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

import imgindex
from imgindex.store import DATABASE_NAME, Store, catalog, pairs, searched, spaces
from tests.crash.test_crash import rows, start
from tests.helpers.pictures import reduced, save, scene

SCENES = 24

COMMAND = """
import time
from imgindex.runs.index import ingest, blocks as search
ingest.STORE_BATCH = search.BLOCK = 4
write = ingest.Ingest._write
def write_and_pause(self, *batch):
    write(self, *batch)
    time.sleep(0.7)
ingest.Ingest._write = write_and_pause
from imgindex.ui.cli import main
main()
"""
"""The command with small transactions and a pause after each, so that some backups fall between two of them."""


@pytest.fixture(scope="module")
def photos(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Scenes, and a smaller copy of each: twelve transactions of images, as many of pairs."""
    folder = tmp_path_factory.mktemp("backup") / "photos"
    for seed in range(SCENES):
        save(scene(seed), folder / f"{seed}.jpg")
        save(reduced(folder / f"{seed}.jpg", (120, 90)), folder / f"{seed}-small.jpg")
    return folder


@pytest.fixture
def indexing(photos: Path, tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    """A run that has written its first images."""
    process = start(photos, tmp_path / "store", COMMAND)
    while process.poll() is None and not rows(tmp_path / "store", "image"):
        time.sleep(0.01)
    yield process
    process.kill()
    process.communicate()


def run(*arguments: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "imgindex", *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def contents(directory: Path) -> tuple[set[object], set[object], set[object], int]:
    """(files with the content they show, vectors by content, pairs by content with their verdicts, generation)."""
    with Store.open(directory) as store, store.read() as tx:
        digest = {i: image.sha256 for i, image in catalog.images(tx, searched.present_images(tx)).items()}
        shown = {(known.path, digest[known.image_id]) for known in catalog.known_files(tx) if known.image_id}
        active = spaces.active_space(tx)
        assert active is not None
        ids, matrix = spaces.vectors(tx, active[0], active[1].dim)
        vectors = {(digest[i], row.tobytes()) for i, row in zip(ids.tolist(), matrix, strict=True)}
        proven = {(digest[p.a_id], digest[p.b_id], p.outcome.verdict, p.outcome.score) for p in pairs.pairs(tx)}
        return set(shown), set(vectors), set(proven), spaces.generation(tx)


def test_backups_under_load_are_whole_and_true(indexing: subprocess.Popen[str], photos: Path, tmp_path: Path) -> None:
    """A copy of a file that is being written is torn; one that came too late holds what the store never had."""
    store, copies = tmp_path / "store", []
    while indexing.poll() is None:
        folder = tmp_path / f"backup-{len(copies)}"
        folder.mkdir()
        done = run("backup", folder / DATABASE_NAME, "--store", store)
        assert done.returncode == 0, done.stderr
        copies.append(folder)
    _, said = indexing.communicate()
    assert indexing.returncode == 0, said
    truth = contents(store)
    assert len(truth[0]) == len(truth[1]) == 2 * SCENES
    before: tuple[set[object], ...] = (set(), set(), set())
    generations, inside = [], 0
    for folder in copies:
        with imgindex.open(folder, create=False) as images:
            assert images.check() == ()
        *now, generation = contents(folder)
        for earlier, here, later in zip(before, now, truth[:3], strict=True):
            assert earlier <= here <= later
        before = tuple(now)
        inside += tuple(now) != truth[:3]
        generations.append(generation)
    assert generations == sorted(generations)
    assert inside >= 1, "no backup fell into the run"


def test_readers_during_a_write_answer(indexing: subprocess.Popen[str], photos: Path, tmp_path: Path) -> None:
    """Somebody looks at the report while the night still runs: no error, no wait for its end, no harm to it."""
    store = tmp_path / "store"
    asked = [("report", "--format", "json"), ("status",), ("query", photos / "0.jpg"), ("check",)]
    answered = 0
    while indexing.poll() is None:
        done = run(*asked[answered % len(asked)], "--store", store)
        assert done.returncode == 0, done.stdout + done.stderr
        assert done.stdout
        answered += 1
    _, said = indexing.communicate()
    assert indexing.returncode == 0, said
    assert answered
    with imgindex.open(store, create=False) as images:
        assert images.check() == ()
        assert len(images.report().groups) == SCENES
