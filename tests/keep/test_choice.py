"""What a person says of images, over random relations between them: nothing redundant is made up, what stays stays."""

from __future__ import annotations

import random

from hypothesis import given
from hypothesis import strategies as st

from imgindex.keep.choice import Choice, followed, lossy
from imgindex.keep.groups import ImageGroup, Placed, grouped
from imgindex.keep.order import Below, KeeperKey, in_turn
from imgindex.records import DecisionKind, Grade

REDUNDANT, EDITED, AT_A_LOSS = Grade.REDUNDANT, Grade.EDITED, Grade.AT_A_LOSS
APART = DecisionKind.NOT_DUPLICATE


def keys(*images: int) -> dict[int, KeeperKey]:
    return {image: KeeperKey((), -100, -10, 0, 1, b"%d" % image) for image in images}


def settled(below: list[Below], choice: Choice, *images: int) -> dict[int, tuple[Placed, ...]]:
    made = grouped(in_turn(keys(*images)), choice.settled(below, lambda one, other: True), choice.parted)
    return {group.keeper: group.members for group in made if group.members}


def test_what_is_no_duplicate_stands_in_no_group_with_the_other() -> None:
    """Both are redundant given a third: they were said to be two pictures, so one of the two is none of that."""
    parted = {2: {3: APART}, 3: {2: APART}}
    assert settled([Below(2, 1, REDUNDANT), Below(3, 1, REDUNDANT)], Choice(parted=parted), 1, 2, 3) == {
        1: (Placed(2, 1, REDUNDANT),)
    }


def test_what_stays_is_nobodys_copy_and_keeps_its_own() -> None:
    below = [Below(2, 1, REDUNDANT), Below(3, 2, REDUNDANT)]
    assert settled(below, Choice(stay={2}), 1, 2, 3) == {2: (Placed(3, 2, REDUNDANT),)}


def test_a_keeper_beats_pixels_where_nothing_is_lost() -> None:
    both = [Below(1, 2, REDUNDANT), Below(2, 1, REDUNDANT)]
    assert settled(both, Choice(kept={2: {1}}), 1, 2) == {2: (Placed(1, 2, REDUNDANT),)}


def test_a_keeper_makes_nothing_redundant_that_is_not() -> None:
    """The photo stands below its copy because a person said so: it frees nothing, and keeps what was redundant given
    it."""
    below = [Below(2, 1, REDUNDANT), Below(3, 1, REDUNDANT)]
    assert settled(below, Choice(kept={2: {1}}), 1, 2, 3) == {2: (Placed(1, 2, AT_A_LOSS), Placed(3, 1, REDUNDANT))}


def test_what_is_kept_over_one_goes_below_what_is_kept_over_it() -> None:
    """The best of three, said in two decisions."""
    choice = Choice(kept={1: {2}, 2: {3}})
    made = settled([Below(2, 1, REDUNDANT), Below(3, 2, REDUNDANT)], choice, 1, 2, 3)
    assert made == {1: (Placed(2, 1, REDUNDANT),)}


def test_decisions_that_contradict_each_other_keep_all() -> None:
    choice = Choice(kept={1: {2}, 2: {3}, 3: {1}})
    assert settled([], choice, 1, 2, 3) == {}


def test_a_rule_that_is_followed_even_so_takes_what_it_prefers_most() -> None:
    """Prevents: the largest of the copies kept by a rule for the smallest."""
    below = [Below(2, 1, REDUNDANT), Below(3, 1, REDUNDANT), Below(4, 1, EDITED), Below(5, 1, REDUNDANT)]
    values = {1: (2,), 2: (1,), 3: (2,), 4: (0,), 5: (0,)}
    against = lossy(below, values)
    assert against == [Below(2, 1, REDUNDANT), Below(5, 1, REDUNDANT)]
    turns = in_turn(keys(1, 2, 3, 4, 5))
    made = {group.keeper: group.members for group in grouped(turns, followed(below, against, values))}
    assert made == {5: (Placed(1, 5, AT_A_LOSS), Placed(2, 1, REDUNDANT), Placed(3, 1, REDUNDANT)), 4: ()}


def test_of_two_redundant_given_each_other_no_rule_loses_anything() -> None:
    assert lossy([Below(1, 2, REDUNDANT), Below(2, 1, REDUNDANT)], {1: (0,), 2: (1,)}) == []


IMAGES = st.integers(0, 7)
PAIRS = st.tuples(IMAGES, IMAGES).filter(lambda pair: pair[0] != pair[1])
EDGES = st.dictionaries(PAIRS, st.sampled_from([REDUNDANT, EDITED]), max_size=24)


@given(EDGES, st.sets(IMAGES, max_size=3), st.lists(PAIRS, max_size=4), st.lists(PAIRS, max_size=4), st.data())
def test_decisions_over_random_relations(
    edges: dict[tuple[int, int], Grade],
    stay: set[int],
    keeps: list[tuple[int, int]],
    parts: list[tuple[int, int]],
    data: st.DataObject,
) -> None:
    """Every image is in one group; what stays keeps; no group holds what is parted; redundant is only what was weighed
    so; nothing depends on the order of arrival."""
    below = [Below(image, given_, grade) for (image, given_), grade in edges.items()]
    kept: dict[int, set[int]] = {}
    for keeper, other in keeps:
        kept.setdefault(keeper, set()).add(other)
    parted: dict[int, dict[int, DecisionKind]] = {}
    for one, other in parts:
        parted.setdefault(one, {})[other] = parted.setdefault(other, {})[one] = APART
    choice = Choice(stay, kept, parted)
    images = keys(*range(8))
    made = grouped(in_turn(images), choice.settled(below, lambda one, other: True), parted)
    assert sorted(i for g in made for i in (g.keeper, *(m.image for m in g.members))) == list(range(8))
    beaten = {other for others in kept.values() for other in others}
    for group in made:
        whole = {group.keeper, *(member.image for member in group.members)}
        assert not any(other in parted.get(one, ()) for one in whole for other in whole)
        for member in group.members:
            assert member.image not in stay
            assert member.image not in kept or member.image in beaten
            if member.grade is not AT_A_LOSS:
                assert edges[member.image, member.given] is member.grade
            else:
                assert member.image in kept[member.given]
    assert made == _shuffled(images, below, choice, data.draw(st.randoms(use_true_random=False)))


def _shuffled(
    images: dict[int, KeeperKey], below: list[Below], choice: Choice, order: random.Random
) -> list[ImageGroup]:
    order.shuffle(below)
    turned = dict(sorted(images.items(), key=lambda _: order.random()))
    return grouped(in_turn(turned), choice.settled(below, lambda one, other: True), choice.parted)


@given(EDGES, st.lists(st.integers(0, 2), min_size=8, max_size=8))
def test_no_rule_makes_a_lossy_keeper(edges: dict[tuple[int, int], Grade], values: list[int]) -> None:
    """Whatever the rules prefer, nothing is redundant, or an edited copy, but given what it was weighed against, no
    image goes that the rules alone would let go, and none that is above all of its group."""
    images = {image: KeeperKey((values[image],), -100, -10, 0, 1, b"%d" % image) for image in range(8)}
    below = [Below(image, given_, grade) for (image, given_), grade in edges.items()]
    equal = [pair for pair, grade in edges.items() if grade is REDUNDANT and edges.get(pair[::-1]) is REDUNDANT]
    stands = {pair for pair in edges if pair[::-1] not in edges}
    for group in grouped(in_turn(images, equal), below):
        for member in group.members:
            assert edges[member.image, member.given] is member.grade
            assert (member.given, member.image) not in stands
