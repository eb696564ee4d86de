#!/usr/bin/env python3
"""Find the principal components that sketches keep of descriptors: the same photos give the same numbers.

    python scripts/train/sketch.py PHOTOS... [--out imgindex/data/sketch.npz]

Changing the file changes every sketch: raise VERSION in `imgindex/pictures/sketch.py` with it.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from imgindex.pictures import decode, features, sketch

PHOTO_SUFFIXES = {".jpg", ".jpeg", ".png", ".webp"}


def components(rows: NDArray[np.float32]) -> tuple[NDArray[np.float32], float]:
    """(the strongest COMPONENTS as float32[64, COMPONENTS], their share of the variance)."""
    strength, vectors = np.linalg.eigh(rows.T.astype(np.float64) @ rows / len(rows))
    kept = vectors[:, ::-1][:, : sketch.COMPONENTS]
    kept = kept * np.sign(kept[np.abs(kept).argmax(axis=0), np.arange(sketch.COMPONENTS)])
    return kept.astype(np.float32), float(strength[::-1][: sketch.COMPONENTS].sum() / strength.sum())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path, nargs="+")
    parser.add_argument("--out", type=Path, default=Path("imgindex/data") / sketch.DATA_FILE)
    arguments = parser.parse_args()
    paths = sorted(p for folder in arguments.photos for p in folder.rglob("*") if p.suffix.lower() in PHOTO_SUFFIXES)
    found = []
    for path in paths:
        picture = decode.decode(path.read_bytes(), short_side_px=features.WORKING_SIDE_PX)
        found.append(features.extract(features.working_luma(picture.rgb)).descriptors)
    even, odd = features.sums_and_differences(np.concatenate(found))
    mean = even.mean(axis=0)
    (even_basis, even_share), (odd_basis, odd_share) = components(even - mean), components(odd)
    np.savez(arguments.out, even_mean=mean, even=even_basis, odd=odd_basis)
    print(f"{len(paths)} photos, {len(even)} descriptors; kept of the variance: sums {even_share:.1%}", end="")
    print(f", differences {odd_share:.1%}; {arguments.out} has {arguments.out.stat().st_size} bytes")


if __name__ == "__main__":
    main()
