"""TIFF files that tests write themselves, directory by directory: scans with a thumbnail first, and camera RAW.

`dng` holds Bayer data of a picture, as Adobe's DNG 1.4 has it (IFD0 a thumbnail, sensor data and preview below it).
"""

from __future__ import annotations

import io
import struct
from collections.abc import Sequence

import numpy as np
from PIL import Image

Entry = tuple[int, str, Sequence[int] | bytes]
"""Tag, struct letter of its values (s: text, R and r: fractions), values."""

_KINDS = {"B": 1, "s": 2, "H": 3, "I": 4, "R": 5, "r": 10}

XYZ_TO_SRGB = [
    part
    for value in (32406, -15372, -4986, -9689, 18758, 415, 557, -2040, 10570)
    for part in (value, 10_000)
]  # fmt: skip
"""The sensor sees what a screen shows (IEC 61966-2-1), numerators and denominators."""


class Tiff:
    """Collects directories, then writes the file."""

    def __init__(self, order: str = "<") -> None:
        self.order = order
        self._data = bytearray((b"II" if order == "<" else b"MM") + struct.pack(order + "HI", 42, 0))

    def put(self, data: bytes) -> int:
        """Append `data` at an even place; returns the place."""
        self._data += b"\0" * (len(self._data) % 2)
        self._data += data
        return len(self._data) - len(data)

    def directory(self, entries: Sequence[Entry], following: int = 0) -> int:
        """Append a directory; returns its place."""
        rows = []
        for tag, letter, values in sorted(entries, key=lambda entry: entry[0]):
            packed, count = self._packed(letter, values)
            field = packed.ljust(4, b"\0") if len(packed) <= 4 else struct.pack(self.order + "I", self.put(packed))
            rows.append(struct.pack(self.order + "HHI", tag, _KINDS[letter], count) + field)
        table = struct.pack(self.order + "H", len(rows)) + b"".join(rows)
        return self.put(table + struct.pack(self.order + "I", following))

    def bytes(self, first: int) -> bytes:
        """The file, its first directory at `first`."""
        struct.pack_into(self.order + "I", self._data, 4, first)
        return bytes(self._data)

    def _packed(self, letter: str, values: Sequence[int] | bytes) -> tuple[bytes, int]:
        if isinstance(values, bytes):
            return values, len(values)
        if letter in "Rr":
            kind = "I" if letter == "R" else "i"
            return struct.pack(f"{self.order}{len(values)}{kind}", *values), len(values) // 2
        return struct.pack(f"{self.order}{len(values)}{letter}", *values), len(values)


def picture_entries(tiff: Tiff, picture: Image.Image, subfile: int | None = None) -> list[Entry]:
    """Entries of an uncompressed RGB picture, whose pixels are put into the file."""
    pixels = picture.convert("RGB").tobytes()
    found: list[Entry] = [
        (256, "I", [picture.width]), (257, "I", [picture.height]), (258, "H", [8, 8, 8]), (259, "H", [1]),
        (262, "H", [2]), (273, "I", [tiff.put(pixels)]), (277, "H", [3]), (278, "I", [picture.height]),
        (279, "I", [len(pixels)]), (284, "H", [1]),
    ]  # fmt: skip
    return found if subfile is None else [*found, (254, "I", [subfile])]


def dng(
    photo: Image.Image,
    preview: Image.Image | None = None,
    *,
    orientation: int = 1,
    exif_of_preview: int = 1,
    bits: int = 14,
) -> bytes:
    """A DNG whose sensor saw `photo` (sides even), with `preview` as its JPEG preview. The sensor's data comes last."""
    data = _mosaic(photo, bits)
    head = _dng_head(photo, preview, orientation, exif_of_preview, bits, 0)
    return _dng_head(photo, preview, orientation, exif_of_preview, bits, len(head)) + data


def _dng_head(
    photo: Image.Image, preview: Image.Image | None, orientation: int, exif_of_preview: int, bits: int, data_at: int
) -> bytes:
    tiff = Tiff()
    below = [tiff.directory(_sensor(photo, bits, data_at))]
    if preview is not None:
        below.append(tiff.directory(_jpeg(tiff, preview, exif_of_preview)))
    thumbnail = photo.resize((photo.width // 8, photo.height // 8))
    first: list[Entry] = [
        *picture_entries(tiff, thumbnail, 1),
        (271, "s", b"Imgindex\0"), (272, "s", b"Test\0"), (274, "H", [orientation]), (330, "I", below),
        (50706, "B", [1, 4, 0, 0]), (50707, "B", [1, 1, 0, 0]), (50708, "s", b"Imgindex Test\0"),
        (50721, "r", XYZ_TO_SRGB), (50728, "R", [1, 1, 1, 1, 1, 1]),
        (50778, "H", [21]),
    ]  # fmt: skip
    return tiff.bytes(tiff.directory(first))


def _mosaic(photo: Image.Image, bits: int) -> bytes:
    """Linear light behind red, green, green and blue filters, 16 bits a value."""
    light = np.asarray(photo.convert("RGB"), np.float64) / 255.0
    linear = np.where(light <= 0.04045, light / 12.92, ((light + 0.055) / 1.055) ** 2.4)
    mosaic = np.empty(linear.shape[:2])
    mosaic[0::2, 0::2], mosaic[0::2, 1::2] = linear[0::2, 0::2, 0], linear[0::2, 1::2, 1]
    mosaic[1::2, 0::2], mosaic[1::2, 1::2] = linear[1::2, 0::2, 1], linear[1::2, 1::2, 2]
    return np.rint(mosaic * (2**bits - 1)).astype("<u2").tobytes()


def _sensor(photo: Image.Image, bits: int, data_at: int) -> list[Entry]:
    return [
        (254, "I", [0]), (256, "I", [photo.width]), (257, "I", [photo.height]), (258, "H", [16]), (259, "H", [1]),
        (262, "H", [32803]), (273, "I", [data_at]), (277, "H", [1]), (278, "I", [photo.height]),
        (279, "I", [2 * photo.width * photo.height]), (284, "H", [1]), (33421, "H", [2, 2]),
        (33422, "B", [0, 1, 1, 2]), (50714, "H", [0]), (50717, "I", [2**bits - 1]),
    ]  # fmt: skip


def _jpeg(tiff: Tiff, preview: Image.Image, orientation: int) -> list[Entry]:
    exif = Image.Exif()
    exif[0x0112] = orientation
    out = io.BytesIO()
    preview.save(out, "JPEG", quality=92, **({"exif": exif} if orientation != 1 else {}))
    data = out.getvalue()
    return [
        (254, "I", [1]), (256, "I", [preview.width]), (257, "I", [preview.height]), (258, "H", [8, 8, 8]),
        (259, "H", [7]), (262, "H", [6]), (273, "I", [tiff.put(data)]), (277, "H", [3]),
        (278, "I", [preview.height]), (279, "I", [len(data)]), (284, "H", [1]),
    ]  # fmt: skip
