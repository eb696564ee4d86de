"""What belongs to a copy, other disks, and places where nothing may be written."""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import pytest

from imgindex.acts import Action, Plan, StepKind
from imgindex.api import write_plan
from imgindex.errors import StoreError
from imgindex.runs.act import copying
from tests.runs.act.acted import Tree, names, snapshot, why

COPY = "0 copy.jpg"


def only(plan: Plan, name: str) -> Plan:
    return replace(plan, files=tuple(one for one in plan.files if Path(one.path).name == name))


@pytest.fixture
def away(tree: Tree) -> Iterator[Path]:
    """A folder on another file system."""
    shm = Path("/dev/shm")
    if not shm.is_dir() or shm.stat().st_dev == tree.photos.stat().st_dev:
        pytest.skip("there is no second file system here")
    folder = Path(tempfile.mkdtemp(dir=shm))
    yield folder
    shutil.rmtree(folder)


def test_a_move_to_another_disk_and_back_is_nothing(tree: Tree, away: Path) -> None:
    """Times to the nanosecond, permissions and attributes cross over, too."""
    copy = tree.path("copies") / COPY
    copy.chmod(0o640)
    os.utime(copy, ns=(1_999_000_000_000_000_001, 2_000_000_000_000_000_007))
    os.setxattr(copy, "user.comment", b"mine")
    tree.images.index([tree.photos])
    before = snapshot(tree.photos)
    summary = tree.images.apply(only(tree.plan(), COPY), Action.MOVE, destination=away / "gone", yes=True)
    [acted] = summary.acted
    assert acted.target is not None
    assert os.stat(acted.target).st_mtime_ns == 2_000_000_000_000_000_007
    assert tree.images.undo().left == ()
    assert snapshot(tree.photos) == before
    assert not (away / "gone").exists()


