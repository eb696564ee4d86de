"""What every embedder must do, asked of each: the fake, a tiny CLIP and sift-vlad."""

from __future__ import annotations

import io
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from skimage import data

from imgindex.pictures import decode, features
from imgindex.ports import Embedder, TextEmbedder
from imgindex.records import Picture, Rgb
from imgindex.search import embed
from imgindex.search.embed.fake import FakeEmbedder
from tests.embedders import vectors_of
from tests.tiny_clip import write_tiny_clip

TOLERANCE = 1e-3
"""Least agreement of a picture's vectors: 1 - cosine, over batches and repetitions."""


def say(sentence: str) -> None:
    pytest.fail(f"nothing to say was expected, but: {sentence}")


@pytest.fixture(scope="module", params=["fake", "tiny-clip", "sift-vlad"])
def embedder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Embedder:
    if request.param == "fake":
        return FakeEmbedder()
    if request.param == "tiny-clip":
        folder: Path = write_tiny_clip(tmp_path_factory.mktemp("model") / "tiny")
        return embed.open_embedder(str(folder), say, "cpu")
    return embed.open_embedder("sift-vlad", say)


def read(rgb: Rgb, embedder: Embedder, quality: int = 95) -> Picture:
    """`rgb` saved as a JPEG and decoded as the pipeline would for `embedder`."""
    stream = io.BytesIO()
    Image.fromarray(rgb).save(stream, "JPEG", quality=quality)
    picture = decode.decode(stream.getvalue(), short_side_px=embedder.short_side_px)
    return Picture(picture.info, picture.rgb, features.extract(features.working_luma(picture.rgb)))


@pytest.fixture(scope="module")
def photographs() -> list[Rgb]:
    """Six real photographs that ship with scikit-image."""
    return [data.astronaut(), data.chelsea(), data.coffee(), data.rocket(), data.immunohistochemistry(), data.retina()]


@pytest.fixture(scope="module")
def pictures(photographs: list[Rgb], embedder: Embedder) -> list[Picture]:
    return [read(rgb, embedder) for rgb in photographs]


def test_unit_rows_of_the_space(embedder: Embedder, pictures: list[Picture]) -> None:
    """Prevents: vectors that the store refuses."""
    vectors = vectors_of(embedder, pictures)
    assert vectors.shape == (len(pictures), embedder.space.dim) and vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < TOLERANCE


def test_the_front_travels_and_finish_gives_the_vector(embedder: Embedder, pictures: list[Picture]) -> None:
    """Prevents: a first half that cannot be sent to a worker process, or that says something else there."""
    front = pickle.loads(pickle.dumps(embedder.front))
    fronts = pickle.loads(pickle.dumps([front(picture) for picture in pictures]))
    assert np.abs(embedder.finish(fronts) - vectors_of(embedder, pictures)).max() < TOLERANCE


def test_nothing_in_nothing_out(embedder: Embedder) -> None:
    """Prevents: a crash on the empty last batch."""
    assert vectors_of(embedder, []).shape == (0, embedder.space.dim)


def test_order_and_batches_do_not_matter(embedder: Embedder, pictures: list[Picture]) -> None:
    """Prevents: a vector attached to another picture, or one that depends on its neighbours in a batch."""
    together = vectors_of(embedder, pictures)
    backwards = vectors_of(embedder, pictures[::-1])[::-1]
    alone = np.concatenate([vectors_of(embedder, [picture]) for picture in pictures])
    many = vectors_of(embedder, pictures * (embedder.batch_size // len(pictures) + 2))[-len(pictures) :]
    for other in (backwards, alone, many):
        assert (together * other).sum(axis=1).min() > 1 - TOLERANCE


def test_a_copy_is_nearer_than_any_other_picture(embedder: Embedder, photographs: list[Rgb]) -> None:
    """Prevents: an embedder that does not see, or rows that are mixed up."""
    originals = vectors_of(embedder, [read(rgb, embedder) for rgb in photographs])
    smaller = [np.asarray(Image.fromarray(rgb).resize((320, 240))) for rgb in photographs]
    cosines = vectors_of(embedder, [read(rgb, embedder, quality=60) for rgb in smaller]) @ originals.T
    assert (cosines.argmax(axis=1) == np.arange(len(photographs))).all()


@pytest.mark.parametrize("grey", [0, 128, 255])
@pytest.mark.parametrize("shape", [(1, 1), (1, 200), (64, 64), (300, 7)])
def test_a_picture_without_texture_has_a_vector(embedder: Embedder, shape: tuple[int, int], grey: int) -> None:
    """Prevents: a division by zero on blank or tiny pictures."""
    vector = vectors_of(embedder, [read(np.full((*shape, 3), grey, np.uint8), embedder)])
    assert np.linalg.norm(vector) == pytest.approx(1, abs=TOLERANCE)


def test_the_space_is_whole(embedder: Embedder) -> None:
    """Prevents: a space that cannot be recorded or told from another."""
    space = embedder.space
    assert space.dim > 0 and 0 < space.floor < 1 and len(space.fingerprint) >= 16
    assert space.name and space.model and space.revision and space.preprocessing and space.precision
    assert embedder.space == space
    assert embedder.batch_size >= 1 and embedder.short_side_px >= 1


def test_texts_share_the_space(embedder: Embedder) -> None:
    """Prevents: text vectors that cannot be compared with those of pictures."""
    if not isinstance(embedder, TextEmbedder):
        assert not hasattr(embedder, "embed_text")
        return
    vectors = embedder.embed_text(["a cat", "a rocket"])
    assert vectors.shape == (2, embedder.space.dim) and vectors.dtype == np.float32
    assert np.abs(np.linalg.norm(vectors, axis=1) - 1).max() < TOLERANCE
