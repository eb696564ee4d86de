"""Files of one shot that belong together and are no copies of each other, told by their names alone."""

from __future__ import annotations

import os
from collections import defaultdict
from collections.abc import Iterable
from enum import Enum

from imgindex.pictures.formats import RAW_EXTENSIONS, extension


class _Part(Enum):
    RAW = "the sensor's data"
    STILL = "the picture"
    VIDEO = "the seconds around it"
    SIDECAR = "what a program knows of it"


_PARTS = {
    **dict.fromkeys(RAW_EXTENSIONS, _Part.RAW),
    **dict.fromkeys((b"jpg", b"jpeg", b"jpe", b"heic", b"heif", b"hif"), _Part.STILL),
    b"mov": _Part.VIDEO,
    b"xmp": _Part.SIDECAR,
}

_TOGETHER = {
    frozenset((_Part.RAW, _Part.STILL)),
    frozenset((_Part.STILL, _Part.VIDEO)),
    frozenset((_Part.RAW, _Part.SIDECAR)),
    frozenset((_Part.STILL, _Part.SIDECAR)),
    frozenset((_Part.VIDEO, _Part.SIDECAR)),
}
"""Parts that one shot has in one folder under one name: a camera set to RAW + JPEG or HEIC, a live photo, and the
sidecar `IMG.xmp`. A JPEG and a HEIC are not: whoever has both may have converted one. Nor are a RAW file and a video:
phones that write a live photo write a still to it."""


def are_companions(a: bytes, b: bytes) -> bool:
    """True where two paths are those of one shot: same folder, same stem, known suffixes in any case of letters.

    Sidecars belong to the stem (`IMG.xmp`) or to one file (`IMG.JPG.xmp`). Nothing is read.
    """
    if os.path.dirname(a) != os.path.dirname(b) or a == b:
        return False
    owners = _owner(a), _owner(b)
    if owners != (None, None):
        return owners[0] == b or owners[1] == a
    (stem_a, part_a), (stem_b, part_b) = _stem_and_part(a), _stem_and_part(b)
    return stem_a == stem_b and part_a is not part_b and frozenset((part_a, part_b)) in _TOGETHER


def is_picture(path: bytes) -> bool:
    """Whether a path is that of a still or of a sensor's data, which a sidecar or a video belongs to."""
    return _stem_and_part(path)[1] in (_Part.RAW, _Part.STILL)


def companions(paths: Iterable[bytes]) -> dict[bytes, tuple[bytes, ...]]:
    """Of each path that has any among `paths`, its companions in byte order; the relation is symmetric."""
    folders: dict[bytes, list[bytes]] = defaultdict(list)
    for path in sorted(set(paths)):
        owner = _owner(path)
        folders[_stem_and_part(owner if owner is not None else path)[0]].append(path)
    found: dict[bytes, tuple[bytes, ...]] = {}
    for alike in folders.values():
        for path in alike:
            others = tuple(other for other in alike if are_companions(path, other))
            if others:
                found[path] = others
    return found


def _owner(path: bytes) -> bytes | None:
    """The file whose sidecar this is by its whole name (`IMG.JPG.xmp`), if it is one."""
    if extension(os.path.basename(path)) != b"xmp":
        return None
    owner = path[: -len(b".xmp")]
    return owner if extension(os.path.basename(owner)) in _PARTS else None


def _stem_and_part(path: bytes) -> tuple[bytes, _Part | None]:
    ending = extension(os.path.basename(path))
    stem = path[: len(path) - len(ending) - 1] if ending else path
    return stem, _PARTS.get(ending)
