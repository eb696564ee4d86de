from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data as samples

from imgindex.pictures.decode import Undecodable, decode, luma, pixel_digest
from imgindex.pictures.jpeg_end import END, ended

PHOTO = Image.fromarray(samples.astronaut())
KINDS: dict[str, dict[str, Any]] = {
    "baseline": {},
    "progressive": {"progressive": True},
    "restarts": {"restart_marker_rows": 1},
    "restarts in each block": {"restart_marker_blocks": 1},
    "grey": {},
}
VIDEO = b"\0\0\0\x18ftypmp42\0\0\0\0mp42isom" + np.random.default_rng(1).integers(0, 256, 30_000, np.uint8).tobytes()


def jpeg(kind: str = "baseline", size: tuple[int, int] = (512, 512)) -> bytes:
    out = io.BytesIO()
    picture = PHOTO.resize(size)
    (picture.convert("L") if kind == "grey" else picture).save(out, "JPEG", quality=90, **KINDS[kind])
    return out.getvalue()


TRAILERS = {
    "nothing": b"",
    "zeros": bytes(5000),
    "ones": b"\xff" * 3000,
    "text": b"exported by a camera " * 40,
    "video": VIDEO,
    "second picture": jpeg(size=(80, 60)),
    "half an end marker": b"\xff",
}


@pytest.mark.parametrize("trailer", TRAILERS)
@pytest.mark.parametrize("kind", KINDS)
def test_a_whole_picture_needs_no_end_marker(kind: str, trailer: str) -> None:
    """Prevents "ends before its picture does" and "is damaged" of files in which every pixel is there."""
    whole = jpeg(kind)
    assert whole.endswith(END)
    for content in (whole + TRAILERS[trailer], whole[:-2] + TRAILERS[trailer]):
        assert pixel_digest(content) == pixel_digest(whole)
        assert np.array_equal(luma(content, 100), luma(whole, 100))
        assert decode(content, short_side_px=64).info == decode(whole, short_side_px=64).info


@pytest.mark.parametrize("fill", [b"", bytes(200_000), b"\xff" * 200_000])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9, 0.99])
@pytest.mark.parametrize("kind", KINDS)
def test_a_picture_that_was_cut_short_stays_truncated(kind: str, share: float, fill: bytes) -> None:
    """Prevents a grey lower half from passing for content, also where a card or a download left zeros for the rest."""
    whole = jpeg(kind)
    for side in (512, 64):
        with pytest.raises(Undecodable) as caught:
            decode(whole[: int(len(whole) * share)] + fill, short_side_px=side)
        assert caught.value.skip.reason == "truncated"


@pytest.mark.parametrize("kind", ["baseline", "progressive", "restarts"])
def test_a_few_missing_bytes_are_seen(kind: str) -> None:
    """Prevents a proof that is blind to the last blocks."""
    whole = jpeg(kind)
    for missing in (4, 8, 16, 40):
        with pytest.raises(EOFError):
            ended(whole[: -2 - missing], 1 << 30)


def test_a_cut_between_two_intervals_is_seen() -> None:
    """Prevents a decoder that waits for a restart marker from hiding that all behind it is missing."""
    whole = jpeg("restarts")
    marker = whole.rindex(b"\xff\xd3")
    for cut in (marker, marker + 1, marker + 2):
        with pytest.raises(EOFError):
            ended(whole[:cut], 1 << 30)


def test_a_cut_between_two_scans_is_seen() -> None:
    """Prevents the first scans of a progressive file, which fill the picture, from passing for all of it."""
    whole = jpeg("progressive")
    with pytest.raises(EOFError):
        ended(whole[: whole.rindex(b"\xff\xda")], 1 << 30)


def test_an_end_marker_inside_the_thumbnail_is_not_the_end() -> None:
    """Prevents the thumbnail that cameras put before the picture from ending it."""
    exif = b"Exif\0\0" + jpeg(size=(40, 30))
    out = io.BytesIO()
    PHOTO.save(out, "JPEG", exif=exif)
    whole = out.getvalue()
    assert ended(whole, 1 << 30) is whole
    assert pixel_digest(whole[:-2]) == pixel_digest(whole)
    with pytest.raises(Undecodable):
        decode(whole[:-900], short_side_px=64)


def test_a_second_picture_that_is_not_there_is_no_frame() -> None:
    """Prevents a photo whose depth or preview picture was stripped from differing from itself in frames."""
    out = io.BytesIO()
    PHOTO.save(out, "MPO", save_all=True, append_images=[PHOTO.resize((80, 60))])
    both = out.getvalue()
    second = both.rindex(b"\xff\xd8\xff")
    assert decode(both, short_side_px=64).info.frames == 2
    assert decode(both[:second], short_side_px=64).info.frames == 1
    assert decode(both[: second - 2] + both[second:], short_side_px=64).rgb.shape == (64, 64, 3)


def test_pixels_are_counted_before_the_proof_decodes_them() -> None:
    """Prevents a file without an end marker from getting round the limit."""
    with pytest.raises(Undecodable) as caught:
        decode(jpeg()[:-2], short_side_px=64, max_pixels=512 * 511)
    assert caught.value.skip.reason == "too-large"
