"""Real LibRaw on files that tests write: DNG with real Bayer data, which any camera's file comes down to."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data as samples

from imgindex import compare
from imgindex.files import read_stable
from imgindex.pictures import camera_raw
from imgindex.pictures.decode import Undecodable, decode, luma, pixel_digest
from imgindex.records import Relation, Verdict
from imgindex.skips import Skipped
from imgindex.workers.pool import Workers
from tests.tiffs import dng

pytest.importorskip("rawpy", reason="rawpy is not installed: pip install imgindex[raw]")

PHOTO = Image.fromarray(samples.astronaut()).resize((360, 240))
INVERTED = Image.fromarray(255 - np.asarray(PHOTO))
"""As the preview of a photo, it shows which of the two was decoded."""

TRANSPOSE = {
    2: Image.Transpose.FLIP_LEFT_RIGHT, 3: Image.Transpose.ROTATE_180, 4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE, 6: Image.Transpose.ROTATE_270, 7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}  # fmt: skip


def alike(rgb: Any, picture: Image.Image) -> float:
    """Correlation of what was decoded with the picture."""
    expected = np.asarray(picture.resize((rgb.shape[1], rgb.shape[0])).convert("L"), float)
    return float(
        np.corrcoef(np.asarray(rgb, float).reshape(*rgb.shape[:2], -1).mean(2).ravel(), expected.ravel())[0, 1]
    )


def test_sensor_data_are_developed_where_there_is_no_preview() -> None:
    """Prevents RAW files from being left out, and half the size from passing for the photo's."""
    found = decode(dng(PHOTO), short_side_px=120)
    assert (found.info.format, found.info.size, found.info.bit_depth) == ("RAW", (360, 240), 14)
    assert found.rgb.shape == (120, 180, 3)
    assert alike(found.rgb, PHOTO) > 0.9


@pytest.mark.parametrize(
    ("size", "taken"),
    [((360, 240), True), ((180, 120), True), ((178, 118), False), ((360, 202), False), ((160, 120), False)],
)
def test_a_preview_is_taken_where_it_is_large_enough_and_shows_all(size: tuple[int, int], taken: bool) -> None:
    """Prevents a thumbnail, or a preview cropped to 16:9, from standing for the photo."""
    found = decode(dng(PHOTO, INVERTED.resize(size)), short_side_px=100)
    assert found.info.size == (360, 240)
    assert (alike(found.rgb, INVERTED) > 0.9) == taken
    assert (alike(found.rgb, PHOTO) > 0.9) == (not taken)


def test_a_preview_that_was_cut_is_not_taken() -> None:
    """Prevents half a preview, grey below, from standing for a photo whose sensor data are there."""
    content = dng(PHOTO, INVERTED)
    start = content.index(b"\xff\xd8\xff")
    end = content.index(b"\xff\xd9", start) + 2
    middle = (start + end) // 2
    found = decode(content[:middle] + bytes(end - middle) + content[end:], short_side_px=100)
    assert found.info.size == (360, 240)
    assert alike(found.rgb, PHOTO) > 0.9


