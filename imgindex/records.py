"""The nouns: small frozen values that every layer shares, each with its invariant."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Rgb: TypeAlias = NDArray[np.uint8]
"""uint8[height, width, 3], sRGB order, EXIF orientation applied, alpha flattened on white."""

Luma: TypeAlias = NDArray[np.uint8]
"""uint8[height, width], ITU-R 601-2 luma of an oriented picture."""

Vectors: TypeAlias = NDArray[np.float32]
"""float32[n, dim], every row of norm 1 within 1e-3."""

UNSIGNED_BITS = (1 << 64) - 1
"""Numbers of inodes and devices are unsigned, and some systems call the upper half of them negative."""

SIGNED_MAX = (1 << 63) - 1
"""SQLite's largest INTEGER."""

Polygon: TypeAlias = NDArray[np.float64]
"""float64[n, 2], n >= 3: corners of a convex polygon in continuous coordinates."""


class Verdict(StrEnum):
    """What is known of a pair, strongest first."""

    EXACT = "exact"
    SAME_PIXELS = "same-pixels"
    NEAR_DUPLICATE = "near-duplicate"
    VARIANT = "variant"
    SIMILAR = "similar"
    DISTINCT = "distinct"

    @property
    def is_copy(self) -> bool:
        return self in (Verdict.EXACT, Verdict.SAME_PIXELS, Verdict.NEAR_DUPLICATE)

    @property
    def is_aligned(self) -> bool:
        """Whether the two are proven to lie on each other: copies and variants."""
        return self.is_copy or self is Verdict.VARIANT


class Relation(StrEnum):
    """What the two pictures of a near-duplicate pair show of each other."""

    SAME = "same"
    A_CONTAINS_B = "a-contains-b"
    B_CONTAINS_A = "b-contains-a"
    OVERLAP = "overlap"


class ProposedBy(StrEnum):
    """How a candidate pair came about."""

    DIGEST = "digest"
    FLOOR = "floor"
    TOP_K = "top-k"
    COMMON_COPY = "common-copy"


class DecisionKind(StrEnum):
    """What a person said of two pictures.

    NOT_DUPLICATE  they are two pictures: no group holds both, nor two of the same pixels
    ALTERNATES     they are two versions of one thing, and each is wanted: no group holds both; what is redundant given
                   one of them stays so
    KEEP_BOTH      these two contents both stay, whatever else there is
    KEEPER         one of the two stays, the other stands below it
    UNDECIDED      what was said of them before does not count any more
    """

    NOT_DUPLICATE = "not-duplicate"
    ALTERNATES = "alternates"
    KEEP_BOTH = "keep-both"
    KEEPER = "keeper"
    UNDECIDED = "undecided"


@dataclass(frozen=True, slots=True)
class PictureInfo:
    """What the header and the decoder say of one content.

    `width_px` and `height_px` are those of the full picture after EXIF orientation, both >= 1.
    `pixel_digest` is the digest of the oriented full-resolution pixels, None where nobody needed it.
    """

    format: str
    width_px: int
    height_px: int
    mode: str
    bit_depth: int
    has_alpha: bool
    frames: int
    icc_digest: bytes | None = None
    pixel_digest: bytes | None = None

    @property
    def size(self) -> tuple[int, int]:
        return self.width_px, self.height_px

    @property
    def pixels(self) -> int:
        return self.width_px * self.height_px


@dataclass(frozen=True, slots=True, eq=False)
class LocalFeatures:
    """Local features of one picture, strongest first; all arrays have n rows, n >= 0.

    points       float32[n, 2]   x, y in pixels of the working picture (pixel centres at integers)
    sizes        float32[n]      diameter of the described neighbourhood, same unit
    angles       float32[n]      degrees in [0, 360)
    descriptors  uint8[n, 128]   RootSIFT x 512, clipped at 255
    width, height                the working picture's size in pixels, both >= 1
    """

    points: NDArray[np.float32]
    sizes: NDArray[np.float32]
    angles: NDArray[np.float32]
    descriptors: NDArray[np.uint8]
    width: int
    height: int

    def __len__(self) -> int:
        return len(self.points)

    @property
    def nbytes(self) -> int:
        return self.points.nbytes + self.sizes.nbytes + self.angles.nbytes + self.descriptors.nbytes


