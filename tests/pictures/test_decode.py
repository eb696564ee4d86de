from __future__ import annotations

import io
import struct
import threading
import warnings
import zlib
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image, features
from skimage import data as samples

from imgindex.pictures.decode import MAX_RGB_PIXELS, NotAPicture, Undecodable, decode, luma, pixel_digest
from imgindex.skips import Skipped

PHOTO = Image.fromarray(samples.astronaut())
SEEDED = np.random.default_rng(7)
INVERSE = {1: None, 2: 0, 3: 3, 4: 1, 5: 5, 6: 2, 7: 6, 8: 4}
"""Pillow's transposition that makes stored pixels of upright ones, by EXIF orientation."""


def encoded(image: Image.Image, kind: str, **options: Any) -> bytes:
    out = io.BytesIO()
    image.save(out, kind, **options)
    return out.getvalue()


def heic(image: Image.Image) -> bytes:
    import pillow_heif

    out = io.BytesIO()
    pillow_heif.from_pillow(image).save(out, quality=90)
    return out.getvalue()


def with_orientation(image: Image.Image, value: int) -> tuple[Image.Image, Image.Exif]:
    operation = INVERSE[value]
    exif = Image.Exif()
    exif[0x0112] = value
    return image if operation is None else image.transpose(Image.Transpose(operation)), exif


def close(a: NDArray[np.uint8], b: NDArray[np.uint8]) -> float:
    return float(np.abs(a.astype(int) - b.astype(int)).mean())


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP", "JPEG"])
@pytest.mark.parametrize("orientation", range(1, 9))
def test_all_orientations_come_out_upright(kind: str, orientation: int) -> None:
    """Prevents a turned or twice turned picture, which would match nothing it is a copy of."""
    upright = PHOTO.resize((96, 64))
    stored, exif = with_orientation(upright, orientation)
    options = {"lossless": True} if kind == "WEBP" else {"quality": 95} if kind == "JPEG" else {}
    found = decode(encoded(stored, kind, exif=exif, **options), short_side_px=64)
    assert found.info.size == (96, 64)
    assert found.rgb.shape == (64, 96, 3)
    assert close(found.rgb, np.asarray(upright)) < (4 if kind == "JPEG" else 1e-9)


def test_real_orientation_samples_are_all_alike(photos: Path) -> None:
    """Prevents trusting only our own writer of EXIF."""
    for series in ("landscape", "portrait"):
        lumas = [
            luma((photos / f"groups/exif_samples/orientation/{series}_{n}.jpg").read_bytes(), 64) for n in range(1, 9)
        ]
        assert len({found.shape for found in lumas}) == 1
        assert all(np.corrcoef(found.ravel(), lumas[0].ravel())[0, 1] > 0.9 for found in lumas)


@pytest.mark.parametrize("size", [(40, 30), (320, 320), (640, 321), (1999, 1300), (5000, 700), (700, 5000)])
@pytest.mark.parametrize("kind", ["JPEG", "PNG"])
def test_short_side_is_between_once_and_twice_what_was_asked(size: tuple[int, int], kind: str) -> None:
    """Prevents megapixels on their way between processes, and pictures too small for the embedder."""
    found = decode(encoded(PHOTO.resize(size), kind), short_side_px=320)
    assert found.info.size == size
    short = min(found.rgb.shape[:2])
    if min(size) < 320:
        assert (found.rgb.shape[1], found.rgb.shape[0]) == size
    else:
        assert 320 <= short <= 640
    assert abs(found.rgb.shape[1] / found.rgb.shape[0] - size[0] / size[1]) < 0.02 * size[0] / size[1]


def test_reduced_jpeg_shows_what_the_reduced_png_shows() -> None:
    """Prevents a shift or another scale on the fast path of JPEG."""
    large = PHOTO.resize((2400, 2000), Image.Resampling.LANCZOS)
    jpeg = decode(encoded(large, "JPEG", quality=95), short_side_px=250).rgb
    png = decode(encoded(large, "PNG"), short_side_px=250).rgb
    assert jpeg.shape == png.shape == (250, 300, 3)
    assert close(jpeg, png) < 2


def test_very_long_pictures_stay_small() -> None:
    """Prevents a strip of 60,000 x 400 pixels from going through the pipe as it is."""
    found = decode(encoded(Image.new("L", (60_000, 400), 9), "PNG"), short_side_px=320)
    assert found.rgb.shape[0] * found.rgb.shape[1] <= MAX_RGB_PIXELS
    assert found.info.size == (60_000, 400)


