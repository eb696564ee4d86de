"""One file that is acted on, or put back: what is on record of it, and the names that a run uses beside it."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol

from imgindex import files
from imgindex.acts import Step, StepState
from imgindex.pictures.scan import UNFINISHED
from imgindex.runs.act.copying import has_content
from imgindex.runs.act.renaming import Identity, identity
from imgindex.skips import Changed


class NotPossible(Exception):
    """What cannot be done to a file, or put back, in a sentence; nothing was changed."""


@dataclass(frozen=True, slots=True)
class Job:
    """A step of a run.

    token     of its run
    contents  paths that may have the content of this sha256, to make a file again from
    """

    step: Step
    token: str
    contents: Callable[[bytes], Iterable[bytes]] = lambda sha256: ()

    @property
    def path(self) -> bytes:
        return self.step.path

    @property
    def sha256(self) -> bytes:
        return self.step.sha256

    @property
    def attributes(self) -> dict[str, Any]:
        """Of the file as it was: see `copying.attributes`."""
        found: dict[str, Any] = self.step.facts["attributes"]
        return found

    @property
    def wanted(self) -> Identity:
        """The file that was examined."""
        return Identity(*self.step.facts["identity"])

    @property
    def keeper(self) -> Identity:
        """The keeper that was examined."""
        return Identity(*self.step.facts["keeper_identity"])

    @property
    def is_unsettled(self) -> bool:
        """Whether a run was cut off in this step, so that the disk says how far it came."""
        return self.step.state in (StepState.BEGUN, StepState.UNDOING)

    def beside(self, path: bytes, ending: bytes) -> bytes:
        """A name in the folder of `path` that nobody else uses."""
        name = UNFINISHED + f"{self.token}-{self.step.id}.".encode() + ending
        return os.path.join(os.path.dirname(path), name)

    @property
    def aside(self) -> bytes:
        """Where the file waits while what takes its place is made certain."""
        return self.beside(self.path, b"aside")

    @property
    def new(self) -> bytes:
        """What is to take the place of the file."""
        return self.beside(self.path, b"new")

    def is_at(self, path: bytes) -> bool:
        """Whether the content is at `path`."""
        return has_content(path, self.sha256)

    def expect_keeper(self) -> None:
        """Raise Changed where the keeper is not as it was examined."""
        if identity(self.step.keeper) != self.keeper:
            raise Changed(f"{files.display(self.step.keeper)}, which was to stay, has changed or is gone")


class Way(Protocol):
    """An action, as it is done to one file; each method may be called again after it was cut off anywhere."""

    def act(self, job: Job) -> bytes | None:
        """Do it; the path where the file is now, None where it is none. Raises OSError, Skipped or NotPossible where
        it was not done, and has left the file as it was then."""

    def settle(self, job: Job) -> tuple[bool, bytes | None]:
        """After `act` was cut off: whether it happened, and the path; what it had begun is taken back otherwise."""

    def put_back(self, job: Job) -> None:
        """Undo it, whether it happened or was cut off. Raises OSError, Skipped or NotPossible."""


def sentence(error: Exception) -> str:
    """Why a file was not acted on, or not put back."""
    if isinstance(error, Changed | NotPossible):
        said = str(error)
    elif isinstance(error, PermissionError):
        said = "You have no permission to do that; allow it, and run again"
    elif isinstance(error, OSError):
        said = f"{error.strerror or error}"
    else:
        said = str(error)
    said = said[:1].upper() + said[1:]
    return said if said.endswith(".") else said + "."
