"""One file's way from its path to what is kept of it; runs in the decoding processes and, for one image, in place."""

from __future__ import annotations

from dataclasses import dataclass, replace

from imgindex import decode, features, files, outline, sketch, texture
from imgindex.files import Seen
from imgindex.ports import Embedder
from imgindex.records import LocalFeatures, Luma, Picture


@dataclass(frozen=True, slots=True)
class Wish:
    """How small a picture may be decoded (see `ports.Embedder`), and whether its local features are wanted."""

    short_side_px: int
    features: bool


def wish_of(embedder: Embedder) -> Wish:
    return Wish(embedder.short_side_px, features=True)


@dataclass(frozen=True, slots=True, eq=False)
class Prepared:
    """What was read: hash, picture, texture and sketch come from the same bytes, `seen` from the moment of reading."""

    seen: Seen
    sha256: bytes
    picture: Picture
    texture: float
    sketch: bytes


def prepare_file(path: bytes, wish: Wish) -> Prepared:
    """Read, hash and decode one file. Raises OSError or files.Skipped where that fails."""
    data, seen = files.read_stable(path)
    picture = prepare(data, wish)
    busy = texture.texture(picture.rgb)
    if busy < texture.TEXTURE_FLOOR and picture.info.pixel_digest is None:
        # nothing but equal pixels can prove that two blank pictures are copies
        info = replace(picture.info, pixel_digest=decode.pixel_digest(data))
        picture = replace(picture, info=info)
    assert picture.features is not None
    made = sketch_of(features.working_luma(picture.rgb), picture.features)
    return Prepared(seen, files.sha256(data), picture, busy, made)


def sketch_of(working: Luma, found: LocalFeatures) -> bytes:
    """The sketch of a working picture with these features, as the store keeps it."""
    return sketch.sketch(outline.outline(working), found).to_bytes()


def prepare(data: bytes, wish: Wish) -> Picture:
    """Decode as small as is allowed, with local features where they are wanted."""
    picture = decode.decode(data, short_side_px=wish.short_side_px)
    if not wish.features:
        return picture
    return replace(picture, features=features.extract(features.working_luma(picture.rgb)))
