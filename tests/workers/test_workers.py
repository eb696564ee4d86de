from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from imgindex.skips import Skipped
from imgindex.workers.pool import WorkerProcesses, _Task
from imgindex.workers.process import MEMORY_BYTES, Process
from tests.helpers import worker_functions as work

HERE = Path(__file__).parents[1]


@pytest.fixture(scope="module")
def workers() -> Iterator[WorkerProcesses]:
    with WorkerProcesses(2, timeout_s=1.5) as pool:
        yield pool


def alive(pid: int) -> bool:
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def wait_until_gone(pids: list[int]) -> bool:
    for _ in range(200):
        if not any(alive(pid) for pid in pids):
            return True
        time.sleep(0.05)
    return False


@pytest.mark.parametrize(
    ("what", "reason", "environment"),
    [
        ("crash", "decoder-crash", False),
        ("exit", "decoder-crash", False),
        ("killed", "out-of-memory", True),
        ("hang", "decoder-timeout", True),
        ("hold", "decoder-timeout", True),
        ("memory", "out-of-memory", True),
        ("skip", "odd", False),
    ],
)
def test_a_bad_file_costs_only_itself(workers: WorkerProcesses, what: str, reason: str, environment: bool) -> None:
    """Prevents one file from ending the run or from taking its neighbours with it."""
    items = ["a", "b", what, "c", "d", what, "e"]
    results = dict(enumerate(result for _, result in workers.run(work.misbehave, items)))
    assert [results[i] for i in (0, 1, 3, 4, 6)] == ["a", "b", "c", "d", "e"]
    for i in (2, 5):
        skipped = results[i]
        assert isinstance(skipped, Skipped)
        assert (skipped.skip.reason, skipped.skip.environment) == (reason, environment)
        assert skipped.skip.detail.endswith(".")


def test_at_most_the_asked_number_of_processes(workers: WorkerProcesses) -> None:
    """Prevents more work at once than the person allowed, and a new process for every file."""
    assert len({result for _, result in workers.run(work.pid, range(60))}) <= 2


def test_no_second_process_while_the_first_has_nothing_to_do() -> None:
    """Prevents: half a second of starting a process for each of the first questions."""
    with WorkerProcesses(4) as pool:
        pids = set()
        for _ in range(5):
            [(_, pid)] = pool.run(work.pid, [0])
            pids.add(pid)
            while not pool._idle:
                time.sleep(0.01)
    assert len(pids) == 1


def test_a_slow_item_keeps_no_other_waiting(tmp_path: Path) -> None:
    """Prevents one slow file from holding back those after it: here it ends only when the last of them is done."""
    mark = tmp_path / "mark"
    items = [("wait", mark), *[("pass", mark)] * 30, ("make", mark)]
    with WorkerProcesses(2) as pool:
        answers = [item[0] for item, result in pool.as_completed(work.meet, items) if result is None]
    assert sorted(answers) == sorted(item[0] for item in items)
    assert answers.index("wait") > 20


def test_as_completed_a_bad_file_costs_only_itself(workers: WorkerProcesses) -> None:
    """Prevents the item that was sent ahead to a worker from being lost, or blamed, when that dies."""
    items = ["a", "crash", "b", "exit", "c", "hang", *map(str, range(20))]
    results = dict(workers.as_completed(work.misbehave, items))
    bad = {item for item, result in results.items() if isinstance(result, Skipped)}
    assert bad == {"crash", "exit", "hang"}
    assert {result for item, result in results.items() if item not in bad} == set(items) - bad


def test_large_items_and_answers_do_not_block_each_other(workers: WorkerProcesses) -> None:
    """Prevents a parent and a worker that each wait for the other to read, with megabytes in both directions."""
    items = [bytes([n]) * 2_000_000 for n in range(12)]
    assert all(item == result for item, result in workers.as_completed(work.same, items))


