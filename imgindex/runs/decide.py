"""decide: what a person says of files, written to the log of decisions, and what follows from it weighed.

1. find the contents that the named files show; what changed since it was indexed is not what was looked at
2. append what was said of every two of them, or of the keeper and each other
3. weigh the proven copies on which something hangs now
"""

from __future__ import annotations

import datetime
import itertools
import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

from imgindex import clock, files
from imgindex.errors import UsageError, last_line
from imgindex.keep.planning import key_of
from imgindex.ports import Progress, Workers
from imgindex.proof import loss
from imgindex.records import DecisionKind, Loss
from imgindex.results import Report
from imgindex.results.decided import DecidedPair, Deciding, ImportedDecisions
from imgindex.runs.index.weigh import weigh_around
from imgindex.runs.presence import find_present
from imgindex.runs.report.changes import paths_of_group
from imgindex.store import Store, Transaction, catalog, contents, decisions, pairs, weighed
from imgindex.store.decisions import Said
from imgindex.store.values import storable

MAX_CONTENTS = 500
"""Every two of them are some 125,000 rows: more is a crowd, of which nobody looked at every two."""


def decide(
    store: Store,
    kind: DecisionKind,
    paths: Sequence[bytes],
    note: str,
    progress: Progress,
    workers: Workers,
    *,
    of_first: bool = False,
) -> Deciding:
    """Write what was said of these files: of every two, or `of_first` and each other; of KEEPER the first stays over
    each other. The caller holds `store.exclusive()`.

    UsageError where a file is not as it was indexed, and where all of them have the same bytes.
    """
    with store.read() as tx:
        named = _contents(tx, paths)
    shown = {sha256: path for path, sha256 in reversed(named.items())}
    first, *others = dict.fromkeys(named.values())
    if not others:
        raise UsageError(
            f"{' and '.join(files.display(path) for path in named)} have the same bytes: they are one content, and "
            "a decision is about two. To keep a file whatever there is of it, protect its folder (imgindex report "
            "--protect, or config.toml)."
        )
    is_keeper = kind is DecisionKind.KEEPER
    is_star = is_keeper or of_first
    if len(others) >= MAX_CONTENTS and not is_star:
        raise UsageError(f"These are {len(others) + 1:,} contents; decide on {MAX_CONTENTS} at once at most.")
    of_two = itertools.product([first], others) if is_star else itertools.combinations([first, *others], 2)
    said = [Said(kind, one, other, storable(note)) for one, other in of_two]
    with store.write() as tx:
        decisions.add_decisions(tx, said)
        ids = contents.ids_of(tx, [first, *others])
    keys = [key_of(ids[first], ids[other]) for other in others] if is_keeper else []
    weighing = weigh_around(store, ids.values(), keys, progress, workers)
    if not is_keeper:
        return Deciding(len(said), unread=weighing.unread)
    with store.read() as tx:
        lossy, unproven = _beside(tx, ids, first, others)
    return Deciding(
        len(said),
        tuple((os.fsdecode(shown[sha256]), lost) for sha256, lost in lossy.items()),
        files.texts(shown[sha256] for sha256 in unproven),
        weighing.unread,
    )


def _contents(tx: Transaction, paths: Iterable[bytes]) -> dict[bytes, bytes]:
    """The sha256 by path of these files, as they are and as they are indexed."""
    found: dict[bytes, bytes] = {}
    for path in paths:
        folder, name = os.path.split(os.path.abspath(path))
        names = os.path.join(os.path.realpath(folder), name), os.path.realpath(path)
        known = catalog.contents(tx, names)
        if not known:
            raise UsageError(f"The store does not know {files.display(path)}; index its folder first.")
        [(indexed, sha256)] = list(known.items())[:1]
        found[indexed] = sha256
    ids = contents.ids_of(tx, list(found.values()))
    seen = {i: [one for one in own if one.path in found] for i, own in catalog.present_files(tx, ids.values()).items()}
    for path in sorted(find_present(tx, seen).changed):
        raise UsageError(f"{files.display(path)} has changed since it was indexed; run imgindex index first.")
    return found