def test_alpha_is_flattened_on_white() -> None:
    """Prevents hidden black, or colours under transparent pixels, from becoming part of the picture."""
    for mode, transparent, opaque in (("RGBA", (200, 0, 0, 0), (0, 0, 0, 255)), ("LA", (0, 0), (0, 255))):
        image = Image.new(mode, (64, 64), transparent)
        image.paste(opaque, (0, 0, 32, 64))
        rgb = decode(encoded(image, "PNG"), short_side_px=16).rgb
        assert rgb[:, 0].max() == 0
        assert rgb[:, -1].min() == 255


def test_palette_with_transparency_is_flattened_on_white() -> None:
    """Prevents the transparent entry's colour from showing."""
    image = Image.new("P", (64, 64), 0)
    image.putpalette([255, 0, 0, 0, 0, 255] + [0] * 762)
    image.paste(1, (0, 0, 32, 64))
    for kind in ("PNG", "GIF"):
        found = decode(encoded(image, kind, transparency=0), short_side_px=64)
        assert found.info.has_alpha
        assert found.rgb[10, 60].tolist() == [255, 255, 255]
        assert found.rgb[10, 5].tolist() == [0, 0, 255]


def test_cmyk_is_not_inverted() -> None:
    """Prevents negatives: JPEG stores CMYK inverted, TIFF does not."""
    cmyk = PHOTO.resize((128, 128)).convert("CMYK")
    for kind in ("JPEG", "TIFF"):
        assert close(decode(encoded(cmyk, kind), short_side_px=128).rgb, np.asarray(cmyk.convert("RGB"))) < 4


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "PPM"])
def test_16_bits_are_scaled_and_not_clipped(kind: str) -> None:
    """Prevents a white picture, which clipping makes of all values above 255."""
    ramp = np.linspace(0, 65535, 256).astype(np.uint16)[None, :].repeat(64, 0)
    found = decode(encoded(Image.fromarray(ramp), kind), short_side_px=64)
    assert found.info.bit_depth == 16
    assert np.abs(found.rgb[0, :, 0].astype(int) - np.arange(256)).max() <= 1


def test_12_bits_in_16_are_not_black() -> None:
    """Prevents a scanner's 12-bit picture from being taken for a black frame."""
    ramp = np.linspace(0, 4095, 256).astype(np.uint16)[None, :].repeat(64, 0)
    rgb = decode(encoded(Image.fromarray(ramp), "TIFF"), short_side_px=64).rgb
    assert rgb.min() == 0
    assert rgb.max() == 255


@pytest.mark.parametrize("high", [1.0, 255.0, 4000.0])
def test_float_pictures_use_the_whole_range(high: float) -> None:
    """Prevents a black or white picture from values in another unit, and a crash on NaN."""
    ramp = np.linspace(0, high, 256, dtype=np.float32)[None, :].repeat(64, 0)
    ramp[0, 0] = np.nan
    ramp[1, 0] = np.inf
    found = decode(encoded(Image.fromarray(ramp), "TIFF"), short_side_px=64)
    assert found.info.bit_depth == 32
    assert found.rgb[2, 0, 0] == 0
    assert found.rgb[2, -1, 0] == 255


def test_other_modes_become_rgb() -> None:
    """Prevents a mode that Pillow cannot convert by itself (LAB) from costing the file."""
    from PIL import ImageCms

    small = PHOTO.resize((64, 64))
    to_lab = ImageCms.buildTransform(ImageCms.createProfile("sRGB"), ImageCms.createProfile("LAB"), "RGB", "LAB")
    lab = ImageCms.applyTransform(small, to_lab)
    assert lab is not None
    assert close(decode(encoded(lab, "TIFF"), short_side_px=64).rgb, np.asarray(small)) < 4
    bilevel = decode(encoded(small.convert("1"), "PNG"), short_side_px=64)
    assert set(np.unique(bilevel.rgb)) == {0, 255}
    assert (bilevel.info.bit_depth, bilevel.info.mode) == (1, "1")


