"""Thumbnails of real files: where an edit is, what gets pictures, and files that are gone or end their worker."""

from __future__ import annotations

import io
import os
import shutil
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageFilter, ImageOps

import imgindex
from imgindex.files import sha256
from imgindex.pictures.features import WORKING_SIDE_PX
from imgindex.ports import Silent, Workers
from imgindex.records import Verdict
from imgindex.results import Change, Report, ReportedPair, Thumbnail
from imgindex.runs.report.report import report
from imgindex.runs.report.thumbnails import (
    MEMBERS_AT_ONCE,
    MEMBERS_PER_GROUP,
    THUMBNAIL_PX,
    ThumbnailTask,
    draw,
    thumbnails,
)
from imgindex.search import embed
from imgindex.search.embed.fake import FakeEmbedder
from imgindex.store import Store
from imgindex.workers.inline import InlineWorkers
from imgindex.workers.pool import WorkerProcesses
from tests.helpers.pictures import save, scene

SIZE = 640, 480
PATCH = 400, 110, 490, 200
"""What is painted over, in pixels of the unturned picture: left, top, right, bottom."""


class Sharper(FakeEmbedder):
    """Has pictures decoded as large as the real embedders do, so that pairs are laid on each other as exactly."""

    short_side_px = WORKING_SIDE_PX


@pytest.fixture
def workers() -> InlineWorkers:
    return InlineWorkers()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "photos"
    made.mkdir()
    return made


@pytest.fixture
def store(tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Store]:
    monkeypatch.setattr(embed, "open_embedder", lambda model, say, device="auto": Sharper())
    with Store.open(tmp_path / "store", create=True) as opened:
        yield opened


def indexed(store: Store, folder: Path) -> Report:
    with imgindex.open(store.directory, workers=InlineWorkers()) as images:
        images.index([folder])
    return report(store)


def seen(store: Store, made: Report, workers: Workers, groups: int = 10) -> dict[tuple[str, str], Thumbnail]:
    """Thumbnails by the names of keeper and file."""
    found = thumbnails(store, made, workers, Silent(), pictures=groups)
    return {(name(keeper), name(path)): thumbnail for (keeper, path), thumbnail in found.items()}


def name(path: str) -> str:
    return Path(path).name


def soft(seed: int) -> Image.Image:
    """A scene as sharp as a photo: a hard edge differs wherever two pictures lie half a pixel apart."""
    return scene(seed, *SIZE).filter(ImageFilter.GaussianBlur(2))


def painted() -> Image.Image:
    picture = soft(1)
    ImageDraw.Draw(picture).rectangle(PATCH, fill=(255, 255, 255))
    return picture


def drawn(thumbnail: Thumbnail, size: tuple[int, int]) -> np.ndarray:
    """bool[h, w]: what lies within the regions, on a picture of this size."""
    mask = np.zeros(size[::-1], np.uint8)
    assert thumbnail.regions
    for region in thumbnail.regions:
        assert all(0 <= share <= 1 for corner in region for share in corner)
        cv2.fillPoly(mask, [np.rint(np.array(region) * size).astype(np.int32)], 1)
    return mask > 0


