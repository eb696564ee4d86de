"""One file's way from its path to what is kept of it; runs in the worker processes."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgindex import files
from imgindex.pictures import decode, features, outline, sketch, texture
from imgindex.pictures.contents import InMemory, OnDisk, Readable
from imgindex.ports import Embedder, Front
from imgindex.records import LocalFeatures, Luma, Outline, Picture, PictureInfo, Rgb, Seen


@dataclass(frozen=True, slots=True)
class DecodeOptions:
    """How small a picture may be decoded (see `ports.Embedder`), and whether its local features are wanted."""

    short_side_px: int
    features: bool


def decode_options(embedder: Embedder) -> DecodeOptions:
    return DecodeOptions(embedder.short_side_px, features=True)


@dataclass(frozen=True, slots=True, eq=False)
class WorkingPicture:
    """What a verification asks of a picture first, at `features.WORKING_SIDE_PX`: its luma and tints
    (`features.tints_of`), its outline, and `features` where they were asked for."""

    luma: Luma
    tints: NDArray[np.uint8]
    outline: Outline
    features: LocalFeatures | None

    @property
    def has_features(self) -> bool:
        return self.features is not None

    @property
    def nbytes(self) -> int:
        own = self.luma.nbytes + self.tints.nbytes + self.outline.nbytes
        return own if self.features is None else own + self.features.nbytes


@dataclass(frozen=True, slots=True, eq=False)
class Made:
    """What was made of a picture's bytes and is still needed, and the `content` that has them. `front` is what the
    embedder needs to finish (see `ports.Embedder`); the picture itself stays behind."""

    content: Readable
    sha256: bytes
    info: PictureInfo
    texture: float
    working: WorkingPicture
    sketch: bytes
    front: NDArray[Any]


@dataclass(frozen=True, slots=True, eq=False)
class Prepared(Made):
    """What was made of a file; `seen` is from the moment of reading."""

    seen: Seen


def prepare_file(seen: Seen, options: DecodeOptions, front: Front) -> Prepared:
    """Read, hash and decode one file. Raises OSError or files.Skipped where that fails."""
    data, now = files.read_stable(seen.path)
    sha256 = files.sha256(data)
    return Prepared(*_made(data, sha256, OnDisk((now.path,), sha256), options, front), now)


def prepare_given(given: Seen | bytes, options: DecodeOptions, front: Front) -> Made:
    """The same of a file, or of the bytes of one. Raises OSError or files.Skipped."""
    if isinstance(given, Seen):
        return prepare_file(given, options, front)
    return Made(*_made(given, files.sha256(given), InMemory(given), options, front))


def _made(
    data: bytes, sha256: bytes, content: Readable, options: DecodeOptions, front: Front
) -> tuple[Readable, bytes, PictureInfo, float, WorkingPicture, bytes, NDArray[Any]]:
    """The fields of `Made`."""
    picture = decode.decode(data, short_side_px=options.short_side_px)
    info = picture.info
    luma = features.luma_of(picture.rgb)
    busy = texture.texture(luma)
    if busy < texture.TEXTURE_FLOOR and info.pixel_digest is None:
        # nothing but equal pixels can prove that two blank pictures are copies
        info = replace(info, pixel_digest=decode.pixel_digest(data))
    small = features.reduce_luma(luma, features.WORKING_SIDE_PX)
    tints = features.tints_of(picture.rgb, small)
    outlined, found = outline.outline(small), features.extract(small)
    made = front(replace(picture, features=found))
    drawn = sketch.drawn(outlined, found)
    return content, sha256, info, busy, WorkingPicture(small, tints, outlined, found), drawn, made


def prepare(data: bytes, options: DecodeOptions) -> Picture:
    """Decode as small as is allowed, with local features where they are wanted."""
    picture = decode.decode(data, short_side_px=options.short_side_px)
    if not options.features:
        return picture
    return replace(picture, features=features.extract(features.working_luma(picture.rgb)))


def no_front(_: Picture) -> NDArray[np.float32]:
    """`ports.Front` of a picture that nobody embeds."""
    return np.zeros(0, np.float32)


def decoded(data: bytes, info: PictureInfo, long_side_px: int) -> Rgb:
    """The picture with its longer side at `long_side_px` or a little more, a smaller one as it is."""
    short = min(info.size) * min(1.0, long_side_px / max(info.size))
    return decode.decode(data, short_side_px=max(1, round(short))).rgb
