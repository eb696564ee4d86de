"""The errors that reach a person, each one sentence that names the remedy.

    ImgIndexError
    ├── UsageError      exit 2   what was asked cannot be asked
    ├── StoreError      exit 3   the store cannot be opened, written or trusted
    │   ├── StoreLocked          another process is writing to it
    │   └── StoreTooNew          made by a newer imgindex
    ├── ModelError      exit 4   no embedding model, or not the one of the store
    └── RootError       exit 5   a folder to index could not be read

Whatever else is raised nobody foresaw: the command line writes its traceback to a file and ends with UNFORESEEN.

A file that cannot be indexed is not an error: it is a `Skip`, which is data.
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from imgindex.results import IndexSummary

UNFORESEEN = 70
"""Exit code of an error that nobody foresaw (EX_SOFTWARE of sysexits.h); Python's own would be 1, an answer."""

EMPTY_PATH = "An empty path names nothing; the current folder is a dot: ."
"""Said wherever a path is asked for: an unset variable of a script must not mean the current folder."""


def last_line(error: object) -> str:
    """The last line of an unexpected error's text, which in a traceback says what it was."""
    return (str(error).strip().splitlines() or [type(error).__name__])[-1]


class ImgIndexError(Exception):
    """Base of every error that imgindex raises on purpose; `str()` is a sentence for a person."""

    exit_code: ClassVar[int] = 2


class UsageError(ImgIndexError):
    """What was asked for cannot be asked for."""


class StoreError(ImgIndexError):
    """The store cannot be opened, written or trusted."""

    exit_code = 3


class StoreLocked(StoreError):
    """Another process holds the store's write lock."""


class StoreTooNew(StoreError):
    """The store was written by a newer imgindex."""


class ModelError(ImgIndexError):
    """The embedding model cannot be loaded, or is not the one the store was made with."""

    exit_code = 4


class RootError(ImgIndexError):
    """A folder to index is not there, or could not be read. `summary` says what was done with the others, where a run
    of `index` raised it that did what it could."""

    exit_code = 5

    def __init__(self, sentence: str, summary: IndexSummary | None = None) -> None:
        super().__init__(sentence)
        self.summary = summary


def named(value: str) -> str:
    """A path that a person named, before anything is opened or made."""
    if not value:
        raise UsageError(EMPTY_PATH)
    return value


def path(value: str) -> Path:
    """The same; pathlib would take an empty one for the current folder."""
    return Path(named(value))
