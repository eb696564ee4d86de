"""The walk over folders: which files may be pictures, what could not be read, where another disk begins.

Names are bytes throughout: a file system holds names that are no text.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from pathspec import GitIgnoreSpec

from imgindex.errors import UsageError
from imgindex.files import display
from imgindex.pictures.formats import OTHER_EXTENSIONS, SNIFF_BYTES, Kind, claims_picture, extension, sniff
from imgindex.records import Seen

LEFT_OUT_FOLDERS = frozenset(
    b"@eadir .@__thumb .thumbnails .thumb .cache $recycle.bin #recycle .recycle #snapshot .snapshot .snapshots .zfs "
    b".stversions .stfolder .spotlight-v100 .fseventsd .documentrevisions-v100 .temporaryitems "
    b"lost+found .git .hg .svn __macosx".split()
) | {b"system volume information"}
"""Lower-case names of folders that systems, NAS boxes and other programs fill with thumbnails, snapshots and
deleted files; copies of pictures in there are nobody's duplicates."""

LEFT_OUT_PREFIXES = (b".trash",)
"""`.Trash`, `.Trashes`, `.Trash-1000`."""

APPLE_DOUBLE = b"._"
"""Files that macOS writes beside each file on foreign disks; they bear its name and hold no picture."""


@dataclass(frozen=True, slots=True)
class Problem:
    """A folder of which not all could be seen: its path, a short token, and a sentence for a person.

    Nothing below it may be taken for missing.
    """

    path: bytes
    reason: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Ignored:
    """A file that is no picture, or a link that is not followed."""

    path: bytes


@dataclass(frozen=True, slots=True)
class Boundary:
    """A folder on another device than the folder it is in: where it is mounted is empty when it is not."""

    path: bytes
    device: int


Found: TypeAlias = Seen | Problem | Ignored | Boundary


def unite(folders: Iterable[str | bytes | os.PathLike[str]]) -> tuple[bytes, ...]:
    """The real paths of `folders` in byte order, without those that are the same as or below another."""
    real = sorted({os.path.realpath(os.fsencode(folder)) for folder in folders})
    kept: list[bytes] = []
    for path in real:
        if not any(is_below(path, root) for root in kept):
            kept.append(path)
    return tuple(kept)


def is_below(path: bytes, root: bytes) -> bool:
    """True where `path` is `root` or inside it; both absolute and normalised."""
    return path == root or path.startswith(root if root.endswith(b"/") else root + b"/")


def scan(
    roots: Iterable[str | bytes | os.PathLike[str]],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    follow_symlinks: bool = False,
    leave_out: Iterable[str | bytes | os.PathLike[str]] = (),
) -> Iterator[Found]:
    """Walk `roots`, united, in the byte order of paths.

    A file is Seen where its name claims a picture, or where its extension is unknown and its first bytes are
    a picture's; it is Ignored where its extension is that of something else. With `include`, only files that
    match one of its patterns count; what matches `exclude` is left out without a word, as are the folders
    LEFT_OUT_FOLDERS and those in `leave_out` (the store). Patterns are those of gitignore, relative to the root.
    Links are Ignored; with `follow_symlinks` they are followed, unless they lead to what is below a root
    anyway or to a folder that was walked already.

    What cannot be read is a Problem, never an exception.
    """
    return _Scan(unite(roots), include, exclude, follow_symlinks, leave_out).walk()


_Identity: TypeAlias = tuple[int, int]


