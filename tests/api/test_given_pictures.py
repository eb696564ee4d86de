"""Asking with what a program holds: the bytes of a file, a PIL image, an array."""

from __future__ import annotations

import io
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

import imgindex
from imgindex.records import Verdict
from tests.helpers.pictures import save, scene


def opened(path: Path) -> Image.Image:
    with Image.open(path) as image:
        image.load()
        return image


FORMS: dict[str, Callable[[Path], Any]] = {
    "bytes": Path.read_bytes,
    "bytearray": lambda path: bytearray(path.read_bytes()),
    "image": opened,
    "RGB array": lambda path: np.asarray(opened(path)),
    "RGBA array": lambda path: np.asarray(opened(path).convert("RGBA")),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_picture_in_memory_is_found_as_its_file_is(images: imgindex.ImageIndex, photos: Path, form: str) -> None:
    """Prevents: a program that must write a temporary file to ask about a picture that it has."""
    images.index(photos)
    first, second = images.query(FORMS[form](photos / "1.jpg"), k=2)
    assert [Path(match.path).name for match in (first, second)] == ["1.jpg", "1-small.jpg"]
    assert first.score >= (100 if "byte" in form else 99)
    assert first.verdict.is_copy
    assert second.verdict is Verdict.NEAR_DUPLICATE


def test_a_picture_in_memory_goes_through_worker_processes(
    photos: Path, tmp_path: Path, images: imgindex.ImageIndex
) -> None:
    """Prevents: bytes that crash a decoder, and with it the program that asks."""
    images.index(photos)
    with imgindex.WorkerProcesses(1) as processes:
        with imgindex.open(tmp_path / "store", workers=processes) as again:
            assert again.query((photos / "0.jpg").read_bytes(), k=1)[0].verdict is Verdict.EXACT
        found = imgindex.compare(np.asarray(opened(photos / "0.jpg")), photos / "0-small.jpg", workers=processes)
    assert (found.outcome.verdict, found.outcome.transform) == (Verdict.NEAR_DUPLICATE, "resized 0.50x")


def test_two_pictures_in_memory_are_compared(photos: Path) -> None:
    data = (photos / "0.jpg").read_bytes()
    workers = imgindex.InlineWorkers()
    assert imgindex.compare(data, data, workers=workers).outcome.verdict is Verdict.EXACT
    assert imgindex.compare(data, opened(photos / "0.jpg"), workers=workers).outcome.verdict is Verdict.SAME_PIXELS
    assert not imgindex.compare(data, photos / "1.jpg", workers=workers).outcome.verdict.is_copy


def test_the_orientation_of_an_image_is_kept(images: imgindex.ImageIndex, photos: Path, tmp_path: Path) -> None:
    """Prevents: a photo taken upright that is asked about lying on its side."""
    turned = scene(1).transpose(Image.Transpose.ROTATE_90)
    exif = Image.Exif()
    exif[0x0112] = 6
    path = tmp_path / "turned.jpg"
    turned.save(path, exif=exif, quality=95)
    images.index(photos)
    upright = {match.path: match.transform for match in images.query(path)}
    assert "same frame" in upright.values()
    assert {match.path: match.transform for match in images.query(opened(path))} == upright


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "CMYK", "YCbCr", "F", "I"])
def test_an_image_of_any_mode_is_a_picture(images: imgindex.ImageIndex, photos: Path, mode: str) -> None:
    """Prevents: a traceback of Pillow's PNG writer for what it cannot hold."""
    images.index(photos)
    assert images.query(opened(photos / "0.jpg").convert("L" if mode in ("LA", "F", "I") else "RGB").convert(mode), k=1)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        (b"no picture at all", "The given picture: "),
        (b"", "The given picture: "),
        (np.zeros((4, 4), np.float32), "float32[4, 4] is no picture"),
        (np.zeros((4, 4, 2), np.uint8), "uint8[4, 4, 2] is no picture"),
        (np.zeros((0, 4), np.uint8), "uint8[0, 4] is no picture"),
        (7, "A value of type int is no picture"),
    ],
    ids=["text", "nothing", "floats", "two channels", "no pixels", "number"],
)
def test_what_is_no_picture_is_said_to_be_none(
    images: imgindex.ImageIndex, photos: Path, given: Any, said: str
) -> None:
    """Prevents: an answer about a picture that nobody gave, and a traceback for a slip."""
    images.index(photos)
    with pytest.raises(imgindex.UsageError) as caught:
        images.query(given)
    assert said in str(caught.value)
    with pytest.raises(imgindex.UsageError):
        imgindex.compare(photos / "0.jpg", given, workers=imgindex.InlineWorkers())


def test_an_image_whose_file_is_broken_is_said_to_be(images: imgindex.ImageIndex, photos: Path) -> None:
    """Prevents: Pillow's OSError, long after `Image.open` said nothing."""
    images.index(photos)
    with Image.open(io.BytesIO((photos / "0.jpg").read_bytes()[:3000])) as late, pytest.raises(imgindex.UsageError):
        images.query(late)


def test_a_large_picture_in_memory_is_no_other_than_its_file(
    images: imgindex.ImageIndex, photos: Path, tmp_path: Path
) -> None:
    """Prevents: another verdict, because what a verification reads again is not there."""
    save(scene(1, 1600, 1200), photos / "large.jpg", quality=95)
    images.index(photos)
    asked = save(scene(1, 1600, 1200).crop((0, 0, 1500, 1200)), tmp_path / "crop.jpg", quality=90)
    by_path, by_bytes = images.query(asked, k=3), images.query(asked.read_bytes(), k=3)
    assert by_path == by_bytes
    assert by_path[0].verdict is Verdict.NEAR_DUPLICATE
