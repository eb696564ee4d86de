"""Duplicate groups among the present files: which images, which files, who is kept."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from imgindex.keep.groups import KeeperKey, group, redundant_a, redundant_b
from imgindex.keep.rules import keeper_key
from imgindex.proof.verify import reversed_outcome
from imgindex.records import Relation, Seen, StoredImage, Verdict, Verification
from imgindex.results import Group, Member
from imgindex.runs.presence import Looked
from imgindex.store import Transaction, catalog
from imgindex.store.pairs import StoredPair
from imgindex.store.values import rows_of

Paths: TypeAlias = dict[int, list[bytes]]
"""The present files of each image, in byte order."""


@dataclass(frozen=True, slots=True)
class Shown:
    """An image and its files that are there, the one to keep first: one name of each, `links` by it its others."""

    image: StoredImage
    files: tuple[Seen, ...]
    links: Mapping[bytes, tuple[bytes, ...]]

    @property
    def key(self) -> KeeperKey:
        return keeper_key(self.image, self.files)


def is_below(path: bytes, folders: Sequence[bytes]) -> bool:
    return not folders or any(path == f or path.startswith(f.rstrip(b"/") + b"/") for f in folders)


def paths_below(tx: Transaction, folders: Sequence[bytes]) -> tuple[Paths, int]:
    """(the images that present files show, how many files are missing)."""
    paths: Paths = {}
    missing = 0
    for path, image_id, is_missing in catalog.shown_files(tx):
        if is_below(path, folders):
            missing += is_missing
            if image_id is not None and not is_missing:
                paths.setdefault(image_id, []).append(path)
    return paths, missing


@rows_of("file")
def shown_images(tx: Transaction, looked: Looked) -> dict[int, Shown]:
    """The images whose files are there."""
    images = catalog.images(tx, looked.here)
    return {i: Shown(images[i], files, looked.links) for i, files in looked.here.items()}


def grouped(shown: dict[int, Shown], known: list[StoredPair], same: list[list[int]]) -> tuple[Group, ...]:
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


def same_pixel_classes(shown: dict[int, Shown], stored: Iterable[StoredPair]) -> list[list[int]]:
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


def _group(number: int, keeper: Shown, members: list[tuple[Shown, Verification]]) -> Group:
    kept, *same_bytes = keeper.files
    listed = [_member(keeper, stat, Verdict.EXACT, 100.0, None) for stat in same_bytes]
    for shown, outcome in members:
        listed += [_member(shown, stat, outcome.verdict, outcome.score, outcome.transform) for stat in shown.files]
    return Group(
        number,
        kept.path,
        keeper.image.size_bytes,
        keeper.image.info.width_px,
        keeper.image.info.height_px,
        sum(member.size_bytes for member in listed),
        tuple(listed),
        keeper_links=keeper.links.get(kept.path, ()),
    )


def _member(shown: Shown, stat: Seen, verdict: Verdict, score: float, words: str | None) -> Member:
    info = shown.image.info
    links = shown.links.get(stat.path, ())
    return Member(stat.path, verdict, score, words, stat.size_bytes, info.width_px, info.height_px, True, links)
