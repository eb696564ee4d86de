"""Groups: who keeps, who stands below it and how, and that nothing depends on the order of arrival."""

from __future__ import annotations

import itertools
import random

from hypothesis import given
from hypothesis import strategies as st

from imgindex.keep.groups import ImageGroup, Placed, grouped
from imgindex.keep.order import Below, KeeperKey, Turn, best_first, in_turn, without_circles
from imgindex.keep.planning import Key, key_of, next_to_weigh
from imgindex.records import Grade

REDUNDANT, EDITED = Grade.REDUNDANT, Grade.EDITED


def key(image: int, pixels: int = 100) -> KeeperKey:
    return KeeperKey((), -pixels, -10, 0, 1, b"%d" % image)


def keys(*images: int) -> dict[int, KeeperKey]:
    return {image: key(image) for image in images}


def turns(*images: int) -> dict[int, Turn]:
    return in_turn(keys(*images))


def members(groups: list[ImageGroup]) -> dict[int, tuple[Placed, ...]]:
    return {group.keeper: group.members for group in groups if group.members}


def test_an_original_keeps_its_enlarged_copy_whatever_the_pixels() -> None:
    """The copy has four times the pixels; whoever keeps it has lost the photo."""
    sizes = {1: key(1, 100), 2: key(2, 400)}
    assert grouped(in_turn(sizes), [Below(2, 1, REDUNDANT)]) == [ImageGroup(1, (Placed(2, 1, REDUNDANT),))]


def test_a_chain_is_never_one_group() -> None:
    """A~B and B~C without A~C: C must not be deleted for A's sake, which it was never compared with."""
    made = grouped(turns(1, 2, 3), [Below(2, 1, REDUNDANT), Below(3, 2, REDUNDANT)])
    assert made == [ImageGroup(1, (Placed(2, 1, REDUNDANT),)), ImageGroup(3, ())]


def test_a_resave_of_a_captioned_copy_is_redundant_given_that_one() -> None:
    """It stands below the photo, too, as an edited copy: what it is an encoding of says more."""
    below = [Below(2, 1, EDITED), Below(3, 1, EDITED), Below(3, 2, REDUNDANT)]
    made = members(grouped(turns(1, 2, 3), below))
    assert made == {1: (Placed(2, 1, EDITED), Placed(3, 2, REDUNDANT))}


def test_what_an_edited_copy_carries_need_not_be_proven_against_the_photo() -> None:
    below = [Below(2, 1, EDITED), Below(3, 2, REDUNDANT)]
    assert members(grouped(turns(1, 2, 3), below)) == {1: (Placed(2, 1, EDITED), Placed(3, 2, REDUNDANT))}


def test_an_edited_copy_of_an_edited_copy_is_not_carried() -> None:
    """A caption on a crop: proven against the crop alone it stands by itself, or there would be chains."""
    made = grouped(turns(1, 2, 3), [Below(2, 1, EDITED), Below(3, 2, EDITED)])
    assert members(made) == {1: (Placed(2, 1, EDITED),)}
    assert {group.keeper for group in made} == {1, 3}


def test_redundant_members_come_first() -> None:
    made = members(grouped(turns(1, 2, 3), [Below(2, 1, EDITED), Below(3, 1, REDUNDANT)]))
    assert [member.grade for member in made[1]] == [REDUNDANT, EDITED]


def test_images_that_stand_below_one_another_in_a_circle_all_stay() -> None:
    """Signs contradict each other: whichever is taken for the original, another may be lost."""
    circle = [Below(1, 2, REDUNDANT), Below(2, 3, REDUNDANT), Below(3, 1, EDITED)]
    assert members(grouped(turns(1, 2, 3), circle)) == {}
    assert members(grouped(turns(1, 2, 3, 4), [*circle, Below(4, 1, REDUNDANT)])) == {1: (Placed(4, 1, REDUNDANT),)}


def test_either_of_two_that_are_redundant_given_each_other_may_stay() -> None:
    both = [Below(1, 2, REDUNDANT), Below(2, 1, REDUNDANT)]
    assert members(grouped(in_turn({1: key(1, 50), 2: key(2, 100)}), both)) == {2: (Placed(1, 2, REDUNDANT),)}


def test_what_a_person_prefers_chooses_among_equals_alone() -> None:
    """Prevents: a rule for smaller files that puts a small photo before a large one which it is no encoding of, and
    gives it copies of that."""
    sizes = {
        1: KeeperKey((1,), -100, -10, 0, 1, b"1"),
        2: KeeperKey((0,), -100, -9, 0, 1, b"2"),
        3: KeeperKey((0,), -50, -5, 0, 1, b"3"),
        4: KeeperKey((0,), -10, -1, 0, 1, b"4"),
    }
    equal = [Below(1, 2, REDUNDANT), Below(2, 1, REDUNDANT)]
    below = [*equal, Below(4, 1, REDUNDANT), Below(4, 2, REDUNDANT), Below(4, 3, REDUNDANT)]
    made = members(grouped(in_turn(sizes, [(1, 2)]), below))
    assert made == {2: (Placed(1, 2, REDUNDANT), Placed(4, 2, REDUNDANT))}


