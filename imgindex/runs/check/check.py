"""check: hold a store to the invariants of its design, and mend what can be rebuilt.

    0  SQLite finds the database file itself whole
    1  every vector has its bytes, is finite, of norm 1, and matches its digest
    2  every file row shows an image or a reason; every image has a file row
    3  nothing is beyond the generation; a cache row of it holds the ids there are; the active space exists
    4  ids are never reused
    5  every pair and pending candidate is in order and says how it was proposed
    6  decisions are an append-only log
    7  every row matches its checksum
    8  each FAISS file is the one its row names; nothing else is left over
    9  every watermark is of an image with a vector in its space, every sketch of an image, and as it was written
   10  every other value is of its column's type and one that the program writes

Rows that refer to what is not there belong to the invariant of their table. All is checked first, each invariant in
one state of the store; then `repair` mends, and all is checked again: what is mended is what is not found any more.
Where the database file is damaged (0) nothing is written: it would spread.
"""

from __future__ import annotations

from dataclasses import replace

from imgindex.errors import StoreError, StoreLocked
from imgindex.ports import Progress
from imgindex.results import Finding
from imgindex.runs.check.damage import Damage
from imgindex.runs.check.invariants import Invariants
from imgindex.runs.check.repair import RESTORE, Repair
from imgindex.store import Store

__all__ = ["Finding", "check"]

REPAIR_ROUNDS = 3
"""What a repair removes may leave other rows without what they refer to; these are mended in the next round."""


def check(store: Store, *, repair: bool = False, progress: Progress) -> tuple[Finding, ...]:
    """What is broken, by invariant; nothing in a whole store.

    With `repair`, which needs `store.exclusive()` held by the caller, what can be rebuilt is mended and nothing else,
    and the store is checked again: what came to light only then is added. Damage becomes a Finding; StoreLocked is
    raised where another process keeps the store from being read, StoreError where a repair cannot be written.
    """
    invariants = Invariants(store, progress, Repair(store))
    left = _broken(invariants)
    found = {damage.key: damage for damage in left}
    for _ in range(REPAIR_ROUNDS if repair else 0):
        in_order = sorted(left, key=lambda damage: not damage.is_first)
        mends = [damage.mend for damage in in_order if damage.mend is not None]
        if not mends:
            break
        for mend in mends:
            mend()
        left = _broken(invariants)
        found = {damage.key: damage for damage in left} | found
    still = {damage.key for damage in left}
    ordered = sorted(found.values(), key=lambda damage: damage.invariant)
    return tuple([_finding(damage, repaired=damage.key not in still) for damage in ordered])


def _broken(invariants: Invariants) -> list[Damage]:
    """What is broken now, by invariant."""
    found: list[Damage] = []
    for number, (stage, check_one) in enumerate(invariants.stages):
        invariants.progress.start(f"check {stage}", None)
        try:
            found += check_one()
        except StoreLocked:
            raise
        except (StoreError, UnicodeError) as error:  # SQLite's own sentence may have damaged names in it
            found.append(Damage(0, f"Invariant {number} could not be checked: {error}", RESTORE))
        invariants.progress.finish()
    found.sort(key=lambda damage: damage.invariant)
    if found and found[0].invariant == 0:
        return [replace(damage, remedy=RESTORE, mend=None) for damage in found]
    return found


def _finding(damage: Damage, *, repaired: bool) -> Finding:
    return Finding(damage.invariant, damage.sentence, damage.remedy, damage.mend is not None or repaired, repaired)
