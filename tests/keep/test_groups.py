"""Groups: who keeps, who is redundant, and that nothing depends on the order of arrival."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from imgindex.keep.groups import ImageGroup, KeeperKey, group, redundant_a, redundant_b
from imgindex.records import Relation, Verdict, Verification


def key(name: str, pixels: int = 100) -> KeeperKey:
    return KeeperKey(-pixels, -10, 0, len(name), name.encode())


def near(relation: Relation, scale: float = 1.0) -> Verification:
    return Verification(Verdict.NEAR_DUPLICATE, 97.0, 0.97, relation, scale=scale)


def test_a_chain_is_never_one_group() -> None:
    """A~B and B~C without A~C: C must not be deleted for A's sake, which it was never compared with."""
    keys = {1: key("a", 300), 2: key("b", 200), 3: key("c", 100)}
    made = group(keys, [(1, 2), (2, 1), (2, 3), (3, 2)])
    assert made == [ImageGroup(1, (2,))]


def test_both_halves_stand_under_the_whole() -> None:
    """Two crops that share nothing are both redundant given the whole photo, and nothing of each other."""
    keys = {1: key("left", 50), 2: key("right", 50), 3: key("whole", 100)}
    made = group(keys, [(3, 1), (3, 2)])
    assert made == [ImageGroup(3, (1, 2))]


def test_a_screenshot_never_keeps_the_photo_it_shows_smaller() -> None:
    """The screenshot has more pixels, but shows the photo at half size: the photo would be lost."""
    outcome = near(Relation.B_CONTAINS_A, scale=0.5)
    assert not redundant_a(outcome)
    assert not redundant_b(outcome)


def test_a_page_never_keeps_the_photo_that_it_shows_enlarged() -> None:
    """A small photo on a large page: the page has more pixels of it, none of them new, and a page around it."""
    on_a_page = Verification(Verdict.NEAR_DUPLICATE, 97.0, 0.97, Relation.B_CONTAINS_A, scale=1.7, inset=True)
    assert not redundant_a(on_a_page)


def test_a_crop_is_redundant_and_the_whole_is_not() -> None:
    outcome = near(Relation.A_CONTAINS_B)
    assert redundant_b(outcome)
    assert not redundant_a(outcome)


def test_overlapping_crops_are_not_redundant() -> None:
    """Each shows something that the other has not."""
    outcome = near(Relation.OVERLAP)
    assert not redundant_a(outcome)
    assert not redundant_b(outcome)


def test_an_enlarged_copy_may_keep_and_a_reduced_one_may_not() -> None:
    outcome = near(Relation.SAME, scale=2.0)
    assert redundant_a(outcome), "b shows it twice as large, so a is redundant given b"
    assert not redundant_b(outcome)


def test_similar_is_never_redundant() -> None:
    outcome = Verification(Verdict.SIMILAR, 99.0, 0.99, Relation.SAME)
    assert not redundant_a(outcome)
    assert not redundant_b(outcome)


def test_files_that_are_left_out_take_no_part() -> None:
    """A report of one folder must not name keepers outside it."""
    assert group({1: key("a")}, [(2, 1), (1, 2)]) == []


edges = st.lists(st.tuples(st.integers(0, 8), st.integers(0, 8)).filter(lambda e: e[0] != e[1]), max_size=30)


@given(edges, st.randoms())
def test_order_does_not_matter_and_every_member_was_proven_against_its_keeper(edges, random) -> None:  # type: ignore[no-untyped-def]
    keys = {i: key(str(i), 100 - i % 3) for i in range(9)}
    made = group(keys, edges)
    shuffled = list(edges)
    random.shuffle(shuffled)
    assert group(keys, shuffled) == made
    seen: set[int] = set()
    for g in made:
        assert g.members
        assert not seen & {g.keeper, *g.members}, "an image stands in two groups"
        seen |= {g.keeper, *g.members}
        assert all((g.keeper, m) in edges for m in g.members)
