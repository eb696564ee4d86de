#!/usr/bin/env python3
"""Write the store that the tests of later schemas upgrade: tests/stores/REVISION.db, of this checkout's schema.

    python scripts/make_store_fixture.py

Run it once, before a migration is added, and commit what it wrote. The pictures in tests/stores/pictures are indexed
under the name PHOTOS, so that the store names no path of the machine that it was made on.
"""

from __future__ import annotations

import gzip
import shutil
import tempfile
from pathlib import Path

import imgindex
from imgindex.store.schema import HEAD_REVISION

STORES = Path(__file__).resolve().parents[1] / "tests" / "stores"
PHOTOS = Path("/srv/imgindex-fixture")


def main() -> None:
    shutil.copytree(STORES / "pictures", PHOTOS)
    try:
        with tempfile.TemporaryDirectory() as folder:
            with imgindex.open(Path(folder) / "store", model="sift-vlad", jobs=1) as images:
                print(images.index([PHOTOS]))
                images._store.backup(Path(folder) / "copy.db")
            data = (Path(folder) / "copy.db").read_bytes()
    finally:
        shutil.rmtree(PHOTOS)
    target = STORES / f"{HEAD_REVISION}.db.gz"
    target.write_bytes(gzip.compress(data, mtime=0))
    print(f"{target}: {len(data)} bytes, {target.stat().st_size} compressed")


if __name__ == "__main__":
    main()
