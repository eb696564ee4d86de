"""Whether one file of a plan may go now, asked of the disk and the store and not of the plan.

1. copy and keeper are regular files, two, neither of them a link, where the plan says; no protected folder
2. the store knows both, and their bytes, read now, are those that it knows and that the plan was made for
3. no keeper goes itself, and nobody decided that both stay
4. what belongs to the copy goes along, or the copy stays
5. what is weaker than exact is verified and weighed again from the bytes: see `prove`
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from imgindex import files
from imgindex.acts import Action, Planned
from imgindex.runs.act.copying import attributes
from imgindex.runs.act.guard import Guard
from imgindex.runs.act.job import NotPossible
from imgindex.runs.act.renaming import Identity
from imgindex.runs.act.together import Going, goes_along
from imgindex.skips import Skipped


@dataclass(frozen=True, slots=True)
class Fit:
    """A file that may go, as it was found: both files, what the copy has beside its bytes, and what goes along."""

    planned: Planned
    copy: Identity
    keeper: Identity
    attributes: dict[str, Any]
    going: tuple[Going, ...]

    @property
    def is_exact(self) -> bool:
        """Whether the keeper has the same bytes, as they were read."""
        return self.planned.sha256 == self.planned.keeper_sha256


@dataclass(frozen=True, slots=True)
class Examiner:
    """What holds for a whole plan.

    known     sha256 by path, as the store knows the files of the plan
    removed   paths of the files that go; `identities` which files these are
    listed    see `together.listing`
    """

    action: Action
    guard: Guard
    known: Mapping[bytes, bytes]
    removed: Collection[bytes]
    identities: Collection[tuple[int, int]]
    listed: Callable[[bytes], tuple[bytes, ...]]

    def examine(self, planned: Planned) -> Fit:
        """The file as it is now; raises NotPossible with a sentence where it has to stay."""
        keeper = files.display(planned.keeper)
        if self.guard.protects(planned.at):
            raise NotPossible("It is in a protected folder")
        if planned.at in (planned.keeper_at, os.path.realpath(planned.keeper_at)):
            raise NotPossible("It is its own keeper")
        copy_now, keeper_now = _regular(planned.at, "It"), _regular(planned.keeper_at, f"{keeper}, which is to stay,")
        if copy_now.file == keeper_now.file:
            raise NotPossible(f"It is one file with {keeper} under two names: without it nothing is free")
        if keeper_now.file in self.identities:
            raise NotPossible(f"The plan removes {keeper} as well, which is to stay for it")
        self.guard.expect_undecided(planned.sha256, planned.keeper_sha256, planned.keeper_at)
        self._expect_known(planned)
        copy = _read(planned.at, planned.sha256, "It")
        beside = attributes(planned.at)
        kept = _read(planned.keeper_at, planned.keeper_sha256, f"{keeper}, which is to stay,")
        if (copy, kept) != (copy_now, keeper_now):
            raise NotPossible("It, or what is to stay for it, was replaced just now")
        if os.lstat(planned.at).st_nlink > 1:
            raise NotPossible("It has other names (hard links): without one of them nothing is free")
        fit = Fit(planned, copy, kept, beside, () if self.action.replaces else self._going(planned))
        self._expect_possible(fit)
        return fit

    def _expect_known(self, planned: Planned) -> None:
        for path, sha256 in ((planned.at, planned.sha256), (planned.keeper_at, planned.keeper_sha256)):
            name = files.display(path)
            if path not in self.known:
                raise NotPossible(f"The store knows no picture {name}; index its folder, and plan again")
            if self.known[path] != sha256:
                raise NotPossible(f"The plan says other bytes of {name} than the store knows; plan again")

    def _going(self, planned: Planned) -> tuple[Going, ...]:
        try:
            going = tuple(goes_along(planned.at, planned.keeper_at, self.removed, self.listed))
        except OSError as error:
            raise NotPossible(f"What belongs to it cannot be read ({error.strerror or error})") from error
        if {one.companion for one in going} != set(planned.companions):
            raise NotPossible("The files that belong to it (a sidecar, a video) are others than planned; plan again")
        for one in going:
            if not (one.is_equal or self.action.keeps_the_bytes):
                raise NotPossible(
                    f"{files.display(one.companion.path)} belongs to it and would be lost; move both instead"
                )
        return going

    def _expect_possible(self, fit: Fit) -> None:
        """Of links: only between equal bytes; a protected file gets no second name that it could be written by."""
        if not self.action.replaces:
            return
        if not fit.is_exact:
            raise NotPossible("Its bytes are not those of the file that stays: a link would change what its name shows")
        if self.action is Action.HARDLINK and self.guard.protects(fit.planned.keeper_at):
            raise NotPossible("Its keeper is in a protected folder, and a hard link could be written through")


def identities(paths: Sequence[bytes]) -> set[tuple[int, int]]:
    """Which files are at these paths, however they are reached."""
    found = set()
    for path in paths:
        try:
            status = os.stat(path)
        except OSError:
            continue
        found.add((status.st_dev, status.st_ino))
    return found


def _regular(path: bytes, subject: str) -> Identity:
    try:
        status = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError) as error:
        raise NotPossible(f"{subject} is not there any more") from error
    except OSError as error:
        raise NotPossible(f"{subject} cannot be looked at ({error.strerror})") from error
    if stat.S_ISLNK(status.st_mode):
        raise NotPossible(f"{subject} is a link, and no file")
    if not stat.S_ISREG(status.st_mode):
        raise NotPossible(f"{subject} is no regular file")
    return Identity.of(status)


def _read(path: bytes, sha256: bytes, subject: str) -> Identity:
    try:
        digest, status = files.hashed(path)
    except PermissionError as error:
        raise NotPossible(f"{subject} may not be read; allow it, and run again") from error
    except (OSError, Skipped) as error:
        raise NotPossible(f"{subject} could not be read ({error})") from error
    if digest != sha256:
        raise NotPossible(f"{subject} has changed since it was planned; index again, and plan again")
    return Identity.of(status)
