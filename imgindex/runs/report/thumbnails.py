"""Small pictures of a report's files for its page, and where each differs from the one it is laid on.

1. choose the groups that the page shows first, and look up their files and the maps of their pairs
2. in the worker processes, decode a keeper and a handful of its members, lay each on the keeper, outline what differs
3. what was in one message with a file that ended its worker is looked at once more, each file by itself
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.pictures import outline
from imgindex.pictures.contents import OnDisk
from imgindex.pictures.prepare import decoded
from imgindex.ports import Progress, Workers
from imgindex.proof import maps, overlay
from imgindex.proof.verify import reversed_outcome
from imgindex.records import PictureInfo, Rgb, Verdict
from imgindex.results import Change, Corners, Group, Report, Thumbnail
from imgindex.skips import Skipped
from imgindex.store import Store, catalog, pairs

THUMBNAIL_PX = 360
"""Longer side at most: some 20 kB a picture, and sharp in a column of a phone or of a wide screen."""

JPEG_QUALITY = 80

CANVAS_PX = 800
"""Longer side of the pictures that are laid on each other: an outline is drawn on a thumbnail of less than half."""

MEMBERS_AT_ONCE = 8
"""Members in one message: the keeper is decoded once for them, and a worker that dies loses no more."""

MEMBERS_PER_GROUP = 24
"""Members beyond these get no thumbnail: a folder of 5,000 copies of one picture must not make a page of 100 MB."""


@dataclass(frozen=True, slots=True)
class FileToDraw:
    """A file to look at, by the content it had when it was indexed.

    matrix  affine map (2 x 3, row-major) from the keeper's full-size pixels to this picture's; None where there is
            nothing to compare
    """

    path: str
    sha256: bytes
    info: PictureInfo
    modified_at_s: int
    matrix: tuple[float, ...] | None = None


@dataclass(frozen=True, slots=True)
class ThumbnailTask:
    """One message to a worker: the first of `files` is what the others are laid on. `keeper` names the group."""

    keeper: str
    files: tuple[FileToDraw, ...]


def thumbnails(
    store: Store, report: Report, workers: Workers, progress: Progress, *, pictures: int
) -> dict[tuple[str, str], Thumbnail]:
    """Thumbnails of the first `pictures` groups (new ones, then grown, then known, each in report order) by (keeper,
    path), and of as many pairs of each further part of the report by (a, path).

    Of a group, the keeper and its first MEMBERS_PER_GROUP members. A file that cannot be read now, or has another
    content than when it was indexed, gets one with an empty `jpeg`; one that the store no longer has gets none, and
    neither do those that are left when the run is told to end.
    """
    order = list(Change)
    groups = sorted(report.groups, key=lambda group: order.index(group.change))[:pictures]
    rows = [_paths(group) for group in groups]
    for part in (report.both_stay, report.variants, report.similar):
        rows += [(pair.a, pair.b) for pair in part[:pictures]]
    tasks = list(_tasks(store, rows))
    found: dict[tuple[str, str], Thumbnail] = {}
    again: list[ThumbnailTask] = []
    progress.start("pictures", sum(len(task.files) for task in tasks))
    for task, seen in workers.run(draw, _until_stopped(tasks, progress)):
        if isinstance(seen, Exception):
            again += [ThumbnailTask(task.keeper, (replace(wanted, matrix=None),)) for wanted in task.files]
            continue
        for wanted, thumbnail in zip(task.files, seen, strict=True):
            found[task.keeper, wanted.path] = thumbnail
        progress.advance(len(seen))
    for task, seen in workers.run(draw, _until_stopped(again, progress)):
        [wanted] = task.files
        found[task.keeper, wanted.path] = _thumbnail(wanted, None) if isinstance(seen, Exception) else seen[0]
        progress.advance()
    progress.finish()
    return found


def _until_stopped(tasks: Sequence[ThumbnailTask], progress: Progress) -> Iterator[ThumbnailTask]:
    return itertools.takewhile(lambda _: not progress.stopping, tasks)


def draw(task: ThumbnailTask) -> list[Thumbnail]:
    """A thumbnail of each of the task's files, in their order; runs in a worker process."""
    keeper, *members = task.files
    laid_on = _rgb(keeper)
    drawn = [_thumbnail(keeper, laid_on)]
    for member in members:
        rgb = _rgb(member)
        made = _thumbnail(member, rgb)
        if member.matrix is not None:
            matrix = np.array(member.matrix, np.float64).reshape(2, 3)
            made = replace(
                made,
                shows=_shares(maps.apply(matrix, outline.frame(*keeper.info.size)), member.info),
                shown=_shares(maps.apply(maps.invert(matrix), outline.frame(*member.info.size)), keeper.info),
            )
            if laid_on is not None and rgb is not None:
                made = replace(made, regions=_regions(laid_on, keeper.info, rgb, member.info, matrix))
        drawn.append(made)
    return drawn


