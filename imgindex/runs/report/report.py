"""report: group the proven pairs around the file to keep, and say it."""

from __future__ import annotations

import itertools
import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from imgindex import clock
from imgindex.files import texts
from imgindex.keep.rules import NO_RULES, KeepRules, RankedFile, file_key
from imgindex.proof import loss
from imgindex.proof.naming import differences
from imgindex.records import Grade, Relation, Verdict, Weighing
from imgindex.results import Counts, Group, Report, ReportedPair
from imgindex.runs.groups import Known, Paths, groups_of, is_below_any, paths_below, shown_images
from imgindex.runs.presence import Presence, find_present
from imgindex.runs.proofs import Proofs
from imgindex.runs.report.changes import (
    carried,
    files_of,
    files_of_grade,
    paths_of,
    paths_of_group,
    redundant_files,
    with_changes,
)
from imgindex.runs.wanted import Wanted
from imgindex.store import Store, Transaction, catalog, pairs, reported, spaces, weighed
from imgindex.store.pairs import StoredPair
from imgindex.store.skipped import skipped_files

DEFAULT_SIMILAR_PER_IMAGE = 5
"""`similar` pairs shown of one image: enough to look at, and a burst of 1,000 frames stays readable."""


def report(
    store: Store,
    folders: Sequence[bytes] = (),
    *,
    similar_per_image: int | None = DEFAULT_SIMILAR_PER_IMAGE,
    rules: KeepRules = NO_RULES,
    show_decided: bool = False,
) -> Report:
    """What the store knows of duplicates among the present files below `folders` (all files where empty).

    Each file that it names is looked at first: what is gone, changed or away is neither kept nor redundant.

    Where `similar_per_image` is None, pairs that look alike are neither named nor counted. Pairs that a person decided
    are left out unless `show_decided`; of KEEPER, only where both stay.
    """
    with store.read() as tx:
        wanted = Wanted.read(tx, rules)
        paths, missing = paths_below(tx, folders)
        files, images = sum(map(len, paths.values())), len(paths)
        skipped = tuple((os.fsdecode(path), skip) for path, skip in skipped_files(tx) if is_below_any(path, folders))
        active = spaces.active_space(tx)
        space_id = None if active is None else active[0]
        verified = pairs.verified(tx, space_id)
        stored, variants = verified.copies, verified.variants
        weighings = {w.key: w.weighing for w in weighed.weighings(tx, loss.WEIGHER_VERSION, loss.JUDGE_VERSION)}
        since = reported.last_nightly_s(tx)
        last = [f for f in reported.reported_files(tx) if is_below_any(f.path, folders)]
        named = _named_in(paths, [*stored, *variants])
        presence = _presence_below(tx, folders, paths, named, rules)
        known = [p for p in stored if p.a_id in paths and p.b_id in paths]
        shown = shown_images(tx, presence, wanted)
        content = {os.fsdecode(stat.path): s.image.sha256 for s in shown.values() for stat in s.files}
        grouping = Known.of(shown, Proofs.gather(shown, stored, weighings), wanted)
        groups, resolved = with_changes(
            groups_of(grouping), content, last, texts(presence.unsure), wanted.decided.contents
        )
        kept: list[tuple[int, int]] = []
        left_out = 0
        if active is not None and similar_per_image is not None:
            alike = verified.similar
            if not show_decided:
                alike = _undecided(alike, grouping)
            kept, left_out = _kept_similar(paths, alike, groups, similar_per_image)
            presence.add(_presence_below(tx, folders, paths, set(itertools.chain(*kept)) - named, rules))
            kept = [(low, high) for low, high in kept if low in paths and high in paths]
        found = pairs.with_keys(tx, kept)
    members = {member.path for group in groups for member in group.members}
    variants = [p for p in variants if p.a_id in paths and p.b_id in paths]
    every = (
        *_listed_copies(paths, known, weighings, grouping, members),
        *sorted((_reported(paths, pair, grouping) for pair in variants), key=lambda pair: (pair.a, pair.b)),
        *(_reported(paths, found[key], grouping) for key in kept),
    )
    listed = every if show_decided else tuple(pair for pair in every if not pair.is_settled)
    counts = Counts(
        files=files,
        images=images,
        skipped=len(skipped),
        missing=missing,
        pairs=len(listed),
        groups=len(groups),
        duplicate_files=redundant_files(groups),
        reclaimable_bytes=sum(g.reclaimable_bytes for g in groups),
        similar_left_out=left_out,
        edited_files=files_of_grade(groups, Grade.EDITED),
        lossy_files=files_of_grade(groups, Grade.AT_A_LOSS),
        decided=len(every) - len(listed),
        variants=sum(pair.verdict is Verdict.VARIANT for pair in listed),
        not_weighed=sum(pair.neither and pair.loss_a is None for pair in listed),
        away=len(presence.away),
        outdated=len(presence.outdated),
        hard_links=sum(map(len, presence.links.values())),
    )
    return Report(
        str(store.directory),
        "" if active is None else active[1].name,
        clock.utc(clock.now_s()),
        counts,
        groups,
        listed,
        skipped,
        None if since is None else clock.utc(since),
        resolved,
        tuple((os.fsdecode(folder), away) for folder, away in presence.away_folders),
        tuple(sorted(texts((path, *others)) for path, others in presence.links.items())),
    )


