"""Pictures of stored images to look at: one by itself, or two laid on each other. Decoded in worker processes."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.errors import UsageError
from imgindex.pictures import outline
from imgindex.pictures.contents import OnDisk
from imgindex.pictures.prepare import decoded
from imgindex.ports import Workers
from imgindex.proof import maps, overlay
from imgindex.proof.difference import Difference
from imgindex.proof.verify import reversed_outcome
from imgindex.records import PictureInfo, Rgb
from imgindex.results import Corners
from imgindex.runs.difference_pictures import shaded
from imgindex.runs.lookup import found_files
from imgindex.runs.query import why
from imgindex.store import Store, pairs

JPEG_QUALITY = 85

OUTSIDE = 0x80
"""Grey level where the second of two pictures shows nothing of the first."""


@dataclass(frozen=True, slots=True, eq=False)
class Laid:
    """Two stored images of which one was laid on the other, as JPEG files of one size.

    first, second  the two in the frame of the first; where the second shows nothing it is grey
    difference     where they differ: white where they are equal
    regions        outlines of what differs, in shares of the first picture's sides
    own            the same outlines, in shares of the second picture's sides
    """

    first: bytes
    second: bytes
    difference: bytes
    width_px: int
    height_px: int
    regions: tuple[Corners, ...]
    own: tuple[Corners, ...]


@dataclass(frozen=True, slots=True)
class Stored:
    """A stored image, and where its bytes are."""

    content: OnDisk
    info: PictureInfo


@dataclass(frozen=True, slots=True)
class DrawTask:
    stored: Stored
    long_side_px: int


@dataclass(frozen=True, slots=True)
class LayTask:
    """`matrix` leads from the first's full-size pixels to the second's; None where that is not known."""

    first: Stored
    second: Stored
    matrix: tuple[float, ...] | None
    long_side_px: int


def picture(store: Store, image_id: str, long_side_px: int, workers: Workers) -> bytes | None:
    """A stored image as a JPEG whose longer side is at most `long_side_px`; None where no image has this id.

    Raises UsageError with a sentence where none of its files can be read now.
    """
    stored = _stored(store, image_id)
    if stored is None:
        return None
    [(_, drawn)] = workers.run(draw, [DrawTask(stored, long_side_px)])
    if isinstance(drawn, Exception):
        raise UsageError(f"The picture cannot be shown: {why(drawn)}") from drawn
    return drawn


def laid(store: Store, first: str, second: str, long_side_px: int, workers: Workers) -> Laid | None:
    """The image `second` laid on `first`, as their proven map says; None where either id is unknown, or where they
    were not proven to lie on each other.

    Raises UsageError with a sentence where one of them cannot be read now.
    """
    one, other = found_files(store, first), found_files(store, second)
    if one is None or other is None:
        return None
    (image_a, paths_a), (image_b, paths_b) = one, other
    key = (min(image_a.id, image_b.id), max(image_a.id, image_b.id))
    with store.read() as tx:
        pair = pairs.with_keys(tx, [key]).get(key)
    if pair is None or not pair.outcome.verdict.is_aligned:
        return None
    outcome = pair.outcome if pair.a_id == image_a.id else reversed_outcome(pair.outcome)
    a = Stored(OnDisk(paths_a, image_a.sha256), image_a.info)
    b = Stored(OnDisk(paths_b, image_b.sha256), image_b.info)
    [(_, drawn)] = workers.run(lay, [LayTask(a, b, outcome.matrix, long_side_px)])
    if isinstance(drawn, Exception):
        raise UsageError(f"The pictures cannot be shown: {why(drawn)}") from drawn
    return drawn


def draw(task: DrawTask) -> bytes:
    """Runs in a worker process. Raises OSError or Skipped where the file cannot be read."""
    rgb = decoded(task.stored.content.read(), task.stored.info, task.long_side_px)
    scale = min(1.0, task.long_side_px / max(rgb.shape[:2]))
    width, height = (max(1, round(side * scale)) for side in (rgb.shape[1], rgb.shape[0]))
    return _jpeg(np.asarray(cv2.resize(rgb, (width, height), interpolation=cv2.INTER_AREA), np.uint8))


def lay(task: LayTask) -> Laid:
    """Runs in a worker process. Raises OSError or Skipped where a file cannot be read."""
    a, b = task.first, task.second
    rgb_a = decoded(a.content.read(), a.info, task.long_side_px)
    rgb_b = decoded(b.content.read(), b.info, task.long_side_px)
    matrix = maps.IDENTITY if task.matrix is None else np.array(task.matrix, np.float64).reshape(2, 3)
    shots, zoom = overlay.lay_out(rgb_a, a.info, rgb_b, b.info, matrix, task.long_side_px)
    found = overlay.differing(shots)
    second = np.where(shots.shared[..., None], shots.b, np.uint8(OUTSIDE))
    height, width = shots.a.shape[:2]
    return Laid(
        _jpeg(shots.a),
        _jpeg(second),
        _jpeg(shaded(found)),
        width,
        height,
        _outlines(found, maps.IDENTITY, zoom, a.info),
        _outlines(found, matrix, zoom, b.info),
    )


def _outlines(found: Difference, matrix: NDArray[np.float64], zoom: float, info: PictureInfo) -> tuple[Corners, ...]:
    """What differs, on a picture of this size, in shares of its sides; what lies outside of it is cut off."""
    cut = (
        maps.intersection(corners, outline.frame(*info.size))[1]
        for corners in overlay.outlines(found.regions, matrix, zoom)
    )
    return tuple(
        tuple((x, y) for x, y in np.clip(corners / info.size, 0.0, 1.0).tolist()) for corners in cut if len(corners)
    )


def _jpeg(rgb: Rgb) -> bytes:
    done, encoded = cv2.imencode(".jpg", np.ascontiguousarray(rgb[..., ::-1]), [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
    assert done, "JPEG encodes every uint8 picture of this size"
    return encoded.tobytes()


def _stored(store: Store, image_id: str) -> Stored | None:
    found = found_files(store, image_id)
    return None if found is None else Stored(OnDisk(found[1], found[0].sha256), found[0].info)
