"""The files of a store, and the vectors of its images, as they were indexed: no file is looked at."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

import numpy as np

from imgindex.results import Embeddings, File
from imgindex.runs.groups import paths_below
from imgindex.store import Store, catalog, shown, spaces

FILES_AT_ONCE = 4096
"""Read in one transaction: who iterates slowly keeps no other from writing."""


def files(store: Store) -> Iterator[File]:
    """Every file that shows an image and takes part, by path in order of bytes; a path at most once, whatever is
    written meanwhile."""
    last = b""
    while True:
        with store.read() as tx:
            page = shown.files_after(tx, last, FILES_AT_ONCE)
        for f in page:
            yield File(
                os.fsdecode(f.path), f.sha256.hex(), f.size_bytes, f.mtime_ns / 1e9, f.format, f.width_px, f.height_px
            )
        if len(page) < FILES_AT_ONCE:
            return
        last = page[-1].path


def count(store: Store) -> int:
    """How many files `files` would give."""
    with store.read() as tx:
        return shown.count_files(tx)


def embeddings(store: Store, folders: Sequence[bytes]) -> Embeddings:
    """The vectors of the images that present files below `folders` show (all files where empty), as of one moment."""
    with store.read() as tx:
        active = spaces.active_space(tx)
        if active is None:
            return Embeddings((), (), np.empty((0, 0), np.float32), "")
        space_id, space = active
        paths, _ = paths_below(tx, folders)
        have = set(spaces.vector_ids(tx, space_id).tolist())
        ids = sorted(paths.keys() & have, key=lambda image_id: paths[image_id][0])
        vectors = spaces.vectors_of(tx, space_id, space.dim, ids)
        images = catalog.images(tx, ids)
    return Embeddings(
        tuple(images[i].sha256.hex() for i in ids),
        tuple(os.fsdecode(paths[i][0]) for i in ids),
        vectors,
        space.name,
    )