def test_heic_and_avif() -> None:
    """Prevents a release without the decoders that phones need."""
    assert features.check("avif")
    for content, name in ((heic(PHOTO), "HEIF"), (encoded(PHOTO, "AVIF", quality=90), "AVIF")):
        found = decode(content, short_side_px=256)
        assert (found.info.format, found.info.size) == (name, (512, 512))
        assert close(found.rgb, decode(encoded(PHOTO, "PNG"), short_side_px=256).rgb) < 4


def test_animation_gives_the_first_frame_and_the_count() -> None:
    """Prevents an animation from passing for its first frame."""
    frames = [Image.new("RGB", (64, 64), colour) for colour in ("red", "green", "blue")]
    for kind in ("GIF", "PNG", "WEBP"):
        found = decode(encoded(frames[0], kind, save_all=True, append_images=frames[1:]), short_side_px=64)
        assert found.info.frames == 3
        assert close(found.rgb, np.asarray(frames[0])) < 3


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "WEBP", "GIF", "TIFF", "AVIF", "HEIC", "BMP", "JPEG2000"])
@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_half_a_file_is_skipped_and_not_half_indexed(kind: str, share: float) -> None:
    """Prevents a grey lower half from being taken for content, at full size and at reduced size."""
    content = heic(PHOTO) if kind == "HEIC" else encoded(PHOTO, kind)
    part = content[: int(len(content) * share)]
    for side in (512, 64):
        with pytest.raises(Undecodable) as caught:
            decode(part, short_side_px=side)
        assert caught.value.skip.reason in ("truncated", "corrupt", "unsupported")
        assert caught.value.skip.detail.endswith(".")
        assert "BytesIO" not in caught.value.skip.detail


def test_empty_file() -> None:
    """Prevents a sentence about damage where there is nothing at all."""
    with pytest.raises(Undecodable) as caught:
        decode(b"", short_side_px=64)
    assert caught.value.skip.reason == "empty"


def png_claiming(width: int, height: int) -> bytes:
    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\0" * 99)) + chunk(b"IEND", b"")
    )


@pytest.mark.filterwarnings("error")
def test_a_small_webp_that_claims_all_that_its_format_can_is_not_decoded() -> None:
    """Prevents: forty bytes that take 4.2 GB in every worker."""
    header = struct.pack("<BI", 0x2F, (16383 - 1) | (16383 - 1) << 14)
    body = b"VP8L" + struct.pack("<I", 18) + header + bytes(13)
    bomb = b"RIFF" + struct.pack("<I", 4 + len(body)) + b"WEBP" + body
    with pytest.raises(Undecodable) as refused:
        decode(bomb, short_side_px=64)
    assert refused.value.skip.reason == "too-large"
    assert "150 megapixels" in refused.value.skip.detail


def test_pixel_limit_is_checked_before_decoding() -> None:
    """Prevents a picture of a few bytes from taking gigabytes."""
    for call in (lambda d: decode(d, short_side_px=64), lambda d: luma(d, 64), pixel_digest):
        with pytest.raises(Undecodable) as caught:
            call(png_claiming(40_000, 40_000))
        assert caught.value.skip.reason == "too-large"
        assert "1,600 megapixels" in caught.value.skip.detail
    with pytest.raises(Undecodable):
        decode(encoded(PHOTO, "JPEG"), short_side_px=64, max_pixels=512 * 511)
    assert decode(encoded(PHOTO, "JPEG"), short_side_px=64, max_pixels=512 * 512).rgb.shape == (64, 64, 3)