Box: TypeAlias = tuple[float, float, float, float]
"""x0, y0, x1, y1 of a part of a picture, in continuous coordinates."""


@dataclass(frozen=True, slots=True, eq=False)
class Icon:
    """The part of a picture in `box`, made square and small, to be correlated: `small` uint8[side, side], and `unit`
    float32[side ** 2] of zero mean and norm 1, zeros where it is flat."""

    box: Box
    small: NDArray[np.uint8]
    unit: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class Outline:
    """Where a working picture has content, float64[n, 2] corners of a convex polygon (`records.Polygon`), and
    icons of its frame and (where that is less) of that content."""

    polygon: NDArray[np.float64]
    icons: tuple[Icon, ...]

    @property
    def nbytes(self) -> int:
        return self.polygon.nbytes + sum(icon.small.nbytes + icon.unit.nbytes for icon in self.icons)


@dataclass(frozen=True, slots=True, eq=False)
class Picture:
    """One decoded picture at the reduced size its reader asked for.

    `rgb` may be smaller than `info` says; `features` are there when the decoding process computed them.
    """

    info: PictureInfo
    rgb: Rgb
    features: LocalFeatures | None = None


NEIGHBOUR = np.dtype([("id", "<i8"), ("micro", "<i4")])
"""A neighbour's image id and its cosine in millionths, which is exact: cosines are rounded to six decimals."""


@dataclass(frozen=True, slots=True)
class Reach:
    """How far the search for candidates goes from an image: to the `k` nearest that have at least `least_cosine`, and
    to all that have at least `floor`; `runs.index.crowds` thins what that finds of many that are alike."""

    k: int
    least_cosine: float
    floor: float


@dataclass(frozen=True, slots=True)
class Space:
    """An embedding space: vectors compare only inside one.

    `fingerprint` identifies model, revision, preprocessing and dim (not the precision: two precisions
    of one model agree within a tested tolerance).
    `floor` is the cosine from which an unproven pair is called similar.
    """

    name: str
    model: str
    revision: str
    preprocessing: str
    dim: int
    precision: str
    fingerprint: str
    floor: float


@dataclass(frozen=True, slots=True)
class Candidate:
    """Two images proposed by a search, unverified: low_id < high_id.

    `cosine` is rounded, None where there is none (equal pixel digests); `floor` is the cosine that
    proposed the pair where `proposed_by` is FLOOR, and then cosine >= floor.
    """

    low_id: int
    high_id: int
    proposed_by: ProposedBy
    cosine: float | None
    floor: float | None = None

    def __post_init__(self) -> None:
        if self.low_id >= self.high_id:
            raise ValueError(f"a candidate needs low_id < high_id, not {self.low_id} and {self.high_id}")
        if self.floor is not None and (self.cosine is None or self.cosine < self.floor):
            raise ValueError(f"a floor candidate needs a cosine of at least {self.floor}, not {self.cosine}")

    @property
    def key(self) -> tuple[int, int]:
        """(low_id, high_id): what a pair is known by."""
        return self.low_id, self.high_id


@dataclass(frozen=True, slots=True)
class Marked:
    """A part of an aligned pair that differs: what kind of difference it is, and where, as the corners (x, y) of a
    polygon in full-size pixels of a."""

    kind: str
    corners: tuple[tuple[float, float], ...]


@dataclass(frozen=True, slots=True)
class Verification:
    """The verdict on one candidate pair (a, b) and the evidence it rests on.

    score      0-100, SSIM x 100 over what the two share; at most 99.9 unless exact or same-pixels
    ssim       mean SSIM over what they share, in [-1, 1]; None where nothing could be compared
    relation   only of copies
    transform  words that turn a into b, e.g. "mirrored, rotated 90, resized 0.50x"; None where unknown
    matrix     affine map (2 x 3, row-major) from a's full-size pixel coordinates to b's; None where unknown
    share_a    share of a's area that b shows, in [0, 1]; share_b likewise
    scale      linear size of the shared content in b over its size in a (0.5: b shows it at half size)
    inset      the contained picture is set into the other, as on a page, and not cut out of it
    evidence   the numbers the decision was made from, JSON-serialisable
    regions    what differs visibly, largest first
    """

    verdict: Verdict
    score: float
    ssim: float | None = None
    relation: Relation | None = None
    transform: str | None = None
    matrix: tuple[float, ...] | None = None
    share_a: float = 0.0
    share_b: float = 0.0
    scale: float = 1.0
    inset: bool = False
    evidence: dict[str, Any] = field(default_factory=dict)
    regions: tuple[Marked, ...] = ()


