"""JPEG files without an end marker: all pixels are there, or the file was cut short.

Some cameras and programs leave the marker out, or write a video, a second picture or padding behind the pixels
instead. A decoder that is given an end marker paints what is missing grey without a word, so what is whole is proven:
decoded twice, with other bits behind the data each time, a whole picture is the same, and one that was cut shows them.

Markers: ITU-T T.81, annexes B and G.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from io import BytesIO

import numpy as np
from numpy.typing import NDArray
from PIL import Image

END = b"\xff\xd9"

PADDING_BYTES = 8
"""Zeros or ones at the end from which they are no pixels; coded data ends so by chance once in 2 ** 64 files."""

_RESTART = re.compile(rb"\xff([\xd0-\xd7])")
_VIDEO = re.compile(rb"\x00\x00\x00[\x08-\xff]ftyp")
_SCAN, _STOP, _FRAMES = 0xDA, 0xD9, (0xC0, 0xC1, 0xC2, 0xC9, 0xCA)
_BELONGS = frozenset((0xC4, 0xCC, 0xDA, 0xDB, 0xDC, 0xDD, 0xFE, *range(0xE0, 0xF0)))
"""Segments that may come between two scans: tables, other definitions, comments."""

_BITS = (b"\x00" * 64, b"\x55" * 64, b"\xaa" * 64)
"""What is decoded of one of these is decoded of another to another picture. Not ones: decoders take them, which are no
code, for the end of a block, as most tables do zeros."""

_STRIP_BYTES = 1 << 22


@dataclass(slots=True)
class _Walk:
    """What the markers say: where the last coded data begins and ends, and which bits each component still lacks."""

    ended: bool = False
    coded_at: int = 0
    coded_end: int = 0
    lacking: dict[int, int] = field(default_factory=dict)
    """Of each component, the coefficients (a bit each) that no scan gave to the last bit."""

    def scanned(self, header: bytes) -> None:
        count = header[0]
        first, last, precision = header[1 + 2 * count : 4 + 2 * count]
        if precision & 0x0F:
            return
        given = (1 << (last + 1)) - (1 << first)
        for component in header[1 : 1 + 2 * count : 2]:
            self.lacking[component] = self.lacking.get(component, 0) & ~given


def ended(jpeg: bytes, max_pixels: int) -> bytes:
    """`jpeg` as it is where it has an end marker, else with one, where all of its pixels are there.

    Raises EOFError where they are not. What has no frame header, or more than `max_pixels`, is left to the decoder.
    """
    walk = _walked(jpeg)
    if walk.ended or not walk.coded_at:
        return jpeg
    if any(walk.lacking.values()):
        raise EOFError("scans are missing")
    coded = _without_trailer(jpeg, walk)
    digests = {_digest(coded + filler, max_pixels) for filler in _fillers(coded, walk.coded_at)}
    if None in digests:
        return jpeg
    if len(digests) > 1:
        raise EOFError("coded data is missing")
    return coded + END


def _walked(jpeg: bytes) -> _Walk:
    walk = _Walk()
    markers: NDArray[np.intp] | None = None
    at = 2
    while at + 2 <= len(jpeg) and jpeg[at] == 0xFF:
        marker = jpeg[at + 1]
        if marker == 0xFF:
            at += 1
            continue
        if marker == _STOP:
            walk.ended = True
            return walk
        if walk.coded_at and marker not in _BELONGS:
            return walk
        size = int.from_bytes(jpeg[at + 2 : at + 4], "big")
        body = jpeg[at + 4 : at + 2 + size]
        if marker in _FRAMES and len(body) >= 6 + 3 * body[5]:
            walk.lacking = {body[6 + 3 * i]: (1 << 64) - 1 for i in range(body[5])}
        at += 2 + size
        if marker == _SCAN:
            if not body or len(body) < 4 + 2 * body[0]:
                return walk
            walk.scanned(body)
            walk.coded_at = at
            markers = _markers(jpeg) if markers is None else markers
            following = markers[np.searchsorted(markers, at) :][:1]
            at = walk.coded_end = int(following[0]) if len(following) else len(jpeg)
    return walk


def _markers(jpeg: bytes) -> NDArray[np.intp]:
    """Where a byte of ones is followed by what it never is within coded data; 0.7 ms for 3.4 MB."""
    values = np.frombuffer(jpeg, np.uint8)
    ones = np.flatnonzero(values[:-1] == 0xFF)
    following = values[ones + 1]
    coded = (following == 0) | (following == 0xFF) | (following & 0xF8 == 0xD0)
    return np.asarray(ones[~coded], np.intp)


def _without_trailer(jpeg: bytes, walk: _Walk) -> bytes:
    """Up to where the last coded data ends: before a video, padding, or half an end marker."""
    video = _VIDEO.search(jpeg, walk.coded_at, walk.coded_end)
    coded = jpeg[: walk.coded_end if video is None else video.start()].rstrip(b"\xff")
    bare = coded.rstrip(b"\x00")
    if len(coded) - len(bare) < PADDING_BYTES:
        return coded
    return bare + b"\x00" if bare.endswith(b"\xff") else bare


def _fillers(coded: bytes, start: int) -> list[bytes]:
    """What to put behind `coded`: bits, and after each of the restart markers that may be waited for the same bits."""
    numbers = [match[1][0] & 7 for match in _RESTART.finditer(coded, start)]
    following = [(numbers[-1] if numbers else -1) + 1 + i for i in range(8)]
    return [bits + b"".join(bytes((0xFF, 0xD0 | n & 7)) + bits for n in following) + END for bits in _BITS]


def _digest(jpeg: bytes, max_pixels: int) -> bytes | None:
    """Of all pixels; None where there are more than `max_pixels`."""
    with Image.open(BytesIO(jpeg), formats=["JPEG"]) as image:
        if image.width * image.height > max_pixels:
            return None
        image.load()
        sha = hashlib.sha256()
        rows = max(1, _STRIP_BYTES // (4 * image.width))
        for top in range(0, image.height, rows):
            sha.update(image.crop((0, top, image.width, min(top + rows, image.height))).tobytes())
        return sha.digest()