TURNS = {
    "as it was": lambda picture: picture,
    "smaller": lambda picture: picture.resize((SIZE[0] * 3 // 4, SIZE[1] * 3 // 4)),
    "mirrored": ImageOps.mirror,
    "on its side": lambda picture: picture.rotate(90, expand=True),
}


@pytest.mark.parametrize("turn", TURNS)
@pytest.mark.parametrize("keeper_is_low", [True, False])
def test_the_outline_is_where_the_edit_is(
    store: Store, folder: Path, workers: InlineWorkers, turn: str, keeper_is_low: bool
) -> None:
    """Prevents: outlines in the keeper's frame, or by the map of the pair told the wrong way round."""
    kept = save(soft(1), folder / "kept.jpg", quality=95).read_bytes()
    turned = TURNS[turn](painted())
    for quality in range(70, 90):
        member = save(turned, folder / "member.jpg", quality).read_bytes()
        if (sha256(kept) < sha256(member)) == keeper_is_low:
            break
    found = seen(store, indexed(store, folder), workers)
    assert set(found) == {("kept.jpg", "kept.jpg"), ("kept.jpg", "member.jpg")}
    mask = drawn(found["kept.jpg", "member.jpg"], turned.size)
    patch = Image.new("L", SIZE)
    ImageDraw.Draw(patch).rectangle(PATCH, fill=255)
    edited = np.asarray(TURNS[turn](patch)) > 127
    assert (mask & edited).sum() > 0.95 * edited.sum()
    assert (mask & ~edited).sum() < 0.35 * edited.sum(), "some pixels around it, not the rest of the picture"


def test_nothing_is_outlined_where_nothing_was_edited(store: Store, folder: Path, workers: InlineWorkers) -> None:
    """Prevents: marks where a crop or a turned copy ends, and on what another compression made of the same picture."""
    picture = scene(2, 300, 225)
    save(picture, folder / "kept.jpg", quality=95)
    save(picture, folder / "recompressed.jpg", quality=60)
    save(picture.crop((30, 20, 250, 190)), folder / "crop.jpg", quality=90)
    save(picture.rotate(20), folder / "turned.jpg", quality=85)
    found = seen(store, indexed(store, folder), workers)
    assert found["kept.jpg", "recompressed.jpg"].regions == ()
    assert found["kept.jpg", "crop.jpg"].regions == ()
    assert found["kept.jpg", "turned.jpg"].regions == ()
    assert found["kept.jpg", "kept.jpg"].regions is None


def test_a_look_is_a_small_upright_picture_of_the_file(store: Store, folder: Path, workers: InlineWorkers) -> None:
    """Prevents: pictures on their side, in false colours, larger than the page shows them, or of another file."""
    blue_above_red = scene(3, 1000, 500)
    ImageDraw.Draw(blue_above_red).rectangle((0, 0, 1000, 200), fill=(0, 0, 255))
    turned = blue_above_red.rotate(90, expand=True)
    exif = Image.Exif()
    exif[0x0112] = 6
    turned.save(folder / "turned.jpg", quality=95, exif=exif)
    shutil.copy(folder / "turned.jpg", folder / "turned again.jpg")
    os.utime(folder / "turned again.jpg", (1_600_000_000, 1_600_000_000))
    made = indexed(store, folder)
    thumbnail = next(
        thumbnail for (_, path), thumbnail in seen(store, made, workers).items() if path == "turned again.jpg"
    )
    assert (thumbnail.width_px, thumbnail.height_px, thumbnail.modified_at_s) == (
        THUMBNAIL_PX,
        THUMBNAIL_PX // 2,
        1_600_000_000,
    )
    picture = Image.open(io.BytesIO(thumbnail.jpeg))
    assert (picture.format, picture.size) == ("JPEG", (thumbnail.width_px, thumbnail.height_px))
    red, _, blue = picture.getpixel((180, 30))  # type: ignore[misc]
    assert (red < 60, blue > 200) == (True, True)


def test_new_groups_come_first_and_the_rest_has_no_look(store: Store, folder: Path, workers: InlineWorkers) -> None:
    """Prevents: the pictures go to groups that were seen yesterday, and the new ones have none."""
    for seed in range(4):
        save(scene(seed), folder / f"{seed}.jpg", quality=95)
        save(scene(seed), folder / f"{seed}-again.jpg", quality=60)
    made = indexed(store, folder)
    changes = (Change.KNOWN, Change.GROWN, Change.KNOWN, Change.NEW)
    groups = tuple(replace(g, change=change) for g, change in zip(made.groups, changes, strict=True))
    made = replace(made, groups=groups)

    def keepers(of: int) -> set[str]:
        return {keeper for keeper, _ in thumbnails(store, made, workers, Silent(), pictures=of)}

    in_order = [groups[i].keeper for i in (3, 1, 0, 2)]
    assert [keepers(n) for n in range(5)] == [set(in_order[:n]) for n in range(5)]


def test_a_file_that_is_gone_or_another_costs_its_own_look(store: Store, folder: Path, workers: InlineWorkers) -> None:
    """Prevents: one deleted file ends the page, or the picture of what took its place is shown as the duplicate."""
    save(scene(1), folder / "kept.jpg", quality=95)
    for what, quality in {"here": 80, "gone": 70, "another": 60, "broken": 50}.items():
        save(scene(1), folder / f"{what}.jpg", quality=quality)
    made = indexed(store, folder)
    (folder / "gone.jpg").unlink()
    save(scene(9), folder / "another.jpg")
    (folder / "broken.jpg").write_bytes((folder / "broken.jpg").read_bytes()[:300])
    found = {path: thumbnail for (_, path), thumbnail in seen(store, made, workers).items()}
    assert {path for path, thumbnail in found.items() if not thumbnail.jpeg} == {
        "gone.jpg",
        "another.jpg",
        "broken.jpg",
    }
    assert found["here.jpg"].regions == ()
    assert all(thumbnail.regions is None for thumbnail in found.values() if not thumbnail.jpeg)
    (folder / "kept.jpg").unlink()
    found = {path: thumbnail for (_, path), thumbnail in seen(store, made, workers).items()}
    assert found["here.jpg"].jpeg
    assert found["here.jpg"].regions is None


def test_a_file_that_ends_its_worker_costs_its_own_look(
    store: Store, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: a decoder that crashes takes the pictures of the whole group along."""
    save(scene(1), folder / "kept.jpg", quality=95)
    save(scene(1), folder / "good.jpg", quality=70)
    save(scene(1), folder / "deadly.jpg", quality=60)
    made = indexed(store, folder)
    monkeypatch.setattr("imgindex.runs.report.thumbnails.draw", deadly_draw)
    with WorkerProcesses(1) as workers:
        found = {path: thumbnail for (_, path), thumbnail in seen(store, made, workers).items()}
    assert {path: bool(thumbnail.jpeg) for path, thumbnail in found.items()} == {
        "kept.jpg": True,
        "good.jpg": True,
        "deadly.jpg": False,
    }


def deadly_draw(task: ThumbnailTask) -> list[Thumbnail]:
    """Runs in a worker process."""
    if any(wanted.path.endswith("/deadly.jpg") for wanted in task.files):
        os._exit(1)
    return draw(task)


def test_a_large_group_is_cut_into_messages_and_limited(
    store: Store, folder: Path, workers: InlineWorkers, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: 5,000 copies of one picture in one message, or on one page."""
    first = save(scene(1), folder / "000.jpg")
    for number in range(1, MEMBERS_PER_GROUP + 4):
        shutil.copy(first, folder / f"{number:03d}.jpg")
    made = indexed(store, folder)
    [group] = made.groups
    assert len(group.members) > MEMBERS_PER_GROUP
    sizes = []
    real = workers.run

    def counting(function, tasks):  # type: ignore[no-untyped-def]
        kept = list(tasks)
        sizes.extend(len(task.files) for task in kept)
        return real(function, kept)

    monkeypatch.setattr(workers, "run", counting)
    found = thumbnails(store, made, workers, Silent(), pictures=1)
    assert {path for _, path in found} == {group.keeper, *(m.path for m in group.members[:MEMBERS_PER_GROUP])}
    assert sizes
    assert max(sizes) == MEMBERS_AT_ONCE + 1


def test_no_picture_is_begun_once_the_run_is_to_end(store: Store, folder: Path, workers: InlineWorkers) -> None:
    """Prevents: Ctrl-C waits for the pictures of 300 groups."""
    save(scene(1), folder / "kept.jpg", quality=95)
    save(scene(1), folder / "again.jpg", quality=70)
    made = indexed(store, folder)
    progress = Silent()
    assert thumbnails(store, made, workers, progress, pictures=1)
    progress.stopping = True
    assert not thumbnails(store, made, workers, progress, pictures=1)


def test_the_place_of_a_crop_is_where_it_was_cut(store: Store, folder: Path, workers: InlineWorkers) -> None:
    """Prevents: the frame of a crop drawn in the wrong picture, or by a map told the wrong way round."""
    box = 160, 96, 560, 408
    save(soft(4), folder / "kept.jpg", quality=95)
    save(soft(4).crop(box), folder / "crop.jpg", quality=90)
    made = seen(store, indexed(store, folder), workers)["kept.jpg", "crop.jpg"]
    assert made.shown is not None
    assert made.shows is not None
    xs, ys = zip(*made.shown, strict=True)
    expected = (box[0] / SIZE[0], box[1] / SIZE[1], box[2] / SIZE[0], box[3] / SIZE[1])
    assert np.allclose((min(xs), min(ys), max(xs), max(ys)), expected, atol=0.02)
    xs, ys = zip(*made.shows, strict=True)
    assert np.allclose((min(xs), min(ys), max(xs), max(ys)), (0, 0, 1, 1), atol=0.02), "the photo fills all of the crop"


@pytest.mark.parametrize(
    ("verdict", "neither"), [(Verdict.NEAR_DUPLICATE, True), (Verdict.VARIANT, False), (Verdict.SIMILAR, False)]
)
def test_pairs_of_every_further_part_have_pictures(
    store: Store, folder: Path, workers: InlineWorkers, verdict: Verdict, neither: bool
) -> None:
    """Prevents: variants and look-alikes that one must open by hand to see what they are, or more than asked for."""
    for seed in range(4):
        save(scene(seed), folder / f"{seed}.jpg")
    a, b, c, d = (str(folder / f"{seed}.jpg") for seed in range(4))
    pairs = tuple(
        ReportedPair(*names, verdict, None, 60.0, None, None, None, neither=neither) for names in ((a, b), (c, d))
    )
    made = replace(indexed(store, folder), groups=(), pairs=pairs)
    assert set(thumbnails(store, made, workers, Silent(), pictures=0)) == set()
    assert set(thumbnails(store, made, workers, Silent(), pictures=1)) == {(a, a), (a, b)}
    found = thumbnails(store, made, workers, Silent(), pictures=2)
    assert set(found) == {(a, a), (a, b), (c, c), (c, d)}
    assert all(drawn.jpeg for drawn in found.values())
