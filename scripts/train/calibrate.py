#!/usr/bin/env python3
"""Report the margins of the verifier's thresholds on labelled pairs, a part of them held back.

    python scripts/train/calibrate.py PHOTOS [--groups DIR] [--limit 40] [--evidence FILE]

PHOTOS is a folder of distinct photos, of which `--limit` are edited by `recipes` (all profiles and the traps). DIR
holds `groups.json` (lists of `files` with a `kind` that begins with "copy" where they are copies) and
`hard_negatives` (each folder of it shows one kind of thing and no copies). The part to look at while choosing numbers
is "fit"; a third of the photos and half of the groups and of the folders of hard negatives is "held". Thresholds are
varied one at a time over the evidence of all pairs.
"""

from __future__ import annotations

import argparse
import itertools
import json
import random
import sys
import tempfile
import time
import zlib
from collections import defaultdict
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pillow_heif
from numpy.typing import NDArray
from PIL import Image, ImageOps

from imgindex.pictures import features, outline
from imgindex.proof import decide, verify
from imgindex.records import LocalFeatures, Luma, Outline, PictureInfo, Rgb

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))

sys.path.append(str(Path(__file__).resolve().parents[1] / "bench"))
import recipes

VARIED: dict[str, tuple[float, ...]] = {
    "MIN_GOOD": (0.55, 0.62, 0.66, 0.72, 0.8, 0.9),
    "MIN_AGREE": (0.5, 0.6, 0.7, 0.76, 0.8, 0.85),
    "MAX_SHIFT50_PX": (0.1, 0.15, 0.2, 0.25, 0.3),
    "MAX_PROVEN_SHEAR": (0.004, 0.007, 0.01, 0.015, 0.03),
    "JAGGED_PX": (0.0, 0.5, 0.6, 0.7, 0.9),
    "JAGGED_SHIFT50_PX": (0.25, 0.3, 0.34, 0.4),
    "JAGGED_SHARE": (0.0, 0.5, 0.7, 0.9),
    "HALF_SHARE": (0.2, 0.4, 0.5, 0.6),
    "MAX_REPLACED": (0.08, 0.12, 0.14, 0.16, 0.18, 0.2, 1.0),
    "MAX_REPLACED_ON_GROUND": (0.0, 0.005, 0.02, 1.0),
    "MAX_MIRRORED_SHIFT90_PX": (1.0, 1.5, 1.75, 99.0),
    "OVERLAY_ONE_SIDED": (0.9, 0.95, 0.98, 1.1),
    "OVERLAY_GOOD": (0.6, 0.75, 0.9),
    "MIN_GOOD_WINDOWS": (4, 8, 16),
    "MAX_TEXT_CHANGE": (0.1, 0.2, 0.28, 0.4),
    "MAX_OUTLIER": (3.0, 4.5, 7.0, 12.0),
}
NUMBERS = ("good", "agree", "shift50", "shift90", "shear", "one_sided", "clean_good", "text_change", "text_outlier")


@dataclass(frozen=True, slots=True)
class Pair:
    a: Path
    b: Path
    copy: bool
    held: bool
    kind: str


class FileSource:
    """`ports.Source` of a file, by Pillow."""

    def __init__(self, path: Path) -> None:
        self.key: Hashable = path
        with Image.open(path) as image:
            kind = image.format or ""
            rgba = ImageOps.exif_transpose(image).convert("RGBA")
        paper = Image.new("RGBA", rgba.size, "white")
        rgb = np.asarray(Image.alpha_composite(paper, rgba).convert("RGB"), np.uint8)
        self.info = PictureInfo(kind, rgba.width, rgba.height, "RGB", 8, False, 1)
        self._rgb = rgb
        self._luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        self._digest = zlib.crc32(rgb.tobytes()).to_bytes(4, "big")
        working = features.working_luma(rgb)
        self._outline, self._features = outline.outline(working), features.extract(working)

    def luma(self, long_side_px: int) -> Luma:
        return features.reduce_luma(self._luma, long_side_px)

    def rgb(self, long_side_px: int) -> Rgb:
        scale = min(1.0, long_side_px / max(self.info.size))
        size = (max(1, round(self.info.width_px * scale)), max(1, round(self.info.height_px * scale)))
        return np.asarray(cv2.resize(self._rgb, size, interpolation=cv2.INTER_AREA), np.uint8)

    def tints(self) -> NDArray[np.uint8]:
        return features.tints_of(self._rgb, self.luma(features.WORKING_SIDE_PX))

    def frames(self, numbers: Sequence[int]) -> Iterator[FileSource]:
        """Pictures of one frame."""
        return iter([self] * len(numbers))

    def outline(self) -> Outline:
        return self._outline

    def features(self) -> LocalFeatures:
        return self._features

    def pixel_digest(self) -> bytes:
        return self._digest


def odd(text: str) -> bool:
    return bool(zlib.crc32(text.encode()) & 1)


