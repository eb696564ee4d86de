"""Any mode that a decoder gives, as 8-bit grey or RGB: deep greys scaled, palettes expanded, alpha on white."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from PIL import Image, ImageCms

SHALLOW_LEVELS = 4096
"""A 16-bit grey picture with no value from here on holds 12 bits or fewer (cameras for microscopy and medicine
write such files) and is scaled by the bits in use; by 65,535 it would be black."""


def reduced_rgb(image: Image.Image, factor: int, depth: int) -> Image.Image:
    """RGB, both sides divided by `factor` by averaging boxes; alpha is averaged premultiplied.

    It may be `image` itself.
    """
    first = image.mode in ("L", "LA", "RGB", "RGBA", "CMYK", "YCbCr") and "transparency" not in image.info
    if factor > 1 and first:
        image = image.reduce(factor)
    flat = flattened(image, depth)
    if factor > 1 and not first:
        flat = _in_mode(flat, "RGB").reduce(factor)
    return _in_mode(flat, "RGB")


def flattened(image: Image.Image, depth: int) -> Image.Image:
    """L or RGB of 8 bits, alpha on white; it may be `image` itself."""
    if image.mode in ("I", "F") or image.mode.startswith("I;16"):
        return Image.fromarray(_scaled_grey(image, depth))
    if image.mode == "LAB":
        return _lab_to_rgb(image)
    if image.has_transparency_data:
        rgba = image.convert("RGBA")
        return Image.alpha_composite(Image.new("RGBA", image.size, "white"), rgba).convert("RGB")
    return _in_mode(image, "L" if image.mode in ("1", "L") else "RGB")


def _in_mode(image: Image.Image, mode: str) -> Image.Image:
    """`image` in this mode; itself where it has it, which Pillow would copy."""
    return image if image.mode == mode else image.convert(mode)


def _scaled_grey(image: Image.Image, depth: int) -> NDArray[np.uint8]:
    """Deep grey brought to 8 bits: 16 bits by the bits in use, others by the range in use."""
    values = np.asarray(image)
    transparent = image.info.get("transparency")
    if values.dtype.kind == "u" or depth == 16:
        values = np.clip(values, 0, 65535).astype(np.uint16)
        highest = int(values.max())
        bits = 16 if highest >= SHALLOW_LEVELS else max(8, highest.bit_length())
        table = np.minimum(np.arange(65536, dtype=np.float32) * (255.0 / (2**bits - 1)), 255.0)
        if isinstance(transparent, int) and 0 <= transparent < len(table):
            table[transparent] = 255.0
        return np.asarray(np.rint(table).astype(np.uint8)[values], np.uint8)
    known = values[np.isfinite(values)].astype(np.float64)
    low, high = (float(known.min()), float(known.max())) if known.size else (0.0, 0.0)
    if low >= 0.0 and high <= 255.0:
        low, high = 0.0, 1.0 if high <= 1.0 and image.mode == "F" else 255.0
    scaled = (np.nan_to_num(values.astype(np.float64), nan=low, posinf=high, neginf=low) - low) * (
        255.0 / max(high - low, 1e-30)
    )
    return np.asarray(np.rint(scaled), np.uint8)


def _lab_to_rgb(image: Image.Image) -> Image.Image:
    transform = ImageCms.buildTransform(
        ImageCms.createProfile("LAB"), ImageCms.createProfile("sRGB"), "LAB", "RGB"
    )  # fmt: skip
    return ImageCms.applyTransform(image, transform) or image
