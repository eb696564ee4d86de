from __future__ import annotations

import io
from typing import Any

import numpy as np
import pytest
from PIL import Image
from skimage import data as samples

from imgindex.pictures import jpegxl
from imgindex.pictures.decode import Undecodable, decode, luma, pixel_digest
from imgindex.pictures.formats import SNIFF_BYTES, Kind, sniff
from imgindex.skips import Skipped

imagecodecs = pytest.importorskip("imagecodecs", reason="imagecodecs is not installed: pip install imgindex[jxl]")

PHOTO = samples.astronaut()
DEEP = np.random.default_rng(2).integers(0, 65536, (40, 60, 3), np.uint16)


def jxl(pixels: Any, **options: Any) -> bytes:
    return bytes(imagecodecs.jpegxl_encode(pixels, **{"lossless": True, **options}))


def png(picture: Image.Image) -> bytes:
    out = io.BytesIO()
    picture.save(out, "PNG")
    return out.getvalue()


@pytest.mark.parametrize("size", [(8, 8), (301, 207), (720, 1280), (2, 3000), (256, 256), (160, 128), (600, 9000)])
@pytest.mark.parametrize("container", [True, False])
def test_the_header_says_the_size(size: tuple[int, int], container: bool) -> None:
    """Prevents the pixel limit from being asked of a wrong size, or only after decoding."""
    content = jxl(np.zeros((*size, 3), np.uint8), usecontainer=container)
    header = jpegxl.read_header(content)
    assert (header.height, header.width) == size
    with pytest.raises(Undecodable) as caught:
        decode(content, short_side_px=64, max_pixels=size[0] * size[1] - 1)
    assert caught.value.skip.reason == "too-large"
    assert sniff(content[:SNIFF_BYTES]).kind is Kind.PICTURE


