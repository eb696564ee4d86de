"""Statements on pairs, watermarks and pending candidates."""

from __future__ import annotations

import itertools
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import ColumnElement, Connection, Table, bindparam, delete, insert, select

from imgindex.records import Candidate, ProposedBy, Relation, Verdict, Verification
from imgindex.store.catalog import chunks
from imgindex.store.schema import embedding, pair, pending, space, watermark, weighed
from imgindex.store.values import all_whole, rows_of, storable, whole

COPIES = [verdict.value for verdict in Verdict if verdict.is_copy]


@dataclass(frozen=True, slots=True)
class StoredPair:
    """A verified pair: `candidate` says how it was proposed, `outcome` what was found from a to b.

    a is the low image where `a_is_low`: the one of the smaller sha256. A refuted pair that `is_near` the decision is
    stored, so that changed rules can decide it again from its evidence.
    """

    candidate: Candidate
    a_is_low: bool
    outcome: Verification
    verifier_version: int
    is_near: bool = field(default=False, kw_only=True, compare=False)

    @property
    def a_id(self) -> int:
        return self.candidate.low_id if self.a_is_low else self.candidate.high_id

    @property
    def b_id(self) -> int:
        return self.candidate.high_id if self.a_is_low else self.candidate.low_id

    def row(self, space_id: int) -> dict[str, Any]:
        """The values of its table row."""
        c, o = self.candidate, self.outcome
        evidence = o.evidence if o.matrix is None else o.evidence | {"matrix": list(o.matrix)}
        return {
            "low_id": c.low_id,
            "high_id": c.high_id,
            "space_id": space_id,
            "proposed_by": c.proposed_by.value,
            "floor": c.floor,
            "cosine": c.cosine,
            "a_is_low": self.a_is_low,
            "verdict": o.verdict.value,
            "score": o.score,
            "ssim": o.ssim,
            "relation": None if o.relation is None else o.relation.value,
            "transform": o.transform,
            "share_a": o.share_a,
            "share_b": o.share_b,
            "scale": o.scale,
            "inset": o.inset,
            "evidence": json.dumps(evidence, sort_keys=True),
            "verifier_version": self.verifier_version,
        }


def put_pairs(tx: Connection, space_id: int, found: Sequence[StoredPair]) -> None:
    """Settle verified pairs: what was known of them goes, and they are no longer pending.

    A refuted pair is not kept, unless it is near the decision, or was proposed by what may propose it again on a later
    run: equal digests, common copies.
    """
    keys = [p.candidate.key for p in found]
    remove_pairs(tx, keys)
    remove_pending(tx, keys)
    kept = [p for p in found if _is_kept(p)]
    if kept:
        tx.execute(insert(pair), [p.row(space_id) for p in kept])


def _is_kept(found: StoredPair) -> bool:
    is_refuted = found.outcome.verdict is Verdict.DISTINCT
    return not is_refuted or found.is_near or found.candidate.proposed_by in (ProposedBy.DIGEST, ProposedBy.COMMON_COPY)


def remove_other_versions(tx: Connection, space_id: int, verifier_version: int) -> None:
    """After a run that verified everything anew: pairs that an older verifier left and that are not pending. Those of
    images that have no vector in this space stay: their search is still to be done."""
    waits = select(pending.c.low_id).where(pending.c.low_id == pair.c.low_id, pending.c.high_id == pair.c.high_id)
    searched = [
        select(embedding.c.image_id).where(embedding.c.space_id == space_id, embedding.c.image_id == image_id).exists()
        for image_id in (pair.c.low_id, pair.c.high_id)
    ]
    old = (pair.c.verifier_version != verifier_version) & ~waits.exists()
    of_old = select(pair.c.low_id).where(old, *searched, pair.c.low_id == weighed.c.low_id)
    tx.execute(delete(weighed).where(of_old.where(pair.c.high_id == weighed.c.high_id).exists()))
    tx.execute(delete(pair).where(old, *searched))


def remove_pairs(tx: Connection, keys: Sequence[tuple[int, int]]) -> None:
    """Remove what was verified of these pairs, and what was weighed on the strength of it."""
    _remove(tx, weighed, keys)
    _remove(tx, pair, keys)


def _remove(tx: Connection, table: Table, keys: Sequence[tuple[int, int]]) -> None:
    """One by one: SQLite goes through the whole table for `(low_id, high_id) IN (...)`. By SQLite's own parameters, in
    the order of the statement: those of SQLAlchemy take three times as long as SQLite."""
    if keys:
        one = (table.c.low_id == bindparam("low")) & (table.c.high_id == bindparam("high"))
        tx.exec_driver_sql(str(delete(table).where(one).compile(tx)), list(keys))


def pairs(tx: Connection) -> Iterator[StoredPair]:
    """Every verified pair, ordered by ids."""
    for row in tx.execute(select(pair).order_by(pair.c.low_id, pair.c.high_id)):
        yield _stored(row)