def recipe_pairs(photos: list[Path], out: Path) -> Iterator[Pair]:
    """All pairs inside one photo (copies), as many between photos (no copies), and the traps."""
    rng = random.Random(0)
    for profile in recipes.PROFILES:
        folder = out / profile
        copies = recipes.make_copies(photos, folder, profile)
        names = sorted({name for pair in copies for name in (pair.a, pair.b)})
        for pair in copies:
            held = _number(pair.a) % 3 == 0
            yield Pair(folder / pair.a, folder / pair.b, True, held, profile)
            other = rng.choice([name for name in names if _number(name) != _number(pair.a)])
            yield Pair(folder / pair.a, folder / other, False, held, profile)
    folder = out / "traps"
    for pair in recipes.make_traps(photos, folder)[0]:
        yield Pair(folder / pair.a, folder / pair.b, pair.copy, _number(pair.a) % 3 == 0, "traps")


def _number(name: str) -> int:
    """The number that `recipes` gave the photo of a file."""
    return int(name.split("_", maxsplit=1)[0])


def natural_pairs(root: Path) -> Iterator[Pair]:
    """Pairs inside the labelled groups, and inside each folder of hard negatives."""
    for group in json.loads((root / "groups.json").read_text()):
        if group["kind"].startswith("not scored"):
            continue
        for a, b in itertools.combinations(sorted(group["files"]), 2):
            copy = group["kind"].startswith("copy")
            yield Pair(root / a, root / b, copy, odd(group["files"][0]), "groups")
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted((root / "hard_negatives").rglob("*")):
        if path.suffix.lower() in {".jpg", ".jpeg", ".png"} and "tmk_screens" not in path.parts:
            folders[path.parent].append(path)
    for folder, paths in folders.items():
        for a, b in itertools.combinations(paths, 2):
            yield Pair(a, b, False, odd(folder.name), "hard negatives")


def errors(rows: list[tuple[Pair, dict[str, Any]]], held: bool) -> tuple[int, int]:
    """(copies missed, others called copies) under the thresholds that `decide` has now."""
    part = [(pair, decide.decide(evidence).is_copy) for pair, evidence in rows if pair.held == held]
    return sum(p.copy and not c for p, c in part), sum(c and not p.copy for p, c in part)


def report(rows: list[tuple[Pair, dict[str, Any]]]) -> None:
    kinds = sorted({pair.kind for pair, _ in rows})
    for held, kind in itertools.product((False, True), kinds):
        chosen = [(pair, evidence) for pair, evidence in rows if pair.held == held and pair.kind == kind]
        copies = sum(pair.copy for pair, _ in chosen)
        missed, false = errors(chosen, held)
        word = "held" if held else "fit "
        print(
            f"{word} {kind:15s} {copies} copies, {missed} missed; {len(chosen) - copies} others, {false} called copies"
        )
    print("\nfit part: percentiles 0, 1, 5, 50, 95, 99, 100 (others: only where at least 60 % of windows agree)")
    for name in NUMBERS:
        for copy in (True, False):
            part = [e for p, e in rows if not p.held and p.copy == copy and name in e]
            values = [e[name] for e in part if copy or e["agree"] > 0.6]
            if values:
                cuts = " ".join(f"{v:8.3f}" for v in np.percentile(values, (0, 1, 5, 50, 95, 99, 100)))
                print(f"  {name:13s} {'copies' if copy else 'others'} {len(values):6d}  {cuts}")
    print("\none threshold varied: missed / false on fit, missed / false on held; * is the value in the code")
    for name, choices in VARIED.items():
        kept = getattr(decide, name)
        cells = []
        for value in choices:
            setattr(decide, name, value)
            fit, held_back = errors(rows, False), errors(rows, True)
            cells.append(f"{value:g}{'*' * (value == kept)}: {fit[0]}/{fit[1]} {held_back[0]}/{held_back[1]}")
        setattr(decide, name, kept)
        print(f"  {name:18s} {'   '.join(cells)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("--groups", type=Path, help="folder of natural groups and hard negatives")
    parser.add_argument("--limit", type=int, default=40, help="photos to edit; 40 take some five minutes")
    parser.add_argument("--evidence", type=Path, help="write one JSON line a pair here")
    asked = parser.parse_args()
    pillow_heif.register_heif_opener()
    cv2.setNumThreads(1)
    source = lru_cache(maxsize=400)(FileSource)
    began = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        pairs = list(recipe_pairs(recipes.photos_in(asked.photos, asked.limit), Path(folder)))
        pairs += natural_pairs(asked.groups) if asked.groups else []
        rows = [(pair, verify.verify(source(pair.a), source(pair.b)).evidence) for pair in pairs]
    print(f"{len(rows)} pairs in {time.perf_counter() - began:.0f} s")
    report(rows)
    for pair, evidence in rows:
        if decide.decide(evidence).is_copy != pair.copy:
            part = "held" if pair.held else "fit "
            print("  missed" if pair.copy else "  FALSE ", part, pair.kind, pair.a.name, pair.b.name)
    if asked.evidence:
        lines = (json.dumps({"a": p.a.name, "b": p.b.name, "copy": p.copy, "held": p.held} | e) for p, e in rows)
        asked.evidence.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