def test_a_worker_that_does_not_start_fails_each_item_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a second outcome of an item, which a run would take for that of the next."""
    finished: list[int] = []
    finish = _Task.finish

    def counted(task: _Task, outcome: object) -> None:
        finished.append(task.number)
        finish(task, outcome)

    def broken(_: Process) -> None:
        raise RuntimeError("a worker process did not start (exit code 1)")

    monkeypatch.setattr(_Task, "finish", counted)
    monkeypatch.setattr(Process, "_wait_until_ready", broken)
    with WorkerProcesses(1) as workers:
        for _ in range(2):
            with pytest.raises(RuntimeError, match="did not start"):
                list(workers.as_completed(work.pid, [1, 2, 3]))
    assert finished.count(0) == 2


def test_workers_import_no_more_than_decoding_needs(workers: WorkerProcesses) -> None:
    """Prevents seconds of start-up and gigabytes for a torch that nobody in there uses."""
    ((_, names),) = workers.run(work.loaded, [0])
    assert isinstance(names, list)
    assert not {"torch", "sentence_transformers", "faiss", "sqlalchemy", "skimage", "scipy", "pytest"} & set(names)


def test_closing_is_prompt_and_leaves_no_process() -> None:
    """Prevents Ctrl-C from waiting for a decoder that hangs."""
    pool = WorkerProcesses(2)
    pids = [result for _, result in pool.run(work.pid, range(20))]
    answers = pool.run(work.misbehave, ["ok"] + ["hang"] * 5)
    next(answers)
    started = time.monotonic()
    answers.close()
    pool.close()
    pool.close()
    assert time.monotonic() - started < 30
    assert wait_until_gone([pid for pid in pids if isinstance(pid, int)])
    with pytest.raises(RuntimeError):
        list(pool.run(work.misbehave, ["late"]))


SCRIPT = """
import sys
sys.path.insert(0, {here!r})
from tests.helpers import worker_functions
from imgindex.workers.pool import WorkerProcesses
print("started")
with WorkerProcesses(2, timeout_s=2) as pool:
    for item, result in pool.run(worker_functions.{function}, {items!r}):
        print(item, result, flush=True)
"""


def script(tmp_path: Path, function: str, items: list[str]) -> Path:
    path = tmp_path / "script.py"
    path.write_text(SCRIPT.format(here=str(HERE.parent), function=function, items=items))
    return path


def test_a_plain_script_needs_no_main_guard(tmp_path: Path) -> None:
    """Prevents workers that import the caller's script and run it again, and their noise on its stderr."""
    path = script(tmp_path, "misbehave", ["noise", "ok"])
    done = subprocess.run(
        [sys.executable, str(path)], capture_output=True, text=True, check=True, cwd=HERE.parent, timeout=100
    )
    assert done.stdout.splitlines() == ["started", "noise noise", "ok ok"]
    assert done.stderr == ""


@pytest.mark.parametrize(
    ("how", "function"),
    [
        (signal.SIGKILL, "note_pid_and_sleep"),
        (signal.SIGKILL, "note_pid_and_hold"),
        (signal.SIGINT, "note_pid_and_sleep"),
        (signal.SIGTERM, "note_pid_and_sleep"),
    ],
)
def test_no_worker_outlives_its_parent(tmp_path: Path, how: signal.Signals, function: str) -> None:
    """Prevents processes that stay behind after the parent was killed in the middle of their work."""
    notes = tmp_path / "notes"
    notes.mkdir()
    path = script(tmp_path, function, [str(notes)] * 2)
    parent = subprocess.Popen(
        [sys.executable, str(path)], cwd=HERE.parent, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    for _ in range(600):
        if len(list(notes.iterdir())) == 2:
            break
        time.sleep(0.05)
    pids = [int(note.name) for note in notes.iterdir()]
    assert len(pids) == 2
    parent.send_signal(how)
    parent.wait(30)
    assert wait_until_gone(pids)


def test_every_odd_file_is_decoded_skipped_or_ignored(photos: Path) -> None:
    """Prevents any file of a collection of known troublemakers from ending or hanging a run."""
    odd = sorted(os.fsencode(path) for path in (photos / "odd").rglob("*") if path.is_file())
    with WorkerProcesses(2) as workers:
        results = dict(workers.run(work.decode_file, odd))
    assert len(results) == len(odd)
    assert all(isinstance(result, tuple | Skipped) for result in results.values())
    skipped = [result.skip for result in results.values() if isinstance(result, Skipped)]
    assert {skip.reason for skip in skipped} >= {
        "corrupt",
        "empty",
        "not-a-picture",
        "too-large",
        "truncated",
        "unsupported",
    }
    assert all(skip.detail.endswith(".") and len(skip.detail) < 250 for skip in skipped)
    assert sum(isinstance(result, tuple) for result in results.values()) > len(odd) / 2


def test_one_item_cannot_take_all_memory() -> None:
    """Prevents: a file of forty bytes that takes the memory of every other process of the machine."""
    with WorkerProcesses(1) as workers:
        [(_, outcome)] = workers.run(work.allocated, [MEMORY_BYTES])
        assert isinstance(outcome, Skipped)
        assert outcome.skip.reason == "out-of-memory"
        [(_, outcome)] = workers.run(work.allocated, [1 << 20])
        assert outcome == 1 << 20
