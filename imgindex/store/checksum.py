"""Short digests that find a flipped bit; not for identity (that is sha256) and not for security."""

from __future__ import annotations

import hashlib
import json
import marshal
import zlib
from typing import TypeAlias

DIGEST_BYTES = 8


def of_bytes(data: bytes) -> bytes:
    """8 bytes of BLAKE2b."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def of_values(*values: object) -> bytes:
    """8 bytes over values as JSON writes them: numbers by their shortest exact form, None as null."""
    return of_bytes(json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode())


Value: TypeAlias = int | float | str | bytes | None
"""What SQLite has in a column."""

_MARSHAL_VERSION = 2
"""Numbers, texts and bytes as they are, nothing said of which objects are one: equal rows have equal bytes. It has not
changed since Python 2.5, which a test holds."""


def of_row(values: tuple[Value, ...]) -> bytes:
    """4 bytes of CRC-32 over the values of a row as SQLite has them.

    Up to three flipped bits of a row are always found. It is asked of every row that a report reads: in 0.7 us for 130
    bytes and 2.1 us for 780, where BLAKE2b of the same takes 1.2 and 3.4 us, and BLAKE2b of JSON 18 us.
    """
    return zlib.crc32(marshal.dumps(values, _MARSHAL_VERSION)).to_bytes(4)
