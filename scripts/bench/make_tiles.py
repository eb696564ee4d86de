#!/usr/bin/env python3
"""Make many distinct small pictures: non-overlapping tiles of photos, as JPEGs in folders of a thousand.

    python scripts/bench/make_tiles.py PHOTOS OUT --count 100000 [--first 0]

Tiles with little texture are left out; --first skips tiles that an earlier call made, so that a second folder holds
other pictures.
"""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from PIL import Image

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}
LEAST_DEVIATION = 12.0
"""Standard deviation of grey levels below which a tile is sky or wall, and like every other."""

FOLDER = 1000


def tiles(photos: list[Path], side_px: int) -> Iterator[Image.Image]:
    """Row by row of each photo in turn."""
    for path in photos:
        with Image.open(path) as opened:
            photo = opened.convert("RGB")
        for y in range(0, photo.height - side_px + 1, side_px):
            for x in range(0, photo.width - side_px + 1, side_px):
                tile = photo.crop((x, y, x + side_px, y + side_px))
                if float(np.asarray(tile.convert("L")).std()) >= LEAST_DEVIATION:
                    yield tile


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--side", type=int, default=80, help="pixels of a tile's side")
    a = parser.parse_args()
    photos = sorted(path for path in a.photos.rglob("*") if path.suffix.lower() in PHOTO_SUFFIXES)
    made = 0
    for number, tile in enumerate(tiles(photos, a.side)):
        if number < a.first:
            continue
        folder = a.out / f"{number // FOLDER:05d}"
        folder.mkdir(parents=True, exist_ok=True)
        data = io.BytesIO()
        tile.save(data, "JPEG", quality=85)
        (folder / f"{number:07d}.jpg").write_bytes(data.getvalue())
        made += 1
        if made == a.count:
            break
    print(f"{made} tiles of {a.side} px in {a.out}")
    if made < a.count:
        raise SystemExit("the photos have no more tiles; use smaller ones (--side)")


if __name__ == "__main__":
    main()
