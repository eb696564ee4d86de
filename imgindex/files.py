"""Files: read whole and unchanged or not at all, written whole or not at all, their names made visible."""

from __future__ import annotations

import hashlib
import os
import secrets
import stat
from collections.abc import Callable, Iterable
from typing import BinaryIO

from imgindex.records import Seen
from imgindex.skips import Changed, Skip, Skipped, too_large_file

MAX_FILE_BYTES = 1 << 30
"""A file is read into memory as a whole, one in each worker; the largest single-frame pictures that the
pixel limit of decoding admits are below this in every compressed format."""

_READ_CHUNK = 1 << 20


def read_stable(path: bytes, *, max_bytes: int = MAX_FILE_BYTES) -> tuple[bytes, Seen]:
    """The whole content of a regular file and its description, which held before and after the reading.

    Opens read-only and without waiting, so that a pipe or a device cannot hang the reader.
    Raises Changed where the file was written to meanwhile, another OSError where it cannot be read now,
    and Skipped where it is no regular file or larger than `max_bytes`.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
    with open(descriptor, "rb", buffering=0) as file:
        status = os.fstat(file.fileno())
        if not stat.S_ISREG(status.st_mode):
            raise Skipped(Skip("not-a-file", "It is no regular file (a pipe, a device or a folder); nothing to do."))
        if status.st_size > max_bytes:
            raise Skipped(too_large_file(status.st_size, max_bytes))
        before = Seen.of(path, status)
        content = bytearray()
        while len(content) <= before.size_bytes and (chunk := file.read(_READ_CHUNK)):
            content += chunk
        after = Seen.of(path, os.fstat(file.fileno()))
    if after.stamp != before.stamp or len(content) != before.size_bytes:
        raise Changed("the file was written to while it was read")
    return bytes(content), after


def hashed(path: bytes) -> tuple[bytes, os.stat_result]:
    """(SHA-256 of a regular file of any size, its description before the reading), links not followed.

    Raises Changed where the file was written to meanwhile, Skipped where it is no regular file, else OSError.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY | os.O_NOFOLLOW)
    with open(descriptor, "rb", buffering=0) as file:
        before = os.fstat(file.fileno())
        if not stat.S_ISREG(before.st_mode):
            raise Skipped(Skip("not-a-file", "It is no regular file."))
        digest = hashlib.sha256()
        while chunk := file.read(_READ_CHUNK):
            digest.update(chunk)
        after = os.fstat(file.fileno())
    if Seen.of(path, after).stamp != Seen.of(path, before).stamp:
        raise Changed("the file was written to while it was read")
    return digest.digest(), before


SHA256_BYTES = 32


def sha256(data: bytes) -> bytes:
    """The 32 bytes of SHA-256."""
    return hashlib.sha256(data).digest()


TEMPORARY = ".imgindex-*.tmp"
"""Names of files that `write_atomic` has not finished."""


def write_atomic(path: str | bytes | os.PathLike[str], writer: Callable[[BinaryIO], object]) -> None:
    """Replace `path` by what `writer` writes, or leave it as it was where anything fails.

    Temporary file in the same directory -> fsync -> rename -> fsync the directory. The file gets the
    permissions that the umask gives to new files.
    """
    target = os.path.abspath(os.fsdecode(path))
    folder = os.path.dirname(target)
    temporary = os.path.join(folder, TEMPORARY.replace("*", secrets.token_hex(8)))
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o666)
    try:
        with open(descriptor, "wb") as file:
            writer(file)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, target)
    except BaseException:
        os.unlink(temporary)
        raise
    sync_directory(folder)


def sync_file(path: str | os.PathLike[str]) -> None:
    """Make the content of a file durable that another library wrote."""
    with open(path, "rb") as file:
        os.fsync(file.fileno())


def sync_directory(folder: str) -> None:
    """Make the names in `folder` durable, where the system can do that for a directory."""
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    except OSError:
        pass
    finally:
        os.close(descriptor)


def texts(paths: Iterable[bytes]) -> tuple[str, ...]:
    """Paths of the file system as the text that Python knows them by; bytes that are no text become lone surrogates."""
    return tuple(map(os.fsdecode, paths))


def is_below(path: bytes, folder: bytes) -> bool:
    """True where `path` is `folder` or inside it; both absolute and normalised."""
    return path == folder or path.startswith(folder if folder.endswith(b"/") else folder + b"/")


def display(path: str | bytes) -> str:
    """`path` for a person: bytes that are no text as `\\xNN`, control characters and line breaks visible.

    Characters that hide or reorder what follows them (bidirectional marks, other format characters) are
    written as escapes too, so that two different names never look alike on account of them.
    """
    text = os.fsdecode(path)
    return "".join(c if _is_visible(c) else _escape(c) for c in text)


def _is_visible(character: str) -> bool:
    return character == " " or character.isprintable()


def _escape(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return character.encode("unicode_escape").decode("ascii")