def _beside(
    tx: Transaction, ids: Mapping[bytes, int], keeper: bytes, others: Sequence[bytes]
) -> tuple[dict[bytes, tuple[Loss, ...]], list[bytes]]:
    """(what contents have that the keeper lacks, of those that do not stand below it; those that are no proven copies
    of it)."""
    keys = {key_of(ids[keeper], ids[other]): other for other in others}
    known = pairs.with_keys(tx, list(keys))
    weighings = weighed.with_keys(tx, list(keys), loss.WEIGHER_VERSION, loss.JUDGE_VERSION)
    images = catalog.images(tx, ids.values())
    own_pixels = images[ids[keeper]].info.pixel_digest
    lossy, unproven = {}, []
    for key, other in keys.items():
        pair = known.get(key)
        if pair is None or not pair.outcome.verdict.is_copy:
            if own_pixels is None or images[ids[other]].info.pixel_digest != own_pixels:
                unproven.append(other)
        elif (weighing := weighings.get(key)) is not None:
            given_keeper = weighing if pair.a_id == ids[other] else weighing.flipped
            if given_keeper.grade_a is None:
                lossy[other] = tuple(one for one in given_keeper.loss_a if one.what != "metadata")
    return lossy, unproven


def group_paths(report: Report, named: str) -> list[bytes]:
    """Every file of the group of a report whose id begins so, the keeper first; UsageError where that is not one."""
    found = [group for group in report.groups if group.id.startswith(named.lower())]
    if len(found) != 1:
        several = "several groups have an id that begins" if found else "no group of the report has an id that begins"
        raise UsageError(f"There {several} with {named!r}; imgindex report --format json names them.")
    return [os.fsencode(path) for path in paths_of_group(found[0])]


def decided_pairs(store: Store) -> list[DecidedPair]:
    """What was said last of each two contents, in the order in which it was said; UNDECIDED, too."""
    with store.read() as tx:
        last = decisions.last_decisions(tx)
        paths = contents.paths_of_contents(tx, sorted({sha256 for pair in last for sha256 in pair}))
    return [
        DecidedPair(
            said.kind,
            said.one.hex(),
            said.other.hex(),
            files.texts(paths.get(said.one, ())),
            files.texts(paths.get(said.other, ())),
            said.note,
            clock.utc(said.made_at_s or 0),
        )
        for said in (one.said for one in last.values())
    ]


def import_decisions(store: Store, given: Sequence[Said]) -> ImportedDecisions:
    """Take in decisions of another store, or of an earlier time of this one, oldest first. One on which this store has
    a later word, or the same, is left out. The caller holds `store.exclusive()`."""
    now = clock.now_s()
    with store.write() as tx:
        last = {pair: one.made_at_s for pair, one in decisions.last_decisions(tx).items()}
        added = []
        for one in sorted(given, key=lambda said: said.made_at_s or 0):
            made_at_s = min(one.made_at_s or 0, now)
            pair = min(one.one, one.other), max(one.one, one.other)
            if pair not in last or last[pair] < made_at_s:
                last[pair] = made_at_s
                added.append(replace(one, made_at_s=made_at_s, note=storable(one.note)))
        decisions.add_decisions(tx, added)
    return ImportedDecisions(len(added), len(given) - len(added))


def said_by(given: DecidedPair, number: int) -> Said:
    """One decision that comes from outside; UsageError names what is wrong with it, and the how manieth it is."""
    try:
        one, other = bytes.fromhex(given.a), bytes.fromhex(given.b)
        made_at = datetime.datetime.fromisoformat(given.made_at)
    except (ValueError, TypeError) as error:
        raise UsageError(f"Decision {number} cannot be read: {last_line(error)}.") from error
    if len(one) != files.SHA256_BYTES or len(other) != files.SHA256_BYTES or one == other:
        raise UsageError(f"Decision {number} needs the sha256 of two different contents.")
    if made_at.tzinfo is None:
        raise UsageError(f"Decision {number} was made at {given.made_at}, which names no time zone; add a Z for UTC.")
    return Said(given.kind, one, other, given.note, clock.bounded(made_at.timestamp()))
