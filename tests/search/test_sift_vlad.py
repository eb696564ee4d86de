"""The built-in embedder: what its vectors do not change with, and what they must tell apart."""

from __future__ import annotations

import io
from importlib import resources
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest
from PIL import Image, ImageEnhance, ImageOps
from skimage import data

from imgindex.pictures import decode, features
from imgindex.records import LocalFeatures, Picture, Rgb, Vectors
from imgindex.search.embed import sift_vlad
from imgindex.search.embed.sift_vlad import SiftVlad
from tests.helpers.embedders import vectors_of
from tests.helpers.pictures import scene
from tests.helpers.script_modules import script_module

SPACES = {
    "sift-vlad/1": "917ea315992ce80ca98854ec366795afec891bfe3b028810fd7f824c2656d096",
    "sift-vlad/3": "48df951710071c8791b2580f7c8d806c943f752c3235640520ea79c145a6a819",
}
"""Fingerprints of the spaces that were ever released, by name."""

EMBEDDER = SiftVlad()


def picture(image: Image.Image | Rgb, quality: int = 92) -> Picture:
    stream = io.BytesIO()
    (image if isinstance(image, Image.Image) else Image.fromarray(image)).save(stream, "JPEG", quality=quality)
    return decode.decode(stream.getvalue(), short_side_px=EMBEDDER.short_side_px)


def embed(*images: Image.Image | Rgb) -> Vectors:
    return vectors_of(EMBEDDER, [picture(image) for image in images])


def none_found() -> LocalFeatures:
    return features.extract(np.zeros((8, 8), np.uint8))


@pytest.fixture(scope="module")
def astronaut() -> Image.Image:
    return Image.fromarray(data.astronaut())


@pytest.fixture(scope="module")
def photographs() -> list[Image.Image]:
    shipped = (
        data.astronaut(),
        data.chelsea(),
        data.coffee(),
        data.rocket(),
        data.immunohistochemistry(),
        data.retina(),
    )
    return [Image.fromarray(rgb) for rgb in shipped]


def test_a_name_means_one_set_of_numbers() -> None:
    """Prevents: stores whose old and new vectors are compared although the codebook or the preprocessing changed.

    Where this fails after a deliberate change: raise REVISION and add the new space here.
    """
    space = EMBEDDER.space
    assert SPACES[space.name] == space.fingerprint


def test_the_data_is_small_and_whole() -> None:
    """Prevents: a package without its codebook, or one that a repository's hook refuses."""
    file = resources.files("imgindex") / "data" / sift_vlad.DATA_FILE
    assert len(file.read_bytes()) < 1 << 20
    codebook, _ = sift_vlad.shipped()
    assert codebook.centroids.shape == (sift_vlad.CENTROIDS, 128)
    assert codebook.projections.shape == (sift_vlad.CENTROIDS, 128, sift_vlad.BLOCK)
    assert codebook.block_means.shape == (sift_vlad.CENTROIDS, sift_vlad.BLOCK)
    assert codebook.layout_projection.shape == (sift_vlad.LAYOUT, sift_vlad.LAYOUT)
    assert all(np.isfinite(getattr(codebook, name)).all() for name in sift_vlad.Codebook.__dataclass_fields__)


def test_given_features_are_used_and_missing_ones_made(astronaut: Image.Image) -> None:
    """Prevents: one picture with two vectors, depending on which process found its features."""
    bare = picture(astronaut)
    given = Picture(bare.info, bare.rgb, features.extract(features.working_luma(bare.rgb)))
    without = Picture(bare.info, bare.rgb, none_found())
    made, same, other = vectors_of(EMBEDDER, [bare, given, without])
    assert (made == same).all() and float(made @ other) < 0.5


def test_a_vector_depends_on_its_picture_alone(photographs: list[Image.Image]) -> None:
    """Prevents: reports that change with the batches, bit for bit."""
    pictures = [picture(photo) for photo in photographs]
    together = vectors_of(EMBEDDER, pictures)
    assert (together[::-1] == vectors_of(EMBEDDER, pictures[::-1])).all()
    assert (together[2] == vectors_of(EMBEDDER, [pictures[2]])[0]).all()


def test_residual_sums_do_not_see_a_mirror(astronaut: Image.Image) -> None:
    """Prevents: a codebook that is not closed under mirroring."""
    found = features.extract(features.working_luma(np.asarray(astronaut)))
    centroids = sift_vlad.shipped()[0].centroids
    plain = sift_vlad.residual_sums(found, centroids)
    mirrored = sift_vlad.residual_sums(features.mirrored(found), centroids)
    assert np.abs(plain - mirrored).max() < 1e-3 and np.abs(plain).max() > 1


def test_residual_sums_are_sums() -> None:
    """Prevents: features lost, or counted twice, at the end of the rows that are multiplied at once."""
    found = features.extract(features.working_luma(data.coffee()))
    centroids = sift_vlad.shipped()[0].centroids
    whole = sift_vlad.residual_sums(found, centroids)
    cut = 29
    parts = [
        LocalFeatures(found.points[s], found.sizes[s], found.angles[s], found.descriptors[s], found.width, found.height)
        for s in (slice(0, cut), slice(cut, None))
    ]
    total = sum(sift_vlad.residual_sums(part, centroids) for part in parts)
    assert np.allclose(whole, total, atol=1e-4)


