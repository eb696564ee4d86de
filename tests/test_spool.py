"""What worker processes leave for each other: found as it was left, or not at all."""

from __future__ import annotations

import os
import pickle
import signal
import subprocess
import sys
import tempfile
from collections import Counter
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
    monkeypatch.setattr(spool, "_attached", spool._Attached())
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
                end = written[-1][0] + len(written[-1][1])
                is_gone = end > at + 100  # written over, or of the round before the last
                assert ring.read(at, len(expected)) == (None if is_gone else expected)
                assert ring.holds(at) == (not is_gone)
        rounds = Counter(at // 100 for at, data in written if data)
        assert all(count <= items for count in rounds.values())
        full = [number for number in sorted(rounds)[:-1] if rounds[number] < items]
        for number in full:  # it ended early because the next had no room
            inside = [(at, data) for at, data in written if at // 100 == number and data]
            after = next(data for at, data in written if at // 100 > number and data)
            assert inside[-1][0] % 100 + len(inside[-1][1]) + len(after) > 100 or not all(sizes)
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
    monkeypatch.setattr(spool._attached, "own", None)
    assert spool.put(b"") is None
    pool.close()
    gone = Place(pool.arguments(0)[0], 0, 0, 4)
    assert spool.get(gone) is None and not spool.is_there(gone)


@pytest.mark.parametrize("call", ["pwrite", "pread"])
def test_memory_that_cannot_be_had_is_none(call: str, pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a picture that counts as unreadable because there is no memory to leave it in."""
    place = spool.put(b"before")
    assert place is not None

    def failing(*_: object) -> bytes:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, call, failing)
    assert spool.put(b"x") is None
    if call == "pread":
        assert spool.get(place) is None and not spool.is_there(place)


def test_what_is_cut_off_is_not_taken_for_whole(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    place = spool.put(b"before")
    assert place is not None
    read = os.pread
    monkeypatch.setattr(os, "pread", lambda descriptor, size, offset: read(descriptor, min(size, 8), offset))
    assert spool.get(place) is None


def refused(*_: object) -> int:
    raise PermissionError(1, "Operation not permitted")


@pytest.mark.parametrize("absent", [False, True])
def test_where_there_is_no_such_memory_results_travel(absent: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a sandbox, or a system other than Linux, where nothing can be indexed."""
    if absent:
        monkeypatch.delattr(os, "memfd_create")
    else:
        monkeypatch.setattr(os, "memfd_create", refused)
    with Workers(2) as workers:
        assert [place for _, place in workers.run(work.leave, range(4))] == [None] * 4


def test_a_worker_does_not_take_standard_output_for_the_ring() -> None:
    """Prevents: a service that closed its standard streams, and whose pictures go nowhere."""
    kept = os.dup(1)
    try:
        os.close(1)
        with Workers(1) as workers:
            [(_, place)] = workers.run(work.leave, [5])
            assert [found for _, found in workers.run(work.found, [place])] == [5]
    finally:
        os.dup2(kept, 1)
        os.close(kept)


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
        "import os, signal; from imgindex import spool; pool = spool.Pool(1); spool.attach(*pool.arguments(0));"
        "print(spool.put(bytes(1000)), flush=True); os.kill(os.getpid(), signal.SIGKILL)"
    )
    environment = {**os.environ, "TMPDIR": str(tmp_path), "PYTHONPATH": os.pathsep.join(sys.path)}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == -signal.SIGKILL
    assert done.stdout.startswith("Place(")
    assert list(tmp_path.iterdir()) == []


def test_places_travel() -> None:
    place = Place(1, 2, 3, 4)
    assert pickle.loads(pickle.dumps(place)) == place
