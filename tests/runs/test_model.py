"""Which model a store is used with: its own, whatever computed its vectors."""

from __future__ import annotations

from pathlib import Path

import imgindex
from imgindex.records import Verdict
from imgindex.store import Store
from imgindex.workers.inline import InlineWorkers
from tests.helpers.pictures import save, scene
from tests.helpers.tiny_clip import write_tiny_clip


def test_a_store_of_vectors_from_8_bit_integers_needs_no_work(tmp_path: Path) -> None:
    """Prevents: a store refused, or embedded anew, because nothing computes CLIP in 8-bit integers any more; its
    vectors are close to those of float32, and may be compared with them."""
    model = str(write_tiny_clip(tmp_path / "model"))
    photos, store = tmp_path / "photos", tmp_path / "store"
    for number in range(3):
        save(scene(number, 320, 240), photos / f"{number}.jpg")
    with imgindex.open(store, model=model, workers=InlineWorkers()) as images:
        assert images.index([photos]).ingest.embedded_images == 3
    with Store.open(store) as opened, opened.write() as tx:
        assert tx.exec_driver_sql("UPDATE space SET precision = 'int8'").rowcount == 1
    with imgindex.open(store, workers=InlineWorkers()) as images:
        assert images.status().precision == "int8"
        assert images.check() == ()
        assert images.query(photos / "1.jpg")[0].verdict is Verdict.EXACT
        again = images.index([photos])
        assert (again.ingest.unchanged, again.ingest.embedded_images, again.match.verified) == (3, 0, 0)
        copy = save(scene(1, 320, 240).resize((200, 150)), photos / "copy.jpg")
        assert images.index([photos]).ingest.embedded_images == 1
        best = images.query(copy)[:2]
        assert {Path(match.path).name for match in best} == {"copy.jpg", "1.jpg"}
        assert best[1].verdict is Verdict.NEAR_DUPLICATE
