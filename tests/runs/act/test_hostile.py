"""Whatever happens between plan and apply, and whatever stands in a plan: refused with a sentence, and nothing lost."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from imgindex.acts import Action, ApplySummary, Plan
from imgindex.api import plan_json
from imgindex.errors import UsageError
from imgindex.runs.act import removing
from imgindex.runs.act.plan_file import plan_of
from tests.runs.act.acted import Tree, contents, snapshot, why

COPY = "0 copy.jpg"


def applied(tree: Tree, plan: Plan, action: Action = Action.DELETE, **options: object) -> ApplySummary:
    return tree.images.apply(plan, action, yes=True, **options)  # type: ignore[arg-type]


def only(plan: Plan, name: str) -> Plan:
    """The plan of one file alone."""
    return replace(plan, files=tuple(one for one in plan.files if Path(one.path).name == name))


def edited(plan: Plan, **changes: object) -> Plan:
    """A plan as a person may have written it: through the file."""
    read = json.loads(plan_json(plan))
    for entry in read["files"]:
        entry.update(changes)
    return plan_of(json.dumps(read).encode(), "plan.json")


def keeper(tree: Tree) -> Path:
    return tree.path("0.jpg")


def copy(tree: Tree) -> Path:
    return tree.path("copies") / COPY


def replaced_copy(tree: Tree) -> None:
    copy(tree).write_bytes(b"the only holiday photo")


def replaced_keeper(tree: Tree) -> None:
    keeper(tree).write_bytes(b"another picture")


def deleted_keeper(tree: Tree) -> None:
    keeper(tree).unlink()


def keeper_becomes_a_link_to_the_copy(tree: Tree) -> None:
    keeper(tree).unlink()
    keeper(tree).symlink_to(copy(tree))


def keeper_becomes_a_name_of_the_copy(tree: Tree) -> None:
    keeper(tree).unlink()
    os.link(copy(tree), keeper(tree))


def copy_becomes_a_link(tree: Tree) -> None:
    copy(tree).unlink()
    copy(tree).symlink_to(keeper(tree))


def copy_gets_another_name(tree: Tree) -> None:
    os.link(copy(tree), tree.base / "second name")


def copy_becomes_a_folder(tree: Tree) -> None:
    copy(tree).unlink()
    copy(tree).mkdir()


@pytest.mark.parametrize(
    ("happens", "said"),
    [
        (replaced_copy, "has changed since"),
        (replaced_keeper, "which is to stay, has changed"),
        (deleted_keeper, "which is to stay, is not there"),
        (keeper_becomes_a_link_to_the_copy, "its own keeper"),
        (keeper_becomes_a_name_of_the_copy, "under two names"),
        (copy_becomes_a_link, "It is a link"),
        (copy_gets_another_name, "other names"),
        (copy_becomes_a_folder, "no regular file"),
    ],
)
@pytest.mark.parametrize("action", list(Action))
def test_what_changed_since_the_plan_is_left_alone(
    tree: Tree, happens: Callable[[Tree], None], said: str, action: Action
) -> None:
    """A plan is as old as the coffee that was had over it."""
    plan = only(tree.plan(), COPY)
    happens(tree)
    before = snapshot(tree.photos)
    summary = applied(tree, plan, action, destination=tree.base / "gone" if action is Action.MOVE else None)
    assert said in why(summary, COPY)
    assert (summary.acted, summary.run) == ((), None)
    assert snapshot(tree.photos) == before


def test_a_keeper_that_the_same_plan_removes_is_refused(tree: Tree) -> None:
    """Two files, each kept for by the other, would both go."""
    plan = only(tree.plan(), COPY)
    [one] = plan.files
    other = replace(one, path=one.keeper, sha256=one.keeper_sha256, keeper=one.path, keeper_sha256=one.sha256)
    before = snapshot(tree.photos)
    summary = applied(tree, replace(plan, files=(one, other)))
    assert len(summary.skipped) == 2
    assert all("The plan removes" in left.why for left in summary.skipped)
    assert snapshot(tree.photos) == before


def test_a_keeper_that_the_plan_removes_by_another_path_is_refused(tree: Tree) -> None:
    """A linked folder must not hide that the plan removes what it keeps."""
    plan = only(tree.plan(), COPY)
    [one] = plan.files
    (tree.base / "door").symlink_to(tree.photos)
    through = str(tree.base / "door" / "0.jpg")
    other = replace(one, path=through, sha256=one.keeper_sha256, keeper=one.path, keeper_sha256=one.sha256)
    before = snapshot(tree.photos)
    summary = applied(tree, replace(plan, files=(one, other)))
    assert "The plan removes" in why(summary, COPY)
    assert summary.acted == ()
    assert snapshot(tree.photos) == before


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        (lambda tree: {"copy": str(tree.path("5.jpg"))}, "other bytes"),
        (lambda tree: {"copy": str(tree.path("5.jpg")), "copy_sha256": sha256(tree, "5.jpg")}, "no copy"),
        (lambda tree: {"verdict": "exact", "copy": str(tree.path("4.jpg")), "copy_sha256": sha256(tree, "4.jpg"),
                       "keeper": str(tree.path("copies/4-crop.jpg")),
                       "keeper_sha256": sha256(tree, "copies/4-crop.jpg")}, "it is not redundant beside it"),
        (lambda tree: {"copy": str(tree.base / "store" / "imgindex.db")}, "The store knows no picture"),
        (lambda tree: {"copy": "/etc/passwd"}, "The store knows no picture"),
        (lambda tree: {"keeper": "/etc/passwd"}, "The store knows no picture"),
        (lambda tree: {"keeper": str(tree.path("copies") / COPY)}, "its own keeper"),
        (lambda tree: {"keeper_sha256": "00" * 32}, "other bytes"),
    ],
)  # fmt: skip
def test_a_plan_that_lies_is_found_out(tree: Tree, lie: Callable[[Tree], dict[str, object]], said: str) -> None:
    """The last copy, another path, another verdict: nothing that a plan says is believed."""
    plan = edited(only(tree.plan(), COPY), **lie(tree))
    before = snapshot(tree.base)
    summary = applied(tree, plan)
    [left] = summary.skipped
    assert said in left.why
    assert {k: v for k, v in snapshot(tree.base).items() if not k.startswith("store/")} == {
        k: v for k, v in before.items() if not k.startswith("store/")
    }


def sha256(tree: Tree, name: str) -> str:
    import hashlib

    return hashlib.sha256(tree.path(name).read_bytes()).hexdigest()


@pytest.mark.parametrize(
    "changes",
    [
        {"copy": "../photos/0.jpg"}, {"copy": "/photos/../etc/passwd"}, {"copy": ""}, {"copy": "//etc/passwd"},
        {"copy": 7}, {"copy": "/a\0b"}, {"copy": "/\ud800"}, {"keeper": None}, {"copy_sha256": "12"},
        {"copy_sha256": "zz" * 32}, {"bytes": -1}, {"bytes": "many"}, {"verdict": "certain"}, {"grade": "gone"},
        {"score": "high"}, {"companions": [{"path": "/x"}]}, {"companions": 7},
    ],
)  # fmt: skip
def test_nonsense_in_a_plan_is_one_sentence(tree: Tree, changes: dict[str, object]) -> None:
    plan = only(tree.plan(), COPY)
    with pytest.raises(UsageError, match=r"File 1 of plan\.json is damaged"):
        edited(plan, **changes)


@pytest.mark.parametrize(
    "data", [b"", b"{", b"[]", b"{}", b'{"imgindex_plan": 9}', b'{"imgindex_plan": 1}', b"\xff\xfe", b"[" * 100_000]
)
def test_what_is_no_plan_is_one_sentence(data: bytes) -> None:
    with pytest.raises(UsageError, match=r"plan\.json"):
        plan_of(data, "plan.json")


@pytest.mark.parametrize(
    "name", [b"new\nline.jpg", b"quo\"te's.jpg", b"not utf-8 \xff\xfe.jpg", b"-rf.jpg", b"100%.jpg"]
)
@pytest.mark.parametrize("action", [Action.TRASH, Action.MOVE, Action.SYMLINK])
def test_any_name_goes_and_comes_back(tree: Tree, name: bytes, action: Action, tmp_path: Path) -> None:
    """Names are bytes: a plan, a trash note and the record must give them back as they were."""
    named = os.path.join(os.fsencode(tree.photos), name)
    shutil.copy2(tree.path("5.jpg"), named)
    tree.images.index([tree.photos])
    before = snapshot(tree.photos)
    plan = plan_of(plan_json(tree.plan()).encode(), "plan.json")
    assert os.fsdecode(named) in [one.path for one in plan.files]
    summary = applied(tree, plan, action, destination=tree.base / "gone" if action is Action.MOVE else None)
    assert os.fsdecode(named) in [one.path for one in summary.acted]
    assert tree.images.where(os.fsdecode(named))[0].run == summary.run
    assert tree.images.undo().left == ()
    assert snapshot(tree.photos) == before


@pytest.mark.parametrize("how", ["path", "link", "keeper"])
def test_protected_folders_are_never_written(tree: Tree, how: str) -> None:
    """By their path, through a link, and by a hard link that could be written through."""
    folder = tree.path("copies")
    plan = tree.plan()
    protected = folder
    if how == "link":
        protected = tree.base / "door"
        protected.symlink_to(folder)
    if how == "keeper":
        protected = tree.photos
    before = snapshot(folder)
    summary = applied(tree, plan, Action.HARDLINK if how == "keeper" else Action.DELETE, protect=protected)
    assert snapshot(folder) == before
    assert "protected" in why(summary, COPY)


def test_a_copy_in_a_linked_folder_of_a_protected_one_is_refused(tree: Tree) -> None:
    """A name outside of a protected folder that leads into it."""
    plan = only(tree.plan(), COPY)
    safe = tree.base / "safe"
    tree.path("copies").rename(safe)
    tree.path("copies").symlink_to(safe)
    before = snapshot(safe)
    assert "protected" in why(applied(tree, plan, protect=safe), COPY)
    assert snapshot(safe) == before


def test_a_destination_that_is_indexed_or_protected_is_refused(tree: Tree) -> None:
    """Copies that are moved into an indexed folder are found there again."""
    plan = tree.plan()
    for folder in (tree.photos / "gone", tree.base / "store" / "gone"):
        with pytest.raises(UsageError):
            applied(tree, plan, Action.MOVE, destination=folder)
    with pytest.raises(UsageError):
        applied(tree, plan, Action.MOVE, destination=tree.base / "safe" / "gone", protect=tree.base / "safe")
    with pytest.raises(UsageError):
        applied(tree, plan, Action.MOVE)
    with pytest.raises(UsageError):
        applied(tree, plan, Action.TRASH, destination=tree.base / "gone")


def test_a_file_put_in_its_place_at_the_last_moment_stays(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between the last look and the deed another program saves a file under the copy's name."""
    real = removing.take_aside

    def raced(path: bytes, aside: bytes, wanted: object) -> None:
        new = path + b".new"
        Path(os.fsdecode(new)).write_bytes(b"saved just now")
        os.replace(new, path)
        real(path, aside, wanted)  # type: ignore[arg-type]

    monkeypatch.setattr(removing, "take_aside", raced)
    summary = applied(tree, only(tree.plan(), COPY))
    assert "was replaced" in why(summary, COPY)
    assert copy(tree).read_bytes() == b"saved just now"


