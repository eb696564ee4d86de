"""Targa files without a footer, which older programs write: they have no signature, but a header that hangs together.

Fields: Truevision TGA 2.0, "The TGA File Format".
"""

from __future__ import annotations

import struct

HEADER_BYTES = 18
_PALETTE, _COLOUR, _GREY = 1, 2, 3
_COMPRESSED = 8
_DEPTHS = {_PALETTE: (8,), _COLOUR: (15, 16, 24, 32), _GREY: (8, 16)}
_PALETTE_DEPTHS = (15, 16, 24, 32)
_LONGER_BYTES = 4096
"""What may follow the pixels: a developer's area, or padding. More, and it is another kind of file."""


def is_tga(data: bytes) -> bool:
    """True where the first 18 bytes say nothing but what a Targa header may, and the length fits what they say.

    A file cut short is one too: what its header says is why it is called truncated, not unknown.
    """
    if len(data) < HEADER_BYTES:
        return False
    after_id, has_palette, kind, first, entries, entry_bits, _, _, width, height, depth, flags = struct.unpack_from(
        "<BBBHHBHHHHBB", data
    )
    plain = kind & ~_COMPRESSED
    if has_palette > 1 or depth not in _DEPTHS.get(plain, ()) or not width or not height or flags & 0xC0:
        return False
    if (plain == _PALETTE) != bool(has_palette) or (flags & 0x0F) > 8:
        return False
    if has_palette and (entry_bits not in _PALETTE_DEPTHS or not entries or first + entries > 1 << depth):
        return False
    if not has_palette and (first or entries or entry_bits):
        return False
    pixel_bytes = (depth + 7) // 8
    start = HEADER_BYTES + after_id + entries * ((entry_bits + 7) // 8)
    end = _end(data, start, width * height, pixel_bytes) if kind & _COMPRESSED else start + width * height * pixel_bytes
    return len(data) - end <= _LONGER_BYTES


def _end(data: bytes, start: int, pixels: int, pixel_bytes: int) -> int:
    """Where run-length packets of so many pixels end, or the length of `data` where that comes first."""
    at = start
    while pixels > 0 and at < len(data):
        count = (data[at] & 0x7F) + 1
        at += 1 + pixel_bytes * (1 if data[at] & 0x80 else count)
        pixels -= count
    return at
