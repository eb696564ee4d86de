"""Vector indexes: one conformance suite for FAISS and its plain twin, and what the cache file survives."""

from __future__ import annotations

import hashlib
from pathlib import Path

import numpy as np
import pytest

from imgindex.vectors import FlatIndex, NumpyIndex, file_digest


def unit(n: int, dim: int = 16, seed: int = 0) -> np.ndarray:
    vectors = np.random.default_rng(seed).normal(size=(n, dim)).astype(np.float32)
    return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


@pytest.fixture(params=[FlatIndex, NumpyIndex])
def empty(request: pytest.FixtureRequest):  # type: ignore[no-untyped-def]
    return request.param(16)


def test_search_finds_itself_first_and_in_order(empty) -> None:  # type: ignore[no-untyped-def]
    vectors, ids = unit(50), np.arange(100, 150, dtype=np.int64)
    empty.add(ids[:20], vectors[:20])
    empty.add(ids[20:], vectors[20:])
    cosines, found = empty.search(vectors[:5], 10)
    assert len(empty) == 50
    assert empty.dim == 16
    assert cosines.dtype == np.float32
    assert found.dtype == np.int64
    assert found[:, 0].tolist() == ids[:5].tolist()
    assert np.all(np.diff(cosines, axis=1) <= 0)
    np.testing.assert_allclose(cosines[:, 0], 1.0, atol=1e-5)


def test_short_rows_end_with_the_sentinel(empty) -> None:  # type: ignore[no-untyped-def]
    """Asking for more than there is must not invent neighbours."""
    empty.add(np.array([7], np.int64), unit(1))
    cosines, found = empty.search(unit(2, seed=1), 3)
    assert found[:, 1:].tolist() == [[-1, -1], [-1, -1]]
    assert np.all(np.isneginf(cosines[:, 1:]))


def test_range_search_finds_every_clone(empty) -> None:  # type: ignore[no-untyped-def]
    """A bare top-k loses members of large groups, and HNSW's range search half of 1,000 clones."""
    clone = unit(1)
    empty.add(np.arange(1000, dtype=np.int64), np.repeat(clone, 1000, axis=0))
    empty.add(np.arange(1000, 1100, dtype=np.int64), unit(100, seed=2))
    limits, cosines, ids = empty.range_search(np.concatenate([clone, unit(1, seed=3)]), 0.999)
    assert limits.tolist()[1] == 1000
    assert set(ids[: limits[1]].tolist()) == set(range(1000))
    assert np.all(cosines >= 0.999)


def test_the_bound_of_a_range_is_inclusive(empty) -> None:  # type: ignore[no-untyped-def]
    vector = np.zeros((1, 16), np.float32)
    vector[0, 0] = 1
    empty.add(np.array([1], np.int64), vector)
    limits, _, _ = empty.range_search(vector, 1.0)
    assert limits.tolist() == [0, 1]


def test_an_id_is_never_there_twice(empty) -> None:  # type: ignore[no-untyped-def]
    """FAISS's IndexIDMap2 accepts it, and every answer would name the image twice."""
    empty.add(np.array([1, 2], np.int64), unit(2))
    with pytest.raises(ValueError, match="id 2"):
        empty.add(np.array([2], np.int64), unit(1))
    with pytest.raises(ValueError, match="id 5"):
        empty.add(np.array([5, 5], np.int64), unit(2))
    assert len(empty) == 2


@pytest.fixture
def saved(tmp_path: Path) -> tuple[Path, bytes]:
    index = FlatIndex(16)
    index.add(np.array([9, 3, 5], np.int64), unit(3))
    path = tmp_path / "index.faiss"
    with path.open("wb") as handle:
        index.write(handle)
    return path, file_digest(path)


def test_a_saved_index_answers_the_same(saved: tuple[Path, bytes]) -> None:
    index = FlatIndex.load(*saved)
    assert index is not None
    assert index.ids.tolist() == [3, 5, 9]
    assert index.search(unit(3), 1)[1].ravel().tolist() == [9, 3, 5]
    with pytest.raises(ValueError, match="id 9"):
        index.add(np.array([9], np.int64), unit(1))


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
    assert FlatIndex.load(path, digest) is None


def test_a_file_of_the_right_digest_that_is_no_index_is_not_trusted(tmp_path: Path) -> None:
    path = tmp_path / "index.faiss"
    path.write_bytes(b"no index at all")
    assert FlatIndex.load(path, hashlib.sha256(b"no index at all").digest()) is None
