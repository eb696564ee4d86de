"""The files of the search index: what is appended, merged, built anew, and never trusted."""

from __future__ import annotations

import itertools
import multiprocessing
import os
from pathlib import Path

import numpy as np
import pytest

from imgindex.ports import Silent
from imgindex.records import PictureInfo, Seen, Space
from imgindex.runs.check.check import check
from imgindex.runs.query import nearest
from imgindex.search import index_files, recall, vectors
from imgindex.search.index_files import OpenIndex, open_index, save_index
from imgindex.search.vectors import FaissIndex, ListIndex
from imgindex.store import Store, catalog, spaces
from imgindex.store.catalog import NewFile

DIM = 16
SPACE = Space("test", "test", "", "", DIM, "float32", "test", 0.9)


def unit(n: int, seed: int = 0) -> np.ndarray:
    made = np.random.default_rng(seed).normal(size=(n, DIM)).astype(np.float32)
    return np.asarray(made / np.linalg.norm(made, axis=1, keepdims=True))


@pytest.fixture
def store(tmp_path: Path):  # type: ignore[no-untyped-def]
    with Store.open(tmp_path, create=True) as opened:
        yield opened


def add(store: Store, count: int) -> int:
    """`count` more images of one file each, with vectors; returns the id of the space."""
    with store.write() as tx:
        space_id = spaces.activate_space(tx, SPACE)
        have = int(spaces.vector_ids(tx, space_id).max(initial=0))
        ids = []
        for number in range(have, have + count):
            info = PictureInfo("JPEG", 8, 8, "RGB", 8, False, 1)
            image_id = catalog.put_image(tx, number.to_bytes(32, "big"), 9, info, 99.0)
            catalog.put_files(tx, [NewFile(Seen(b"/p/%d.jpg" % number, 9, 0, 0, number, 0), image_id)])
            ids.append(image_id)
        spaces.put_embeddings(tx, space_id, ids, unit(have + count)[have:])
    return space_id


def save(store: Store, space_id: int) -> list[tuple[str, int]]:
    """(file name, vectors) of every file of the index, base first."""
    save_index(store, space_id, SPACE, Silent())
    with store.read() as tx:
        rows = spaces.cache_rows(tx, space_id)
    assert {row.name for row in rows} == {path.name for path in store.directory.glob("*.faiss")}
    assert check(store, progress=Silent()) == ()
    return [(row.name, row.vectors) for row in rows]


def opened(store: Store, space_id: int) -> FaissIndex:
    with store.read() as tx:
        return open_index(store.directory, tx, space_id, SPACE)


class Told(Silent):
    def __init__(self) -> None:
        self.sentences: list[str] = []

    def say(self, sentence: str) -> None:
        self.sentences.append(sentence)


@pytest.fixture
def many(store: Store, monkeypatch: pytest.MonkeyPatch) -> int:
    """A space of 200 vectors in a store where so many are searched approximately."""
    monkeypatch.setattr(vectors.faiss_index, "EXACT_VECTORS", 100)
    return add(store, 200)


@pytest.fixture
def nothing_is_read_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise AssertionError("every vector of the store was read")

    monkeypatch.setattr(spaces, "vector_blocks", fail)


def test_what_only_adds_appends_a_segment(store: Store) -> None:
    """Writing the base again for every few new images would be gigabytes a night."""
    space_id = add(store, 40)
    [base] = save(store, space_id)
    before = (store.directory / base[0]).stat()
    add(store, 3)
    files = save(store, space_id)
    assert [count for _, count in files] == [40, 3]
    after = (store.directory / base[0]).stat()
    assert (before.st_ino, before.st_mtime_ns) == (after.st_ino, after.st_mtime_ns)
    index = opened(store, space_id)
    assert index.search(unit(43), 1)[1].ravel().tolist() == index.ids.tolist()
    assert save(store, space_id) == files


def test_segments_are_merged_as_they_grow(store: Store) -> None:
    """A query would otherwise open a file for every night that there was."""
    space_id = add(store, 64)
    sizes = []
    for _ in range(12):
        save(store, space_id)
        add(store, 8)
        sizes.append([count for _, count in save(store, space_id)])
    assert sizes[:5] == [[64, 8], [64, 16], [64, 24], [64, 24, 8], [104]]
    assert all(2 * later < earlier for files in sizes for earlier, later in itertools.pairwise(files))
    assert sum(sizes[-1]) == 64 + 12 * 8


def test_what_was_removed_is_in_no_index(store: Store) -> None:
    """FAISS has no removal that all its indexes know, and a picture that was forgotten must not be an answer."""
    space_id = add(store, 40)
    save(store, space_id)
    with store.write() as tx:
        catalog.forget(tx, b"/p/7.jpg")
    assert len(opened(store, space_id)) == 39
    add(store, 1)  # as many as before
    [(_, count)] = save(store, space_id)
    assert count == 40
    with store.read() as tx:
        assert opened(store, space_id).ids.tolist() == spaces.vector_ids(tx, space_id).tolist()