@pytest.mark.parametrize("action", [Action.TRASH, Action.MOVE, Action.DELETE, Action.HARDLINK, Action.SYMLINK])
def test_a_keeper_that_goes_at_the_last_moment_brings_the_copy_back(
    tree: Tree, action: Action, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Somebody deletes the keeper while its copy is on its way out: one of the two must be left."""
    from imgindex.runs.act.job import Job

    real = Job.expect_keeper

    def gone(self: Job) -> None:
        if action is not Action.TRASH or not os.path.lexists(self.path):
            keeper(tree).unlink(missing_ok=True)
        real(self)

    monkeypatch.setattr(Job, "expect_keeper", gone)
    want = contents(tree.photos)
    destination = tree.base / "gone" if action is Action.MOVE else None
    summary = applied(tree, only(tree.plan(), COPY), action, destination=destination)
    assert "which was to stay" in why(summary, COPY)
    assert copy(tree).is_file()
    assert contents(tree.photos) == want


def test_where_there_is_no_trash_it_says_so(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    from send2trash import TrashPermissionError, plat_other

    def refuses(src: bytes, dst: bytes, topdir: bytes | None = None, cross_dev: bool = False) -> None:
        raise TrashPermissionError("no")

    monkeypatch.setattr(plat_other, "trash_move", refuses)
    before = snapshot(tree.photos)
    summary = applied(tree, tree.plan(), Action.TRASH)
    assert "There is no trash for it" in why(summary, COPY)
    assert summary.acted == ()
    assert snapshot(tree.photos) == before


def test_a_trash_that_was_emptied_is_said(tree: Tree) -> None:
    applied(tree, only(tree.plan(), COPY), Action.TRASH)
    shutil.rmtree(tree.trash)
    assert "was the trash emptied?" in tree.images.undo().left[0].why


def test_a_file_in_the_place_of_one_that_went_is_not_replaced(tree: Tree) -> None:
    """Undo must not cost the picture that took the old name."""
    applied(tree, only(tree.plan(), COPY), Action.TRASH)
    copy(tree).write_bytes(b"new")
    assert "another file in its place" in tree.images.undo().left[0].why
    assert copy(tree).read_bytes() == b"new"
    copy(tree).unlink()
    assert tree.images.undo(1).restored == (str(copy(tree)),)


def test_a_decision_after_the_plan_counts(tree: Tree) -> None:
    """A person who said meanwhile that both stay is heard."""
    from imgindex.records import DecisionKind
    from imgindex.store.decisions import Said, add_decisions

    plan = only(tree.plan(), "3-small.jpg")
    [one] = plan.files
    with tree.images._store.write() as tx:
        add_decisions(tx, [Said(DecisionKind.KEEP_BOTH, one.sha256, one.keeper_sha256)])
    assert "You decided" in why(applied(tree, plan), "3-small.jpg")
    assert tree.plan().files != () and "3-small.jpg" not in {Path(one.path).name for one in tree.plan().files}


def test_the_protected_folders_of_the_settings_count(tree: Tree) -> None:
    """A plan from before they were protected must not touch them."""
    plan = only(tree.plan(), COPY)
    (tree.base / "store" / "config.toml").write_text(f'[keep]\nprotected = ["{tree.path("copies")}"]\n')
    assert "protected" in why(applied(tree, plan), COPY)
    assert not [one for one in tree.plan().files if "/copies/" in one.path]
