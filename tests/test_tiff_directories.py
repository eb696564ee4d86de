from __future__ import annotations

import numpy as np
import pytest
from PIL import Image
from skimage import data as samples

from imgindex.pictures.decode import Undecodable, decode
from imgindex.pictures.formats import sniff
from imgindex.pictures.tiff_directories import directories, is_cut, is_raw, sensor_bits
from tests.tiffs import Tiff, dng, picture_entries

PHOTO = Image.fromarray(samples.astronaut()).resize((300, 200))
THUMBNAIL = PHOTO.resize((60, 40))


def thumbnail_first(order: str, in_chain: bool) -> bytes:
    """The photo in the second directory of the chain, or in a sub-directory of the first."""
    tiff = Tiff(order)
    main = tiff.directory(picture_entries(tiff, PHOTO, 0))
    entries = [*picture_entries(tiff, THUMBNAIL, 1), (271, "s", b"Scanner\0")]
    return tiff.bytes(tiff.directory(entries, main) if in_chain else tiff.directory([*entries, (330, "I", [main])]))


@pytest.mark.parametrize("in_chain", [True, False])
@pytest.mark.parametrize("order", ["<", ">"])
def test_the_full_picture_behind_a_thumbnail_is_decoded(order: str, in_chain: bool) -> None:
    """Prevents a scan from being called camera RAW, and its thumbnail from standing for it."""
    content = thumbnail_first(order, in_chain)
    assert sniff(content).decoder == "TIFF"
    found = decode(content, short_side_px=200)
    assert (found.info.size, found.info.frames) == ((300, 200), 1)
    assert np.array_equal(found.rgb, np.asarray(PHOTO))


def test_pages_stay_pages() -> None:
    """Prevents a document's first page from being passed over for a larger one."""
    tiff = Tiff()
    second = tiff.directory(picture_entries(tiff, PHOTO))
    content = tiff.bytes(tiff.directory(picture_entries(tiff, THUMBNAIL), second))
    found = decode(content, short_side_px=40)
    assert (found.info.size, found.info.frames) == ((60, 40), 2)


def test_a_picture_marked_as_reduced_with_no_other_is_the_picture() -> None:
    """Prevents a scan that a program reduced, and said so, from being lost."""
    tiff = Tiff()
    content = tiff.bytes(tiff.directory(picture_entries(tiff, PHOTO, 1)))
    assert decode(content, short_side_px=200).info.size == (300, 200)


def test_a_cameras_file_is_told_by_any_of_its_directories() -> None:
    """Prevents the thumbnail in a camera's RAW file from standing for the photo."""
    assert is_raw(dng(PHOTO))
    tiff = Tiff()
    sensor = tiff.directory([(254, "I", [0]), (256, "I", [300]), (257, "I", [200]), (259, "H", [34713])])
    assert is_raw(tiff.bytes(tiff.directory([*picture_entries(tiff, THUMBNAIL, 1), (330, "I", [sensor])])))
    tiff = Tiff()
    assert is_raw(tiff.bytes(tiff.directory([*picture_entries(tiff, THUMBNAIL, 1), (271, "s", b"Camera\0")])))
    assert is_raw(b"II*\0\x10\0\0\0CR\x02\0" + b"\0" * 20)
    assert not is_raw(thumbnail_first("<", True))


def test_sensor_data_behind_the_end_is_seen() -> None:
    """Prevents the preview of a RAW file that was cut short from hiding that the photo is lost."""
    content = dng(PHOTO, bits=12)
    assert sensor_bits(content) == 12
    assert not is_cut(content)
    assert is_cut(content[:-2])


def test_directories_in_a_circle_end() -> None:
    """Prevents a crafted file from holding a worker for ever."""
    tiff = Tiff()
    first = tiff.directory([(256, "I", [3]), (330, "I", [8])], 8)
    assert first == 8
    assert len(directories(tiff.bytes(first))) == 1


def test_a_file_cut_before_its_directory_is_truncated() -> None:
    """Prevents "missing dimensions", which says nothing to anybody."""
    content = thumbnail_first("<", True)
    with pytest.raises(Undecodable) as caught:
        decode(content[: len(content) // 2], short_side_px=64)
    assert caught.value.skip.reason == "truncated"
