"""What goes along with a copy: its own sidecar, the video of its live photo. And what keeps a copy where it is.

A video goes only where the keeper has one of the same bytes beside it: it is no copy of anything that stays otherwise.
So does a sidecar, where the file is deleted; where it is only put elsewhere, a sidecar of its own goes with it. What
belongs to another file of the shot, too, stays with that.
"""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Collection
from dataclasses import dataclass

from imgindex import files
from imgindex.acts import Companion
from imgindex.pictures.companions import are_companions, is_picture
from imgindex.runs.act.job import NotPossible
from imgindex.skips import Skipped


@dataclass(frozen=True, slots=True)
class Going:
    """A companion, and the file that stays for it: one of its bytes beside the keeper, else the keeper itself."""

    companion: Companion
    stays: bytes
    is_equal: bool


def listing() -> Callable[[bytes], tuple[bytes, ...]]:
    """A function that gives the paths of the files in a folder, each folder read once."""
    return functools.cache(_paths)


def goes_along(
    path: bytes, keeper: bytes, removed: Collection[bytes], listed: Callable[[bytes], tuple[bytes, ...]]
) -> list[Going]:
    """The companions of `path` that go with it; `removed` are the pictures that go. Raises NotPossible where one that
    would have to go must not, OSError where one cannot be read."""
    going = []
    for one in _own(path, removed, listed):
        digest, status = _hashed(one)
        equal = _equal(digest, status.st_size, keeper, listed)
        if equal is None and not one.lower().endswith(b".xmp"):
            raise NotPossible(
                f"{files.display(one)} belongs to it, and {files.display(keeper)} has no such video beside it"
            )
        going.append(Going(Companion(os.fsdecode(one), digest, status.st_size), equal or keeper, equal is not None))
    return going


def _own(path: bytes, removed: Collection[bytes], listed: Callable[[bytes], tuple[bytes, ...]]) -> list[bytes]:
    """Companions of `path` that are no pictures, and belong to no picture that stays."""
    here = listed(os.path.dirname(path))
    found = []
    for one in here:
        if one != path and not is_picture(one) and are_companions(path, one):
            owners = [other for other in here if is_picture(other) and are_companions(one, other)]
            if all(owner == path or owner in removed for owner in owners):
                found.append(one)
    return found


def _equal(digest: bytes, size_bytes: int, keeper: bytes, listed: Callable[[bytes], tuple[bytes, ...]]) -> bytes | None:
    """A companion of the keeper with these bytes."""
    own = [one for one in listed(os.path.dirname(keeper)) if are_companions(keeper, one)]
    for path in own:
        try:
            if os.lstat(path).st_size == size_bytes and files.hashed(path)[0] == digest:
                return path
        except (OSError, Skipped):
            continue
    return None


def _hashed(path: bytes) -> tuple[bytes, os.stat_result]:
    try:
        return files.hashed(path)
    except Skipped as skipped:
        raise NotPossible(f"{files.display(path)} belongs to it, and is no regular file") from skipped


def _paths(folder: bytes) -> tuple[bytes, ...]:
    with os.scandir(folder) as found:
        return tuple(sorted(entry.path for entry in found))
