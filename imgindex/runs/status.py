"""status: what the store holds."""

from __future__ import annotations

import os
from collections import Counter

from imgindex.results import RootStatus, Status
from imgindex.store import Store, catalog, runs, skipped, spaces


def status(store: Store) -> Status:
    """The state of a store, read in one transaction."""
    with store.read() as tx:
        files = images = missing = left_out = 0
        shown = set()
        removed = runs.removed_paths(tx)
        for known in catalog.known_files(tx):
            if known.left_out:
                left_out += 1
            elif known.missing_since_s is not None:
                missing += known.path not in removed
            elif known.image_id is not None:
                files += 1
                shown.add(known.image_id)
        images = len(shown)
        reasons = Counter(skip.reason for _, skip in skipped.skipped_files(tx))
        roots = tuple(
            RootStatus(os.fsdecode(path), scanned_at_s, files) for path, scanned_at_s, files in catalog.roots(tx)
        )
        active = spaces.active_space(tx)
    space = None if active is None else active[1]
    return Status(
        str(store.directory),
        "" if space is None else space.name,
        "" if space is None else space.model,
        "" if space is None else space.precision,
        files,
        images,
        missing,
        sum(reasons.values()),
        tuple(reasons.most_common()),
        roots,
        store.database_bytes,
        left_out,
    )
