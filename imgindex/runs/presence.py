"""Which files are there now, asked of each before it is named: what is not is no keeper and no duplicate of anything.

A file is here, outdated (gone, or another than was indexed), or away: out of reach, as on a disk that is not mounted.
"""

from __future__ import annotations

import functools
import os
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from imgindex.files import is_below
from imgindex.keep.rules import file_key
from imgindex.records import Seen
from imgindex.store import Transaction, catalog


@dataclass(slots=True)
class Presence:
    """What looking at the files of some images gave.

    here      by image, one name of each physical file that is there as it was indexed, the one to keep first
    links     by such a name, the other names of the same physical file, in byte order
    away      by path, the folder that could not be looked at
    outdated  paths of files that are gone or have changed; `changed` are those that are there
    """

    here: dict[int, tuple[Seen, ...]] = field(default_factory=dict)
    links: dict[bytes, tuple[bytes, ...]] = field(default_factory=dict)
    away: dict[bytes, bytes] = field(default_factory=dict)
    outdated: set[bytes] = field(default_factory=set)
    changed: set[bytes] = field(default_factory=set)

    def add(self, other: Presence) -> None:
        """Take in what looking at other images gave."""
        self.here |= other.here
        self.links |= other.links
        self.away |= other.away
        self.outdated |= other.outdated
        self.changed |= other.changed

    def rename(self, key: Callable[[int, Seen], Any]) -> None:
        """Know each physical file of an image by that of its names which `key` sorts first."""
        for image, stats in self.here.items():
            own = functools.partial(key, image)
            chosen = []
            for known in stats:
                names = [known, *(replace(known, path=path) for path in self.links.pop(known.path, ()))]
                chosen.append(min(names, key=own))
                if others := sorted(name.path for name in names if name.path != chosen[-1].path):
                    self.links[chosen[-1].path] = tuple(others)
            self.here[image] = tuple(sorted(chosen, key=own))

    @property
    def unsure(self) -> set[bytes]:
        """Paths of files that may yet be what they were: away, or changed and not read again."""
        return self.away.keys() | self.changed

    @property
    def away_folders(self) -> tuple[tuple[bytes, int], ...]:
        """(folder that could not be looked at, how many files are away with it), by folder."""
        return tuple(sorted(Counter(self.away.values()).items()))


def find_present(tx: Transaction, files: Mapping[int, Iterable[Seen]]) -> Presence:
    """Look at files, given as they were indexed by image, with one `lstat` each."""
    found = Presence()
    absent: list[Seen] = []
    disks: dict[int, int] = {}
    for image_id, stats in files.items():
        here = []
        for known in stats:
            try:
                now = _now(known)
            except (FileNotFoundError, NotADirectoryError):
                absent.append(known)
            except OSError:
                found.away[known.path] = os.path.dirname(known.path)
            else:
                if now is None:
                    found.changed.add(known.path)
                else:
                    here.append(now)
                    disks[known.device] = now.device
        if here:
            found.here[image_id] = tuple(_physical(here, found.links))
    absence = _Absence([path for path, *_ in catalog.roots(tx)], disks)
    for known in absent:
        folder = absence.folder_away(known)
        if folder is None:
            found.outdated.add(known.path)
        else:
            found.away[known.path] = folder
    found.outdated |= found.changed
    return found


def _now(known: Seen) -> Seen | None:
    """The file as it is now; None where it is another than was indexed, or no regular file. Raises OSError.

    Beside size and time, inode or ctime is what it was: naming and linking change the ctime alone, a mount that numbers
    anew the inode alone, and a file that was moved over another has neither of it. A link that was followed leads to
    the inode that it led to; else it took the file's place.
    """
    status = os.lstat(known.path)
    is_link = stat.S_ISLNK(status.st_mode)
    if is_link:
        status = os.stat(known.path)
    now = Seen.of(known.path, status)
    if is_link and now.inode != known.inode:
        return None
    is_alike = (known.size_bytes, known.mtime_ns) == (now.size_bytes, now.mtime_ns)
    is_same = is_alike and (known.inode == now.inode or known.ctime_ns == now.ctime_ns)
    return now if is_same and stat.S_ISREG(status.st_mode) else None


def _physical(here: Iterable[Seen], links: dict[bytes, tuple[bytes, ...]]) -> Iterator[Seen]:
    """One name of each physical file, the one to keep first; its other hard links go to `links`."""
    names: dict[tuple[int, int], list[Seen]] = {}
    for now in sorted(here, key=file_key):
        names.setdefault((now.device, now.inode), []).append(now)
    for found in names.values():
        first, *others = found if len(found) == 1 else _hard_links(found)
        if others:
            links[first.path] = tuple(sorted(other.path for other in others))
        yield first


def _hard_links(names: Sequence[Seen]) -> list[Seen]:
    """Of the names of one physical file, the best first, those that can be removed without the file: of names that lead
    to one another through a linked folder or another mount, the one that needs no link."""
    by_real: dict[bytes, Seen] = {}
    for name in names:
        real = os.path.realpath(name.path)
        if real not in by_real or real == name.path:
            by_real[real] = name
    links = sorted(by_real.values(), key=file_key)
    return links if _link_count(links[0].path) >= len(links) else links[:1]


def _link_count(path: bytes) -> int:
    try:
        return os.stat(path).st_nlink
    except OSError:
        return 0


class _Absence:
    """Why nothing is at a path: the file is gone, or its disk is away.

    disks  today's number of each disk that a file was found on, by the number it had when that file was indexed
    """

    def __init__(self, roots: Sequence[bytes], disks: Mapping[int, int]) -> None:
        self._roots = sorted(roots, key=len, reverse=True)
        self._disks = disks
        self._nearest: dict[bytes, tuple[bytes, int | None]] = {}
        self._empty: dict[bytes, bool] = {}

    def folder_away(self, known: Seen) -> bytes | None:
        """The folder to look at again once its disk is mounted; None where the file is gone."""
        folder, device = self._nearest_folder(os.path.dirname(known.path))
        root = next((root for root in self._roots if is_below(known.path, root)), None)
        if root is not None and not is_below(folder, root):
            return root
        if device is None or (folder == root and self._is_empty(folder)):
            return folder
        return folder if self._disks.get(known.device, known.device) != device else None

    def _nearest_folder(self, folder: bytes) -> tuple[bytes, int | None]:
        """(the nearest folder that is there, its device; None where it cannot be looked at)."""
        passed = []
        while folder not in self._nearest:
            passed.append(folder)
            try:
                self._nearest[folder] = folder, Seen.of(folder, os.stat(folder)).device
            except (FileNotFoundError, NotADirectoryError):
                folder = os.path.dirname(folder)
            except OSError:
                self._nearest[folder] = folder, None
        found = self._nearest[folder]
        self._nearest.update(dict.fromkeys(passed, found))
        return found

    def _is_empty(self, folder: bytes) -> bool:
        if folder not in self._empty:
            try:
                with os.scandir(folder) as listing:
                    self._empty[folder] = next(listing, None) is None
            except OSError:
                self._empty[folder] = True
        return self._empty[folder]
