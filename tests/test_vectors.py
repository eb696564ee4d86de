"""Vector indexes: one conformance suite for both FAISS indexes and their plain twin, and what a file survives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from imgindex.search import vectors
from imgindex.search.vectors import FlatIndex, ListIndex, NumpyIndex, file_digest


def unit(n: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


def lists(dim: int) -> ListIndex:
    """An approximate index that searches all its lists: what it finds is then as certain as its bytes allow."""
    return ListIndex.trained(unit(400, dim, seed=11), 8)


INDEXES = [FlatIndex, lists, NumpyIndex]
ERROR = {FlatIndex: 1e-5, lists: 0.02, NumpyIndex: 1e-5}
"""How far a cosine may be from that of the vectors: the approximate index keeps one byte a number."""


@pytest.fixture(params=INDEXES)
def empty(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    return request.param(16)


@pytest.fixture
def error(request: pytest.FixtureRequest) -> float:
    return ERROR[request.node.callspec.params["empty"]]


def test_search_finds_itself_first_and_in_order(empty, error: float) -> None:  # type: ignore[no-untyped-def]
    made, ids = unit(50), np.arange(100, 150, dtype=np.int64)
    empty.add(ids[:20], made[:20])
    empty.add(ids[20:], made[20:])
    cosines, found = empty.search(made[:5], 10)
    assert len(empty) == 50
    assert empty.dim == 16
    assert cosines.dtype == np.float32
    assert found.dtype == np.int64
    assert found[:, 0].tolist() == ids[:5].tolist()
    assert np.all(np.diff(cosines, axis=1) <= 0)
    np.testing.assert_allclose(cosines[:, 0], 1.0, atol=error)


def test_short_rows_end_with_the_sentinel(empty) -> None:  # type: ignore[no-untyped-def]
    """Asking for more than there is must not invent neighbours."""
    empty.add(np.array([7], np.int64), unit(1))
    cosines, found = empty.search(unit(2, seed=1), 3)
    assert found[:, 1:].tolist() == [[-1, -1], [-1, -1]]
    assert np.all(np.isneginf(cosines[:, 1:]))


def test_the_approximate_index_finds_what_exact_search_finds() -> None:
    """In 64 clusters of 50 vectors, of which it goes through half the lists; its order is not exact."""
    centres = np.repeat(unit(64, seed=4), 50, axis=0)
    made = (centres + 0.1 * unit(len(centres), seed=5)).astype(np.float32)
    made /= np.linalg.norm(made, axis=1, keepdims=True)
    index, twin = ListIndex.trained(made[::2], 64), NumpyIndex(16)
    for each in (index, twin):
        each.add(np.arange(len(made), dtype=np.int64), made)
    exact, found = twin.search(made[:300], 10)[1], index.search(made[:300], 20)[1]
    assert np.mean([np.isin(a, b).mean() for a, b in zip(exact, found, strict=True)]) > 0.95


def test_an_id_is_never_there_twice(empty) -> None:  # type: ignore[no-untyped-def]
    """FAISS's IndexIDMap2 accepts it, and every answer would name the image twice."""
    empty.add(np.array([1, 2], np.int64), unit(2))
    with pytest.raises(ValueError, match="id 2"):
        empty.add(np.array([2], np.int64), unit(1))
    with pytest.raises(ValueError, match="id 5"):
        empty.add(np.array([5, 5], np.int64), unit(2))
    assert len(empty) == 2


@pytest.fixture(params=[FlatIndex, lists])
def saved(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[Path, bytes]:
    index = request.param(16)
    index.add(np.array([9, 3, 5], np.int64), unit(3))
    return write(index, tmp_path / "index.faiss")


def write(index: vectors.FaissIndex, path: Path) -> tuple[Path, bytes]:
    with path.open("wb") as handle:
        index.write(handle)
    return path, file_digest(path)


def test_a_saved_index_answers_the_same(saved: tuple[Path, bytes]) -> None:
    index = vectors.load(*saved)
    assert index is not None
    assert index.ids.tolist() == [3, 5, 9]
    assert index.search(unit(3), 1)[1].ravel().tolist() == [9, 3, 5]
    with pytest.raises(ValueError, match="id 9"):
        index.add(np.array([9], np.int64), unit(1))


def test_a_segment_is_taken_in(saved: tuple[Path, bytes], tmp_path: Path) -> None:
    """Base and segments together answer as one index with all their vectors; an id is in one of them."""
    segment = vectors.empty_like(saved[0])
    assert segment is not None
    assert len(segment) == 0
    segment.add(np.array([7, 1], np.int64), unit(5)[3:])
    index, read = vectors.load(*saved), vectors.load(*write(segment, tmp_path / "segment.faiss"))
    assert index is not None and read is not None
    index.take_in(read)
    assert index.ids.tolist() == [1, 3, 5, 7, 9]
    assert index.search(unit(5), 1)[1].ravel().tolist() == [9, 3, 5, 7, 1]
    again = vectors.load(*saved)
    assert again is not None
    with pytest.raises(ValueError, match="id 3"):
        index.take_in(again)


def test_an_index_is_outgrown_once_others_would_be_made() -> None:
    """Too few lists make every query slow; training for every tenth image would be as bad."""
    assert vectors.lists_for(vectors.EXACT_VECTORS) == 1 < vectors.lists_for(vectors.EXACT_VECTORS + 1)
    assert not vectors.is_outgrown(FlatIndex(16), vectors.EXACT_VECTORS)
    assert vectors.is_outgrown(FlatIndex(16), vectors.EXACT_VECTORS + 1)
    small = ListIndex.trained(unit(600), 512)
    assert not vectors.is_outgrown(small, 4 * vectors.EXACT_VECTORS)
    assert vectors.is_outgrown(small, 40 * vectors.EXACT_VECTORS)
    assert vectors.is_outgrown(small, 100)


@pytest.mark.parametrize("damage", ["flip", "truncate", "delete", "empty"])
def test_a_damaged_file_is_not_trusted(saved: tuple[Path, bytes], damage: str) -> None:
    """FAISS loads a file with one flipped byte without complaint."""
    path, digest = saved
    data = bytearray(path.read_bytes())
    if damage == "flip":
        data[len(data) // 2] ^= 1
        path.write_bytes(data)
    elif damage == "truncate":
        path.write_bytes(data[:-10])
    elif damage == "empty":
        path.write_bytes(b"")
    else:
        path.unlink()
    assert vectors.load(path, digest) is None


def test_a_file_of_the_right_digest_that_is_no_index_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "index.faiss"
    path.write_bytes(b"no index at all")
    assert vectors.load(path, hashlib.sha256(b"no index at all").digest()) is None