def mark_reported(store: Store, report: Report) -> None:
    """Move the mark of the nightly reports: what `report` names is not new any more, nor what was named before and is
    out of reach now."""
    with store.read() as tx:
        named = files_of(report, catalog.contents(tx, paths_of(report)))
        last = reported.reported_files(tx)
        left = {f.path for f in last} - {f.path for f in named}
        present = (
            [k.stat for k in catalog.known_files(tx) if k.missing_since_s is None and k.path in left] if left else []
        )
        presence = find_present(tx, {0: present})
    with store.write() as tx:
        reported.put_nightly(tx, [*named, *carried(named, last, presence.unsure)])


def _named_in(paths: Paths, known: Iterable[StoredPair]) -> set[int]:
    """The images that a report may name: those of several files, and those of these pairs."""
    wanted = {i for i, own in paths.items() if len(own) > 1}
    wanted.update(i for pair in known for i in (pair.a_id, pair.b_id) if i in paths)
    return wanted


def _presence_below(
    tx: Transaction, folders: Sequence[bytes], paths: Paths, wanted: set[int], rules: KeepRules = NO_RULES
) -> Presence:
    """Look at the files of these images, and leave in `paths` those that are there, each by one name."""
    present = catalog.present_files(tx, wanted)
    below = {i: [f for f in present[i] if is_below_any(f.path, folders)] for i in sorted(wanted)}
    presence = find_present(tx, below)
    if rules != NO_RULES:
        images = catalog.images(tx, presence.here)
        presence.rename(lambda image, stat: (rules.preferred(RankedFile(stat, images[image])), file_key(stat)))
    for i in wanted:
        if i in presence.here:
            paths[i] = sorted(stat.path for stat in presence.here[i])
        else:
            del paths[i]
    return presence


def _listed_copies(
    paths: Paths,
    known: list[StoredPair],
    weighings: Mapping[tuple[int, int], Weighing],
    grouping: Known,
    members: Collection[str],
) -> list[ReportedPair]:
    """Stars of exact files, and every copy, by path; `members` are the files that stand below another."""
    listed = [
        ReportedPair(
            os.fsdecode(first), os.fsdecode(other), Verdict.EXACT, Relation.SAME, 100.0, 1.0, 1.0, None, 1.0, 1.0, (),
            (), Grade.REDUNDANT, Grade.REDUNDANT,
        )
        for first, *others in paths.values()
        for other in others
    ]  # fmt: skip
    for pair in known:
        reported = _reported(paths, pair, grouping)
        if (weighing := weighings.get(pair.candidate.key)) is not None:
            reported = replace(
                reported,
                loss_a=weighing.loss_a,
                loss_b=weighing.loss_b,
                grade_a=weighing.grade_a,
                grade_b=weighing.grade_b,
                differs=weighing.differs,
            )
        if reported.decided is None and reported.a not in members and reported.b not in members:
            is_below = reported.grade_a is not None or reported.grade_b is not None
            both_kept = grouping.both_kept(pair.a_id, pair.b_id) if is_below else ""
            reported = replace(reported, neither=True, both_kept=both_kept)
        listed.append(reported)
    return sorted(listed, key=lambda p: (p.a, p.b))


def _undecided(alike: NDArray[np.void], grouping: Known) -> NDArray[np.void]:
    """The pairs that nobody decided."""
    about = np.array(sorted(grouping.decided_images), np.int64)
    rows = np.flatnonzero(np.isin(alike["low"], about) & np.isin(alike["high"], about))
    gone = [at for at in rows.tolist() if grouping.said(int(alike["low"][at]), int(alike["high"][at])) is not None]
    return np.delete(alike, gone)


def _kept_similar(
    paths: Paths, alike: NDArray[np.void], groups: Iterable[Group], similar_per_image: int
) -> tuple[list[tuple[int, int]], int]:
    """((low_id, high_id) of the best `similar` pairs of each image, best first; how many are left out).

    Two members of one group are copies through its keeper, whatever their own comparison could prove: they are not
    named as alike and no copies.
    """
    ids = np.array(sorted(paths), np.int64)
    alike = alike[np.isin(alike["low"], ids) & np.isin(alike["high"], ids)]
    group_of = {path: made.number for made in groups for path in paths_of_group(made)}
    group_of_id = np.array([group_of.get(os.fsdecode(paths[i][0]), -i) for i in ids.tolist()], np.int64)
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


def _reported(paths: Paths, known: StoredPair, grouping: Known) -> ReportedPair:
    o = known.outcome
    return ReportedPair(
        os.fsdecode(paths[known.a_id][0]),
        os.fsdecode(paths[known.b_id][0]),
        o.verdict,
        o.relation,
        o.score,
        known.candidate.cosine,
        o.ssim,
        o.transform,
        o.share_a,
        o.share_b,
        differs=differences(o.evidence),
        decided=grouping.said(known.a_id, known.b_id),
    )


def folder_arguments(paths: Sequence[str]) -> list[bytes]:
    """Folders as a person names them, absolute and with links resolved, as the store has them."""
    return [os.fsencode(os.path.realpath(path)) for path in paths]