def copies(tx: Connection, space_id: int | None) -> Iterator[StoredPair]:
    """Pairs that were proven to be copies, ordered by ids; without the cosine where that is of another space: what was
    proven stays proven."""
    return _of_verdicts(tx, COPIES, space_id)


def variants(tx: Connection, space_id: int | None) -> Iterator[StoredPair]:
    """Pairs that were proven to show one scene or layout and different things in it; else as `copies`."""
    return _of_verdicts(tx, [Verdict.VARIANT.value], space_id)


def _of_verdicts(tx: Connection, verdicts: Sequence[str], space_id: int | None) -> Iterator[StoredPair]:
    statement = select(pair).where(pair.c.verdict.in_(verdicts)).order_by(pair.c.low_id, pair.c.high_id)
    for row in tx.execute(statement):
        yield _of_space(_stored(row), space_id == row.space_id)


def _of_space(found: StoredPair, is_of_space: bool) -> StoredPair:
    c = found.candidate
    return found if is_of_space else replace(found, candidate=Candidate(c.low_id, c.high_id, ProposedBy.TOP_K, None))


SIMILAR = np.dtype([("low", "<i8"), ("high", "<i8"), ("a_is_low", "?"), ("score", "<f8")])
"""What is needed to choose among a store's `similar` pairs: there may be a hundred times as many as copies."""


@dataclass(frozen=True, slots=True)
class Verified:
    """All pairs of a store that a report may name, the first two as `copies` and `variants` give them; `similar` is
    SIMILAR[n], of this space alone: to another model they may not look alike."""

    copies: list[StoredPair]
    variants: list[StoredPair]
    similar: NDArray[np.void]


@rows_of("pair")
def verified(tx: Connection, space_id: int | None) -> Verified:
    """Every row is looked at, whatever its verdict: a flipped bit in that would hide a copy."""
    found: dict[str, list[StoredPair]] = {verdict: [] for verdict in (*COPIES, Verdict.VARIANT.value)}
    alike = []
    for row in tx.execute(select(pair)):
        if row.verdict in found:
            found[row.verdict].append(_of_space(_stored(row), row.space_id == space_id))
        else:
            whole(row, pair)
            if row.verdict == Verdict.SIMILAR.value and row.space_id == space_id:
                alike.append((row.low_id, row.high_id, row.a_is_low, row.score))
    variants = found.pop(Verdict.VARIANT.value)
    copies = list(itertools.chain.from_iterable(found.values()))
    for stored in (copies, variants):
        stored.sort(key=lambda one: one.candidate.key)
    return Verified(copies, variants, np.array(alike, SIMILAR))


def with_keys(tx: Connection, keys: Sequence[tuple[int, int]]) -> dict[tuple[int, int], StoredPair]:
    """The verified pairs of these (low_id, high_id), by them."""
    wanted, found = set(keys), {}
    for part in chunks(sorted({low for low, _ in keys})):
        for row in tx.execute(select(pair).where(pair.c.low_id.in_(part))):
            if (row.low_id, row.high_id) in wanted:
                found[row.low_id, row.high_id] = _stored(row)
    return found


def pairs_to_decide(tx: Connection) -> Iterator[tuple[int, float, StoredPair]]:
    """(space id, that space's floor, pair) of every pair with the evidence of an alignment, in order of ids."""
    statement = (
        select(pair, space.c.floor.label("space_floor"))
        .select_from(pair.join(space, pair.c.space_id == space.c.id))
        .where(pair.c.verdict != Verdict.SAME_PIXELS.value)
        .order_by(pair.c.low_id, pair.c.high_id)
    )
    for row in tx.execute(statement).all():
        found = _stored(row)
        if "good" in found.outcome.evidence:
            yield row.space_id, row.space_floor, found


@rows_of("pair")
def _stored(row: Any) -> StoredPair:
    whole(row, pair)
    evidence = json.loads(row.evidence)
    matrix = evidence.pop("matrix", None)
    if matrix is not None and not (len(matrix) == 6 and all(isinstance(value, int | float) for value in matrix)):
        raise ValueError("its matrix is none")
    return StoredPair(
        Candidate(row.low_id, row.high_id, ProposedBy(row.proposed_by), row.cosine, row.floor),
        bool(row.a_is_low),
        Verification(
            Verdict(row.verdict),
            row.score,
            row.ssim,
            None if row.relation is None else Relation(row.relation),
            row.transform,
            None if matrix is None else tuple(matrix),
            row.share_a,
            row.share_b,
            row.scale,
            row.inset,
            evidence,
        ),
        row.verifier_version,
    )


def proven_neighbours(tx: Connection, image_ids: Sequence[int], verifier_version: int) -> dict[int, set[int]]:
    """The images that this version of the verifier proved each of these to be a copy of."""
    found: dict[int, set[int]] = {}
    copies = _are_copies(verifier_version)
    for part in chunks(image_ids):
        for own, other in ((pair.c.low_id, pair.c.high_id), (pair.c.high_id, pair.c.low_id)):
            for image_id, neighbour in tx.execute(select(own, other).where(own.in_(part), copies)):
                found.setdefault(image_id, set()).add(neighbour)
    return found


