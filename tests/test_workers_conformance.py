"""What every `ports.Workers` must do: the processes, and the twin that most tests run on."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterator

import numpy as np
import pytest

from imgindex.ports import Workers
from imgindex.skips import Skipped
from imgindex.workers.inline import InlineWorkers
from imgindex.workers.pool import LOOK_AHEAD, LOOK_AHEAD_BASE, WorkerProcesses
from tests import worker_functions as work


def processes() -> WorkerProcesses:
    return WorkerProcesses(2)


IMPLEMENTATIONS = [processes, InlineWorkers]
both = pytest.mark.parametrize("make", IMPLEMENTATIONS)


@pytest.fixture(scope="module", params=IMPLEMENTATIONS)
def workers(request: pytest.FixtureRequest) -> Iterator[Workers]:
    made: Workers = request.param()
    yield made
    made.close()


def test_results_come_in_the_order_of_the_items(workers: Workers) -> None:
    """Prevents: ids that depend on which worker was faster."""
    results = list(workers.run(work.large, range(40)))
    assert [item for item, _ in results] == list(range(40))
    assert [int(np.asarray(result)[0]) for _, result in results] == list(range(40))


def test_as_completed_gives_each_item_once(workers: Workers) -> None:
    """Prevents: an item that is lost or done twice where the order is free."""
    items = [str(number) for number in range(100)]
    results = list(workers.as_completed(work.misbehave, items, 50))
    assert sorted(results) == sorted(zip(items, items, strict=True))


def test_an_exception_is_the_outcome_of_its_item(workers: Workers) -> None:
    """Prevents: a bad file that ends the run, a vanished file that looks like a bug, a bug that looks like a file."""
    items = ["a", "skip", "vanished", "memory", "bug", "unsendable", "b"]
    for given in (workers.run, workers.as_completed):
        found = dict(given(work.misbehave, items))
        assert (found["a"], found["b"]) == ("a", "b")
        skipped, vanished, memory, bug, unsendable = (found[item] for item in items[1:-1])
        assert isinstance(skipped, Skipped) and skipped.skip.reason == "odd"
        assert isinstance(vanished, FileNotFoundError) and vanished.errno == 2
        assert isinstance(memory, Skipped) and memory.skip.environment
        assert type(bug) is RuntimeError and "ZeroDivisionError: a bug" in str(bug) and "misbehave" in str(bug)
        assert type(unsendable) is RuntimeError and "cannot be sent" in str(unsendable)


def test_items_are_taken_a_bounded_number_ahead(workers: Workers) -> None:
    """Prevents: the pictures of a whole collection that wait in memory."""
    for ahead, most in ((None, LOOK_AHEAD_BASE + LOOK_AHEAD * workers.jobs), (3, 3 * workers.jobs)):
        taken = itertools.count()
        answers = workers.run(work.misbehave, (str(next(taken)) for _ in range(10_000)), ahead)
        assert next(answers)[0] == "0"
        assert next(taken) <= most + 1


def test_an_iteration_that_is_left_harms_no_other(workers: Workers) -> None:
    """Prevents: answers of a run that was stopped, given to the next."""
    left = workers.run(work.misbehave, map(str, range(500)))
    next(left)
    assert list(workers.run(work.same, [b"x"])) == [(b"x", b"x")]
    del left
    assert list(workers.run(work.misbehave, ["again"])) == [("again", "again")]


def test_a_run_within_the_loop_of_another(workers: Workers) -> None:
    """Prevents: answers that reach the wrong caller, and a function that was kept from an earlier run."""
    for item, result in workers.as_completed(work.misbehave, ["a", "b", "c"]):
        assert item == result
        assert [found for _, found in workers.run(work.same, [b"x", b"y"])] == [b"x", b"y"]


def test_what_the_function_changes_is_a_copy(workers: Workers) -> None:
    """Prevents: code that works on the twin because both sides share an object, and in no process."""
    item = np.zeros(3)
    [(given, result)] = workers.run(work.counted_up, [item])
    assert given is item and item.tolist() == [0, 0, 0]
    assert np.asarray(result).tolist() == [1, 1, 1]


def test_a_function_that_cannot_travel_is_refused(workers: Workers) -> None:
    """Prevents: a closure that works on the twin only."""
    with pytest.raises(Exception, match=r"pickle|local"):
        list(workers.run(lambda item: item, [1]))


def test_several_threads_get_each_their_own(workers: Workers) -> None:
    """Prevents: answers of one thread's question in another's."""
    found: dict[int, list[str]] = {}

    def ask(number: int) -> None:
        items = [f"{number}.{item}" for item in range(40)]
        found[number] = [str(result) for _, result in workers.run(work.misbehave, items)]

    threads = [threading.Thread(target=ask, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert found == {number: [f"{number}.{item}" for item in range(40)] for number in range(4)}


@both
def test_closed_workers_do_nothing_more(make: type[InlineWorkers]) -> None:
    """Prevents: a run that waits for ever for workers that are gone, or goes on without them."""
    with make() as workers:
        begun = workers.run(work.misbehave, map(str, range(500)))
        assert next(begun) == ("0", "0")
    workers.close()
    for answers in (begun, workers.run(work.misbehave, ["late"]), workers.as_completed(work.misbehave, ["late"])):
        with pytest.raises(RuntimeError, match="closed"):
            list(answers)


@both
def test_jobs_says_how_many_work_at_once(make: type[InlineWorkers]) -> None:
    """Prevents: more work at once than a person allowed."""
    with make() as workers:
        assert len({result for _, result in workers.run(work.pid, range(12))}) <= workers.jobs
