"""The walk over folders: which files may be pictures, what could not be read, where another disk begins.

Names are bytes throughout: a file system holds names that are no text.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from imgindex.errors import UsageError
from imgindex.files import display, is_below
from imgindex.pictures.formats import OTHER_EXTENSIONS, SNIFF_BYTES, Kind, claims_picture, extension, sniff
from imgindex.pictures.patterns import IGNORE_FILE, Rules
from imgindex.records import Seen
from imgindex.skips import Skipped

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

UNFINISHED = b".imgindex-"
"""Files that a run of `apply` or `undo` is about to give another name."""


NO_PICTURE, LINK, SYSTEM, STORE = "no-picture", "link", "system", "store"
HIDDEN = "hidden"
BY_PATTERN = frozenset({"excluded", "ignore-file", "not-included"})
"""Reasons that a person gave. For these and HIDDEN see `patterns.Rules`."""


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
    """What is left alone, and why: a file that is no picture, a link that is not followed; or, where `is_left_out`, a
    file, or a folder with all that is in it, that patterns or rules leave out, whatever it is.

    `pattern` is the one that says so, where one does.
    """

    path: bytes
    reason: str
    pattern: str = ""
    is_folder: bool = False

    @property
    def is_left_out(self) -> bool:
        return self.reason not in (NO_PICTURE, LINK)

    @property
    def is_by_pattern(self) -> bool:
        return self.reason in BY_PATTERN


@dataclass(frozen=True, slots=True)
class Boundary:
    """A folder on another device than the folder it is in: where it is mounted is empty when it is not."""

    path: bytes
    device: int


def trash_home() -> bytes:
    """The user's own trash folder (freedesktop.org), whose name is not that of the others."""
    data = os.environb.get(b"XDG_DATA_HOME") or os.path.expanduser(b"~/.local/share")
    return os.path.join(data, b"Trash")


Found: TypeAlias = Seen | Problem | Ignored | Boundary


def unite(folders: Iterable[str | bytes | os.PathLike[str]]) -> tuple[bytes, ...]:
    """The real paths of `folders` in byte order, without those that are the same as or below another."""
    kept: list[bytes] = []
    for path in real_paths(folders):
        if not any(is_below(path, root) for root in kept):
            kept.append(path)
    return tuple(kept)


def scan(
    roots: Iterable[str | bytes | os.PathLike[str]],
    *,
    include: Sequence[str] = (),
    exclude: Sequence[str] = (),
    follow_symlinks: bool = False,
    leave_out: Iterable[str | bytes | os.PathLike[str]] = (),
    named: Iterable[str | bytes | os.PathLike[str]] = (),
) -> Iterator[Found]:
    """Walk `roots`, united, in the byte order of paths.

    A file is Seen where its name claims a picture, or where its extension is unknown and its first bytes are
    a picture's; it is Ignored where its extension is that of something else. With `include`, only files that
    match one of its patterns count; what matches `exclude`, or a line of an IGNORE_FILE of a folder that it is in,
    is left out, as are hidden folders, LEFT_OUT_FOLDERS and those in `leave_out` (the store, the trash). A hidden
    folder, or one of LEFT_OUT_FOLDERS, is walked where it is a root, or in or above a folder that is `named`: that one
    alone then.
    Patterns are those of gitignore, relative to the root or to the folder of their file.
    Links are Ignored; with `follow_symlinks` they are followed, unless they lead to what is below a root
    anyway or to a folder that was walked already.

    What cannot be read is a Problem, never an exception; so is an IGNORE_FILE that cannot be understood, and its folder
    is not walked. Raises UsageError for a pattern that is none.
    """
    roots = list(roots)
    return _Scan(unite(roots), include, exclude, follow_symlinks, leave_out, real_paths([*roots, *named])).walk()


def real_paths(folders: Iterable[str | bytes | os.PathLike[str]]) -> tuple[bytes, ...]:
    """The real paths of `folders` in byte order."""
    return tuple(sorted({os.path.realpath(os.fsencode(folder)) for folder in folders}))


_Identity: TypeAlias = tuple[int, int]


@dataclass(frozen=True, slots=True)
class _Next:
    """Something to look at: a root, a folder that was named below one (both without an entry), or what a folder has."""

    path: bytes
    entry: os.DirEntry[bytes] | None
    device: int
    rules: Rules


