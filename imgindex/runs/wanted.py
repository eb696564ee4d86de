"""What a person wants kept, by decisions, protected folders and rules, put to work on the images of a report."""

from __future__ import annotations

import os
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field

from imgindex import clock, files
from imgindex.keep.choice import Choice, followed, lossy
from imgindex.keep.groups import ImageGroup
from imgindex.keep.order import Below, KeeperKey
from imgindex.keep.reasons import tie
from imgindex.keep.rules import NO_RULES, Facts, KeepRules, RankedFile, Rule, by_rules, keeper_key
from imgindex.records import DecisionKind, Grade, Seen, StoredImage
from imgindex.results import NotFollowed
from imgindex.runs.decisions import Decided
from imgindex.runs.proofs import Proofs, Shown
from imgindex.store import Transaction, contents
from imgindex.store.decisions import Decision

DECIDED, PROTECTED, RULES = 0, 1, 2
"""Places in a KeeperKey's `preferred`: that no decision, and no protected folder, keeps it; then the rules."""

BY_LOSS = "what would be lost: each other file is a lesser encoding, or an edited copy, of it"


@dataclass(frozen=True, slots=True)
class Wanted:
    """Decisions and rules.

    keeping   by content (sha256), the decision for which it never goes
    contents  the sha256 of every image that a decision is about and the store has
    """

    decided: Decided = field(default_factory=Decided)
    rules: KeepRules = NO_RULES
    keeping: Mapping[bytes, Decision] = field(default_factory=dict)
    contents: Mapping[int, bytes] = field(default_factory=dict)

    @classmethod
    def read(cls, tx: Transaction, rules: KeepRules = NO_RULES) -> Wanted:
        """The decisions that stand, and these rules."""
        decided = Decided.read(tx)
        ids = contents.ids_of(tx, sorted(decided.contents))
        return cls(decided, rules, decided.keeping(), {image: sha256 for sha256, image in ids.items()})

    def shown(
        self, image: StoredImage, here: Iterable[Seen], links: Mapping[bytes, tuple[bytes, ...]], facts: Facts | None
    ) -> Shown:
        """An image as a report shows it, its files in the order in which they are kept."""
        own = by_rules(image, here, self.rules, facts)
        preferred = (not self.is_keeper(image.sha256), *self.rules.preferred(RankedFile(own[0], image, facts)))
        protected = {stat.path: folder for stat in own if (folder := self.rules.protecting(stat.path)) is not None}
        return Shown(image, tuple(own), links, keeper_key(image, own, preferred), protected)

    def is_keeper(self, sha256: bytes) -> bool:
        """Whether a person decided that this content stays rather than another."""
        return sha256 in self.keeping and self.keeping[sha256].what is DecisionKind.KEEPER

    def settle(self, shown: Mapping[int, Shown], proofs: Proofs) -> Settled:
        """Who stands below whom by all of that."""
        protected = [image for image, one in shown.items() if one.protected]
        choice = self.decided.choice(self.contents, proofs.same_pixels, protected)
        below = choice.settled(proofs.below, proofs.has)
        values = {image: self._telling(one) for image, one in shown.items()}
        against = [edge for edge in lossy(below, values) if edge.given not in choice.stay]
        if self.rules.even_if_lost:
            below, against = followed(below, against, values), []
        edges = {(edge.image, edge.given) for edge in proofs.below}
        equal = {(image, given) for image, given in edges if (given, image) in edges}
        return Settled(choice, below, {(edge.image, edge.given) for edge in against}, equal)

    def said(self, settled: Settled, one: int, other: int) -> DecisionKind | None:
        """What a person said of two images, or of two of their pixels; None where nobody did."""
        if parted := settled.choice.parted.get(one, {}).get(other):
            return parted
        if one not in self.contents or other not in self.contents:
            return None
        found = self.decided.between(self.contents[one], self.contents[other])
        return None if found is None else found.what

    def _telling(self, shown: Shown) -> tuple[int, ...]:
        """By what decisions and rules speak for an image though something may be lost. `detail` is no such rule: how
        much there is of that was weighed."""
        values = shown.key.preferred
        of_rules = zip(self.rules.rules, values[RULES:], strict=True)
        return values[:RULES] + tuple(value for rule, value in of_rules if rule.name != "detail")


