"""Skipped files that a new decoder may read: whoever upgrades for HEIC wants the files that were refused before."""

from __future__ import annotations

from imgindex.pictures import decode
from imgindex.store import Store, catalog


def try_skipped_again(store: Store) -> None:
    """Where the decoder is not the one that refused the store's skipped files, let the next scans read them again.

    A file is tried until a run that finds it has read or refused it.
    """
    version = decode.version()
    with store.read() as tx:
        if catalog.decoder_version(tx) == version:
            return
    with store.write() as tx:
        catalog.retry_skipped(tx)
        catalog.set_decoder_version(tx, version)
