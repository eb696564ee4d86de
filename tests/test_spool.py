"""What worker processes leave for each other: found as it was left, or not at all."""

from __future__ import annotations

import os
import pickle
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from imgindex import spool
from imgindex.spool import Place, Pool, Ring
from imgindex.workers import Workers
from tests import worker_functions as work


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Iterator[Pool]:
    """Two rings of 1,000 bytes and 10 items, of which this process writes into the second."""
    monkeypatch.setattr(spool, "BYTES", 2000)
    monkeypatch.setattr(spool, "ITEMS", 20)
    monkeypatch.setattr(spool, "_own", [])
    made = Pool(2)
    spool.attach(*made.arguments(1))
    yield made
    made.close()


@given(st.lists(st.integers(0, 130), max_size=120), st.integers(1, 12))
@settings(max_examples=60, deadline=None)
def test_what_is_read_is_what_was_written_there(sizes: list[int], items: int) -> None:
    """Prevents: the pixels of one picture taken for those of another, and a ring that forgets more than it must."""
    with tempfile.TemporaryFile() as file:
        ring, other = (Ring(file.fileno(), start, 100, items) for start in (0, 200))
        written: list[tuple[int, bytes]] = []
        for number, size in enumerate(sizes):
            data = bytes([number % 251]) * size
            position = ring.write(data)
            assert (position is None) == (size > 100)
            if position is not None:
                written.append((position, data))
            other.write(b"!" * 100)
            for at, expected in written:
                assert ring.read(at, len(expected)) in (expected, None)
                assert ring.holds(at) == (ring.read(at, len(expected)) is not None)
        for at, expected in written:
            if at // 100 == written[-1][0] // 100:  # in this round
                assert ring.read(at, len(expected)) == expected
        assert os.fstat(file.fileno()).st_size <= 200 + 8 + 100


def test_a_reader_that_is_overtaken_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: half of one picture and half of the next, where the ring comes round while it is read."""
    with tempfile.TemporaryFile() as file:
        ring, read = Ring(file.fileno(), 0, 100, 9), os.pread
        position = ring.write(b"a" * 60)
        assert position is not None

        def overtaken(descriptor: int, size: int, offset: int) -> bytes:
            if size == 60:
                half = read(descriptor, 30, offset)
                monkeypatch.setattr(os, "pread", read)
                ring.write(b"b" * 60)
                return half + read(descriptor, 30, offset + 30)
            return read(descriptor, size, offset)

        monkeypatch.setattr(os, "pread", overtaken)
        assert ring.read(position, 60) is None


def test_what_is_left_is_found_until_it_is_written_over(pool: Pool) -> None:
    places = [spool.put(np.full(300, number, np.uint8)) for number in range(4)]
    assert all(place is not None and place.ring == 1 for place in places)
    found = [spool.get(place) for place in places if place is not None]
    assert [spool.is_there(place) for place in places if place] == [one is not None for one in found]
    assert found[-1] is not None and (found[-1] == 3).all()
    assert found[0] is None


def test_where_nobody_shares_nothing_is_left(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a query that looks for what it decoded itself in memory that no worker has."""
    assert spool.put(bytes(5000)) is None
    monkeypatch.setattr(spool, "_own", [])
    assert spool.put(b"") is None
    pool.close()
    gone = Place(pool.arguments(0)[0], 0, 0, 4)
    assert spool.get(gone) is None and not spool.is_there(gone)


def test_a_full_disk_leaves_nothing(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "pwrite", full)
    assert spool.put(b"x") is None


def test_workers_find_what_others_left_and_what_the_dead_left() -> None:
    """Prevents: work that is done again because the worker that did it has crashed since."""
    with Workers(2) as workers:
        left = [place for _, place in workers.run(work.leave, range(40))]
        assert {place.ring for place in left if isinstance(place, Place)} == {0, 1}
        list(workers.run(work.misbehave, ["crash", "exit", "crash", "exit"]))
        assert [found for _, found in workers.run(work.found, left)] == list(range(40))
        again = [place for _, place in workers.run(work.leave, range(40, 60))]
        assert [found for _, found in workers.run(work.found, left + again)] == list(range(60))
        assert spool.get(left[7]) == 7
    assert spool.get(left[7]) is None


def test_its_memory_goes_with_the_run(tmp_path: Path) -> None:
    """Prevents: files that a killed run leaves behind, and that fill the disk night by night."""
    script = (
        "import os, sys, signal; from imgindex import spool; pool = spool.Pool(1); spool.attach(*pool.arguments(0));"
        "spool.put(bytes(1000)); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    subprocess.run([sys.executable, "-c", script], env=environment, check=False)
    subprocess.run([sys.executable, "-c", f"import os; del os.memfd_create; {script}"], env=environment, check=False)
    assert list(tmp_path.iterdir()) == []


def test_places_travel() -> None:
    place = Place(1, 2, 3, 4)
    assert pickle.loads(pickle.dumps(place)) == place
