"""Which journal SQLite keeps: a write-ahead log, but not on a network file system, where its shared memory fails."""

from __future__ import annotations

import os
import re
from pathlib import Path

MOUNTS = Path("/proc/self/mounts")
"""What is mounted where, on Linux; elsewhere every disk is taken for a local one."""

NETWORK = re.compile(
    rb"(fuse\.)?(nfs[34]?|cifs|smb[23]?|smbfs|9p|afs|ceph|coda|gfs2?|glusterfs|lustre|sshfs|rclone|s3fs)"
)
"""File systems that other machines write to as well. SQLite: "WAL does not work over a network filesystem"."""

LOCAL_MODE = "WAL"
NETWORK_MODE = "DELETE"
"""A rollback journal: readers and the writer wait for each other, and every machine sees one state."""

_ESCAPED = re.compile(rb"\\([0-7]{3})")
_WAL_VERSION = b"\x02"


def mode_for(directory: Path) -> str:
    """The journal mode for a database in `directory`."""
    return NETWORK_MODE if NETWORK.fullmatch(_file_system(os.fsencode(os.path.realpath(directory)))) else LOCAL_MODE


def has_wal(database: Path) -> bool:
    """Whether a database file was last written with a write-ahead log (SQLite file format, bytes 18 and 19)."""
    try:
        with database.open("rb") as file:
            return file.read(20)[18:19] == _WAL_VERSION
    except OSError:
        return False


def _file_system(path: bytes) -> bytes:
    """The type of the file system that `path` is on; empty where that is not known."""
    try:
        mounts = MOUNTS.read_bytes().splitlines()
    except OSError:
        return b""
    found = (b"", b"")
    for line in mounts:
        _, mounted, kind, *_ = [*line.split(b" "), b"", b"", b""]
        point = _ESCAPED.sub(lambda octal: bytes([int(octal[1], 8)]), mounted).rstrip(b"/")
        if (path == point or path.startswith(point + b"/")) and len(point) >= len(found[0]):
            found = (point, kind)
    return found[1]