class _Scan:
    def __init__(
        self,
        roots: tuple[bytes, ...],
        include: Sequence[str],
        exclude: Sequence[str],
        follow_symlinks: bool,
        leave_out: Iterable[str | bytes | os.PathLike[str]],
    ) -> None:
        self._roots = roots
        self._include = _patterns(include)
        self._exclude = _patterns(exclude)
        self._follow = follow_symlinks
        self._walked: set[_Identity] = {i for folder in leave_out if (i := _identity(os.fsencode(folder)))}
        self._troubled: set[bytes] = set()

    def walk(self) -> Iterator[Found]:
        for root in self._roots:
            try:
                status = os.stat(root)
            except OSError as error:
                yield _problem(root, error)
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from self._walk_root(root, status.st_dev)
            else:
                yield Problem(root, "not-a-folder", f"{display(root)} is no folder; name the folder that it is in.")

    def _walk_root(self, root: bytes, device: int) -> Iterator[Found]:
        stack: list[tuple[bytes, os.DirEntry[bytes] | None, int]] = [(root, None, device)]
        while stack:
            path, entry, parent_device = stack.pop()
            try:
                if entry is not None and not _is_folder(entry, self._follow):
                    yield from self._file(path, entry, root)
                    continue
                status = os.stat(path)
                if entry is not None and not self._enters(path, entry, status, root):
                    continue
                self._walked.add((status.st_dev, status.st_ino))
                if status.st_dev != parent_device:
                    yield Boundary(path, status.st_dev)
                with os.scandir(path) as listing:
                    entries = [e for e in listing if not _is_left_out(e.name)]
            except FileNotFoundError:
                if entry is None:
                    yield Problem(path, "absent", f"The folder {display(path)} went away while it was read.")
                continue
            except OSError as error:
                folder = path if entry is None or _is_folder(entry, self._follow) else os.path.dirname(path)
                if folder not in self._troubled:
                    self._troubled.add(folder)
                    yield _problem(folder, error)
                continue
            keyed = sorted((e.name + b"/" if _is_folder(e, self._follow) else e.name, e) for e in entries)
            stack += [(e.path, e, status.st_dev) for _, e in reversed(keyed)]

    def _enters(self, path: bytes, entry: os.DirEntry[bytes], status: os.stat_result, root: bytes) -> bool:
        if (status.st_dev, status.st_ino) in self._walked:
            return False
        if entry.is_symlink() and self._is_walked_anyway(path):
            return False
        return self._exclude is None or not self._exclude.match_file(_relative(path, root) + "/")

    def _is_walked_anyway(self, path: bytes) -> bool:
        real = os.path.realpath(path)
        return any(is_below(real, root) for root in self._roots)

    def _file(self, path: bytes, entry: os.DirEntry[bytes], root: bytes) -> Iterator[Found]:
        if self._exclude is not None and self._exclude.match_file(_relative(path, root)):
            return
        if self._include is not None and not self._include.match_file(_relative(path, root)):
            return
        if entry.is_symlink() and (not self._follow or self._is_walked_anyway(path)):
            yield Ignored(path)
            return
        status = os.stat(path) if entry.is_symlink() else entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and may_be_picture(path, status.st_size):
            yield Seen.of(path, status)
        else:
            yield Ignored(path)


def _patterns(lines: Sequence[str]) -> GitIgnoreSpec | None:
    try:
        return GitIgnoreSpec.from_lines(lines) if lines else None
    except ValueError as error:
        raise UsageError(f"{error}; patterns are written as in a .gitignore file.") from error


def may_be_picture(path: bytes, size_bytes: int) -> bool:
    """True where the name claims a picture, or else the first bytes are one's; a known other extension is none."""
    name = os.path.basename(path)
    if claims_picture(name):
        return True
    if extension(name) in OTHER_EXTENSIONS or size_bytes == 0:
        return False
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY)
        with open(descriptor, "rb", buffering=0) as file:
            head = file.read(SNIFF_BYTES)
    except OSError:
        return False
    return sniff(head).kind is not Kind.OTHER


def _is_left_out(name: bytes) -> bool:
    lower = name.lower()
    return lower in LEFT_OUT_FOLDERS or lower.startswith(LEFT_OUT_PREFIXES) or name.startswith(APPLE_DOUBLE)


def _is_folder(entry: os.DirEntry[bytes], follow_symlinks: bool) -> bool:
    try:
        return entry.is_dir(follow_symlinks=follow_symlinks)
    except OSError:
        return False


def _identity(path: bytes) -> _Identity | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino


def _relative(path: bytes, root: bytes) -> str:
    return os.fsdecode(os.path.relpath(path, root))


def _problem(path: bytes, error: OSError) -> Problem:
    name = display(path)
    if isinstance(error, FileNotFoundError):
        return Problem(path, "absent", f"The folder {name} is not there; check the spelling, or mount its disk.")
    if isinstance(error, PermissionError):
        return Problem(
            path, "unreadable", f"The folder {name} may not be read, or not all of it; allow it, and run again."
        )
    why = error.strerror or type(error).__name__
    return Problem(
        path, "unreadable", f"The folder {name} could not be read as a whole ({why}); check the disk, and run again."
    )