def test_a_full_disk_across_leaves_the_file(tree: Tree, away: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """What was written of it there goes, and the file stays."""

    def full(source: bytes, file: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(copying, "_copy", full)
    before = snapshot(tree.photos)
    summary = tree.images.apply(only(tree.plan(), COPY), Action.MOVE, destination=away / "gone", yes=True)
    assert "No space left" in why(summary, COPY)
    assert snapshot(tree.photos) == before
    assert not [path for path in away.rglob("*") if path.is_file()]


def test_a_copy_that_is_damaged_on_its_way_is_not_trusted(
    tree: Tree, away: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that writes other bytes than it was given must not become the only one that has the file."""
    monkeypatch.setattr(copying, "_copy", lambda source, file: file.write(b"other bytes"))
    before = snapshot(tree.photos)
    summary = tree.images.apply(only(tree.plan(), COPY), Action.MOVE, destination=away / "gone", yes=True)
    assert "not what was to be written" in why(summary, COPY)
    assert snapshot(tree.photos) == before


def test_a_sidecar_of_its_own_goes_along_and_comes_back(tree: Tree) -> None:
    """A sidecar that is left behind belongs to nothing, and what it says is lost to the picture."""
    sidecar = tree.path("copies") / f"{COPY}.xmp"
    sidecar.write_text("rated")
    before = snapshot(tree.photos)
    summary = tree.images.apply(only(tree.plan(), COPY), Action.TRASH, yes=True)
    assert names(summary) == [COPY, sidecar.name]
    assert [one.kind for one in summary.acted] == [StepKind.COPY, StepKind.COMPANION]
    assert not sidecar.exists()
    assert tree.images.undo().left == ()
    assert snapshot(tree.photos) == before


def test_a_sidecar_that_would_be_lost_keeps_the_copy(tree: Tree) -> None:
    """Deleting a picture that is safe elsewhere must not delete what is nowhere else."""
    sidecar = tree.path("copies") / f"{COPY}.xmp"
    sidecar.write_text("rated")
    plan = only(tree.plan(), COPY)
    assert "would be lost" in why(tree.images.apply(plan, Action.DELETE, yes=True), COPY)
    (tree.photos / "0.jpg.xmp").write_text("rated")
    summary = tree.images.apply(plan, Action.DELETE, yes=True)
    assert names(summary) == [COPY, sidecar.name]
    assert tree.images.undo().left == ()
    assert sidecar.read_text() == "rated"


def test_the_video_of_a_live_photo_keeps_it_unless_the_keeper_has_it(tree: Tree) -> None:
    """The seconds around a photo are no copy of anything that stays."""
    video = tree.path("copies") / "0 copy.mov"
    video.write_bytes(b"moving")
    assert COPY not in {Path(one.path).name for one in tree.plan().files}
    [left] = [one.why for one in tree.plan().left_out if Path(one.path).name == COPY]
    assert "has no such video" in left
    (tree.photos / "0.mov").write_bytes(b"moving")
    summary = tree.images.apply(only(tree.plan(), COPY), Action.DELETE, yes=True)
    assert names(summary) == [COPY, video.name]
    assert tree.images.undo().left == ()
    assert video.read_bytes() == b"moving"


def test_a_sidecar_that_appears_after_the_plan_stops_it(tree: Tree) -> None:
    plan = only(tree.plan(), COPY)
    (tree.path("copies") / f"{COPY}.xmp").write_text("rated")
    assert "plan again" in why(tree.images.apply(plan, Action.TRASH, yes=True), COPY)


def test_a_sidecar_of_a_picture_that_stays_stays(tree: Tree) -> None:
    """`IMG.xmp` is that of the RAW file beside the JPEG, too."""
    copies = tree.path("copies")
    (copies / "0 copy.cr2").write_bytes(b"sensor")
    (copies / "0 copy.xmp").write_text("developed")
    summary = tree.images.apply(only(tree.plan(), COPY), Action.TRASH, yes=True)
    assert names(summary) == [COPY]
    assert (copies / "0 copy.xmp").exists()


def test_where_a_companion_cannot_go_the_copy_comes_back(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """All of a shot goes, or none of it."""
    from imgindex.runs.act.moving import Move

    sidecar = tree.path("copies") / f"{COPY}.xmp"
    sidecar.write_text("rated")
    real = Move.act

    def refuses(self: Move, job: object) -> bytes | None:
        if job.path.endswith(b".xmp"):  # type: ignore[attr-defined]
            raise PermissionError(13, "Permission denied")
        return real(self, job)  # type: ignore[arg-type]

    monkeypatch.setattr(Move, "act", refuses)
    before = snapshot(tree.photos)
    summary = tree.images.apply(only(tree.plan(), COPY), Action.MOVE, destination=tree.base / "gone", yes=True)
    assert "permission" in why(summary, COPY)
    assert summary.acted == ()
    assert snapshot(tree.photos) == before


WITHOUT_RIGHTS = """
import ctypes, os, sys
for capability in (1, 2):  # CAP_DAC_OVERRIDE, CAP_DAC_READ_SEARCH
    if os.geteuid() == 0 and ctypes.CDLL(None).prctl(24, capability, 0, 0, 0):  # PR_CAPBSET_DROP
        raise OSError("the rights of root could not be given up")
os.execv(sys.executable, [sys.executable, "-m", "imgindex", *sys.argv[1:]])
"""


def without_rights(tree: Tree, *arguments: object) -> tuple[int, str]:
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT_RIGHTS, *map(str, arguments), "--store", str(tree.base / "store")],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


@pytest.mark.parametrize("action", ["trash", "delete", "hardlink"])
def test_without_permission_it_is_said_and_nothing_happens(tree: Tree, action: str) -> None:
    """A folder that may only be read."""
    plan = tree.base / "plan.json"
    write_plan(only(tree.plan(), COPY), plan)
    before = snapshot(tree.photos)
    tree.path("copies").chmod(0o555)
    try:
        code, said = without_rights(tree, "apply", plan, "--action", action, "--yes")
    finally:
        tree.path("copies").chmod(0o755)
    assert code == 0, said
    assert "permission" in said.lower()
    assert "0 files" in said
    assert snapshot(tree.photos) == before


def test_a_read_only_store_plans_and_does_nothing(tree: Tree) -> None:
    """No record, no deed; and no traceback."""
    plan = tree.base / "plan.json"
    write_plan(only(tree.plan(), COPY), plan)
    tree.images.close()
    before = snapshot(tree.photos)
    store = tree.base / "store"
    for path in store.iterdir():
        path.chmod(0o444)
    store.chmod(0o555)
    try:
        code, said = without_rights(tree, "apply", plan)
        assert (code, "1 file would go to the trash" in said) == (0, True), said
        code, said = without_rights(tree, "apply", plan, "--yes")
    finally:
        store.chmod(0o755)
    assert code == 3, said
    assert said.count("\n") == 1
    assert snapshot(tree.photos) == before


def test_a_store_that_cannot_be_written_lets_nothing_move(tree: Tree, monkeypatch: pytest.MonkeyPatch) -> None:
    """No record, no deed."""
    from imgindex.store import Store

    plan = tree.plan()
    before = snapshot(tree.photos)

    def full(self: Store) -> object:
        raise StoreError("The store has no room left on its disk; free some space and run again.")

    monkeypatch.setattr(Store, "write", full)
    with pytest.raises(StoreError, match="no room"):
        tree.images.apply(plan, Action.DELETE, yes=True)
    assert snapshot(tree.photos) == before


def test_the_store_knows_what_went(tree: Tree) -> None:
    """A file that a run removed is not missing, and costs no embedding when it is back."""
    summary = tree.images.apply(tree.plan(), Action.TRASH, yes=True)
    for _ in range(2):
        report = tree.images.report()
        assert (report.counts.missing, report.counts.duplicate_files, report.counts.outdated) == (0, 0, 0)
        assert tree.images.status().missing == 0
        again = tree.images.index([tree.photos]).ingest
        assert (again.embedded_images, again.missing, again.new_copies) == (0, 0, 0)
    assert tree.images.undo(summary.run).left == ()
    assert tree.images.report().counts.duplicate_files == 4
    again = tree.images.index([tree.photos]).ingest
    assert (again.embedded_images, again.unchanged, again.missing) == (0, again.seen, 0)
    assert tree.images.check() == ()


def test_where_answers_for_a_path_and_for_a_name(tree: Tree) -> None:
    tree.images.apply(only(tree.plan(), COPY), Action.TRASH, yes=True)
    path = tree.path("copies") / COPY
    [trace] = tree.images.where(path)
    assert (trace.keeper, trace.is_there, trace.now) == (str(tree.path("0.jpg")), False, (str(tree.path("0.jpg")),))
    assert trace.target is not None
    assert Path(trace.target).is_file()
    assert tree.images.where("0 COPY.jpg") == (trace,)
    assert tree.images.where("nothing like it") == ()
    [line] = (tree.base / "store" / "runs.jsonl").read_text().splitlines()
    assert COPY in line


@pytest.mark.parametrize("column", ["run_id", "kind", "path", "keeper", "sha256", "target", "state", "facts"])
def test_a_flipped_bit_in_the_record_is_found_and_not_gone_by(tree: Tree, column: str) -> None:
    """Undo by a damaged record would put a file where it never was."""
    tree.images.apply(only(tree.plan(), COPY), Action.TRASH, yes=True)
    after = snapshot(tree.photos)
    with closing(sqlite3.connect(tree.base / "store" / "imgindex.db")) as database:
        [(value,)] = database.execute(f"SELECT {column} FROM step").fetchall()
        if isinstance(value, int):
            damaged: object = value ^ 4
        else:
            data = bytearray(value.encode() if isinstance(value, str) else value)
            data[len(data) // 2] ^= 1
            damaged = data.decode() if isinstance(value, str) else bytes(data)
        database.execute(f"UPDATE step SET {column} = ?", (damaged,))
        database.commit()
    assert 7 in [finding.invariant for finding in tree.images.check()]
    if column != "run_id":
        with pytest.raises(StoreError, match="damaged"):
            tree.images.undo()
    assert snapshot(tree.photos) == after