def test_a_preview_of_1600_pixels_is_enough_for_any_photo() -> None:
    """Prevents seconds of developing a photo of 24 megapixels whose preview holds all that is compared."""
    photo = PHOTO.resize((3600, 2400))
    found = decode(
        dng(photo, INVERTED.resize((camera_raw.PREVIEW_PX, camera_raw.PREVIEW_PX * 2 // 3))), short_side_px=100
    )
    assert found.info.size == (3600, 2400)
    assert alike(found.rgb, INVERTED) > 0.9


@pytest.mark.parametrize("orientation", range(1, 9))
@pytest.mark.parametrize("with_preview", [True, False])
def test_raw_files_come_out_upright(orientation: int, with_preview: bool) -> None:
    """Prevents a turned photo, which would match none of its JPEG files, whichever way it was decoded."""
    upright = PHOTO.transpose(TRANSPOSE[orientation]) if orientation in TRANSPOSE else PHOTO
    content = dng(PHOTO, PHOTO if with_preview else None, orientation=orientation)
    found = decode(content, short_side_px=100)
    assert found.info.size == upright.size
    assert alike(found.rgb, upright) > 0.9
    grey = luma(content, 150)
    assert max(grey.shape) == 150
    assert alike(grey, upright) > 0.9


def test_previews_are_turned_once() -> None:
    """Prevents a preview that stands already, or says its own turn, from being turned again."""
    upright = PHOTO.transpose(Image.Transpose.ROTATE_270)
    for content in (dng(PHOTO, upright, orientation=6), dng(PHOTO, PHOTO, orientation=6, exif_of_preview=6)):
        found = decode(content, short_side_px=100)
        assert found.info.size == (240, 360)
        assert alike(found.rgb, upright) > 0.9


@pytest.mark.parametrize("preview", [None, PHOTO.resize((180, 119)), PHOTO])
def test_a_raw_file_and_its_jpeg_can_be_compared(preview: Image.Image | None, tmp_path: Path) -> None:
    """Prevents the two files of one shot, one of which is decoded at half its size, from failing to be compared."""
    (tmp_path / "a.dng").write_bytes(dng(PHOTO, preview))
    PHOTO.save(tmp_path / "a.jpg", quality=92)
    for side in (150, 320, 512):
        assert (
            luma((tmp_path / "a.dng").read_bytes(), side).shape == luma((tmp_path / "a.jpg").read_bytes(), side).shape
        )
    outcome = compare(tmp_path / "a.dng", tmp_path / "a.jpg").outcome
    assert outcome.verdict is Verdict.NEAR_DUPLICATE
    assert outcome.relation is Relation.SAME


def test_no_other_file_has_the_pixels_of_a_raw_file() -> None:
    """Prevents a RAW file from being redundant given the JPEG that is its preview."""
    out = io.BytesIO()
    PHOTO.save(out, "JPEG", quality=92)
    content = dng(PHOTO, PHOTO)
    assert pixel_digest(content) == pixel_digest(content) != pixel_digest(out.getvalue())
    asked = decode(content, short_side_px=100, with_pixel_digest=True).info
    assert asked.pixel_digest == pixel_digest(content)
    assert asked.size == (360, 240)


@pytest.mark.parametrize("preview", [None, PHOTO])
def test_a_cut_raw_file_is_truncated(preview: Image.Image | None) -> None:
    """Prevents an intact preview from hiding that the sensor's data are gone."""
    content = dng(PHOTO, preview)
    for part in (content[:-1000], content[: len(content) // 2], content[:3000]):
        with pytest.raises(Undecodable) as caught:
            decode(part, short_side_px=64)
        assert caught.value.skip.reason in ("truncated", "corrupt", "unsupported")
    with pytest.raises(Undecodable) as caught:
        decode(content[:-1000], short_side_px=64)
    assert caught.value.skip.reason == "truncated"


def test_pixels_of_a_raw_file_are_counted_before_decoding(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a header of a few bytes from taking gigabytes, and sensor data from being unpacked to be counted."""
    monkeypatch.setattr(camera_raw.RawImage, "load", lambda self: pytest.fail("was decoded"))
    with pytest.raises(Undecodable) as caught:
        decode(dng(PHOTO), short_side_px=64, max_pixels=360 * 239)
    assert caught.value.skip.reason == "too-large"


def test_a_camera_that_is_not_known_is_said_to_be_unsupported() -> None:
    """Prevents a new camera's file from being called damaged."""
    for content in (b"FUJIFILMCCD-RAW " + b"\0" * 500, b"\0\0\0\x18ftypcrx \0\0\0\1crx isom" + b"\0" * 500):
        with pytest.raises(Undecodable) as caught:
            decode(content, short_side_px=64)
        assert caught.value.skip.reason in ("unsupported", "truncated", "corrupt")
        assert "b'" not in caught.value.skip.detail


def test_damaged_raw_files_never_end_a_worker(tmp_path: Path) -> None:
    """Prevents one file from a broken card from costing more than itself."""
    content = dng(PHOTO, PHOTO)
    random = np.random.default_rng(3)
    paths = []
    for number in range(20):
        damaged = bytearray(content)
        for at in random.integers(0, 2000, 12):
            damaged[at] = int(random.integers(256))
        path = tmp_path / f"{number}.dng"
        path.write_bytes(damaged)
        paths.append(bytes(path))
    with Workers(1) as workers:
        answers = [answer for _, answer in workers.run(decoded, paths)]
    assert set(answers) <= {"picture", "truncated", "corrupt", "unsupported", "too-large", "not-a-picture", "empty"}


def decoded(path: bytes) -> str:
    try:
        decode(read_stable(path)[0], short_side_px=64)
    except Skipped as skipped:
        return skipped.skip.reason
    return "picture"
