"""between: what the files below one folder have in common with those below another.

What of a card is in the archive already; which test pictures leak from training.

1. of the images that show on either side, take what is proven of one of each: equal bytes, copies, and less where asked
2. look at their files: what is not there now is not named
3. of each file on the first side, name the best
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TypeAlias

from imgindex.errors import UsageError
from imgindex.files import display
from imgindex.proof import loss
from imgindex.proof.naming import differences
from imgindex.proof.verify import EXACT_OUTCOME
from imgindex.records import DecisionKind, Grade, Seen, Verdict, Weighing
from imgindex.results import Between, ReportedPair
from imgindex.runs.decisions import Decided
from imgindex.runs.groups import Paths, is_below_any, paths_below
from imgindex.runs.presence import Presence, find_present
from imgindex.runs.proofs import SAME_PIXELS, Proof, SamePixels
from imgindex.store import Store, Transaction, catalog, pairs, spaces, weighed
from imgindex.store.pairs import StoredPair

STRONGEST_FIRST = tuple(Verdict)

SAME_BYTES = Proof(EXACT_OUTCOME, Weighing((), (), {}, {}, Grade.REDUNDANT, Grade.REDUNDANT))

Here: TypeAlias = Mapping[int, tuple[Seen, ...]]
"""The files of each image that are there now."""


@dataclass(frozen=True, slots=True)
class Link:
    """An image on the first side, one on the second, and what is known of them, from the first to the second."""

    a: int
    b: int
    proof: Proof
    cosine: float | None = None


def between(store: Store, a: Sequence[bytes], b: Sequence[bytes], *, least: Verdict) -> Between:
    """Of each present file below the folders `a`, the best that is known of it and a file below `b`, down to the
    verdict `least`. A file is nothing to itself, and pairs that a person said are no duplicates are left out.

    Raises UsageError where nothing below one of them was indexed.
    """
    with store.read() as tx:
        first, second = _side(tx, a), _side(tx, b)
        links = list(_links(tx, first, second, least))
        here_a, here_b = _look(tx, a, {link.a for link in links}), _look(tx, b, {link.b for link in links})
        content = catalog.images(tx, {image for link in links for image in (link.a, link.b)})
        decided = Decided.read(tx)
    best: dict[bytes, tuple[tuple[int, bool, float, bytes], ReportedPair]] = {}
    for link in links:
        said = decided.between(content[link.a].sha256, content[link.b].sha256)
        kind = None if said is None else said.what
        if kind is not DecisionKind.NOT_DUPLICATE:
            for file, other in _files(link, here_a.here, here_b.here):
                key, pair = _ranked(link, file, other, kind)
                if file not in best or key < best[file][0]:
                    best[file] = key, pair
    away = _together(here_a.away_folders, here_b.away_folders)
    return Between(
        sum(map(len, first.values())),
        sum(map(len, second.values())),
        tuple(best[file][1] for file in sorted(best)),
        tuple((os.fsdecode(folder), files) for folder, files in away),
    )


def _side(tx: Transaction, folders: Sequence[bytes]) -> Paths:
    paths, _ = paths_below(tx, folders)
    if not paths:
        names = ", ".join(display(folder) for folder in folders) or "any folder"
        raise UsageError(f"No picture below {names} was indexed; check the spelling, or index it first.")
    return paths


def _links(tx: Transaction, first: Paths, second: Paths, least: Verdict) -> Iterator[Link]:
    """What is known of an image on the first side and one on the second; one that is on both is equal to itself."""
    for image in first.keys() & second.keys():
        yield Link(image, image, SAME_BYTES)
    active = spaces.active_space(tx)
    space_id = None if active is None else active[0]
    weighings = {w.key: w.weighing for w in weighed.weighings(tx, loss.WEIGHER_VERSION, loss.JUDGE_VERSION)}
    same, direct = SamePixels(), set[tuple[int, int]]()
    verified = pairs.verified(tx, space_id)
    for pair in verified.copies:
        weighing = weighings.get(pair.candidate.key)
        if pair.outcome.verdict is Verdict.SAME_PIXELS:
            same.add(pair.a_id, pair.b_id, weighing)
        for link in _both_ways(pair, Proof(pair.outcome, weighing), first, second):
            direct.add((link.a, link.b))
            yield link
    for images in same.classes():
        for one in images:
            for other in images:
                if one != other and one in first and other in second and (one, other) not in direct:
                    yield Link(one, other, Proof(SAME_PIXELS, None))
    for pair in _weaker(tx, verified, first, second, least):
        yield from _both_ways(pair, Proof(pair.outcome, None), first, second)


def _both_ways(pair: StoredPair, proof: Proof, first: Paths, second: Paths) -> Iterator[Link]:
    """The pair as it leads from the first side to the second: in two ways where both images are on both."""
    if pair.a_id in first and pair.b_id in second:
        yield Link(pair.a_id, pair.b_id, proof, pair.candidate.cosine)
    if pair.b_id in first and pair.a_id in second:
        yield Link(pair.b_id, pair.a_id, proof.flipped, pair.candidate.cosine)


def _weaker(
    tx: Transaction, verified: pairs.Verified, first: Paths, second: Paths, least: Verdict
) -> Iterator[StoredPair]:
    """Pairs that are no copies, as far down as is asked."""
    rank = STRONGEST_FIRST.index(least)
    if rank >= STRONGEST_FIRST.index(Verdict.VARIANT):
        yield from verified.variants
    if rank >= STRONGEST_FIRST.index(Verdict.SIMILAR):
        alike = verified.similar
        keys = [
            (low, high)
            for low, high in zip(alike["low"].tolist(), alike["high"].tolist(), strict=True)
            if (low in first and high in second) or (high in first and low in second)
        ]
        yield from pairs.with_keys(tx, keys).values()


def _look(tx: Transaction, folders: Sequence[bytes], images: set[int]) -> Presence:
    present = catalog.present_files(tx, images)
    return find_present(
        tx, {image: [f for f in present[image] if is_below_any(f.path, folders)] for image in sorted(present)}
    )


def _files(link: Link, first: Here, second: Here) -> Iterator[tuple[bytes, bytes]]:
    """(file that shows the link's first image, the first file other than that which shows its second)."""
    others = sorted(stat.path for stat in second.get(link.b, ()))
    for file in first.get(link.a, ()):
        other = next((path for path in others if path != file.path), None)
        if other is not None:
            yield file.path, other


def _ranked(
    link: Link, file: bytes, other: bytes, decided: DecisionKind | None
) -> tuple[tuple[int, bool, float, bytes], ReportedPair]:
    """(what puts the best pair of a file first, the pair)."""
    o, w = link.proof.outcome, link.proof.weighing
    pair = ReportedPair(
        os.fsdecode(file), os.fsdecode(other), o.verdict, o.relation, o.score, link.cosine, o.ssim, o.transform,
        o.share_a, o.share_b, differs=differences(o.evidence), decided=decided,
    )  # fmt: skip
    if w is not None:
        pair = replace(pair, loss_a=w.loss_a, loss_b=w.loss_b, grade_a=w.grade_a, grade_b=w.grade_b, differs=w.differs)
    rank = STRONGEST_FIRST.index(o.verdict), pair.grade_a is not Grade.REDUNDANT, -o.score, other
    return rank, pair


def _together(one: Iterable[tuple[bytes, int]], other: Iterable[tuple[bytes, int]]) -> list[tuple[bytes, int]]:
    found = dict(one)
    for folder, files in other:
        found[folder] = found.get(folder, 0) + files
    return sorted(found.items())
