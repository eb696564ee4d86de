"""What a person decided, as the verbs answer it."""

from __future__ import annotations

from dataclasses import dataclass

from imgindex.records import DecisionKind, Loss


@dataclass(frozen=True, slots=True)
class DecidedPair:
    """What stands of the decisions on two contents: their sha256 in hexadecimal digits, and the files that show them
    (none where the store knows none). Of KEEPER, `a` is what stays. `made_at` is UTC, ISO 8601 with a Z."""

    kind: DecisionKind
    a: str
    b: str
    a_paths: tuple[str, ...]
    b_paths: tuple[str, ...]
    note: str
    made_at: str


@dataclass(frozen=True, slots=True)
class Deciding:
    """What a decision did: pairs of contents it is about, and what has to be said of them.

    lossy     files that a KEEPER is kept over and that have what it lacks, with that
    unproven  files that are no proven copies of the KEEPER
    unread    pairs that could not be weighed now
    """

    pairs: int
    lossy: tuple[tuple[str, tuple[Loss, ...]], ...] = ()
    unproven: tuple[str, ...] = ()
    unread: int = 0


@dataclass(frozen=True, slots=True)
class ImportedDecisions:
    """How many decisions were taken in, and how many left out: those of pairs on which this store has a later one."""

    added: int
    left_out: int
