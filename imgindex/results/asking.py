"""What is answered to a question about one picture, or about two."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from imgindex.records import PictureInfo, Relation, Verdict, Verification


@dataclass(frozen=True, slots=True, repr=False)
class Match:
    """One answer of a query: a file that shows the image found, best first; `other_paths` are files of the same bytes,
    `hard_links` other names of this one."""

    path: str
    verdict: Verdict
    score: float
    cosine: float
    ssim: float | None
    relation: Relation | None
    transform: str | None
    width_px: int
    height_px: int
    size_bytes: int
    other_paths: tuple[str, ...] = ()
    hard_links: tuple[str, ...] = ()

    def __repr__(self) -> str:
        return f"<Match {os.path.basename(self.path)}: {self.verdict} {self.score:.1f}>"

    def to_dict(self) -> dict[str, Any]:
        """Text and numbers by field name, other paths left out: a row of a data frame."""
        return {
            "path": self.path,
            "verdict": self.verdict.value,
            "score": self.score,
            "cosine": self.cosine,
            "ssim": self.ssim,
            "relation": None if self.relation is None else self.relation.value,
            "transform": self.transform,
            "width_px": self.width_px,
            "height_px": self.height_px,
            "size_bytes": self.size_bytes,
        }


class Matches(list[Match]):
    """The answers of a query, best first."""

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row for each; see `Match.to_dict`."""
        return [match.to_dict() for match in self]


@dataclass(frozen=True, slots=True)
class Region:
    """A box around something that differs, in pixels of the compared picture; `area_px` of what differs in it."""

    x: int
    y: int
    width: int
    height: int
    area_px: int


@dataclass(frozen=True, slots=True, repr=False)
class Comparison:
    """The verdict on two files as it leads from the first to the second, and where they differ.

    `regions` are in pixels of the first picture at full size; None where nothing could be aligned.
    """

    outcome: Verification
    first: PictureInfo
    second: PictureInfo
    regions: tuple[Region, ...] | None
    written: tuple[Path, ...] = ()

    def __repr__(self) -> str:
        told = f"{self.outcome.verdict} {self.outcome.score:.1f}"
        return f"<Comparison: {', '.join([told, *([self.outcome.transform] if self.outcome.transform else [])])}>"

    def to_dict(self) -> dict[str, Any]:
        """Text and numbers by field name, of the verdict: a row of a data frame."""
        o = self.outcome
        return {
            "verdict": o.verdict.value,
            "relation": None if o.relation is None else o.relation.value,
            "score": o.score,
            "ssim": o.ssim,
            "transform": o.transform,
            "share_a": o.share_a,
            "share_b": o.share_b,
            "scale": o.scale,
            "regions": None if self.regions is None else len(self.regions),
        }
