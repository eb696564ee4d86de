"""left alone: what a scan of the store's folders would not look at now, and why."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence

from imgindex.pictures import scan
from imgindex.pictures.scan import Ignored, Problem
from imgindex.results import LeftAlone
from imgindex.store import Store, catalog


def left_alone(
    store: Store,
    *,
    include: Sequence[str],
    exclude: Sequence[str],
    follow_symlinks: bool,
    say: Callable[[str], object],
) -> tuple[LeftAlone, ...]:
    """Files and folders below the store's roots, by path; a folder stands for all that is in it. What cannot be read
    is said."""
    with store.read() as tx:
        roots = [path for path, *_ in catalog.roots(tx)]
    found = []
    for item in scan.scan(
        roots,
        include=include,
        exclude=exclude,
        follow_symlinks=follow_symlinks,
        leave_out=[store.directory],
        named=roots,
    ):
        if isinstance(item, Problem):
            say(item.sentence)
        elif isinstance(item, Ignored):
            found.append(LeftAlone(os.fsdecode(item.path), item.is_folder, item.reason, item.pattern))
    return tuple(sorted(found, key=lambda left: os.fsencode(left.path)))