def test_pillow_limits_of_the_caller_are_left_alone() -> None:
    """Prevents a library that changes another's globals, also when threads decode at once."""
    limit, filters = Image.MAX_IMAGE_PIXELS, list(warnings.filters)
    content = encoded(PHOTO, "PNG")
    threads = [threading.Thread(target=decode, args=(content,), kwargs={"short_side_px": 64}) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert limit == Image.MAX_IMAGE_PIXELS
    assert filters == warnings.filters


def test_a_png_with_huge_texts_is_still_a_picture() -> None:
    """Prevents the workflow that a generator writes into its pictures from costing the picture."""
    from PIL.PngImagePlugin import PngInfo

    texts = PngInfo()
    texts.add_text("workflow", "x" * 3_000_000, zip=True)
    texts.add_itxt("prompt", "y" * 3_000_000, zip=True)
    content = encoded(PHOTO, "PNG", pnginfo=texts)
    with pytest.raises(ValueError, match="MAX_TEXT"):
        Image.open(io.BytesIO(content)).load()
    assert pixel_digest(content) == pixel_digest(encoded(PHOTO, "PNG"))


def test_broken_exif_does_not_cost_the_picture() -> None:
    """Prevents metadata, which nobody sees, from deciding over pixels."""
    exif = Image.Exif()
    exif[0x0112] = 6
    good = exif.tobytes()
    for broken in (good[:12], b"Exif\0\0" + b"\xff" * 40, good.replace(b"\x12\x01\x03\x00", b"\x12\x01\x02\x00")):
        assert decode(encoded(PHOTO, "JPEG", exif=broken), short_side_px=64).rgb.shape == (64, 64, 3)


@pytest.mark.parametrize(
    ("content", "word"),
    [
        (b"just some text\n", "text"),
        (b"<!DOCTYPE html><html>404</html>", "web page"),
        (b'<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg"/>', "SVG"),
        (b"%PDF-1.7\n", "PDF"),
        (b"\0\0\0\x18ftypmp42" + b"\0" * 40, "video"),
        (b"\x00\x01\x02\x03" * 20, "no known kind"),
    ],
)
def test_what_is_no_picture_is_said_to_be_none(content: bytes, word: str) -> None:
    """Prevents text and video from being counted as damaged pictures."""
    with pytest.raises(NotAPicture) as caught:
        decode(content, short_side_px=64)
    assert word in caught.value.skip.detail


def test_undecoded_kinds_say_what_to_do() -> None:
    """Prevents a picture that no decoder here reads from being called damaged."""
    for content in (b"v/1\x01" + b"\0" * 40, b"#?RADIANCE\n", b"8BPS\x00\x02" + b"\0" * 40):
        with pytest.raises(Undecodable) as caught:
            decode(content, short_side_px=64)
        assert caught.value.skip.reason == "unsupported"
        assert "save a copy as JPEG or PNG" in caught.value.skip.detail


@pytest.mark.parametrize("kind", ["JPEG", "PNG", "TIFF"])
def test_luma_is_oriented_reduced_and_never_enlarged(kind: str) -> None:
    """Prevents verification from comparing another picture than the one that was found."""
    upright = PHOTO.resize((900, 600), Image.Resampling.LANCZOS)
    stored, exif = with_orientation(upright, 6)
    content = encoded(stored, kind, exif=exif)
    for side, shape in ((2000, (600, 900)), (900, (600, 900)), (300, (200, 300)), (97, (65, 97))):
        found = luma(content, side)
        assert found.shape == shape
        assert found.dtype == np.uint8
        expected = cv2.resize(np.asarray(upright.convert("L")), shape[::-1], interpolation=cv2.INTER_AREA)
        assert close(found, np.asarray(expected, np.uint8)) < 2


def test_errors_travel_between_processes() -> None:
    """Prevents a worker's answer from failing to unpickle in the parent."""
    import pickle

    with pytest.raises(Undecodable) as caught:
        decode(b"", short_side_px=1)
    again = pickle.loads(pickle.dumps(caught.value))
    assert isinstance(again, Undecodable)
    assert again.skip == caught.value.skip


SMALL = [encoded(PHOTO.resize((24, 16)), kind) for kind in ("JPEG", "PNG", "GIF", "WEBP", "TIFF", "BMP", "ICO", "PPM")]


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.sampled_from(SMALL), st.integers(0, 4000), st.binary(min_size=1, max_size=8))
def test_damaged_bytes_give_a_picture_or_a_skip(content: bytes, at: int, junk: bytes) -> None:
    """Prevents any other exception from a decoder from ending the run."""
    at %= len(content)
    damaged = content[:at] + junk + content[at + len(junk) :]
    for call in (lambda d: decode(d, short_side_px=8, max_pixels=1 << 22), lambda d: luma(d, 8, max_pixels=1 << 22)):
        try:
            call(damaged)
        except Skipped as skipped:
            assert skipped.skip.reason
            assert skipped.skip.detail.endswith(".")


@settings(max_examples=200, deadline=None)
@given(st.binary(max_size=80))
def test_random_bytes_give_a_skip(content: bytes) -> None:
    """Prevents a signature check that reads past the end of a short file."""
    with pytest.raises(Skipped):
        decode(content, short_side_px=8)
