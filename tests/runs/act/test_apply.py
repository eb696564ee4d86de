from __future__ import annotations

from pathlib import Path

import pytest

from imgindex.acts import Action
from tests.helpers.pictures import reduced
from tests.runs.act.acted import Tree, names, snapshot

ALL = ["0 copy.jpg", "1 copy.jpg", "2.png", "3-small.jpg"]
EXACT = ["0 copy.jpg", "1 copy.jpg"]


def destination(tree: Tree, action: Action) -> Path | None:
    return tree.base / "gone" if action is Action.MOVE else None


def test_a_plan_names_what_is_redundant_and_nothing_else(tree: Tree) -> None:
    plan = tree.plan()
    assert sorted(Path(one.path).name for one in plan.files) == ALL


def test_a_plan_says_what_the_keeper_does_not_know(tree: Tree) -> None:
    """Prevents: a capture date that goes with a copy, without a word."""
    small = reduced(tree.path("5.jpg"), (240, 180))
    exif = small.getexif()
    exif[0x010E] = "the lake at noon"
    small.save(tree.path("copies") / "5-small.jpg", quality=80, exif=exif)
    tree.images.index([tree.photos])
    [one] = [one for one in tree.plan().files if one.path.endswith("5-small.jpg")]
    assert one.knows == ("description",)


@pytest.mark.parametrize("action", list(Action))
def test_without_yes_nothing_is_written(tree: Tree, action: Action) -> None:
    """A look at what would happen must not be the deed."""
    before = snapshot(tree.base)
    plan = tree.plan()
    summary = tree.images.apply(plan, action, destination=destination(tree, action))
    assert names(summary) == (EXACT if action.replaces else ALL)
    assert summary.run is None
    assert snapshot(tree.base) == before


@pytest.mark.parametrize("action", [a for a in Action if a is not Action.REFLINK])
def test_apply_then_undo_is_nothing(tree: Tree, action: Action) -> None:
    before = snapshot(tree.photos)
    plan = tree.plan()
    summary = tree.images.apply(plan, action, destination=destination(tree, action), yes=True)
    expected = EXACT if action.replaces else ALL
    assert names(summary) == expected
    after = snapshot(tree.photos)
    assert after != before
    again = tree.images.apply(plan, action, destination=destination(tree, action), yes=True)
    assert (names(again), again.already) == ([], len(expected))
    assert snapshot(tree.photos) == after
    found = tree.images.undo(summary.run)
    if action is Action.DELETE:
        gone = {str(Path(one.path).relative_to(tree.photos)) for one in found.left}
        assert len(gone) == 2
        assert {name: was for name, was in before.items() if name not in gone} == snapshot(tree.photos)
    else:
        assert found.left == ()
        assert snapshot(tree.photos) == before
        assert not (tree.base / "gone").exists()
