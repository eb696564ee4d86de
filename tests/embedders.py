"""Which embedder the pipeline opens, for tests that need no model."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from imgindex.ports import Embedder
from imgindex.records import Picture, Vectors
from imgindex.search import embed


def use_embedder(patch: pytest.MonkeyPatch, embedder: Embedder) -> None:
    """Until the patch is undone, every store is made with `embedder` and opened with it."""
    patch.setattr(embed, "open_embedder", lambda model, say, device="auto": embedder)
    patch.setattr(embed, "open_embedder_for", lambda space, say, device="auto": embedder)


def vectors_of(embedder: Embedder, pictures: Sequence[Picture]) -> Vectors:
    """float32[len(pictures), dim]: what indexing makes of each, by both halves of the embedder."""
    return embedder.finish([embedder.front(picture) for picture in pictures])