def test_nothing_is_decoded_for_the_header(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a picture of a few bytes from taking gigabytes before it is refused."""
    monkeypatch.setattr(jpegxl, "_decode", lambda *_: pytest.fail("was decoded"))
    with pytest.raises(Undecodable):
        decode(jxl(PHOTO), short_side_px=64, max_pixels=1000)


def test_the_same_pixels_have_the_digest_of_a_png() -> None:
    """Prevents the strongest verdict from being lost on a file that was made without loss."""
    rgba = np.dstack([PHOTO, PHOTO[..., :1]])
    for pixels in (PHOTO, PHOTO[..., 0], rgba):
        assert pixel_digest(jxl(pixels)) == pixel_digest(png(Image.fromarray(pixels)))
    found = decode(jxl(rgba), short_side_px=64).info
    assert (found.format, found.mode, found.bit_depth, found.has_alpha) == ("JXL", "RGBA", 8, True)


def test_a_jpeg_inside_is_that_jpeg() -> None:
    """Prevents a JPEG that was packed as JPEG XL, and turned once, from looking changed or being turned twice."""
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(PHOTO).resize((200, 100)).save(out, "JPEG", quality=90, exif=exif)
    content = bytes(imagecodecs.jpegxl_encode_jpeg(out.getvalue()))
    assert len(content) < len(out.getvalue())
    assert decode(content, short_side_px=100).info == decode(out.getvalue(), short_side_px=100).info
    assert pixel_digest(content) == pixel_digest(out.getvalue())
    assert jpegxl.read_header(content).orientation == 6
    assert jpegxl.JxlImage(io.BytesIO(content)).size == (100, 200)


def test_depth_beyond_8_bits_is_said_and_never_taken_for_equal() -> None:
    """Prevents two pictures that differ below 8 bits from being called the same pixels, and dark ones."""
    other = DEEP.copy()
    other[3, 3, 1] ^= 1
    contents = [jxl(DEEP), jxl(other)]
    assert [decode(content, short_side_px=40).info.bit_depth for content in contents] == [16, 16]
    assert pixel_digest(contents[0]) != pixel_digest(contents[1])
    assert decode(jxl(np.float32(PHOTO / 255.0)), short_side_px=64).info.bit_depth == 32
    grey = decode(jxl(DEEP[..., 0]), short_side_px=40)
    assert (grey.info.mode, grey.info.bit_depth) == ("I;16", 16)


@pytest.mark.parametrize("bits", [10, 12, 16])
def test_samples_use_the_range_of_their_depth(bits: int) -> None:
    """Prevents a black picture of 10 bits, whose white is 1,023."""
    share = PHOTO[:96, :96] / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    content = jxl(np.rint(light * (2**bits - 1)).astype(np.uint16), bitspersample=bits)
    found = decode(content, short_side_px=96)
    assert found.info.bit_depth == bits
    assert np.abs(found.rgb.astype(int) - PHOTO[:96, :96]).mean() < 1


@pytest.mark.parametrize("kind", [np.uint16, np.float32])
def test_linear_light_is_shown_as_a_screen_would(kind: Any) -> None:
    """Prevents a dark picture, which matches no other file of the photo, from light that was taken for grey levels."""
    share = PHOTO / 255.0
    light = np.where(share <= 0.04045, share / 12.92, ((share + 0.055) / 1.055) ** 2.4)
    found = decode(jxl((light * (65535 if kind is np.uint16 else 1)).astype(kind)), short_side_px=512)
    assert jpegxl.read_header(jxl(light.astype(np.float32))).is_linear
    assert np.abs(found.rgb.astype(int) - PHOTO).max() <= 2
    assert found.info.icc_digest is not None


@pytest.mark.parametrize("count", [2, 3, 4, 5, 9])
def test_frames_are_counted_and_the_first_one_shown(count: int) -> None:
    """Prevents an animation from passing for its first frame, or for its last."""
    frames = [np.roll(PHOTO[:64, :64], 7 * n, 0) for n in range(count)]
    content = jxl(np.stack(frames), photometric="RGB")
    found = decode(content, short_side_px=64)
    assert found.info.frames == count
    assert np.array_equal(found.rgb, frames[0])
    assert np.array_equal(luma(content, 64), luma(png(Image.fromarray(frames[0])), 64))
    others = jxl(np.stack([*frames[:-1], frames[-1] ^ 1]), photometric="RGB")
    assert pixel_digest(content) != pixel_digest(others)


@pytest.mark.parametrize("fill", [0x55, 0xAA])
def test_blank_frames_are_frames(fill: int) -> None:
    """Prevents a frame that looks as the array did before from ending the count."""
    content = jxl(np.full((5, 32, 32, 3), fill, np.uint8), photometric="RGB")
    assert decode(content, short_side_px=32).info.frames == 5


@pytest.mark.parametrize("share", [0.001, 0.02, 0.5, 0.99])
@pytest.mark.parametrize("container", [True, False])
def test_half_a_file_is_truncated(share: float, container: bool) -> None:
    """Prevents a blurred or grey half from being taken for content, and names of C constants from reaching a person."""
    content = jxl(PHOTO, lossless=False, level=90, usecontainer=container)
    with pytest.raises(Undecodable) as caught:
        decode(content[: max(20, int(len(content) * share))], short_side_px=64)
    assert caught.value.skip.reason == "truncated"
    assert "JXL_" not in caught.value.skip.detail


def test_damaged_files_give_a_picture_or_a_skip() -> None:
    """Prevents any other exception, or a crafted header, from ending a run."""
    random = np.random.default_rng(5)
    contents = [
        jxl(PHOTO[:48, :64]),
        jxl(DEEP, usecontainer=True),
        jxl(np.stack([PHOTO[:32, :32]] * 3), photometric="RGB"),
    ]
    for content in contents:
        for _ in range(60):
            damaged = bytearray(content)
            for at in random.integers(2, 60, 3):
                damaged[at] = int(random.integers(256))
            try:
                decode(bytes(damaged), short_side_px=8, max_pixels=1 << 20)
            except Skipped as skipped:
                assert skipped.skip.detail.endswith(".")
