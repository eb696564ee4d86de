"""Where the bytes of a picture come from: files that may have changed, or memory."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from imgindex import files, skips
from imgindex.skips import Skipped


class Readable(Protocol):
    """Where the bytes of one content come from; travels between processes."""

    def read(self) -> bytes:
        """The bytes; raises OSError where they cannot be read now."""


@dataclass(frozen=True, slots=True)
class OnDisk:
    """A content that any of `paths` may show."""

    paths: tuple[bytes, ...]
    sha256: bytes

    def read(self) -> bytes:
        """The bytes of the first path that still has this content; OSError where none can be read now."""
        last: OSError | None = None
        for path in self.paths:
            try:
                data, _ = files.read_stable(path)
            except Skipped as skipped:
                last = OSError(skipped.skip.detail)
                continue
            except OSError as error:
                last = error
                continue
            if files.sha256(data) == self.sha256:
                return data
            last = skips.Changed(f"{files.display(path)} has other content than when it was indexed")
        raise last or FileNotFoundError("no file shows this image any more")


@dataclass(frozen=True, slots=True)
class InMemory:
    """A content that is in no file: one that a caller gave, or a frame of an animation."""

    data: bytes

    def read(self) -> bytes:
        return self.data
