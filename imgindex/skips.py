"""Why a file is seen and not indexed, as data and as what is raised."""

from __future__ import annotations

from dataclasses import dataclass


class Skipped(Exception):
    """A file that was seen and cannot be indexed; `skip` says why. Travels between processes."""

    def __init__(self, skip: Skip) -> None:
        super().__init__(skip)
        self.skip = skip

    def __str__(self) -> str:
        return f"{self.skip.reason}: {self.skip.detail}"


class Changed(OSError):
    """A file that was written to while it was read."""


def too_large_file(size_bytes: int, max_bytes: int) -> Skip:
    """The skip of a file with more bytes than are read into memory."""
    return Skip(
        "too-large",
        f"The file has {size_bytes / 2**20:,.0f} MiB, above the limit of {max_bytes / 2**20:,.0f} MiB; "
        "save a smaller copy to index it.",
    )


def skip_of(error: OSError) -> Skip:
    """The skip of a file that could not be read; the file may be fine, so it is tried again on every run."""
    if isinstance(error, Changed):
        return Skip("changed", "It was written to while it was read; it is read again on the next run.", True)
    if isinstance(error, FileNotFoundError | NotADirectoryError):
        return Skip("vanished", "It was deleted or moved between being seen and being read; run again.", True)
    if isinstance(error, PermissionError):
        return Skip("unreadable", "You have no permission to read it; allow it, and run again.", True)
    why = error.strerror or str(error) or type(error).__name__
    return Skip(
        "unreadable",
        f"It could not be read ({why}); check the disk or the network share, and run again.",
        True,
    )


def out_of_memory() -> Skip:
    """The skip of a picture that memory did not suffice for; it is tried again on every run."""
    return Skip("out-of-memory", "Memory did not suffice to decode it; run again with fewer --jobs.", True)


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a file was seen and not indexed: `reason` is a short token, `detail` a sentence.

    `environment` is True where the file may be fine and its surroundings were not
    (disk away, permission): such files are tried again on every run.
    """

    reason: str
    detail: str
    environment: bool = False
