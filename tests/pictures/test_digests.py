"""The digest of pixels: equal where every pixel is, and only there."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np
from PIL import Image

from imgindex.pictures.decode import decode, pixel_digest
from tests.pictures.test_decode import PHOTO, SEEDED, encoded, with_orientation


def test_same_pixels_have_one_digest() -> None:
    """Prevents a re-compressed or re-tagged file from losing the strongest verdict."""
    reference = pixel_digest(encoded(PHOTO, "PNG", compress_level=1))
    assert pixel_digest(encoded(PHOTO, "PNG", compress_level=9)) == reference
    assert pixel_digest(encoded(PHOTO, "WEBP", lossless=True)) == reference
    assert pixel_digest(encoded(PHOTO, "TIFF", compression="tiff_lzw")) == reference
    for orientation in (3, 6, 7):
        stored, exif = with_orientation(PHOTO, orientation)
        assert pixel_digest(encoded(stored, "PNG", exif=exif)) == reference
    jpeg = encoded(PHOTO, "JPEG", quality=80)
    comment = jpeg[:2] + b"\xff\xfe\x00\x06abcd" + jpeg[2:]
    assert comment != jpeg
    assert pixel_digest(comment) == pixel_digest(jpeg) != reference


def test_decode_gives_the_digest_that_pixel_digest_gives() -> None:
    """Prevents two ways to a digest that disagree."""
    for content in (encoded(PHOTO, "PNG"), encoded(PHOTO, "JPEG"), encoded(PHOTO.convert("P"), "GIF")):
        free = decode(content, short_side_px=512).info.pixel_digest
        asked = decode(content, short_side_px=64, with_pixel_digest=True).info.pixel_digest
        assert free == asked == pixel_digest(content)
    assert decode(encoded(PHOTO, "JPEG"), short_side_px=64).info.pixel_digest is None


def test_the_digest_of_pixels_at_hand_is_the_same(tmp_path: Path) -> None:
    """Prevents a picture whose pixels in the file are others than the RGB that is made of them (transparent, deeper,
    turned, animated, in other colours) from never equalling itself."""
    stored, exif = with_orientation(PHOTO, 6)
    deep = np.asarray(PHOTO, np.uint16) * 257 + 3
    cv2.imwrite(str(tmp_path / "deep.png"), deep)
    red = PHOTO.getpixel((0, 0))
    contents = [
        encoded(PHOTO, "PNG", transparency=red),
        (tmp_path / "deep.png").read_bytes(),
        encoded(stored, "PNG", exif=exif),
        encoded(PHOTO, "WEBP", lossless=True, save_all=True, append_images=[PHOTO.rotate(180)]),
        encoded(PHOTO.convert("CMYK"), "TIFF"),
        encoded(PHOTO.convert("RGBA"), "PNG"),
        encoded(PHOTO.convert("L"), "PNG"),
        encoded(PHOTO.convert("YCbCr"), "TIFF"),
    ]
    for content in contents:
        assert decode(content, short_side_px=64, with_pixel_digest=True).info.pixel_digest == pixel_digest(content)
        free = decode(content, short_side_px=512).info.pixel_digest
        assert free is None or free == pixel_digest(content)


def test_the_order_of_a_palette_does_not_count() -> None:
    """Prevents optimised PNG files, which reorder palettes, from looking changed."""
    indices = SEEDED.integers(0, 2, (32, 32), dtype=np.uint8)
    digests = set()
    for order in (0, 1):
        image = Image.fromarray(indices ^ order, "L").convert("P")
        image.putdata((indices ^ order).ravel().tolist())
        colours = [10, 20, 30, 200, 100, 50]
        image.putpalette(colours if order == 0 else colours[3:] + colours[:3])
        digests.add(pixel_digest(encoded(image, "PNG")))
    assert len(digests) == 1


def test_one_changed_pixel_changes_the_digest() -> None:
    """Prevents calling pixels the same that are not, in any frame and in the low bits of 16."""
    pixels = np.array(PHOTO)
    pixels[300, 300, 1] ^= 1
    assert pixel_digest(encoded(Image.fromarray(pixels), "PNG")) != pixel_digest(encoded(PHOTO, "PNG"))
    frames = [Image.new("RGB", (32, 32), c) for c in ("red", "green", "blue")]
    one = encoded(frames[0], "GIF", save_all=True, append_images=[frames[1]])
    two = encoded(frames[0], "GIF", save_all=True, append_images=[frames[2]])
    assert pixel_digest(one) != pixel_digest(two)
    deep = SEEDED.integers(0, 65536, (32, 32, 3), dtype=np.uint16)
    other = deep.copy()
    other[5, 5, 0] ^= 1
    contents = [bytes(cv2.imencode(".png", picture)[1]) for picture in (deep, other)]
    assert [decode(c, short_side_px=32).info.bit_depth for c in contents] == [16, 16]
    assert pixel_digest(contents[0]) != pixel_digest(contents[1])


def test_colour_profile_is_kept_as_a_digest() -> None:
    """Prevents two profiles over the same numbers from being called same pixels."""
    from PIL import ImageCms

    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    plain, tagged = encoded(PHOTO, "PNG"), encoded(PHOTO, "PNG", icc_profile=profile)
    assert decode(plain, short_side_px=64).info.icc_digest is None
    assert decode(tagged, short_side_px=64).info.icc_digest is not None
    assert pixel_digest(plain) == pixel_digest(tagged)
