"""An embedder that a caller brought, held to its promise."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgindex.errors import ModelError
from imgindex.ports import Embedder, Front
from imgindex.records import Reach, Space, Vectors

NORM_TOLERANCE = 1e-3


class Own:
    """`ports.Embedder` that passes everything on to another, and looks at the vectors: one that is not of norm 1, or
    not a number, would be found as damage only after it was stored."""

    def __init__(self, embedder: Embedder) -> None:
        self._embedder = embedder

    @property
    def space(self) -> Space:
        return self._embedder.space

    @property
    def short_side_px(self) -> int:
        return self._embedder.short_side_px

    @property
    def reach(self) -> Reach:
        return self._embedder.reach

    @property
    def batch_size(self) -> int:
        return self._embedder.batch_size

    @property
    def front(self) -> Front:
        return self._embedder.front

    def finish(self, fronts: Sequence[NDArray[Any]]) -> Vectors:
        """See `ports.Embedder.finish`; ModelError where the vectors are not what that says."""
        vectors = np.asarray(self._embedder.finish(fronts))
        wanted = (len(fronts), self.space.dim)
        if vectors.shape != wanted or vectors.dtype != np.float32:
            raise ModelError(
                f"{self.space.name} gave {vectors.dtype}{list(vectors.shape)} for {len(fronts)} pictures; an embedder "
                f"must give float32{list(wanted)}."
            )
        norms = np.linalg.norm(vectors.astype(np.float64), axis=1)
        if not (np.isfinite(norms).all() and (np.abs(norms - 1.0) <= NORM_TOLERANCE).all()):
            raise ModelError(f"{self.space.name} gave vectors that are not of norm 1; divide each by its norm.")
        return vectors


class OwnText(Own):
    """The same of an embedder that has texts."""

    def embed_text(self, texts: Sequence[str]) -> Vectors:
        """See `ports.TextEmbedder.embed_text`."""
        vectors: Vectors = self._embedder.embed_text(texts)  # type: ignore[attr-defined]
        return vectors


def own(embedder: Embedder) -> Embedder:
    """The embedder, held to its promise."""
    return OwnText(embedder) if hasattr(embedder, "embed_text") else Own(embedder)