def _tasks(store: Store, rows: Sequence[tuple[str, ...]]) -> Iterator[ThumbnailTask]:
    """Messages for rows of paths, the first of each being what the others are laid on."""
    paths = {path for row in rows for path in row}
    with store.read() as tx:
        files = {
            path: (f.image_id, f.stat)
            for f in catalog.known_files(tx)
            if f.image_id is not None and (path := os.fsdecode(f.path)) in paths
        }
        images = catalog.images(tx, (image_id for image_id, _ in files.values()))
        maps = {}
        for pair in itertools.chain(pairs.copies(tx, None), pairs.variants(tx, None)):
            if pair.outcome.verdict is not Verdict.SAME_PIXELS and pair.a_id in images and pair.b_id in images:
                maps[pair.a_id, pair.b_id] = pair.outcome.matrix
                maps[pair.b_id, pair.a_id] = reversed_outcome(pair.outcome).matrix

    def wanted(path: str, first_id: int) -> FileToDraw:
        image_id, stat = files[path]
        image = images[image_id]
        return FileToDraw(path, image.sha256, image.info, stat.mtime_ns // 10**9, maps.get((first_id, image_id)))

    for first, *others in rows:
        if first not in files:
            continue
        first_id, _ = files[first]
        keeper, *members = (wanted(path, first_id) for path in (first, *others) if path in files)
        for start in range(0, len(members), MEMBERS_AT_ONCE):
            yield ThumbnailTask(first, (keeper, *members[start : start + MEMBERS_AT_ONCE]))


def _paths(group: Group) -> tuple[str, ...]:
    return group.keeper, *(member.path for member in group.members[:MEMBERS_PER_GROUP])


def _rgb(wanted: FileToDraw) -> Rgb | None:
    """The picture as `_regions` and the thumbnail need it; None where the file cannot be read now."""
    try:
        data = OnDisk((os.fsencode(wanted.path),), wanted.sha256).read()
        return decoded(data, wanted.info, CANVAS_PX)
    except (OSError, Skipped):
        return None


def _thumbnail(wanted: FileToDraw, rgb: Rgb | None) -> Thumbnail:
    """Without what is drawn on it. Where there is no picture, the size is that which its thumbnail would have."""
    scale = min(1.0, THUMBNAIL_PX / max(wanted.info.size))
    width, height = (max(1, round(side * scale)) for side in wanted.info.size)
    jpeg = b""
    if rgb is not None:
        small = cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA)
        done, encoded = cv2.imencode(".jpg", small[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        assert done, "JPEG encodes every uint8 picture of this size"
        jpeg = encoded.tobytes()
    return Thumbnail(jpeg, width, height, wanted.modified_at_s)


def _regions(
    keeper: Rgb, keeper_info: PictureInfo, member: Rgb, info: PictureInfo, matrix: maps.Affine
) -> tuple[Corners, ...]:
    """Outlines of what differs, in shares of the member's sides; what lies outside of it is cut off."""
    shots, zoom = overlay.lay_out(keeper, keeper_info, member, info, matrix, CANVAS_PX)
    regions = overlay.differing(shots).regions
    found = (_shares(box, info) for box in overlay.outlines(regions, matrix, zoom))
    return tuple(corners for corners in found if corners)


def _shares(corners: NDArray[np.float64], info: PictureInfo) -> Corners:
    """A polygon in full-size pixels of a picture, cut off at its frame, as shares of its sides."""
    inside = maps.intersection(corners, outline.frame(*info.size))[1]
    return tuple((x, y) for x, y in np.clip(inside / info.size, 0.0, 1.0).tolist()) if len(inside) else ()