@dataclass(frozen=True, slots=True)
class Settled:
    """What decisions and rules leave of what was weighed.

    below    who stands below whom
    against  (image, given): a rule would rather keep `image`, which is redundant, and lose something of `given`
    equal    (image, given) and (given, image) are redundant given each other
    """

    choice: Choice
    below: Sequence[Below]
    against: Collection[tuple[int, int]]
    equal: Collection[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class Chosen:
    """What made a file the one to keep, in words, and whether a person did."""

    words: str
    by_person: bool


def chosen_by(wanted: Wanted, shown: Mapping[int, Shown], settled: Settled, group: ImageGroup) -> Chosen:
    """What made the keeper's file of a group the one to keep."""
    keeper = shown[group.keeper]
    if any(member.image in settled.choice.kept.get(group.keeper, ()) for member in group.members):
        made_at_s = wanted.keeping[keeper.image.sha256].made_at_s
        return Chosen(f"you decided so on {clock.utc(made_at_s)}", by_person=True)
    first, *others = keeper.files
    if folder := keeper.protected.get(first.path):
        return Chosen(f"it is in the protected folder {files.display(folder)}", by_person=True)
    rivals = [
        shown[member.image].key
        for member in group.members
        if member.grade is Grade.AT_A_LOSS or (member.image, group.keeper) in settled.equal
    ]
    rivals += [_key_of_file(wanted.rules, keeper, stat) for stat in others]
    if not rivals:
        return Chosen(BY_LOSS, by_person=False)
    rival = min(rivals)
    rule = _first_that_tells(wanted.rules, keeper.key, rival)
    return Chosen(f"no rule: {tie(keeper.key, rival)}", False) if rule is None else Chosen(f"the rule {rule}", True)


def not_followed(
    wanted: Wanted, shown: Mapping[int, Shown], proofs: Proofs, settled: Settled, group: ImageGroup
) -> NotFollowed | None:
    """The rule that would keep another image of a group, and what the keeper alone has; None where there is none."""
    liked = [m.image for m in group.members if (m.image, group.keeper) in settled.against]
    if not liked:
        return None
    image = min(liked, key=lambda one: (shown[one].key.preferred, shown[one].key))
    rule = _first_that_tells(wanted.rules, shown[image].key, shown[group.keeper].key)
    weighing = proofs.proof(group.keeper, image).weighing
    lost = () if weighing is None else weighing.loss_a
    return NotFollowed(
        str(rule), os.fsdecode(shown[image].files[0].path), tuple(one for one in lost if one.what != "metadata")
    )


def _key_of_file(rules: KeepRules, shown: Shown, stat: Seen) -> KeeperKey:
    preferred = (*shown.key.preferred[:PROTECTED], *rules.preferred(RankedFile(stat, shown.image)))
    return keeper_key(shown.image, [stat], preferred)


def _first_that_tells(rules: KeepRules, one: KeeperKey, other: KeeperKey) -> Rule | None:
    """The first rule by which one is kept rather than the other, of two that nothing before the rules tells apart."""
    pairs = zip(rules.rules, one.preferred[RULES:], other.preferred[RULES:], strict=True)
    return next((rule for rule, own, its in pairs if own != its), None)


def both_kept(wanted: Wanted, one: Shown, other: Shown) -> str:
    """Why two copies both stay though one stands below the other, in words; empty where neither is kept so."""
    said = []
    for name, shown in (("first", one), ("second", other)):
        if shown.protected:
            folder = min(shown.protected.values())
            said.append(f"the {name} is in the protected folder {files.display(folder)}")
        elif shown.image.sha256 in wanted.keeping:
            said.append(f"you decided that the {name} stays")
    return "; ".join(said)