def proven(tx: Connection, verifier_version: int) -> NDArray[np.int64]:
    """int64[n, 2]: (low_id, high_id) of all pairs that this version of the verifier proved to be copies."""
    rows = tx.execute(select(pair.c.low_id, pair.c.high_id).where(_are_copies(verifier_version)))
    return np.fromiter(itertools.chain.from_iterable(rows), np.int64).reshape(-1, 2)


def copies_of(tx: Connection, image_id: int, verifier_version: int) -> list[StoredPair]:
    """The pairs of one image that this version of the verifier proved to be copies."""
    with_it = (pair.c.low_id == image_id) | (pair.c.high_id == image_id)
    return [_stored(row) for row in tx.execute(select(pair).where(with_it, _are_copies(verifier_version)))]


def _are_copies(verifier_version: int) -> ColumnElement[bool]:
    return pair.c.verdict.in_(COPIES) & (pair.c.verifier_version == verifier_version)


def verified_keys(tx: Connection, verifier_version: int, image_ids: Sequence[int]) -> set[tuple[int, int]]:
    """(low_id, high_id) of every pair of these images that this version of the verifier has a row for."""
    found: set[tuple[int, int]] = set()
    of_version = pair.c.verifier_version == verifier_version
    for part in chunks(image_ids):
        for own in (pair.c.low_id, pair.c.high_id):
            rows = tx.execute(select(pair.c.low_id, pair.c.high_id).where(own.in_(part), of_version))
            found.update((low, high) for low, high in rows)
    return found


def put_watermarks(
    tx: Connection,
    space_id: int,
    done: dict[int, tuple[float, bytes]],
    floor: float,
    k: int,
    verifier_version: int,
) -> None:
    """Record that the searches of these images are done; belongs in the transaction of their pairs.

    `done` has for each image the cosine that a new image needs to be its candidate, and its nearest neighbours.
    """
    ids = sorted(done)
    for part in chunks(ids):
        tx.execute(delete(watermark).where(watermark.c.space_id == space_id, watermark.c.image_id.in_(part)))
    if ids:
        tx.execute(
            insert(watermark),
            [
                {
                    "image_id": i,
                    "space_id": space_id,
                    "floor": floor,
                    "k": k,
                    "kth_cosine": done[i][0],
                    "nearest": done[i][1],
                    "verifier_version": verifier_version,
                }
                for i in ids
            ],
        )


def watermarks(tx: Connection, space_id: int, floor: float, k: int, verifier_version: int) -> dict[int, float]:
    """k-th cosine by image id, of images whose search was done with these settings, or went further."""
    rows = select(watermark.c.image_id, watermark.c.kth_cosine).where(
        watermark.c.space_id == space_id,
        watermark.c.floor <= floor,
        watermark.c.k >= k,
        watermark.c.verifier_version == verifier_version,
    )
    return {row.image_id: row.kth_cosine for row in tx.execute(rows)}


def nearest_of(tx: Connection, space_id: int, image_ids: Sequence[int]) -> dict[int, bytes]:
    """What the watermarks of these images have of their nearest neighbours."""
    found: dict[int, bytes] = {}
    for part in chunks(image_ids):
        rows = select(watermark.c.image_id, watermark.c.nearest).where(
            watermark.c.space_id == space_id, watermark.c.image_id.in_(part)
        )
        found.update({row.image_id: row.nearest for row in tx.execute(rows)})
    return found


def put_pending(tx: Connection, found: Sequence[tuple[Candidate, str]]) -> None:
    """Remember candidates that could not be read, each with the reason."""
    remove_pending(tx, [c.key for c, _ in found])
    if found:
        tx.execute(
            insert(pending),
            [
                {
                    "low_id": c.low_id,
                    "high_id": c.high_id,
                    "proposed_by": c.proposed_by.value,
                    "cosine": c.cosine,
                    "reason": storable(reason),
                }
                for c, reason in found
            ],
        )


def remove_pending(tx: Connection, keys: Sequence[tuple[int, int]]) -> None:
    _remove(tx, pending, keys)


@rows_of("pending")
def pending_candidates(tx: Connection, floor: float) -> list[Candidate]:
    """Candidates of earlier runs that could not be read then."""
    rows = all_whole(tx.execute(select(pending).order_by(pending.c.low_id, pending.c.high_id)), pending)
    found = []
    for row in rows:
        proposed_by = ProposedBy(row.proposed_by)
        above = row.cosine is not None and row.cosine >= floor
        if proposed_by is ProposedBy.FLOOR and not above:
            proposed_by = ProposedBy.TOP_K  # the floor was another space's
        by_floor = proposed_by is ProposedBy.FLOOR
        found.append(Candidate(row.low_id, row.high_id, proposed_by, row.cosine, floor if by_floor else None))
    return found
