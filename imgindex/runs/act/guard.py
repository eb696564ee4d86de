"""What no plan may touch: protected folders, and what a person decided."""

from __future__ import annotations

import os
from dataclasses import dataclass, field

from imgindex.files import display
from imgindex.keep.rules import NO_RULES, KeepRules
from imgindex.records import DecisionKind
from imgindex.runs.act.job import NotPossible
from imgindex.runs.decisions import PARTING, Decided
from imgindex.store import Transaction

BOTH_STAY = (*PARTING, DecisionKind.KEEP_BOTH)


@dataclass(frozen=True, slots=True)
class Guard:
    """rules       with the folders that are protected
    identities  (device, inode) of each: one may be reached by another path, as through a second mount
    decided     what counts of what was decided
    kept        contents (sha256) that a person decided to keep, whatever else there is
    """

    rules: KeepRules = NO_RULES
    identities: frozenset[tuple[int, int]] = frozenset()
    decided: Decided = field(default_factory=Decided)
    kept: frozenset[bytes] = frozenset()

    @classmethod
    def of(cls, tx: Transaction, rules: KeepRules) -> Guard:
        known = frozenset(found for folder in rules.protected if (found := _folder(folder)) is not None)
        decided = Decided.read(tx)
        return cls(rules, known, decided, frozenset(decided.keeping()))

    def protects(self, path: bytes) -> bool:
        """Whether what is at `path` is in a protected folder, however that is reached."""
        if self.rules.protecting(path) is not None:
            return True
        folder = os.path.realpath(os.path.dirname(path))
        while self.identities and folder != os.path.dirname(folder):
            if _folder(folder) in self.identities:
                return True
            folder = os.path.dirname(folder)
        return False

    def expect_undecided(self, copy: bytes, keeper: bytes, keeper_path: bytes) -> None:
        """Raise NotPossible where a person said that of two contents, given by sha256, the copy stays."""
        if copy == keeper:
            return
        said = self.decided.between(copy, keeper)
        if said is not None and (said.what in BOTH_STAY or said.keeper == copy):
            raise NotPossible(f"You decided that it stays beside {display(keeper_path)} ({said.what})")
        if copy in self.kept:
            raise NotPossible("You decided that it stays")


def _folder(path: bytes) -> tuple[int, int] | None:
    try:
        status = os.stat(path)
    except OSError:
        return None
    return status.st_dev, status.st_ino
