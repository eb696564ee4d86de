"""Statements on what was weighed of proven pairs."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, delete, insert, select

from imgindex.records import Grade, Loss, Verdict, Weighing
from imgindex.store.catalog import CHUNK, chunks
from imgindex.store.pairs import COPIES
from imgindex.store.schema import pair, weighed
from imgindex.store.values import rows_of, whole

Key = tuple[int, int]
"""(low_id, high_id) of a pair."""


SAID = ("loss_a", "loss_b", "derived_a", "derived_b", "differs")
"""Of a Weighing; its grades have columns of their own, and its evidence is read where it is judged again alone."""


@dataclass(frozen=True, slots=True)
class WeighedPair:
    """What weighing the pair (low_id, high_id) gave, from a to b as its row in `pair` has them."""

    low_id: int
    high_id: int
    weighing: Weighing
    weigher_version: int
    judge_version: int

    @property
    def key(self) -> Key:
        return self.low_id, self.high_id

    def row(self) -> dict[str, Any]:
        """The values of its table row."""
        w = self.weighing
        return {
            "low_id": self.low_id,
            "high_id": self.high_id,
            "grade_a": None if w.grade_a is None else w.grade_a.value,
            "grade_b": None if w.grade_b is None else w.grade_b.value,
            "said": json.dumps({name: _said(getattr(w, name)) for name in SAID}, sort_keys=True),
            "evidence": json.dumps(w.evidence, sort_keys=True),
            "weigher_version": self.weigher_version,
            "judge_version": self.judge_version,
        }


def _said(value: Any) -> Any:
    """A field of a Weighing as JSON has it. The whole of it, evidence and all, would be copied to be thrown away: that
    took a third of the time of weighing."""
    return [asdict(one) if isinstance(one, Loss) else one for one in value] if isinstance(value, tuple) else value


def put_weighed(tx: Connection, found: Sequence[WeighedPair]) -> None:
    """Write what was weighed, over what was known of the same pairs. Pairs whose row in `pair` is gone are left out:
    another run may have verified them anew meanwhile."""
    there = _proven(tx, [one.key for one in found])
    rows = [one.row() for one in found if one.key in there]
    if rows:
        tx.execute(insert(weighed).prefix_with("OR REPLACE"), rows)


def _proven(tx: Connection, keys: Sequence[Key]) -> set[Key]:
    there: set[Key] = set()
    for part in chunks(sorted({low for low, _ in keys})):
        rows = tx.execute(select(pair.c.low_id, pair.c.high_id).where(pair.c.low_id.in_(part), _are_copies()))
        there.update((low, high) for low, high in rows)
    return there.intersection(keys)


STANDING = np.dtype([("low", "<i8"), ("high", "<i8"), ("a_below", "u1"), ("b_below", "u1")])
"""How the images of a weighed pair stand below each other: an index into GRADES."""

GRADES: tuple[Grade | None, ...] = (None, Grade.REDUNDANT, Grade.EDITED)


@rows_of("weighed")
def standings(tx: Connection, weigher_version: int, judge_version: int) -> NDArray[np.void]:
    """STANDING[n] of every pair that these versions weighed, a and b being those of `pair`."""
    number = {None: 0} | {grade.value: at for at, grade in enumerate(GRADES) if grade is not None}
    versions = (weighed.c.weigher_version == weigher_version) & (weighed.c.judge_version == judge_version)
    rows = tx.execute(select(weighed.c.low_id, weighed.c.high_id, weighed.c.grade_a, weighed.c.grade_b).where(versions))
    return np.fromiter(((low, high, number[a], number[b]) for low, high, a, b in rows), STANDING)


PROVEN = np.dtype([("low", "<i8"), ("high", "<i8"), ("a_is_low", "?"), ("same_pixels", "?")])


@rows_of("pair")
def proven(tx: Connection) -> NDArray[np.void]:
    """PROVEN[n]: all pairs that are proven copies, in order of ids."""
    same_pixels = pair.c.verdict == Verdict.SAME_PIXELS.value
    statement = select(pair.c.low_id, pair.c.high_id, pair.c.a_is_low, same_pixels)
    rows = tx.execute(statement.where(_are_copies()).order_by(pair.c.low_id, pair.c.high_id))
    return np.fromiter(map(tuple, rows), PROVEN)


def weighings(tx: Connection, weigher_version: int, judge_version: int) -> Iterator[WeighedPair]:
    """What these versions weighed, without the evidence. Every row is looked at, whatever its versions: a flipped bit
    in those would hide what was weighed."""
    for row in tx.execute(select(weighed)):
        found = _stored(row)
        if (found.weigher_version, found.judge_version) == (weigher_version, judge_version):
            yield found


def with_keys(tx: Connection, keys: Sequence[Key], weigher_version: int, judge_version: int) -> dict[Key, Weighing]:
    """What these versions weighed of these pairs, by them, with the evidence."""
    wanted, found = set(keys), {}
    versions = (weighed.c.weigher_version == weigher_version) & (weighed.c.judge_version == judge_version)
    for part in chunks(sorted({low for low, _ in keys})):
        for row in tx.execute(select(weighed).where(weighed.c.low_id.in_(part), versions)):
            if (row.low_id, row.high_id) in wanted:
                found[row.low_id, row.high_id] = _with_evidence(row).weighing
    return found


def facts(tx: Connection, image_ids: Sequence[int]) -> Iterator[tuple[int, dict[str, Any]]]:
    """(image id, what weighing read of its file beside the pixels) of these images, once for each pair they are in."""
    ends = ((weighed.c.low_id, pair.c.a_is_low), (weighed.c.high_id, ~pair.c.a_is_low))
    joined = weighed.join(pair, (pair.c.low_id == weighed.c.low_id) & (pair.c.high_id == weighed.c.high_id))
    for own, is_a in ends:
        for part in chunks(image_ids):
            rows = select(own, is_a.label("is_a"), weighed.c.evidence).select_from(joined).where(own.in_(part))
            for image_id, is_a_, evidence in tx.execute(rows):
                yield image_id, _side(evidence, "a" if is_a_ else "b")


@rows_of("weighed")
def _side(evidence: str, name: str) -> dict[str, Any]:
    return dict(json.loads(evidence)[name])


def judged_otherwise(tx: Connection, judge_version: int) -> list[WeighedPair]:
    """Some of what was judged by other rules than these, with the evidence; none where nothing is left."""
    rows = tx.execute(select(weighed).where(weighed.c.judge_version != judge_version).limit(CHUNK))
    return [_with_evidence(row) for row in rows]


def remove_others(tx: Connection, weigher_version: int) -> None:
    """Remove what another weigher left, and what was weighed of pairs that are no proven copies any more."""
    there = (pair.c.low_id == weighed.c.low_id) & (pair.c.high_id == weighed.c.high_id) & _are_copies()
    unproven = ~select(pair.c.low_id).where(there).exists()
    tx.execute(delete(weighed).where(unproven | (weighed.c.weigher_version != weigher_version)))


def _are_copies() -> ColumnElement[bool]:
    return pair.c.verdict.in_(COPIES)


@rows_of("weighed")
def _with_evidence(row: Any) -> WeighedPair:
    stored = _stored(row)
    return replace(stored, weighing=replace(stored.weighing, evidence=dict(json.loads(row.evidence))))


@rows_of("weighed")
def _stored(row: Any) -> WeighedPair:
    whole(row, weighed)
    values = json.loads(row.said)
    weighing = Weighing(
        _losses(values["loss_a"]),
        _losses(values["loss_b"]),
        values["derived_a"],
        values["derived_b"],
        None if row.grade_a is None else Grade(row.grade_a),
        None if row.grade_b is None else Grade(row.grade_b),
        tuple(values["differs"]),
    )
    return WeighedPair(row.low_id, row.high_id, weighing, row.weigher_version, row.judge_version)


def _losses(found: list[dict[str, Any]]) -> tuple[Loss, ...]:
    return tuple(
        Loss(one["what"], one["amount"], one["words"], tuple(itertools.starmap(_box, one["places"]))) for one in found
    )


def _box(left: float, top: float, right: float, bottom: float) -> tuple[float, float, float, float]:
    return left, top, right, bottom
