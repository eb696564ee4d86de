"""`sift-vlad`: the built-in embedder, one vector from local features, with no model to download.

VLAD: H. Jegou et al., "Aggregating local descriptors into a compact image representation", CVPR 2010; residuals made
unit length, blocks rotated and whitened on their own: J. Delhumeau et al., "Revisiting the VLAD image representation",
ACM MM 2013; blocks of equal weight ("intra-normalisation"): R. Arandjelovic, A. Zisserman, "All about VLAD", CVPR 2013.

The vector has two parts, each of unit length and weighted so that their squares add to 1:
1. VLAD over CENTROIDS centroids, each with its mirror image: a descriptor is turned to the side that is nearer, so a
   picture and its mirror give one vector (the sum of both VLADs says the same in twice the numbers).
2. a layout of low frequencies and colours, which counts where a picture has few features or none.

A picture with 400 features gives the layout 5 % of its energy, so that blank pictures match no photo; two blank
pictures match each other as far as their colours do.
"""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib import resources

import numpy as np
from numpy.typing import NDArray

from imgindex import native
from imgindex.pictures import features
from imgindex.records import LocalFeatures, Picture, Reach, Rgb, Space, Vectors

NAME = "sift-vlad"
REVISION = "3"
DATA_FILE = "sift_vlad.npz"

CENTROIDS = 32
BLOCK = 32
"""Numbers kept per centroid. 32 x 32 has 99.0 % of the training photos' `edits` pairs among the first 32 (trained on
one half of the photos, asked on the other); 24 x 42 98.7 %, 40 x 25 98.8 %, 48 x 21 98.6 %; 64 x 32, twice the
size, 99.3 %. 4,096 raw numbers have 98.3 %, one global PCA whitening of them to 512 98.0 %: 160 photos are too few to
learn that from."""

LAYOUT_SIDE_PX = 32
FREQUENCIES = 7
"""Cosine transform of the picture at LAYOUT_SIDE_PX: frequencies 0 to 6 on both axes, without (0, 0)."""

LUMA_BINS = 9
CHROMA_BINS = 6
LAYOUT = (FREQUENCIES * FREQUENCIES - 1 + FREQUENCIES - 1) // 2 + LUMA_BINS + 2 * CHROMA_BINS

FEW_FEATURES = 20.0
"""With this many features VLAD and layout have equal energy. Pairs among the first 32 with 5, 20, 50 and 100: of the
`ukbench` edits of 120 generated drawings with some ten features each 98.4, 98.6, 98.1 and 97.3 %; of the `edits` of the
training photos 98.8, 99.1, 99.2 and 98.5 %."""

FAINT_CONTRAST = 8.0
"""Standard deviation, in grey levels, at which the layout's frequencies have half their weight: below it is noise."""

NEIGHBOURS = 20
LEAST_COSINE = 0.11
"""How far the search goes. Of the true pairs of `edits` on photos never trained on, where each picture has 11 copies,
it proposes 97.4 %, of `ukbench` 99.8 %. From 0.12 on it is 96.7 % of `edits` with 84 % of the candidates, from 0.10 on
97.9 % with 115 %. Another start of k-means changes these shares by up to 0.3 points."""

CROWD_COSINE = 0.7
"""Cosine from which a search finds every pair; `runs.index.crowds` keeps the nearest of each image. Pictures with few
features look alike to this space: of the pairs of 4,000 tiles of 32 px, half of them with less than 60 features, 0.21 %
reach 0.45 and 0.011 % this; that is 215 and 11 for each of 100,000 tiles."""

FLOOR = 0.45
"""Cosine from which an unproven pair is called similar. Of the pairs of different photos 5.0e-6 reach it in the
`ukbench` recipe (317 photos) and 1.0e-6 in `edits` (120 photos); of the true pairs of `edits` 54 %. Of different
generated drawings with some ten features or none 4.6 % do."""

_EPSILON = 1e-9
_UPPER = np.triu_indices(FREQUENCIES)


@dataclass(frozen=True, slots=True, eq=False)
class Codebook:
    """What training gives.

    centroids          float32[CENTROIDS, 128]          unit RootSIFT descriptors; their mirror images are implied
    projections        float32[CENTROIDS, 128, BLOCK]   whitening of each centroid's summed residuals
    block_means        float32[CENTROIDS, BLOCK]        mean of the normalised blocks
    layout_mean        float32[LAYOUT]                  mean of the layouts
    layout_projection  float32[LAYOUT, LAYOUT]          whitening of the layouts
    """

    centroids: NDArray[np.float32]
    projections: NDArray[np.float32]
    block_means: NDArray[np.float32]
    layout_mean: NDArray[np.float32]
    layout_projection: NDArray[np.float32]


@functools.cache
def shipped() -> tuple[Codebook, str]:
    """The codebook in the package (kept as float16) and the digest of its numbers."""
    source = resources.files("imgindex") / "data" / DATA_FILE
    with source.open("rb") as stream, np.load(stream, allow_pickle=False) as data:
        arrays = {name: np.asarray(data[name], "<f2") for name in Codebook.__dataclass_fields__}
    digest = hashlib.sha256()
    for name in sorted(arrays):
        digest.update(f"{name}{arrays[name].shape}".encode() + arrays[name].tobytes())
    return Codebook(**{name: array.astype(np.float32) for name, array in arrays.items()}), digest.hexdigest()