class _Scan:
    def __init__(
        self,
        roots: tuple[bytes, ...],
        include: Sequence[str],
        exclude: Sequence[str],
        follow_symlinks: bool,
        leave_out: Iterable[str | bytes | os.PathLike[str]],
        named: tuple[bytes, ...],
    ) -> None:
        self._roots = roots
        self._rules = [Rules(root, include, exclude) for root in roots]
        self._follow = follow_symlinks
        self._store: set[_Identity] = {i for folder in leave_out if (i := _identity(os.fsencode(folder)))}
        self._named = named
        self._walked: set[_Identity] = set()
        self._troubled: set[bytes] = set()

    def walk(self) -> Iterator[Found]:
        for root, rules in zip(self._roots, self._rules, strict=True):
            try:
                status = os.stat(root)
            except OSError as error:
                yield _problem(root, error)
                continue
            if stat.S_ISDIR(status.st_mode):
                yield from self._walk_root(_Next(root, None, status.st_dev, rules))
            else:
                yield Problem(root, "not-a-folder", f"{display(root)} is no folder; name the folder that it is in.")

    def _walk_root(self, root: _Next) -> Iterator[Found]:
        stack = [root]
        while stack:
            at = stack.pop()
            path, entry = at.path, at.entry
            try:
                if entry is not None and not _is_folder(entry, self._follow):
                    yield from self._file(path, entry, at.rules)
                    continue
                status = os.stat(path)
                if entry is not None and (left := self._left_alone(path, entry, status, at.rules)) is not None:
                    yield left
                    if not left.is_by_pattern:
                        below = [name for name in self._named if is_below(name, path) and os.path.isdir(name)]
                        stack += [_Next(name, None, at.device, at.rules) for name in reversed(below)]
                    continue
                if (status.st_dev, status.st_ino) in self._walked | self._store:
                    continue
                self._walked.add((status.st_dev, status.st_ino))
                if status.st_dev != at.device:
                    yield Boundary(path, status.st_dev)
                rules = at.rules
                with os.scandir(path) as listing:
                    entries = list(listing)
                if any(e.name == IGNORE_FILE for e in entries):
                    rules = rules.inside(path)
            except FileNotFoundError:
                if entry is None:
                    yield Problem(path, "absent", f"The folder {display(path)} went away while it was read.")
                continue
            except (UsageError, Skipped) as error:
                yield _unknown_patterns(path, error)
                continue
            except OSError as error:
                folder = path if entry is None or _is_folder(entry, self._follow) else os.path.dirname(path)
                if folder not in self._troubled:
                    self._troubled.add(folder)
                    yield _problem(folder, error)
                continue
            keyed = sorted((e.name + b"/" if _is_folder(e, self._follow) else e.name, e) for e in entries)
            stack += [_Next(e.path, e, status.st_dev, rules) for name, e in reversed(keyed) if name != IGNORE_FILE]

    def _left_alone(
        self, path: bytes, entry: os.DirEntry[bytes], status: os.stat_result, rules: Rules
    ) -> Ignored | None:
        """Why a folder is not walked; None where it is."""
        identity = (status.st_dev, status.st_ino)
        if identity in self._store:
            return Ignored(path, STORE, is_folder=True)
        if identity in self._walked or (entry.is_symlink() and self._is_walked_anyway(path)):
            return Ignored(path, LINK, is_folder=True)
        if _is_of_a_system(entry.name):
            return Ignored(path, SYSTEM, is_folder=True)
        if (decision := rules.on_folder(path)) is not None:
            return Ignored(path, decision.reason, decision.pattern, is_folder=True)
        return None

    def _is_walked_anyway(self, path: bytes) -> bool:
        real = os.path.realpath(path)
        return any(is_below(real, root) for root in self._roots)

    def _file(self, path: bytes, entry: os.DirEntry[bytes], rules: Rules) -> Iterator[Found]:
        if _is_of_a_system(entry.name):
            yield Ignored(path, SYSTEM)
            return
        if extension(entry.name) in OTHER_EXTENSIONS:
            yield Ignored(path, NO_PICTURE)
            return
        if (decision := rules.on_file(path)) is not None:
            yield Ignored(path, decision.reason, decision.pattern)
            return
        if entry.is_symlink() and (not self._follow or self._is_walked_anyway(path)):
            yield Ignored(path, LINK)
            return
        status = os.stat(path) if entry.is_symlink() else entry.stat(follow_symlinks=False)
        if stat.S_ISREG(status.st_mode) and may_be_picture(path, status.st_size):
            yield Seen.of(path, status)
        else:
            yield Ignored(path, NO_PICTURE)


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


def _is_of_a_system(name: bytes) -> bool:
    lower = name.lower()
    return (
        lower in LEFT_OUT_FOLDERS or lower.startswith(LEFT_OUT_PREFIXES) or name.startswith((APPLE_DOUBLE, UNFINISHED))
    )


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


def _unknown_patterns(folder: bytes, error: UsageError | Skipped) -> Problem:
    why = str(error) if isinstance(error, UsageError) else error.skip.detail
    name = display(os.path.join(folder, IGNORE_FILE))
    return Problem(folder, "patterns", f"{name} cannot be used, so its folder was left as it was. {why}")


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