class Grade(StrEnum):
    """How one image of a proven pair stands below the other.

    REDUNDANT  nothing is lost without it
    EDITED     an edited copy
    AT_A_LOSS  it has something that the other lacks, and a person, or a rule followed even so, keeps the other; it is
               never weighed so
    """

    REDUNDANT = "redundant"
    EDITED = "edited"
    AT_A_LOSS = "at-a-loss"


@dataclass(frozen=True, slots=True)
class Loss:
    """One thing that would be gone if this image were removed and the other kept.

    what    `area`, `content`, `detail`, `colour`, `tone`, `depth`, `alpha`, `frames`, `added` or `metadata`
    amount  how much, in [0, 1] of what there is of it (of the area, of the detail, of the entries)
    words   the same for a person
    places  boxes (left, top, right, bottom) in shares of this image's width and height; empty: all over it
    """

    what: str
    amount: float
    words: str
    places: tuple[tuple[float, float, float, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Weighing:
    """What would be lost with either image of a proven pair (a, b), and which was made from the other.

    loss_a, loss_b        what goes if a, or b, is removed and the other kept
    derived_a, derived_b  signs that a was made from b, or b from a, with their strength 1 to 3
    grade_a, grade_b      how a stands below b, or b below a; None where it does not. Both only where they are redundant
                          given each other
    differs               what turns one into the other beside the map, in words
    evidence              the numbers all this rests on, JSON-serialisable
    """

    loss_a: tuple[Loss, ...]
    loss_b: tuple[Loss, ...]
    derived_a: dict[str, int]
    derived_b: dict[str, int]
    grade_a: Grade | None
    grade_b: Grade | None
    differs: tuple[str, ...] = ()
    evidence: dict[str, Any] = field(default_factory=dict)

    @property
    def flipped(self) -> Weighing:
        """The same of (b, a)."""
        evidence = self.evidence | {"a": self.evidence.get("b", {}), "b": self.evidence.get("a", {})}
        return Weighing(
            self.loss_b, self.loss_a, self.derived_b, self.derived_a, self.grade_b, self.grade_a, self.differs, evidence
        )


def signed(number: int) -> int:
    """The nearest integer that a signed number of 64 bits holds."""
    return min(max(number, -SIGNED_MAX - 1), SIGNED_MAX)


@dataclass(frozen=True, slots=True)
class Seen:
    """A regular file as the file system described it; `path` is absolute, in the file system's own bytes.

    Times are in nanoseconds since the epoch. Paths with one (device, inode) are one physical file. Every number is
    one that the store can hold, see `of`.
    """

    path: bytes
    size_bytes: int
    mtime_ns: int
    ctime_ns: int
    inode: int
    device: int

    @classmethod
    def of(cls, path: bytes, status: os.stat_result) -> Seen:
        """`path` as `status` describes it, each number the nearest that 64 bits hold: file systems keep times from
        before 1678 and from after 2262, which such a file has again whenever it is looked at."""
        return cls(
            path,
            max(0, signed(status.st_size)),
            signed(status.st_mtime_ns),
            signed(status.st_ctime_ns),
            status.st_ino & UNSIGNED_BITS,
            status.st_dev & UNSIGNED_BITS,
        )

    @property
    def stamp(self) -> tuple[int, int, int, int]:
        """Size, mtime, ctime and inode: a file whose stamp is that of its last reading is unchanged.

        The device is left out: its number may differ after each mount of the same disk.
        """
        return self.size_bytes, self.mtime_ns, self.ctime_ns, self.inode


@dataclass(frozen=True, slots=True)
class StoredImage:
    """A row of `image`."""

    id: int
    sha256: bytes
    size_bytes: int
    info: PictureInfo
    texture: float
