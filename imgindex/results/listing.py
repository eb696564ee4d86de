"""What a store holds, as an engineer asks for it: files, vectors, and what two folders have in common."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

from imgindex.records import Grade, Vectors

if TYPE_CHECKING:
    from imgindex.results import ReportedPair


@dataclass(frozen=True, slots=True)
class File:
    """A file that is indexed, and was there when its folder was last scanned.

    image          the id of the image that it shows: the sha256 of its bytes, as 64 hexadecimal digits
    modified_at_s  when it was last written, in unix seconds
    width_px, height_px  after EXIF orientation
    """

    path: str
    image: str
    size_bytes: int
    modified_at_s: float
    format: str
    width_px: int
    height_px: int

    def to_dict(self) -> dict[str, Any]:
        """Text and numbers by field name: a row of a data frame."""
        return asdict(self)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Embeddings:
    """The vectors of a store's images, one row for each distinct image with a file that is there.

    ids      sha256 of each image's bytes, as 64 hexadecimal digits; ascending by first path
    paths    the first path, in order of bytes, of each image
    vectors  float32[len(ids), dim], rows of norm 1 within 1e-3: a dot product of two is their cosine
    space    name of the embedding space; vectors of two spaces cannot be compared
    """

    ids: tuple[str, ...]
    paths: tuple[str, ...]
    vectors: Vectors
    space: str

    def __len__(self) -> int:
        return len(self.ids)

    def __repr__(self) -> str:
        return f"<Embeddings: {len(self):,} images, float32{list(self.vectors.shape)}, {self.space or 'no model yet'}>"


@dataclass(frozen=True, slots=True, repr=False)
class Between:
    """What the files below one folder have in common with those below another.

    files_a, files_b  how many files are indexed below each
    pairs             of each file below a that has something like it below b, the best of it; by path. `a` is the file
                      below a
    away              (folder that could not be looked at, how many of the files asked about are away with it)
    """

    files_a: int
    files_b: int
    pairs: tuple[ReportedPair, ...]
    away: tuple[tuple[str, int], ...] = ()

    @property
    def redundant(self) -> tuple[ReportedPair, ...]:
        """Pairs whose file below a is redundant given that below b: nothing would be lost without it."""
        return tuple(pair for pair in self.pairs if pair.grade_a is Grade.REDUNDANT)

    def __repr__(self) -> str:
        return (
            f"<Between: {len(self.pairs):,} of {self.files_a:,} files are among {self.files_b:,} others, "
            f"{len(self.redundant):,} redundant>"
        )

    def to_dicts(self) -> list[dict[str, Any]]:
        """A row for each pair; see `ReportedPair.to_dict`."""
        return [pair.to_dict() for pair in self.pairs]
