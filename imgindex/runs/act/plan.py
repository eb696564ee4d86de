"""plan: which files of a report may go, and why; nothing is touched.

1. weigh what is proven and not weighed yet, so that nothing is redundant or kept for want of it
2. of each group of the report, take the members that are redundant (and edited copies, where they are asked for)
3. leave out what is protected, has other names, was decided to stay, or is kept for by something that goes itself
4. find what goes along with each, and what each alone knows of the picture
"""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import replace

from imgindex import clock, files
from imgindex.acts import LeftOut, Plan, Planned
from imgindex.keep.rules import KeepRules
from imgindex.ports import Progress, Workers
from imgindex.records import Grade
from imgindex.results import Group, Member, Report
from imgindex.runs.act.guard import Guard
from imgindex.runs.act.job import NotPossible, sentence
from imgindex.runs.act.together import goes_along, listing
from imgindex.runs.index.weigh import weigh_copies
from imgindex.runs.report.report import report
from imgindex.store import Store, catalog


def plan(
    store: Store,
    folders: Sequence[bytes],
    rules: KeepRules,
    progress: Progress,
    workers: Workers,
    *,
    edited: bool = False,
    min_score: float = 0.0,
) -> Plan:
    """What may go of the files below `folders` (all where empty): what is redundant, and with `edited` the edited
    copies of at least `min_score`, too. Files of the folders stand below keepers anywhere."""
    made = report(store, folders, similar_per_image=None, rules=rules)
    if made.counts.not_weighed and store.writable:
        with store.exclusive():
            weigh_copies(store, progress, workers)
        made = report(store, folders, similar_per_image=None, rules=rules)
    wanted, left_out = _wanted(made, edited=edited, min_score=min_score)
    with store.read() as tx:
        contents = catalog.contents(tx, sorted({os.fsencode(path) for _, m in wanted for path in (m.path, m.given)}))
        guard = Guard.of(tx, rules)
    removed = {os.fsencode(member.path) for _, member in wanted}
    listed = listing()
    planned = []
    progress.start("plan", len(wanted))
    for group, member in wanted:
        if progress.stopping:
            break
        try:
            planned.append(_planned(group, member, contents, guard))
            going = goes_along(os.fsencode(member.path), os.fsencode(member.given), removed, listed)
            planned[-1] = replace(planned[-1], companions=tuple(one.companion for one in going))
        except (NotPossible, OSError) as error:
            planned = [one for one in planned if one.path != member.path]
            left_out.append(LeftOut(member.path, member.given, sentence(error)))
        progress.advance()
    progress.finish()
    space = made.space
    return Plan(str(store.directory), space, clock.utc(clock.now_s()), tuple(planned), tuple(left_out))


def _wanted(made: Report, *, edited: bool, min_score: float) -> tuple[list[tuple[Group, Member]], list[LeftOut]]:
    """(the members of groups that are asked for, by group; those of them that must stay)."""
    wanted, left_out = [], []
    for group in made.groups:
        asked = [
            m for m in group.members
            if m.grade is Grade.REDUNDANT or (edited and m.grade is Grade.EDITED and m.score >= min_score)
        ]  # fmt: skip
        going = {member.path for member in asked}
        for member in asked:
            if member.links:
                why = "It has other names (hard links): without one of them nothing is free."
            elif member.given in going:
                why = (
                    f"It is kept for by {files.display(member.given)}, which goes itself; plan again once that is gone."
                )
            else:
                wanted.append((group, member))
                continue
            left_out.append(LeftOut(member.path, member.given, why))
    return wanted, left_out


def _planned(group: Group, member: Member, contents: dict[bytes, bytes], guard: Guard) -> Planned:
    path, keeper = os.fsencode(member.path), os.fsencode(member.given)
    if guard.protects(path):
        raise NotPossible("It is in a protected folder")
    if path not in contents or keeper not in contents:
        raise NotPossible("It was indexed anew meanwhile; plan again")
    guard.expect_undecided(contents[path], contents[keeper], keeper)
    return Planned(
        path=member.path,
        sha256=contents[path],
        size_bytes=member.size_bytes,
        keeper=member.given,
        keeper_sha256=contents[keeper],
        verdict=member.verdict,
        grade=member.grade,
        score=member.score,
        transform=member.transform,
        loss=member.loss,
        knows=tuple(loss.words for loss in member.loss if loss.what == "metadata"),
        why=group.why if member.given == group.keeper else (),
    )
