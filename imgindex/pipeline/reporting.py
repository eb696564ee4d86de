"""report: group the proven pairs around the file to keep, and say it."""

from __future__ import annotations

import datetime
import itertools
import os
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray
from sqlalchemy import Connection

from imgindex import transform
from imgindex.files import Seen
from imgindex.group import KeeperKey, group, redundant_a, redundant_b
from imgindex.pipeline.changes import files_of, paths_of, paths_of_group, with_changes
from imgindex.pipeline.keepers import file_key, keeper_key
from imgindex.proof import rules
from imgindex.records import Relation, Verdict, Verification
from imgindex.report.model import Counts, Group, Member, Report, ReportedPair
from imgindex.store import Store, catalog, pairs, reported, spaces
from imgindex.store.catalog import StoredImage
from imgindex.store.pairs import StoredPair

DEFAULT_SIMILAR_PER_IMAGE = 5
"""`similar` pairs shown of one image: enough to look at, and a burst of 1,000 frames stays readable."""

_OTHER_WAY = {Relation.A_CONTAINS_B: Relation.B_CONTAINS_A, Relation.B_CONTAINS_A: Relation.A_CONTAINS_B}


@dataclass(frozen=True, slots=True)
class Shown:
    """An image and its present files, the one to keep first."""

    image: StoredImage
    files: tuple[Seen, ...]

    @property
    def key(self) -> KeeperKey:
        return keeper_key(self.image, self.files)


def report(
    store: Store, folders: Sequence[bytes] = (), *, similar_per_image: int | None = DEFAULT_SIMILAR_PER_IMAGE
) -> Report:
    """What the store knows of duplicates among the present files below `folders` (all files where empty).

    Where `similar_per_image` is None, pairs that look alike are neither named nor counted.
    """
    with store.read() as tx:
        paths, missing = _paths(tx, folders)
        skipped = tuple((path, skip) for path, skip in catalog.skipped_files(tx) if _below(path, folders))
        active = spaces.active_space(tx)
        stored = list(pairs.copies(tx, None if active is None else active[0]))
        since = reported.last_nightly_s(tx)
        last = [f for f in reported.reported_files(tx) if _below(f.path, folders)]
        known = [p for p in stored if p.a_id in paths and p.b_id in paths]
        shown = _shown(tx, folders, paths, stored)
        content = {stat.path: s.image.sha256 for s in shown.values() for stat in s.files}
        groups, resolved = with_changes(_groups(shown, known, _same_pixels(shown, stored)), content, last)
        kept: list[tuple[int, int]] = []
        left_out = 0
        if active is not None and similar_per_image is not None:
            kept, left_out = _kept_similar(paths, pairs.similar(tx, active[0]), groups, similar_per_image)
        found = pairs.with_keys(tx, kept)
    listed = (*_listed_copies(paths, known), *(_reported(paths, found[key]) for key in kept))
    counts = Counts(
        files=sum(map(len, paths.values())),
        images=len(paths),
        skipped=len(skipped),
        missing=missing,
        pairs=len(listed),
        groups=len(groups),
        duplicate_files=sum(len(g.members) for g in groups),
        reclaimable_bytes=sum(g.reclaimable_bytes for g in groups),
        similar_left_out=left_out,
    )
    return Report(
        str(store.directory),
        "" if active is None else active[1].name,
        _utc(time.time()),
        counts,
        groups,
        listed,
        skipped,
        None if since is None else _utc(since),
        resolved,
    )


def mark_reported(store: Store, report: Report) -> None:
    """Move the mark of the nightly reports: what `report` names is not new any more."""
    with store.write() as tx:
        reported.put_nightly(tx, files_of(report, catalog.contents(tx, paths_of(report))))


