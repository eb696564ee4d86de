"""weigh: of proven copies, what would be lost with either; each image against what could be kept in its place.

1. judge again what was weighed under other rules, and forget what was weighed of pairs that are no copies any more
2. join proven pairs to components, and ask of each which pairs decide next (`keep.planning`)
3. weigh these in worker processes (what geometry alone settles, here), and write them
4. again from 2, for the components of these pairs, until nothing is wanted
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import replace

from imgindex.keep.planning import Key
from imgindex.pictures.contents import OnDisk
from imgindex.ports import Progress, Workers
from imgindex.proof import loss
from imgindex.records import Weighing
from imgindex.results import WeighSummary
from imgindex.runs.index.messages import messages, outcomes
from imgindex.runs.index.scales import Scales
from imgindex.runs.index.weigh_tasks import WeighTask, weigh_tasks
from imgindex.store import Store, catalog, pairs, weighed
from imgindex.store.catalog import chunks
from imgindex.store.values import rows_of
from imgindex.store.weighed import WeighedPair

TASKS_AT_ONCE = 8
"""Pairs in one message to a worker."""


def weigh_copies(store: Store, progress: Progress, workers: Workers) -> WeighSummary:
    """Weigh every proven pair that decides something and is not weighed; told to stop, it keeps what it has.

    A pair of which an image cannot be read now is left as it is, and tried again on the next run.
    """
    judge_again(store)
    scales = Scales.read(store)
    return _weigh_all(store, scales, scales.next_pairs(store), progress, workers)


def weigh_around(
    store: Store, images: Collection[int], keys: Iterable[Key], progress: Progress, workers: Workers
) -> WeighSummary:
    """The same of what these images are copies of, step by step, and of those of `keys` that are proven pairs."""
    judge_again(store)
    scales = Scales.read(store)
    return _weigh_all(store, scales, scales.next_pairs_of(store, images, keys), progress, workers)


def _weigh_all(store: Store, scales: Scales, wanted: list[Key], progress: Progress, workers: Workers) -> WeighSummary:
    total, unread = 0, 0
    progress.start("weigh", None)
    while wanted and not progress.stopping:
        for keys in chunks(wanted):
            found, failed = _weigh(store, keys, progress, workers)
            with store.write() as tx:
                weighed.put_weighed(tx, found)
            scales.add(found, failed)
            total, unread = total + len(found), unread + len(failed)
            if progress.stopping:
                break
        wanted = scales.next_pairs(store, wanted)
    progress.finish()
    return WeighSummary(total, unread)


def judge_again(store: Store) -> None:
    """Bring what was weighed up to the present rules, from its evidence."""
    with store.write() as tx:
        weighed.remove_others(tx, loss.WEIGHER_VERSION)
        while old := weighed.judged_otherwise(tx, loss.JUDGE_VERSION):
            weighed.put_weighed(tx, [_judged(one) for one in old])


@rows_of("weighed")
def _judged(old: WeighedPair) -> WeighedPair:
    return replace(old, weighing=loss.judge(old.weighing.evidence), judge_version=loss.JUDGE_VERSION)


def _weigh(
    store: Store, keys: Sequence[Key], progress: Progress, workers: Workers
) -> tuple[list[WeighedPair], list[Key]]:
    """(what these pairs weigh, those that could not be read)."""
    found: list[WeighedPair] = []
    failed: list[Key] = []
    for key, weighing in _weighings(store, keys, workers):
        if isinstance(weighing, Weighing):
            found.append(WeighedPair(*key, weighing, loss.WEIGHER_VERSION, loss.JUDGE_VERSION))
        else:
            failed.append(key)
        progress.advance()
        if progress.stopping:
            break
    return found, failed


def _weighings(store: Store, keys: Sequence[Key], workers: Workers) -> Iterator[tuple[Key, Weighing | Exception]]:
    with store.read() as tx:
        stored = pairs.with_keys(tx, keys)
        ids = {i for key in stored for i in key}
        images, paths = catalog.images(tx, ids), catalog.present_paths(tx, ids)
    tasks = []
    for key, pair in stored.items():
        a, b = images[pair.a_id], images[pair.b_id]
        settled = loss.by_geometry(pair.outcome, a.info, b.info)
        if settled is not None:
            yield key, settled
        else:
            of_a, of_b = (OnDisk(tuple(paths.get(image.id, ())), image.sha256) for image in (a, b))
            tasks.append(WeighTask(key, of_a, of_b, pair.outcome))
    parts = messages(tasks, lambda task: sum(images[i].info.pixels for i in task.key), TASKS_AT_ONCE)
    yield from ((task.key, weighing) for task, weighing in outcomes(workers, weigh_tasks, parts))
