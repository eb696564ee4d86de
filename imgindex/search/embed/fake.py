"""A small twin of the real embedders: a few mean colours as a vector, in a millisecond and without a model."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import cv2
import numpy as np

from imgindex.ports import Front
from imgindex.records import Picture, Reach, Rgb, Space, Vectors

GRID = 8
"""Cells of a picture, per side."""

DIM = GRID * GRID * 3 + 1

BIAS = 16.0
"""Added component, in grey levels: it gives a uniform picture a direction of its own."""

NEIGHBOURS = 20


class FakeEmbedder:
    """An `Embedder` and `TextEmbedder` for fast tests: resized and re-encoded copies are close, other pictures are not.

    The vector is the picture's GRID x GRID mean colours less their mean, and BIAS. A text's vector
    is that of the picture that `hashlib` makes of it: always the same, and like no photo.
    """

    def __init__(self, name: str = "fake") -> None:
        self._space = Space(
            name=name, model=name, revision="1", preprocessing=f"{GRID}x{GRID} mean colours", dim=DIM,
            precision="float32", fingerprint=hashlib.sha256(name.encode()).hexdigest(), floor=0.95,
        )  # fmt: skip

    @property
    def space(self) -> Space:
        return self._space

    @property
    def short_side_px(self) -> int:
        return 4 * GRID

    @property
    def reach(self) -> Reach:
        return Reach(NEIGHBOURS, -1.0, self.space.floor)

    @property
    def batch_size(self) -> int:
        return 16

    @property
    def front(self) -> Front:
        return pixels

    def finish(self, fronts: Sequence[Rgb]) -> Vectors:
        """float32[len(fronts), DIM], rows of norm 1."""
        return _unit(fronts)

    def embed_text(self, texts: Sequence[str]) -> Vectors:
        """float32[len(texts), DIM], rows of norm 1."""
        return _unit([np.frombuffer(hashlib.shake_256(text.encode()).digest(DIM - 1), np.uint8).reshape(GRID, GRID, 3)
                      for text in texts])  # fmt: skip


def pixels(picture: Picture) -> Rgb:
    """The picture itself: everything else is done by the process that embeds."""
    return picture.rgb


def _unit(pictures: Sequence[Rgb]) -> Vectors:
    vectors = np.zeros((len(pictures), DIM), np.float32)
    for row, rgb in zip(vectors, pictures, strict=True):
        small = cv2.resize(rgb, (GRID, GRID), interpolation=cv2.INTER_AREA).astype(np.float32)
        row[:-1] = (small - small.mean()).ravel()
        row[-1] = BIAS
    return np.asarray(vectors / np.linalg.norm(vectors, axis=1, keepdims=True), np.float32)
