"""What a nightly report calls new: only what no nightly report has said, however files are moved about."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from imgindex.records import Grade, Verdict
from imgindex.results import Change, Counts, Group, Member, Report, ReportedPair
from imgindex.runs.report.changes import files_of, only_new, with_changes
from imgindex.store.reported import ReportedFile


def made(number: int, *paths: str, grade: Grade = Grade.REDUNDANT) -> Group:
    """A group whose keeper is the first path."""
    members = tuple(
        Member(p, Verdict.NEAR_DUPLICATE, 99.0, None, grade, paths[0], (), (), 1, 1, 1, new=True) for p in paths[1:]
    )
    return Group(number, f"{number:016x}", paths[0], 1, 1, 1, sum(m.size_bytes for m in members), members)


def content(*groups: Group) -> dict[str, bytes]:
    """Each file has the content that its name begins with."""
    return {p: p.split("/")[-1][:1].encode() for g in groups for p in (g.keeper, *(m.path for m in g.members))}


def said(*groups: Group) -> list[ReportedFile]:
    counts = Counts(0, 0, 0, 0, 0, 0, 0, 0, 0)
    stored = {path.encode(): sha256 for path, sha256 in content(*groups).items()}
    return files_of(Report("", "", "", counts, groups, (), ()), stored)


def new_in(group: Group) -> set[str]:
    return {m.path for m in group.members if m.new} | ({group.keeper} if group.keeper_new else set())


def test_everything_is_new_before_the_first_report() -> None:
    group = made(1, "/a", "/b")
    [marked], resolved = with_changes([group], content(group), [])
    assert (marked.change, new_in(marked), resolved) == (Change.NEW, {"/a", "/b"}, ())


def test_what_was_said_is_not_said_again() -> None:
    group = made(1, "/a", "/b")
    [marked], resolved = with_changes([group], content(group), said(group))
    assert (marked.change, new_in(marked), resolved) == (Change.KNOWN, set(), ())


def test_a_group_that_grew_names_the_new_member() -> None:
    group = made(7, "/a", "/b", "/c")
    [marked], _ = with_changes([group], content(group), said(made(1, "/a", "/b")))
    assert (marked.change, new_in(marked)) == (Change.GROWN, {"/c"})


def test_a_better_keeper_is_new_in_a_known_group() -> None:
    """A larger version of a photo takes its place: the person is told of one file, not of a new group."""
    group = made(1, "/c", "/a", "/b")
    [marked], resolved = with_changes([group], content(group), said(made(1, "/a", "/b")))
    assert (marked.change, new_in(marked), resolved) == (Change.GROWN, {"/c"}, ())


def test_moved_files_are_not_new_and_one_more_copy_is() -> None:
    """A renamed folder must not fill the next report; a second copy of a known content belongs in it."""
    old = made(1, "/old/a", "/old/b")
    moved = made(1, "/new/a", "/new/b")
    assert with_changes([moved], content(moved), said(old))[0][0].change is Change.KNOWN
    copied = made(1, "/new/a", "/new/b", "/new/b2")
    [marked], _ = with_changes([copied], content(copied), said(old))
    assert (marked.change, len(new_in(marked))) == (Change.GROWN, 1)


def test_a_group_of_which_one_file_is_left_is_resolved() -> None:
    assert with_changes([], {}, said(made(1, "/a", "/b")))[1][0].keeper == "/a"


def test_a_group_that_lost_its_keeper_is_known_by_its_members() -> None:
    rest = made(1, "/b", "/c")
    [marked], resolved = with_changes([rest], content(rest), said(made(1, "/a", "/b", "/c")))
    assert (marked.change, resolved) == (Change.KNOWN, ())


def test_two_groups_that_became_one_say_what_came_to_which() -> None:
    both = made(1, "/a", "/b", "/c", "/d", "/e")
    [marked], resolved = with_changes([both], content(both), said(made(1, "/a", "/b"), made(2, "/c", "/d", "/e")))
    assert (marked.change, new_in(marked), resolved) == (Change.GROWN, {"/c", "/d", "/e"}, ())


@given(st.lists(st.sets(st.sampled_from("abcdefgh"), min_size=2), min_size=1, max_size=4))
def test_a_report_is_never_new_after_itself(names: list[set[str]]) -> None:
    """Whatever the groups, the same report the next night says nothing."""
    taken: set[str] = set()
    groups = []
    for number, wanted in enumerate(names, 1):
        free = sorted(wanted - taken)
        if len(free) >= 2:
            taken.update(free)
            groups.append(made(number, *(f"/{name}" for name in free)))
    again, resolved = with_changes([dataclasses.replace(g) for g in groups], content(*groups), said(*groups))
    assert all(g.change is Change.KNOWN for g in again)
    assert resolved == ()


def test_what_is_new_counts_only_what_is_redundant() -> None:
    """Prevents: a night that found nothing but an edited copy, and says that a file can go."""
    groups = (made(1, "/a", "/b", "/c"), made(2, "/d", "/e", grade=Grade.EDITED))
    pair = ReportedPair("/d", "/e", Verdict.NEAR_DUPLICATE, None, 99.0, None, None, None)
    variant = ReportedPair("/a", "/d", Verdict.VARIANT, None, 60.0, None, None, None)
    counts = Counts(9, 9, 9, 9, 9, 9, 9, 9, 9, edited_files=9, variants=9, not_weighed=9)
    new = only_new(Report("", "", "", counts, groups, (pair, variant), ()))
    assert (new.counts.groups, new.counts.duplicate_files, new.counts.edited_files) == (2, 2, 1)
    assert (new.counts.pairs, new.counts.variants, new.counts.not_weighed) == (1, 0, 0)
    assert new.pairs == (pair,)