EDGES = st.lists(
    st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from(Grade)).filter(lambda e: e[0] != e[1]), max_size=40
)


@given(EDGES, st.randoms(use_true_random=False))
def test_every_member_stands_below_what_it_is_given_for(
    edges: list[tuple[int, int, Grade]], order: random.Random
) -> None:
    """One group for each image, no keeper that another keeps, no step that nothing proves, in any order of arrival."""
    below = [Below(image, given_, grade) for image, given_, grade in dict.fromkeys(edges)]
    below = list({(edge.image, edge.given): edge for edge in below}.values())
    pixels = {image: key(image, 1 + image * 7 % 5) for image in range(10)}
    made = grouped(in_turn(pixels), below)
    places = [image for group in made for image in (group.keeper, *(member.image for member in group.members))]
    assert sorted(places) == list(range(10))
    for group in made:
        carrying = {member.image for member in group.members if member.grade is not REDUNDANT}
        for member in group.members:
            assert Below(member.image, member.given, member.grade) in below
            assert member.given == group.keeper or (member.given in carrying and member.grade is REDUNDANT)
    order.shuffle(below)
    assert grouped(in_turn(dict(reversed(pixels.items()))), below) == made


@given(EDGES)
def test_no_image_is_asked_before_one_that_it_strictly_stands_below(edges: list[tuple[int, int, Grade]]) -> None:
    below = without_circles(Below(*edge) for edge in edges)
    order = best_first(turns(*range(10)), below)
    assert sorted(order) == list(range(10))
    pairs = {(edge.image, edge.given) for edge in below}
    assert all(order.index(i) > order.index(g) for i, g in pairs if (g, i) not in pairs)


def weighed_until_settled(
    sizes: dict[int, KeeperKey], proven: set[Key], truth: dict[Key, list[Below]]
) -> tuple[list[ImageGroup], set[Key]]:
    """What planning asks for is weighed until it asks for nothing."""
    near: dict[int, set[int]] = {}
    for low, high in proven:
        near.setdefault(low, set()).add(high)
        near.setdefault(high, set()).add(low)
    done: set[Key] = set()
    below: list[Below] = []
    while wanted := next_to_weigh(sizes, near, done, below, lambda pairs: pairs):
        assert not done.intersection(wanted)
        done.update(wanted)
        below += itertools.chain.from_iterable(truth.get(pair, []) for pair in wanted)
    return grouped(in_turn(sizes), below), done


def test_a_photo_and_its_copies_take_one_pair_for_each_copy() -> None:
    """All pairs of 100 are 4,950."""
    images = range(100)
    pixels = {image: key(image, 1000 - image) for image in images}
    proven = set(itertools.combinations(images, 2))
    truth = {pair: [Below(pair[1], pair[0], REDUNDANT)] for pair in proven}
    made, done = weighed_until_settled(pixels, proven, truth)
    assert len(done) == 99
    assert len(made) == 1


def test_a_wrong_first_guess_at_the_keeper_costs_one_more_round() -> None:
    """The enlarged copy is asked first, and stands below the photo."""
    images = range(10)
    pixels = {image: key(image, 1000 - image) for image in images}
    proven = set(itertools.combinations(images, 2))
    truth = {pair: [Below(pair[1], pair[0], REDUNDANT)] for pair in proven} | {(0, 1): [Below(0, 1, REDUNDANT)]}
    made, done = weighed_until_settled(pixels, proven, truth)
    assert [group.keeper for group in made] == [1]
    assert len(done) == 9 + 8


@given(st.lists(st.tuples(st.integers(0, 7), st.integers(0, 7)).filter(lambda e: e[0] < e[1]), max_size=28), EDGES)
def test_planning_ends_and_leaves_no_two_keepers_unweighed(
    pairs: list[tuple[int, int]], edges: list[tuple[int, int, Grade]]
) -> None:
    """Two proven copies that both stay, and nobody asked which of them could go."""
    sizes = {image: key(image, 1 + image * 3 % 4) for image in range(8)}
    truth: dict[Key, list[Below]] = {}
    for image, given_, grade in {(edge[0], edge[1]): edge for edge in edges}.values():
        truth.setdefault(key_of(image, given_), []).append(Below(image, given_, grade))
    made, done = weighed_until_settled(sizes, set(pairs), truth)
    keepers = {group.keeper for group in made}
    assert all(pair in done for pair in set(pairs) if keepers.issuperset(pair))