@pytest.mark.parametrize("at", [0, 1])
@pytest.mark.parametrize("damage", ["flip", "delete"])
def test_damage_to_any_file_builds_all_anew(store: Store, at: int, damage: str) -> None:
    space_id = add(store, 40)
    save(store, space_id)
    add(store, 5)
    path = store.directory / save(store, space_id)[at][0]
    data = bytearray(path.read_bytes())
    path.unlink()
    if damage == "flip":
        data[len(data) // 2] ^= 4
        path.write_bytes(data)
    assert opened(store, space_id).search(unit(45), 1)[1].ravel().tolist() == opened(store, space_id).ids.tolist()
    assert [count for _, count in save(store, space_id)] == [45]


def test_a_file_that_rotted_unseen_is_built_anew_by_a_run_without_news(store: Store) -> None:
    """A disk changes bytes and no time of writing; until then the index is appended to, and never trusted."""
    space_id = add(store, 40)
    [(name, _)] = save(store, space_id)
    path = store.directory / name
    data, stat = bytearray(path.read_bytes()), path.stat()
    data[len(data) // 2] ^= 4
    path.write_bytes(data)
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    add(store, 5)
    save_index(store, space_id, SPACE, Silent())
    assert len(list(store.directory.glob("*.faiss"))) == 2
    assert opened(store, space_id).search(unit(45), 1)[1].ravel().tolist() == list(range(1, 46))
    assert [count for _, count in save(store, space_id)] == [45]


def test_what_a_killed_run_added_is_found(store: Store) -> None:
    """Its vectors are in the store and in no file yet."""
    space_id = add(store, 40)
    save(store, space_id)
    add(store, 5)
    index = opened(store, space_id)
    assert len(index) == 45
    assert index.search(unit(45)[44:], 1)[1].ravel().tolist() == [45]


def test_a_query_reads_only_the_vectors_it_names(
    store: Store, many: int, request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A million vectors are 2 GB, and an answer has ten."""
    save(store, many)
    request.getfixturevalue("nothing_is_read_whole")
    index = OpenIndex()
    found = nearest(store, index, many, SPACE, unit(200)[50:51], 5)
    assert found[0][0].id == 51
    assert (len(found), found[0][2]) == (5, 1.0)
    monkeypatch.setattr(index_files, "open_index", None)  # asked again, it is open
    assert nearest(store, index, many, SPACE, unit(200)[:1], 5)[0][0].id == 1


def test_an_open_index_sees_what_was_added_since(store: Store) -> None:
    space_id = add(store, 10)
    index = OpenIndex()
    assert len(nearest(store, index, space_id, SPACE, unit(1), 99)) == 10
    add(store, 1)
    assert len(nearest(store, index, space_id, SPACE, unit(1), 99)) == 11


def test_many_vectors_are_searched_approximately_and_appended_to(store: Store, many: int) -> None:
    save(store, many)
    add(store, 20)
    assert [count for _, count in save(store, many)] == [200, 20]
    index = opened(store, many)
    assert isinstance(index, ListIndex)
    assert np.mean(index.search(unit(220), 1)[1].ravel() == index.ids) > 0.95


def test_an_index_that_is_outgrown_is_built_anew(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    space_id = add(store, 90)
    save(store, space_id)
    monkeypatch.setattr(vectors.faiss_index, "EXACT_VECTORS", 100)
    add(store, 20)
    assert [count for _, count in save(store, space_id)] == [110]
    assert isinstance(opened(store, space_id), ListIndex)


def test_check_says_what_an_approximate_index_finds(store: Store, many: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is no damage that some neighbours are not found, and too many of them is."""
    save(store, many)
    told = Told()
    assert check(store, progress=told) == ()
    [sentence] = told.sentences
    assert "% of the 10 nearest" in sentence
    monkeypatch.setattr(vectors.faiss_index, "PROBES", 1)
    few = recall.recall(store, many, opened(store, many))
    assert few < recall.LEAST_RECALL
    [finding] = check(store, progress=Silent())
    assert (finding.invariant, finding.repairable) == (8, True)
    assert f"{few:.0%}" in finding.sentence


def test_recall_is_that_of_the_definition(store: Store, many: int) -> None:
    index, own = opened(store, many), unit(200)
    exact = np.argsort(-(own @ own.T), axis=1)[:, :10] + 1
    found = index.search(own, 10)[1]
    expected = np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)])
    assert recall.recall(store, many, index) == pytest.approx(expected)


def test_a_pipe_in_place_of_a_file_is_not_waited_for(store: Store) -> None:
    """Prevents: a run that hangs for ever, because nobody will write to that pipe."""
    space_id = add(store, 40)
    [(name, _)] = save(store, space_id)
    (store.directory / name).unlink()
    os.mkfifo(store.directory / name)
    asked = multiprocessing.get_context("spawn").Process(target=vectors.load, args=(store.directory / name, b""))
    asked.start()
    asked.join(20)
    hangs = asked.is_alive()
    asked.kill()
    assert not hangs
    assert len(opened(store, space_id)) == 40
    assert save(store, space_id) == [(name, 40)]


def test_a_folder_in_place_of_a_file_costs_no_descriptor(tmp_path: Path) -> None:
    """Prevents: a service that can open nothing any more after enough questions."""
    before = len(os.listdir("/proc/self/fd"))
    for _ in range(5):
        assert vectors.load(tmp_path, b"") is None
    assert len(os.listdir("/proc/self/fd")) == before
