"""Pictures that tests draw themselves: seeded scenes that have texture, edges and colours of their own."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from PIL import Image, ImageDraw, ImageFilter


def scene(seed: int, width: int = 240, height: int = 180) -> Image.Image:
    """A picture unlike that of any other seed: soft noise with shapes drawn over it."""
    random = np.random.default_rng(seed)
    coarse = random.integers(0, 256, (6, 8, 3), dtype=np.uint8)
    picture = Image.fromarray(coarse).resize((width, height), Image.Resampling.BICUBIC)
    draw = ImageDraw.Draw(picture)
    for _ in range(40):
        x, y = random.uniform(0, width), random.uniform(0, height)
        w, h = random.uniform(6, width / 5), random.uniform(6, height / 5)
        colour = tuple(int(c) for c in random.integers(0, 256, 3))
        shape = (draw.rectangle, draw.ellipse)[int(random.integers(2))]
        shape((x, y, x + w, y + h), fill=colour)
    return picture.filter(ImageFilter.GaussianBlur(0.6))


def lit(seed: int, width: int = 240, height: int = 180) -> Image.Image:
    """The scene of this seed, faint, in the light and shade that all of these have: their thumbnails are alike."""
    light = scene(50, width, height).filter(ImageFilter.GaussianBlur(width / 24))
    return Image.blend(light, scene(seed, width, height), 0.2)


def save(picture: Image.Image, path: Path, quality: int = 92) -> Path:
    """Write as the suffix says; folders are made."""
    path.parent.mkdir(parents=True, exist_ok=True)
    picture.save(path, quality=quality)
    return path


def reduced(path: Path, size: tuple[int, int]) -> Image.Image:
    """A file opened and made smaller: a copy of that file, not of what it was made of."""
    with Image.open(path) as picture:
        return picture.convert("RGB").resize(size)
