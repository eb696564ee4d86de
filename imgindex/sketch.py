"""A few kilobytes of an image that tell most strangers apart: kept in the store, so that no file is read for them.

A sketch has the thumbnails and the strongest local features of the working picture, their descriptors reduced to 16
bytes: the mirror-symmetric and the mirror-antisymmetric half of each (see `register.Halves`) by its own principal
components, so that a mirrored copy is found as the picture is.

`ways` is the first step of a verification: it asks what `align` asks before it looks at pixels. Of the 1,655
pairs of edits of 80 training photos that are proven by their features it refutes none; more components (12 + 12,
16 + 16, 24 + 24) let no fewer strangers pass.
"""

from __future__ import annotations

import enum
import functools
import struct
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from imgindex import outline, register
from imgindex.records import LocalFeatures, Outline, Thumb

VERSION = 3
"""Of the format and of what is in it; a sketch of another version is made anew."""

DATA_FILE = "sketch.npz"
COMPONENTS = 8
STEP = 4.0
"""Components are kept in steps of 4, up to 127 of them: the largest of 5,000 descriptors was 444."""

SIDE_STEPS = 255
LOG_SIZE_STEP = 1 / 24
ANGLE_STEPS = 256
"""Positions are kept in 1/255 of the side (1.3 px of the working picture, where a vote allows 14), sizes in steps of
3 %, angles of 1.4 degrees."""

_HEAD = struct.Struct("<BBHHH")
_BOX = struct.Struct("<4f")


@dataclass(frozen=True, eq=False)
class Sketch:
    """`features` with positions, sizes and angles rounded, their descriptors left out; even, odd int8[n, COMPONENTS]
    stand for those."""

    thumbs: tuple[Thumb, ...]
    features: LocalFeatures
    even: NDArray[np.int8]
    odd: NDArray[np.int8]

    @functools.cached_property
    def halves(self) -> register.Halves:
        return register.Halves.of(self.features, self.even * np.float32(STEP), self.odd * np.float32(STEP))

    @classmethod
    def from_bytes(cls, data: bytes) -> Sketch:
        """Raises ValueError where the bytes are no sketch of this version."""
        if len(data) < _HEAD.size or data[0] != VERSION:
            raise ValueError("no sketch of this version")
        _, thumb_count, count, width, height = _HEAD.unpack_from(data)
        thumb_bytes = _BOX.size + outline.THUMB_PX**2
        at = _HEAD.size + thumb_count * thumb_bytes
        if len(data) != at + count * (4 + 2 * COMPONENTS):
            raise ValueError("a sketch that was cut off")
        thumbs = tuple(_thumb(data, _HEAD.size + i * thumb_bytes) for i in range(thumb_count))
        columns = np.frombuffer(data, np.uint8, 4 * count, at).reshape(count, 4).astype(np.float32)
        even = np.frombuffer(data, np.int8, COMPONENTS * count, at + 4 * count).reshape(count, COMPONENTS)
        odd = np.frombuffer(data, np.int8, COMPONENTS * count, at + (4 + COMPONENTS) * count)
        features = LocalFeatures(
            columns[:, :2] * (_sides(width, height) / np.float32(SIDE_STEPS)),
            np.exp2(columns[:, 2] * np.float32(LOG_SIZE_STEP)),
            columns[:, 3] * np.float32(360.0 / ANGLE_STEPS),
            np.zeros((count, 0), np.uint8),
            width,
            height,
        )
        return cls(thumbs, features, even, odd.reshape(count, COMPONENTS))


def _thumb(data: bytes, at: int) -> Thumb:
    side = outline.THUMB_PX
    small = np.frombuffer(data, np.uint8, side * side, at + _BOX.size).reshape(side, side)
    return outline.of_small(_BOX.unpack_from(data, at), small)


def _sides(width: int, height: int) -> NDArray[np.float32]:
    return np.array([max(1, width - 1), max(1, height - 1)], np.float32)


@functools.lru_cache(maxsize=1)
def _bases() -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """(mean of the sums float32[64], components of the sums and of the differences float32[64, COMPONENTS])."""
    with resources.files("imgindex").joinpath("data", DATA_FILE).open("rb") as file, np.load(file) as arrays:
        return arrays["even_mean"], arrays["even"], arrays["odd"]


def drawn(outlined: Outline, features: LocalFeatures) -> bytes:
    """The sketch of a picture with this outline and these local features: little-endian, some 4 kB."""
    mean, even_basis, odd_basis = _bases()
    even, odd = register.sums_and_differences(features.descriptors)
    count, width, height = len(features), features.width, features.height
    columns = np.empty((count, 4), np.float32)
    columns[:, :2] = features.points / _sides(width, height) * SIDE_STEPS
    columns[:, 2] = np.log2(np.maximum(features.sizes, 1e-3)) / LOG_SIZE_STEP
    columns[:, 3] = features.angles / 360.0 * ANGLE_STEPS
    np.clip(np.rint(columns, out=columns), 0.0, (SIDE_STEPS, SIDE_STEPS, 255.0, ANGLE_STEPS), out=columns)
    columns[:, 3] %= ANGLE_STEPS
    head = _HEAD.pack(VERSION, len(outlined.thumbs), count, width, height)
    thumbs = b"".join(_BOX.pack(*thumb.box) + thumb.small.tobytes() for thumb in outlined.thumbs)
    components = _steps((even - mean) @ even_basis), _steps(odd @ odd_basis)
    return b"".join([head, thumbs, columns.astype(np.uint8).tobytes(), *(part.tobytes() for part in components)])


def _steps(components: NDArray[np.floating]) -> NDArray[np.int8]:
    return np.asarray(np.clip(np.rint(components / STEP), -127, 127), np.int8)


class Way(enum.Enum):
    """What speaks for laying one picture on another."""

    FRAMES = "frames"
    FEATURES = "features"


CORRELATION_MARGIN = 1e-5
"""How far below a threshold a correlation that was summed in another order may be."""


def ways(
    shared: Sketch, others: Sequence[Sketch], shared_is_a: Sequence[bool], frame_correlation: float
) -> list[Way | None]:
    """Why the pixels of one picture and of each of some others are worth looking at: the frames correlate, or else
    enough of the features agree on one map; None where neither is so."""
    found: list[Way | None] = []
    for other, is_a, correlation in zip(others, shared_is_a, correlations(shared, others), strict=True):
        a, b = (shared, other) if is_a else (other, shared)
        may_lie = correlation >= frame_correlation - CORRELATION_MARGIN
        if may_lie and register.from_frames(a.thumbs, b.thumbs, frame_correlation)[1] is not None:
            found.append(Way.FRAMES)
        else:
            found.append(Way.FEATURES if features_agree(a, b) else None)
    return found


def correlations(shared: Sketch, others: Sequence[Sketch]) -> list[float]:
    """The highest correlation of a thumbnail of one picture, in any orientation, with one of each other picture."""
    _, orders = register.orientations()
    turned = np.concatenate([thumb.unit[orders] for thumb in shared.thumbs])
    units = np.stack([thumb.unit for other in others for thumb in other.thumbs])
    highest = (turned @ units.T).max(axis=0)
    starts = np.cumsum([0, *(len(other.thumbs) for other in others)])[:-1]
    best: list[float] = np.maximum.reduceat(highest, starts).tolist()
    return best


def features_agree(a: Sketch, b: Sketch) -> bool:
    """Whether enough of the features agree on one map for the features themselves to be asked."""
    return register.agree(a.halves, b.halves)
