"""What is only kept for speed: damaged, lost or without room, it changes no answer."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image
from skimage import data

import imgindex
from imgindex.api import ImageIndex
from imgindex.pictures import sketch, sources
from imgindex.pictures.sources import ImageSource
from imgindex.runs.index.find_copies import BlockVerifier
from imgindex.runs.index.screening import Screened
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.store import Store, sketches, spaces
from imgindex.workers.inline import InlineWorkers
from tests.helpers.pictures import save, scene
from tests.runs.index.asked import Counting, copies

Damage = Callable[[Path], object]
DAMAGES: dict[str, Damage] = {
    "deleted": Path.unlink,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[:-40]),
    "flipped": lambda path: path.write_bytes(bytes([path.read_bytes()[0] ^ 1]) + path.read_bytes()[1:]),
    "emptied": lambda path: path.write_bytes(b""),
}


@pytest.mark.parametrize("damage", DAMAGES)
def test_damage_to_the_faiss_file_changes_no_answer(
    images: ImageIndex, photos_folder: Path, tmp_path: Path, damage: str
) -> None:
    """FAISS is a cache: whatever happens to it costs time and nothing else."""
    images.index([photos_folder])
    query = photos_folder / "4.jpg"
    before = images.query(query)
    [cache] = (tmp_path / "store").glob("*.faiss")
    DAMAGES[damage](cache)
    assert images.query(query) == before
    save(scene(50), photos_folder / "new.jpg")
    images.index([photos_folder])
    [healed] = (tmp_path / "store").glob("*.faiss")
    assert healed.stat().st_size > 0


def test_a_row_flipped_in_the_middle_of_the_cache_is_noticed(
    images: ImageIndex, photos_folder: Path, tmp_path: Path
) -> None:
    images.index([photos_folder])
    before = images.query(photos_folder / "4.jpg")
    [cache] = (tmp_path / "store").glob("*.faiss")
    data = bytearray(cache.read_bytes())
    data[len(data) // 2] ^= 0x40
    cache.write_bytes(data)
    assert images.query(photos_folder / "4.jpg") == before


def test_old_pictures_that_sketches_refute_are_not_read(
    images: ImageIndex, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each new picture has some twenty neighbours: to read them all again costs more than the new picture itself."""
    astronaut, coffee = Image.fromarray(data.astronaut()), Image.fromarray(data.coffee())
    tiles = [astronaut.crop((x, y, x + 256, y + 256)) for x in (0, 256) for y in (0, 256)]
    tiles += [coffee.crop((x, y, x + 200, y + 200)) for x in (0, 200, 400) for y in (0, 200)]
    for number, tile in enumerate(tiles):
        save(tile, tmp_path / "photos" / f"{number}.jpg")
    images.index([tmp_path / "photos"])
    read: set[str] = set()
    read_left = BlockVerifier._read

    def noted(self: BlockVerifier, known: dict[int, ImageSource], screened: Screened) -> None:
        for candidate in screened.left:
            for image_id in (candidate.low_id, candidate.high_id):
                read.update(Path(os.fsdecode(path)).name for path in known[image_id].content.paths)
        read_left(self, known, screened)

    monkeypatch.setattr(BlockVerifier, "_read", noted)
    save(tiles[3].resize((200, 200)), tmp_path / "photos" / "new.jpg")
    again = images.index([tmp_path / "photos"])
    assert again.match.verified >= 7
    assert {"3.jpg", "new.jpg"} <= read
    assert len(read) <= 4, "of ten old pictures one is shown again"
    assert ("3.jpg", "new.jpg", "near-duplicate") in copies(images.report())


@pytest.mark.parametrize("damage", ["UPDATE sketch SET sketch = x'01'", "DELETE FROM sketch"])
def test_sketches_that_are_damaged_or_lost_are_made_again(
    images: ImageIndex, photos_folder: Path, tmp_path: Path, damage: str
) -> None:
    """Their pictures are there: no result may depend on what was kept of them."""
    images.index([photos_folder])
    with Store.open(tmp_path / "store") as store, store.write() as tx:
        tx.exec_driver_sql(damage)
    save(scene(5), photos_folder / "5-small.jpg", quality=40)
    images.index([photos_folder])
    assert ("5-small.jpg", "5.jpg", "near-duplicate") in copies(images.report())
    with Store.open(tmp_path / "store") as store, store.read() as tx:
        found = spaces.active_space(tx)
        assert found is not None
        assert (
            len(
                sketches.sketches(
                    tx, spaces.vector_ids(tx, found[0]).tolist(), sketch.VERSION, FakeEmbedder().short_side_px
                )
            )
            >= 2
        )


def test_what_is_remembered_of_pictures_changes_no_result(
    photos_folder: Path, tmp_path: Path, embedder: Counting, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: pixels of another picture, or a candidate given up, where there was no room for what was decoded."""
    found = []
    for number, room in enumerate((sources.CACHE_BYTES, 200_000, 1)):  # all, one picture or two, the last alone
        monkeypatch.setattr(sources, "CACHE_BYTES", room)
        with imgindex.open(tmp_path / f"store-{number}", workers=InlineWorkers()) as opened:
            summary = opened.index([photos_folder])
            found.append((summary.match, opened.report().pairs))
    assert found[0] == found[1] == found[2]
    assert found[0][0].copies == 1
