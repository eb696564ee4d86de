"""The directories of a TIFF: a scanner's picture whose thumbnail comes first, or a camera's RAW file.

Tags and values: TIFF 6.0, TIFF/EP (ISO 12234-2), Adobe DNG 1.7. Files above 4 GiB (BigTIFF) are left as they are.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MAX_DIRECTORIES = 256
"""Scanned documents have more pages, of which none is looked for here."""

MAX_ENTRIES = 512
"""Entries of one directory that are read; cameras write below a hundred."""

_MAX_VALUES = 1 << 16
_WIDTH, _HEIGHT, _BITS, _COMPRESSION, _PHOTOMETRIC, _MAKE, _WHITE_LEVEL = 256, 257, 258, 259, 262, 271, 50717
_SUBFILE_TYPE, _OLD_SUBFILE_TYPE, _SUB_DIRECTORIES, _DNG_VERSION = 254, 255, 330, 50706
_DATA = ((273, 279), (324, 325))
"""Tags of the places and lengths of strips and tiles."""

_SENSOR_DATA = (32803, 34892)
"""PhotometricInterpretation of a colour filter array and of linear RAW."""

_CAMERA_COMPRESSIONS = (32767, 32769, 32770, 34713, 65000, 65535)
"""Sony, Epson, Samsung, Nikon, Kodak and Pentax: no picture outside RAW files is compressed so."""

_REDUCED = 1
_OLD_REDUCED = 2
_FORMATS = {3: "H", 4: "I", 13: "I"}


@dataclass(frozen=True, slots=True)
class Directory:
    """One directory at `offset`; `values` has the numbers of the tags of 16 and 32 bits, `tags` are all."""

    offset: int
    tags: frozenset[int]
    values: dict[int, tuple[int, ...]]

    def one(self, tag: int) -> int:
        """The first value of a tag, 0 where there is none."""
        return self.values.get(tag, (0,))[0]

    @property
    def is_reduced(self) -> bool:
        """A thumbnail or preview of another directory's picture, by its own word."""
        return bool(self.one(_SUBFILE_TYPE) & _REDUCED) or self.one(_OLD_SUBFILE_TYPE) == _OLD_REDUCED

    @property
    def pixels(self) -> int:
        return self.one(_WIDTH) * self.one(_HEIGHT)

    @property
    def is_of_a_sensor(self) -> bool:
        """What only a camera's RAW file has."""
        return _DNG_VERSION in self.tags or _has_sensor_data(self)


def is_raw(data: bytes) -> bool:
    """True for a camera's RAW file: sensor data in any directory, or a camera's thumbnails and nothing else.

    Its first picture is then no picture of the photo's size, and must not stand for it.
    """
    if data[8:10] == b"CR":
        return True
    found = directories(data)
    if any(directory.is_of_a_sensor for directory in found):
        return True
    return bool(found) and _MAKE in found[0].tags and all(directory.is_reduced for directory in found)


def main_first(data: bytes) -> bytes:
    """`data`, its first directory being that of the largest full-size picture where it was that of a thumbnail.

    Raises EOFError where its first directory is behind its end.
    """
    found = directories(data)
    if not found and data[2:4] in (b"*\0", b"\0*") and len(data) < _first(data) + 2:
        raise EOFError("its directory is missing")
    if not found or not found[0].is_reduced:
        return data
    full = [directory for directory in found if not directory.is_reduced and directory.pixels]
    if not full:
        return data
    main = max(full, key=lambda directory: directory.pixels)
    return data[:4] + struct.pack(_order(data) + "I", main.offset) + data[8:]


def is_cut(data: bytes) -> bool:
    """True where a camera's RAW file says that data of its sensor lie behind its end."""
    for directory in filter(_has_sensor_data, directories(data)):
        for places, lengths in _DATA:
            starts, sizes = directory.values.get(places, ()), directory.values.get(lengths, ())
            if any(start + size > len(data) for start, size in zip(starts, sizes, strict=False)):
                return True
    return False


def sensor_bits(data: bytes) -> int | None:
    """Bits of the sensor's values, by the white level where there is one; None where no directory says it."""
    found = [d.one(_WHITE_LEVEL).bit_length() or d.one(_BITS) for d in directories(data) if _has_sensor_data(d)]
    return max(found, default=0) or None


def _has_sensor_data(directory: Directory) -> bool:
    return directory.one(_PHOTOMETRIC) in _SENSOR_DATA or directory.one(_COMPRESSION) in _CAMERA_COMPRESSIONS


def directories(data: bytes) -> list[Directory]:
    """The directories of the chain, each followed by its sub-directories; those that can be read."""
    if data[:4] not in (b"II*\0", b"MM\0*") or len(data) < 8:
        return []
    order = _order(data)
    found: dict[int, Directory] = {}
    waiting = [_first(data)]
    while waiting and len(found) < MAX_DIRECTORIES:
        offset = waiting.pop(0)
        if offset in found or not 8 <= offset <= len(data) - 2:
            continue
        directory, following = _read(data, order, offset)
        found[offset] = directory
        waiting[:0] = [*directory.values.get(_SUB_DIRECTORIES, ()), following]
    return list(found.values())


def _first(data: bytes) -> int:
    offset: int = struct.unpack_from(_order(data) + "I", data.ljust(8, b"\0"), 4)[0]
    return offset


def _order(data: bytes) -> str:
    return "<" if data[:2] == b"II" else ">"


def _read(data: bytes, order: str, offset: int) -> tuple[Directory, int]:
    """The directory at `offset`, and where the next one of its chain is; 0: nowhere."""
    tags, values = set(), {}
    count = min(struct.unpack_from(order + "H", data, offset)[0], MAX_ENTRIES)
    end = offset + 2 + 12 * count
    for tag, numbers in _entries(data, order, offset + 2, min(end, len(data) - 11)):
        tags.add(tag)
        if numbers:
            values[tag] = tuple(numbers)
    following = struct.unpack_from(order + "I", data, end)[0] if end + 4 <= len(data) else 0
    return Directory(offset, frozenset(tags), values), following


def _entries(data: bytes, order: str, start: int, end: int) -> Iterator[tuple[int, Sequence[int]]]:
    for at in range(start, end, 12):
        tag, kind, count = struct.unpack_from(order + "HHI", data, at)
        letter = _FORMATS.get(kind)
        if letter is None:
            yield tag, ()
            continue
        count = min(count, _MAX_VALUES)
        size = struct.calcsize(order + letter * count)
        place = at + 8 if size <= 4 else struct.unpack_from(order + "I", data, at + 8)[0]
        yield tag, struct.unpack_from(order + letter * count, data, place) if place + size <= len(data) else ()
