#!/usr/bin/env python3
"""Report the margins of the verifier's thresholds on labelled pairs, a part of them held back.

    python scripts/calibrate.py PHOTOS RECIPE [--share 0.2] [--evidence FILE]

PHOTOS holds `photos/train`, `groups`, `hard_negatives` and `groups.json`; RECIPE is the module that makes labelled
edits (`ukbench`, `edits`, `traps`). Pairs: all profiles of the training photos, the natural groups and the hard
negatives. The part to look at while choosing numbers is "fit"; a third of the photos and half of the groups and of the
folders of hard negatives is "held". `photos/measure` is never opened. Thresholds are varied one at a time over the
stored evidence.
"""

from __future__ import annotations

import argparse
import importlib.util
import itertools
import json
import random
import tempfile
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from types import ModuleType
from typing import Any

import cv2
import numpy as np
import pillow_heif
from PIL import Image, ImageOps

from imgindex import features, verify
from imgindex.records import LocalFeatures, Luma, PictureInfo

VARIED: dict[str, tuple[float, ...]] = {
    "MIN_GOOD": (0.55, 0.62, 0.66, 0.72, 0.8, 0.9),
    "MAX_SHIFT50_PX": (0.1, 0.15, 0.2, 0.25, 0.3),
    "MAX_PROVEN_SHEAR": (0.004, 0.007, 0.01, 0.015, 0.03),
    "JAGGED_PX": (0.0, 0.5, 0.6, 0.7, 0.9),
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
        with Image.open(path) as image:
            kind = image.format or ""
            rgba = ImageOps.exif_transpose(image).convert("RGBA")
        paper = Image.new("RGBA", rgba.size, "white")
        rgb = np.asarray(Image.alpha_composite(paper, rgba).convert("RGB"), np.uint8)
        self.info = PictureInfo(kind, rgba.width, rgba.height, "RGB", 8, False, 1)
        self._luma = np.asarray(cv2.cvtColor(rgb, cv2.COLOR_RGB2GRAY), np.uint8)
        self._digest = zlib.crc32(rgb.tobytes()).to_bytes(4, "big")
        self._features = features.extract(features.working_luma(rgb))

    def luma(self, long_side_px: int) -> Luma:
        return features.reduce_luma(self._luma, long_side_px)

    def features(self) -> LocalFeatures:
        return self._features

    def pixel_digest(self) -> bytes:
        return self._digest


def odd(text: str) -> bool:
    return bool(zlib.crc32(text.encode()) & 1)


def recipe_pairs(recipe: ModuleType, photos: list[Path], out: Path) -> Iterator[Pair]:
    """All pairs inside one photo (copies) and as many between photos (no copies) of the two profiles, and the traps."""
    rng = random.Random(0)
    for profile in ("ukbench", "edits"):
        folder = out / profile
        recipe.make(photos, folder, profile)
        by_photo: dict[int, list[str]] = defaultdict(list)
        known = json.loads((folder / "truth.json").read_text())["files"]
        for name, file in known.items():
            by_photo[file["photo"]].append(name)
        for number, names in by_photo.items():
            for a, b in itertools.combinations(sorted(names), 2):
                yield Pair(folder / a, folder / b, True, number % 3 == 0, profile)
                other = rng.choice(by_photo[rng.choice([n for n in by_photo if n != number])])
                yield Pair(folder / a, folder / other, False, number % 3 == 0, profile)
    folder = out / "traps"
    recipe.make_traps(photos, folder)
    for expected in json.loads((folder / "truth.json").read_text())["expect"]:
        if "copy" in expected:
            a, b = expected["a"], expected["b"]
            yield Pair(folder / a, folder / b, expected["copy"], int(a[:5]) % 3 == 0, "traps")


def natural_pairs(photos: Path) -> Iterator[Pair]:
    """Pairs inside the labelled groups, and inside each folder of hard negatives."""
    for group in json.loads((photos / "groups.json").read_text()):
        if group["kind"].startswith("not scored"):
            continue
        for a, b in itertools.combinations(sorted(group["files"]), 2):
            yield Pair(photos / a, photos / b, group["kind"].startswith("copy"), odd(group["files"][0]), "groups")
    folders: dict[Path, list[Path]] = defaultdict(list)
    for path in sorted((photos / "hard_negatives").rglob("*")):
        if path.suffix.lower() in {".jpg", ".jpeg", ".png"} and "tmk_screens" not in path.parts:
            folders[path.parent].append(path)
    for folder, paths in folders.items():
        for a, b in itertools.combinations(paths, 2):
            yield Pair(a, b, False, odd(folder.name), "hard negatives")


def errors(rows: list[tuple[Pair, dict[str, Any]]], held: bool) -> tuple[int, int]:
    """(copies missed, others called copies) under the thresholds that `verify` has now."""
    part = [(pair, verify.decide(evidence).is_copy) for pair, evidence in rows if pair.held == held]
    return sum(p.copy and not c for p, c in part), sum(c and not p.copy for p, c in part)


def report(rows: list[tuple[Pair, dict[str, Any]]]) -> None:
    counts = Counter((pair.held, pair.copy, pair.kind) for pair, _ in rows)
    for held in (False, True):
        copies = sum(n for key, n in counts.items() if key[:2] == (held, True))
        others = sum(n for key, n in counts.items() if key[:2] == (held, False))
        missed, false = errors(rows, held)
        print(f"{'held' if held else 'fit '}  {copies} copies, {missed} missed; {others} others, {false} called copies")
    print("\nfit part: percentiles 0, 1, 5, 50, 95, 99, 100 (others: only where at least 60 % of windows agree)")
    for name in NUMBERS:
        for copy in (True, False):
            found = [e[name] for p, e in rows if not p.held and p.copy == copy and name in e]
            if not copy:
                values = [
                    e[name] for p, e in rows if not p.held and not p.copy and e.get("agree", 0) > 0.6 and name in e
                ]
            if values:
                cuts = " ".join(f"{v:8.3f}" for v in np.percentile(found, (0, 1, 5, 50, 95, 99, 100)))
                print(f"  {name:13s} {'copies' if copy else 'others'} {len(found):6d}  {cuts}")
    print("\none threshold varied: missed / false on fit, missed / false on held; * is the value in the code")
    for name, choices in VARIED.items():
        kept = getattr(verify, name)
        cells = []
        for value in choices:
            setattr(verify, name, value)
            fit, held_back = errors(rows, False), errors(rows, True)
            cells.append(f"{value:g}{'*' * (value == kept)}: {fit[0]}/{fit[1]} {held_back[0]}/{held_back[1]}")
        setattr(verify, name, kept)
        print(f"  {name:18s} {'   '.join(cells)}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("photos", type=Path)
    parser.add_argument("recipe", type=Path)
    parser.add_argument("--share", type=float, default=0.2, help="share of the recipe pairs to use")
    parser.add_argument("--evidence", type=Path, help="write one JSON line a pair here")
    asked = parser.parse_args()
    pillow_heif.register_heif_opener()
    cv2.setNumThreads(1)
    spec = importlib.util.spec_from_file_location("recipe", asked.recipe)
    assert spec is not None
    assert spec.loader is not None
    recipe = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(recipe)
    source = lru_cache(maxsize=200)(FileSource)
    rng = random.Random(0)
    rows: list[tuple[Pair, dict[str, Any]]] = []
    with tempfile.TemporaryDirectory() as folder:
        made = recipe_pairs(recipe, sorted((asked.photos / "photos" / "train").iterdir()), Path(folder))
        pairs = [p for p in made if p.kind == "traps" or rng.random() < asked.share]
        pairs += natural_pairs(asked.photos)
        rows += [(pair, verify.verify(source(pair.a), source(pair.b)).evidence) for pair in pairs]
    report(rows)
    for pair, evidence in rows:
        if verify.decide(evidence).is_copy != pair.copy:
            print("  missed" if pair.copy else "  FALSE ", "held" if pair.held else "fit ", pair.a.name, pair.b.name)
    if asked.evidence:
        lines = (json.dumps({"a": p.a.name, "b": p.b.name, "copy": p.copy, "held": p.held} | e) for p, e in rows)
        asked.evidence.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
