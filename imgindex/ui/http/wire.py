"""Results as JSON: the fields of `as_json`, with the id of the image behind each path."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from typing import Any

from imgindex.api.looking import Image, ListedFile, Recognition
from imgindex.results import Group, Match, ReportedPair
from imgindex.skips import Skip
from imgindex.ui.as_json import group_fields, loss_fields, match_fields, pair_fields
from imgindex.ui.http.snapshots import Snapshot


def match(found: Match, images: Mapping[str, str]) -> dict[str, Any]:
    return {"image": images.get(found.path)} | match_fields(found)


def keeper_of(best: Match, snapshot: Snapshot | None) -> str:
    """The file to keep of the group that a match belongs to, as the last report has it, or the match itself."""
    group = None if snapshot is None else snapshot.group_of.get(best.path)
    return best.path if group is None else group.keeper


def recognition(
    found: Recognition, images: Mapping[str, str], snapshot: Snapshot | None, added: str | None
) -> dict[str, Any]:
    best = found.best
    group = None if best is None or snapshot is None else snapshot.group_of.get(best.path)
    keeper = best.path if best is not None and group is None else None if group is None else group.keeper
    return {
        "copy": best is not None and best.verdict.is_copy,
        "verdict": found.matches[0].verdict.value if found.matches else "distinct",
        "keeper": keeper,
        "group": None if group is None else group.id,
        "grade": None if found.grade is None else found.grade.value,
        "loss": None if found.loss is None else loss_fields(found.loss),
        "loss_of_match": None if found.loss_of_match is None else loss_fields(found.loss_of_match),
        "matches": [match(one, images) for one in found.matches],
        "added": added,
    }


def group(found: Group, snapshot: Snapshot) -> dict[str, Any]:
    fields = group_fields(found)
    members = [{"image": snapshot.image(m["path"])} | m for m in fields["members"]]
    return fields | {"keeper_image": snapshot.image(found.keeper), "members": members}


def pair(found: ReportedPair, snapshot: Snapshot) -> dict[str, Any]:
    known = {"image_a": snapshot.image(found.a), "image_b": snapshot.image(found.b)}
    return {"id": snapshot.pair_id(found)} | known | pair_fields(found)


def listed_file(found: ListedFile) -> dict[str, Any]:
    return asdict(found)


def image(found: Image) -> dict[str, Any]:
    info = found.info
    return {
        "id": found.id,
        "format": info.format,
        "width_px": info.width_px,
        "height_px": info.height_px,
        "mode": info.mode,
        "bit_depth": info.bit_depth,
        "has_alpha": info.has_alpha,
        "frames": info.frames,
        "size_bytes": found.size_bytes,
        "files": [listed_file(file) for file in found.files],
    }


def skipped(path: str, skip: Skip) -> dict[str, Any]:
    return {"path": path, "reason": skip.reason, "detail": skip.detail}