class SiftVlad:
    """The `Embedder` of space `sift-vlad/3`; deterministic, on the CPU, and safe to share between threads."""

    def __init__(self) -> None:
        self._codebook, digest = shipped()
        preprocessing = (
            f"RootSIFT, {features.MAX_FEATURES} features, {features.QUICK}, below {features.FEW_FEATURES} "
            f"{features.THOROUGH}, of {features.WORKING_SIDE_PX} px; VLAD {CENTROIDS}x{BLOCK}; "
            f"layout {LAYOUT} from {LAYOUT_SIDE_PX} px, {FEW_FEATURES:g}, {FAINT_CONTRAST:g}"
        )
        self._space = Space(
            name=f"{NAME}/{REVISION}", model=NAME, revision=REVISION, preprocessing=preprocessing,
            dim=CENTROIDS * BLOCK + LAYOUT, precision="float32",
            fingerprint=hashlib.sha256(f"{preprocessing}\n{digest}".encode()).hexdigest(), floor=FLOOR,
        )  # fmt: skip

    @property
    def space(self) -> Space:
        return self._space

    @property
    def short_side_px(self) -> int:
        return features.WORKING_SIDE_PX

    @property
    def reach(self) -> Reach:
        return Reach(NEIGHBOURS, LEAST_COSINE, CROWD_COSINE)

    @property
    def batch_size(self) -> int:
        return 64

    def front(self, picture: Picture) -> NDArray[np.float32]:
        """float32[dim], the whole vector; extracts the features that a picture comes without."""
        found = picture.features
        if found is None:
            found = features.extract(features.working_luma(picture.rgb))
        return join(vlad(found, self._codebook), layout(picture.rgb, self._codebook), len(found))

    def finish(self, fronts: Sequence[NDArray[np.float32]]) -> Vectors:
        """float32[len(fronts), dim]: the vectors that `front` gave."""
        return np.array(fronts, np.float32).reshape(len(fronts), self._space.dim)


def join(blocks: NDArray[np.float32], layout_part: NDArray[np.float32], feature_count: int) -> NDArray[np.float32]:
    """float32[dim] of norm 1: both parts, weighted by the number of features."""
    share = feature_count / (feature_count + FEW_FEATURES)
    joined = np.concatenate([blocks * np.sqrt(share), layout_part * np.sqrt(1.0 - share)])
    return np.asarray(joined / np.linalg.norm(joined), np.float32)


def residual_sums(found: LocalFeatures, centroids: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[CENTROIDS, 128]: per centroid, the sum of the unit residuals of the descriptors nearest to it.

    A descriptor nearer to a mirrored centroid counts as its own mirror image at the centroid itself.
    """
    return native.residual_sums(found.descriptors, centroids, features.MIRROR_PERMUTATION)


def unit_blocks(sums: NDArray[np.float32], projections: NDArray[np.float32]) -> NDArray[np.float32]:
    """float32[CENTROIDS, BLOCK]: each sum projected and made unit length; zero where nothing was summed."""
    blocks = np.matmul(sums[:, None, :], projections)[:, 0, :]
    return np.asarray(blocks / np.maximum(np.linalg.norm(blocks, axis=1, keepdims=True), _EPSILON), np.float32)


def vlad(found: LocalFeatures, codebook: Codebook) -> NDArray[np.float32]:
    """float32[CENTROIDS * BLOCK], of norm 1, or 0 where there is no feature."""
    blocks = unit_blocks(residual_sums(found, codebook.centroids), codebook.projections)
    filled = np.any(blocks != 0.0, axis=1)
    blocks[filled] -= codebook.block_means[filled]
    return np.asarray(blocks.ravel() / max(float(np.linalg.norm(blocks)), _EPSILON), np.float32)


def layout(rgb: Rgb, codebook: Codebook) -> NDArray[np.float32]:
    """float32[LAYOUT] of norm 1: the picture's low frequencies and colours, the same for all eight orientations."""
    frequencies, colours, contrast = raw_layout(rgb)
    mean = codebook.layout_mean
    visible = contrast / (contrast + FAINT_CONTRAST)
    parts = np.concatenate([visible * (frequencies - mean[: len(frequencies)]), colours - mean[len(frequencies) :]])
    parts = parts @ codebook.layout_projection
    return np.asarray(parts / max(float(np.linalg.norm(parts)), _EPSILON), np.float32)


def raw_layout(rgb: Rgb) -> tuple[NDArray[np.float32], NDArray[np.float32], float]:
    """Unit vectors of frequencies and colours before centring, and the standard deviation in grey levels.

    A mirror changes the signs of cosine coefficients and a quarter turn swaps their axes: magnitudes are
    kept, as the root mean square of both axes' coefficient, then as square roots so that none rules.
    """
    small = native.resize_area(rgb, LAYOUT_SIDE_PX, LAYOUT_SIDE_PX)
    power, shares, contrast = native.layout(small, FREQUENCIES, LUMA_BINS, CHROMA_BINS)
    frequencies = (power + power.T)[_UPPER][1:] ** 0.25
    colours = np.sqrt(shares)
    return (
        np.asarray(frequencies / max(float(np.linalg.norm(frequencies)), _EPSILON), np.float32),
        np.asarray(colours / np.linalg.norm(colours), np.float32),
        contrast,
    )