def test_layout_does_not_see_the_orientation() -> None:
    """Prevents: flat drawings that lose their turned and mirrored copies."""
    codebook, _ = sift_vlad.shipped()
    rgb = np.asarray(scene(7, 128, 128))
    for copy in (rgb[::-1], rgb[:, ::-1], np.rot90(rgb), rgb.transpose(1, 0, 2)):
        cosine = sift_vlad.layout(rgb, codebook) @ sift_vlad.layout(np.ascontiguousarray(copy), codebook)
        assert cosine == pytest.approx(1, abs=1e-3)


@pytest.mark.parametrize(
    "least, edit",
    [
        (0.85, ImageOps.mirror),
        (0.7, lambda image: image.transpose(Image.Transpose.ROTATE_90)),
        (0.85, ImageOps.grayscale),
        (0.6, lambda image: ImageEnhance.Brightness(image).enhance(0.55)),
        (0.4, lambda image: image.resize((image.width // 3, image.height // 3))),
        (0.3, lambda image: image.rotate(25)),
        (0.25, lambda image: image.crop((60, 60, 420, 420))),
    ],
    ids=["mirror", "rot90", "grey", "dark", "third", "rot25", "crop"],
)
def test_copies_stay_near(photographs: list[Image.Image], least: float, edit: object) -> None:
    """Prevents: a codebook or a projection that no longer knows copies of photos."""
    assert callable(edit)
    kept = photographs[:4]
    originals = embed(*kept)
    copies = embed(*[edit(photo).convert("RGB") for photo in kept])
    cosines = copies @ originals.T
    assert (cosines.argmax(axis=1) == np.arange(len(kept))).all()
    assert np.median(np.diagonal(cosines)) > least


def test_different_photographs_are_below_the_floor(photographs: list[Image.Image]) -> None:
    """Prevents: a floor that proposes everything."""
    cosines = embed(*photographs) @ embed(*photographs).T
    np.fill_diagonal(cosines, -1)
    assert cosines.max() < EMBEDDER.space.floor - 0.1


def test_blank_pictures_match_no_photograph(photographs: list[Image.Image]) -> None:
    """Prevents: a blank picture among the candidates of everything, and blank pictures of all colours in one heap."""
    ramp = np.linspace(0, 255, 320).astype(np.uint8)
    gradient = np.stack([np.tile(ramp, (240, 1))] * 3, axis=2)
    blanks = [np.full((240, 320, 3), colour, np.uint8) for colour in ((255, 255, 255), (0, 0, 0), (200, 30, 30))]
    flat = embed(*blanks, gradient)
    assert (flat @ embed(*photographs).T).max() < 0.3
    between = flat @ flat.T
    np.fill_diagonal(between, -1)
    assert between.max() < 0.6
    wider = embed(np.full((100, 500, 3), 255, np.uint8))
    assert float(wider[0] @ flat[0]) > 0.99


def test_few_features_still_find_their_copy() -> None:
    """Prevents: drawings of two or three shapes that have no neighbours but chance."""
    drawings = []
    for seed in range(12):
        rng = np.random.default_rng(seed)
        rgb = np.full((360, 480, 3), rng.integers(0, 256, 3), np.uint8)
        for _ in range(3):
            x, y, w, h = rng.integers(20, [300, 200, 150, 150]).tolist()
            rgb[y : y + h, x : x + w] = rng.integers(0, 256, 3)
        drawings.append(Image.fromarray(rgb))
    copies = [ImageOps.mirror(drawing).resize((320, 240)) for drawing in drawings]
    cosines = embed(*copies) @ embed(*drawings).T
    assert (cosines.argmax(axis=1) == np.arange(len(drawings))).all()


def test_joining_keeps_the_norm() -> None:
    """Prevents: a picture with features and no layout, or with neither, whose vector the store refuses."""
    codebook, _ = sift_vlad.shipped()
    layout_part = sift_vlad.layout(np.zeros((4, 4, 3), np.uint8), codebook)
    for blocks, count in ((np.zeros(1024, np.float32), 0), (np.full(1024, 1 / 32, np.float32), 400)):
        assert np.linalg.norm(sift_vlad.join(blocks, layout_part, count)) == pytest.approx(1, abs=1e-6)


@pytest.fixture(scope="module")
def trainer() -> ModuleType:
    return script_module("train/sift_vlad")


def test_training_gives_the_same_codebook_again(
    trainer: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Prevents: a data file that nobody can make again from its photos."""
    monkeypatch.setattr(trainer, "EDITS", 8)
    monkeypatch.setattr(trainer, "KMEANS_ROUNDS", 4)
    for seed in range(4):
        scene(seed).save(tmp_path / f"{seed}.png")
    first, second = (trainer.train(trainer.photos_in([tmp_path])) for _ in range(2))
    for name in sift_vlad.Codebook.__dataclass_fields__:
        assert (getattr(first, name) == getattr(second, name)).all() and np.isfinite(getattr(first, name)).all()


def test_copies_of_real_photos_are_proposed(photos: Path) -> None:
    """Prevents: a space that works on the pictures it was tried on only."""
    files = sorted((photos / "photos" / "measure").glob("*.jpg"))[::8]
    originals = [ImageOps.exif_transpose(Image.open(file)).convert("RGB") for file in files]
    copies = []
    for photo in originals:
        width, height = photo.size
        copies.append(ImageOps.mirror(photo.crop((0, 0, round(width * 0.7), round(height * 0.7)))))
    ranked = np.argsort(-(embed(*copies) @ embed(*originals).T), axis=1)[:, :3]
    assert np.mean((ranked == np.arange(len(files))[:, None]).any(axis=1)) >= 0.97
