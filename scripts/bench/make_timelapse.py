#!/usr/bin/env python3
"""Make a time lapse: thousands of frames that are nearly alike, none equal to another.

    python scripts/bench/make_timelapse.py PHOTO OUT --frames 5000 [--side 480] [--seed 0]

A window moves slowly over one large photo and back, the light drifts, and every frame has noise of its own, as the
frames of a camera on a tripod by a window have. Neighbouring frames are a fraction of a pixel apart; the first and the
middle one still show the same place.
"""

from __future__ import annotations

import argparse
import math
from pathlib import Path

import numpy as np
from PIL import Image, ImageOps

WINDOW = 0.85
"""The window's share of the photo's sides: the rest is the way that it moves."""

LIGHT = 0.25
"""By how much the light goes up and down, over a tenth of the frames, as clouds pass."""

NOISE = 2.5
"""Standard deviation of the noise, in grey levels: a small camera by daylight."""

QUALITY = 88
FOLDER = 1000


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photo", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--frames", type=int, default=5000)
    parser.add_argument("--side", type=int, default=480, help="pixels of a frame's longer side")
    parser.add_argument("--seed", type=int, default=0)
    a = parser.parse_args()
    with Image.open(a.photo) as opened:
        photo = ImageOps.exif_transpose(opened).convert("RGB")
    wanted = a.side / (WINDOW * max(photo.size))
    photo = photo.resize((round(photo.width * wanted), round(photo.height * wanted)), Image.Resampling.LANCZOS)
    width, height = round(WINDOW * photo.width), round(WINDOW * photo.height)
    rng = np.random.default_rng(a.seed)
    for number in range(a.frames):
        turn = 2 * math.pi * number / a.frames
        x = (photo.width - width) * (0.5 - 0.5 * math.cos(turn))
        y = (photo.height - height) * (0.5 + 0.5 * math.sin(turn))
        frame = photo.resize((width, height), Image.Resampling.BICUBIC, box=(x, y, x + width, y + height))
        light = 1.0 - LIGHT / 2 + LIGHT / 2 * math.sin(10 * turn)
        noisy = np.asarray(frame, np.float32) * light + rng.normal(0.0, NOISE, (height, width, 3))
        folder = a.out / f"{number // FOLDER:03d}"
        folder.mkdir(parents=True, exist_ok=True)
        picture = Image.fromarray(np.clip(np.rint(noisy), 0, 255).astype(np.uint8))
        picture.save(folder / f"{number:06d}.jpg", quality=QUALITY)
    print(f"{a.frames} frames of {width} x {height} px in {a.out}")


if __name__ == "__main__":
    main()