def _utc(unix_s: float) -> str:
    return datetime.datetime.fromtimestamp(unix_s, datetime.UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _below(path: bytes, folders: Sequence[bytes]) -> bool:
    return not folders or any(path == f or path.startswith(f.rstrip(b"/") + b"/") for f in folders)


Paths: TypeAlias = dict[int, list[bytes]]
"""The present files of each image, in byte order."""


def _paths(tx: Connection, folders: Sequence[bytes]) -> tuple[Paths, int]:
    """(the images that present files show, how many files are missing)."""
    paths: Paths = {}
    missing = 0
    for path, image_id, is_missing in catalog.shown_files(tx):
        if _below(path, folders):
            missing += is_missing
            if image_id is not None and not is_missing:
                paths.setdefault(image_id, []).append(path)
    return paths, missing


def _shown(tx: Connection, folders: Sequence[bytes], paths: Paths, copies: Iterable[StoredPair]) -> dict[int, Shown]:
    """The images that may be in a group: those of several files, and those that are copies of others."""
    wanted = {i for i, own in paths.items() if len(own) > 1}
    wanted.update(i for pair in copies for i in (pair.a_id, pair.b_id) if i in paths)
    images, files = catalog.images(tx, wanted), catalog.present_files(tx, wanted)
    return {
        i: Shown(images[i], tuple(sorted((f for f in files[i] if _below(f.path, folders)), key=file_key)))
        for i in sorted(wanted)
    }


def _groups(shown: dict[int, Shown], known: list[StoredPair], same: list[list[int]]) -> tuple[Group, ...]:
    outcomes = _completed(shown, known, same)
    keys = {image_id: s.key for image_id, s in shown.items()}
    redundant = []
    for (a, b), outcome in outcomes.items():
        if redundant_b(outcome):
            redundant.append((a, b))
        if redundant_a(outcome):
            redundant.append((b, a))
    made = {g.keeper: g.members for g in group(keys, redundant)}
    members = set(itertools.chain.from_iterable(made.values()))
    for image_id, s in shown.items():
        if len(s.files) > 1 and image_id not in made and image_id not in members:
            made[image_id] = ()
    ordered = sorted(made, key=keys.__getitem__)
    return tuple(
        _group(number, shown[keeper], [(shown[m], _from(keeper, m, outcomes)) for m in made[keeper]])
        for number, keeper in enumerate(ordered, 1)
    )


def _same_pixels(shown: dict[int, Shown], stored: Iterable[StoredPair]) -> list[list[int]]:
    """Shown images by equal pixels, whichever images (missing ones too) the equality was proven through."""
    root: dict[int, int] = {}

    def find(x: int) -> int:
        while root.setdefault(x, x) != x:
            x = root[x]
        return x

    for pair in stored:
        if pair.outcome.verdict is Verdict.SAME_PIXELS:
            root[find(pair.a_id)] = find(pair.b_id)
    classes: dict[int, list[int]] = {}
    for x in list(root):
        if x in shown:
            classes.setdefault(find(x), []).append(x)
    return list(classes.values())


def _completed(
    shown: dict[int, Shown], known: Iterable[StoredPair], same: Iterable[list[int]]
) -> dict[tuple[int, int], Verification]:
    """Outcomes of the copies by (a_id, b_id); equal pixels are an equivalence, so the best image gets every other."""
    outcomes = {(p.a_id, p.b_id): p.outcome for p in known if p.outcome.verdict.is_copy}
    for images in same:
        best = min(images, key=lambda i: shown[i].key)
        for other in images:
            if other != best and (best, other) not in outcomes and (other, best) not in outcomes:
                outcomes[best, other] = Verification(
                    Verdict.SAME_PIXELS, 100.0, 1.0, Relation.SAME, share_a=1.0, share_b=1.0
                )
    return outcomes


def _from(keeper: int, member: int, outcomes: dict[tuple[int, int], Verification]) -> Verification:
    """The outcome as it leads from keeper to member."""
    return outcomes[keeper, member] if (keeper, member) in outcomes else reversed_outcome(outcomes[member, keeper])


def reversed_outcome(outcome: Verification) -> Verification:
    """The same evidence told from b to a."""
    words, matrix, regions = outcome.transform, outcome.matrix, outcome.regions
    if matrix is not None:
        forward = np.array(matrix, np.float64).reshape(2, 3)
        inverse, regions = transform.invert(forward), rules.reversed_marks(regions, forward)
        matrix = tuple(float(v) for v in inverse.ravel())
        words = transform.describe(inverse, outcome.share_b, outcome.share_a)
    relation = None if outcome.relation is None else _OTHER_WAY.get(outcome.relation, outcome.relation)
    return Verification(
        outcome.verdict,
        outcome.score,
        outcome.ssim,
        relation,
        words,
        matrix,
        outcome.share_b,
        outcome.share_a,
        1.0 / max(outcome.scale, 1e-9),
        outcome.inset,
        outcome.evidence,
        regions,
    )


def _group(number: int, keeper: Shown, members: list[tuple[Shown, Verification]]) -> Group:
    kept, *same_bytes = keeper.files
    listed = [_member(keeper, stat, Verdict.EXACT, 100.0, None) for stat in same_bytes]
    for shown, outcome in members:
        listed += [_member(shown, stat, outcome.verdict, outcome.score, outcome.transform) for stat in shown.files]
    stats = itertools.chain(keeper.files, *(shown.files for shown, _ in members))
    sizes = {(stat.device, stat.inode): stat.size_bytes for stat in stats}
    sizes.pop((kept.device, kept.inode))
    return Group(
        number,
        kept.path,
        keeper.image.size_bytes,
        keeper.image.info.width_px,
        keeper.image.info.height_px,
        sum(sizes.values()),
        tuple(listed),
    )


def _member(shown: Shown, stat: Seen, verdict: Verdict, score: float, words: str | None) -> Member:
    info = shown.image.info
    return Member(stat.path, verdict, score, words, stat.size_bytes, info.width_px, info.height_px, new=True)


def _listed_copies(paths: Paths, known: list[StoredPair]) -> list[ReportedPair]:
    """Stars of exact files, and every copy, by path."""
    listed = [
        ReportedPair(first, other, Verdict.EXACT, Relation.SAME, 100.0, 1.0, 1.0, None)
        for first, *others in paths.values()
        for other in others
    ]
    listed += [_reported(paths, p) for p in known]
    return sorted(listed, key=lambda p: (p.a, p.b))


def _kept_similar(
    paths: Paths, alike: NDArray[np.void], groups: Iterable[Group], similar_per_image: int
) -> tuple[list[tuple[int, int]], int]:
    """((low_id, high_id) of the best `similar` pairs of each image, best first; how many are left out).

    Two members of one group are copies through its keeper, whatever their own comparison could prove: they are not
    named as alike and no copies.
    """
    ids = np.array(sorted(paths), np.int64)
    alike = alike[np.isin(alike["low"], ids) & np.isin(alike["high"], ids)]
    group_of = {path: made.id for made in groups for path in paths_of_group(made)}
    group_of_id = np.array([group_of.get(paths[i][0], -i) for i in ids.tolist()], np.int64)
    low, high = np.searchsorted(ids, alike["low"]), np.searchsorted(ids, alike["high"])
    is_apart = group_of_id[low] != group_of_id[high]
    alike, low, high = alike[is_apart], low[is_apart], high[is_apart]
    place = np.empty(len(ids), np.int64)
    place[sorted(range(len(ids)), key=lambda at: paths[int(ids[at])][0])] = np.arange(len(ids))
    a, b = np.where(alike["a_is_low"], low, high), np.where(alike["a_is_low"], high, low)
    order = np.lexsort((place[b], place[a], -alike["score"]))
    kept: list[tuple[int, int]] = []
    left = [similar_per_image] * len(ids)
    for at, one, other in zip(order.tolist(), low[order].tolist(), high[order].tolist(), strict=True):
        if left[one] and left[other]:
            left[one] -= 1
            left[other] -= 1
            kept.append((int(alike["low"][at]), int(alike["high"][at])))
    return kept, len(alike) - len(kept)


def _reported(paths: Paths, known: StoredPair) -> ReportedPair:
    o = known.outcome
    return ReportedPair(
        paths[known.a_id][0],
        paths[known.b_id][0],
        o.verdict,
        o.relation,
        o.score,
        known.candidate.cosine,
        o.ssim,
        o.transform,
    )


def folder_arguments(paths: Sequence[str]) -> list[bytes]:
    """Folders as a person names them, absolute and with links resolved, as the store has them."""
    return [os.fsencode(os.path.realpath(path)) for path in paths]
