"""A few kilobytes of an image that tell most strangers apart: kept in the store, so that no file is read for them.

A sketch has the icons and the strongest local features of the working picture, their descriptors reduced to 16
bytes: the mirror-symmetric and the mirror-antisymmetric half of each (see `features.Halves`) by its own principal
components, so that a mirrored copy is found as the picture is.

`ways` is the first step of a verification: it asks what `align` asks before it looks at pixels. Of the 1,655
pairs of edits of 80 training photos that are proven by their features it refutes none; more components (12 + 12,
16 + 16, 24 + 24) let no fewer strangers pass.
"""

from __future__ import annotations

import functools
import struct
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from imgindex.pictures import outline
from imgindex.pictures.features import Halves, sums_and_differences
from imgindex.records import Icon, LocalFeatures, Outline

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

    icons: tuple[Icon, ...]
    features: LocalFeatures
    even: NDArray[np.int8]
    odd: NDArray[np.int8]

    @functools.cached_property
    def halves(self) -> Halves:
        return Halves.of(self.features, self.even * np.float32(STEP), self.odd * np.float32(STEP))

    @classmethod
    def from_bytes(cls, data: bytes) -> Sketch:
        """Raises ValueError where the bytes are no sketch of this version."""
        if len(data) < _HEAD.size or data[0] != VERSION:
            raise ValueError("no sketch of this version")
        _, icon_count, count, width, height = _HEAD.unpack_from(data)
        icon_bytes = _BOX.size + outline.ICON_PX**2
        at = _HEAD.size + icon_count * icon_bytes
        if len(data) != at + count * (4 + 2 * COMPONENTS):
            raise ValueError("a sketch that was cut off")
        icons = tuple(_icon(data, _HEAD.size + i * icon_bytes) for i in range(icon_count))
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
        return cls(icons, features, even, odd.reshape(count, COMPONENTS))


def _icon(data: bytes, at: int) -> Icon:
    side = outline.ICON_PX
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
    even, odd = sums_and_differences(features.descriptors)
    count, width, height = len(features), features.width, features.height
    columns = np.empty((count, 4), np.float32)
    columns[:, :2] = features.points / _sides(width, height) * SIDE_STEPS
    columns[:, 2] = np.log2(np.maximum(features.sizes, 1e-3)) / LOG_SIZE_STEP
    columns[:, 3] = features.angles / 360.0 * ANGLE_STEPS
    np.clip(np.rint(columns, out=columns), 0.0, (SIDE_STEPS, SIDE_STEPS, 255.0, ANGLE_STEPS), out=columns)
    columns[:, 3] %= ANGLE_STEPS
    head = _HEAD.pack(VERSION, len(outlined.icons), count, width, height)
    icons = b"".join(_BOX.pack(*icon.box) + icon.small.tobytes() for icon in outlined.icons)
    components = _steps((even - mean) @ even_basis), _steps(odd @ odd_basis)
    return b"".join([head, icons, columns.astype(np.uint8).tobytes(), *(part.tobytes() for part in components)])


def _steps(components: NDArray[np.floating]) -> NDArray[np.int8]:
    return np.asarray(np.clip(np.rint(components / STEP), -127, 127), np.int8)
