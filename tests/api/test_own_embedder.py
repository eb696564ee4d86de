"""An embedder that an engineer wrote takes the place of CLIP, and must keep its promise."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

import imgindex
from imgindex.records import Picture, Verdict
from imgindex.search.embed.fake import FakeEmbedder


def mean_rows(picture: Picture) -> NDArray[np.float32]:
    """A profile of the picture from top to bottom, and of its colours."""
    rows = np.array_split(picture.rgb.astype(np.float32), 16)
    vector = np.concatenate([row.mean(axis=(0, 1)) - 128 for row in rows]) + 0.01
    return np.asarray(vector / np.linalg.norm(vector), np.float32)


class Profiles:
    """The shortest embedder: all is done where a picture was decoded."""

    space = imgindex.Space(
        name="profiles", model="profiles", revision="1", preprocessing="16 rows", dim=48, precision="float32",
        fingerprint="profiles 1", floor=0.98,
    )  # fmt: skip
    short_side_px = 64
    reach = imgindex.Reach(20, 0.5, 0.98)
    batch_size = 64
    front = staticmethod(mean_rows)

    def finish(self, fronts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return np.stack(fronts)


class Bad(Profiles):
    def __init__(self, spoil: Callable[[NDArray[np.float32]], NDArray[np.float32]]) -> None:
        self.spoil = spoil

    def finish(self, fronts: Sequence[NDArray[np.float32]]) -> NDArray[np.float32]:
        return self.spoil(np.stack(fronts))


def test_an_embedder_of_ones_own_takes_the_place_of_the_model(photos: Path, tmp_path: Path) -> None:
    """Prevents: a model of one's own that only a patch of the package can use."""
    with imgindex.open(tmp_path / "store", embedder=Profiles(), jobs=1) as images:
        images.index(photos)
        found = images.embeddings()
        assert (found.space, found.vectors.shape) == ("profiles", (6, 48))
        assert images.query(photos / "0.jpg", k=2)[1].verdict is Verdict.NEAR_DUPLICATE
        assert len(images.report().groups) == 3
        assert images.check() == ()
    with imgindex.open(tmp_path / "store", embedder=Profiles(), workers=imgindex.InlineWorkers()) as images:
        assert images.index(photos).ingest.unchanged == 6


def test_vectors_of_two_embedders_are_never_mixed(photos: Path, tmp_path: Path) -> None:
    """Prevents: cosines between vectors that have nothing to do with each other."""
    workers = imgindex.InlineWorkers()
    with imgindex.open(tmp_path / "store", embedder=Profiles(), workers=workers) as images:
        images.index(photos)
    with imgindex.open(tmp_path / "store", embedder=FakeEmbedder(), workers=workers) as images:
        for verb in (lambda: images.index(photos), lambda: images.query(photos / "0.jpg")):
            with pytest.raises(imgindex.ModelError, match="made with profiles, and vectors of fake"):
                verb()
        assert len(images.report().groups) == 3, "what needs no model is told"
    with imgindex.open(tmp_path / "store", embedder=FakeEmbedder(), rebuild=True, workers=workers) as images:
        images.index(photos)
        assert images.embeddings().space == "fake"
        assert images.query_text("a boat", k=1)
    with pytest.raises(imgindex.UsageError, match="Give a model, or an embedder"):
        imgindex.open(tmp_path / "store", model="sift-vlad", embedder=FakeEmbedder())


@pytest.mark.parametrize(
    ("spoil", "said"),
    [
        (lambda v: v * 2, "not of norm 1"),
        (lambda v: np.full_like(v, np.nan), "not of norm 1"),
        (lambda v: v.astype(np.float64), "must give float32"),
        (lambda v: v[:, :40], "must give float32"),
        (lambda v: v[:-1], "must give float32"),
    ],
    ids=["norm", "nan", "float64", "dim", "rows"],
)
def test_an_embedder_that_breaks_its_promise_is_told_how(
    photos: Path, tmp_path: Path, spoil: Callable[[NDArray[np.float32]], NDArray[np.float32]], said: str
) -> None:
    """Prevents: a store that is damaged from its first run, found by `check` months later."""
    with imgindex.open(tmp_path / "store", embedder=Bad(spoil), workers=imgindex.InlineWorkers()) as images:
        with pytest.raises(imgindex.ModelError, match=said):
            images.index(photos)
        assert images.check() == ()
