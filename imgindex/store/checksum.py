"""Short digests that find a flipped bit; not for identity (that is sha256) and not for security."""

from __future__ import annotations

import hashlib
import json

DIGEST_BYTES = 8


def of_bytes(data: bytes) -> bytes:
    """8 bytes of BLAKE2b."""
    return hashlib.blake2b(data, digest_size=DIGEST_BYTES).digest()


def of_values(*values: object) -> bytes:
    """8 bytes over values as JSON writes them: numbers by their shortest exact form, None as null."""
    return of_bytes(json.dumps(values, separators=(",", ":"), ensure_ascii=False).encode())
