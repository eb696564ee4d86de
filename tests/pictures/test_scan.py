from __future__ import annotations

import io
import os
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from imgindex.files import is_below
from imgindex.pictures.scan import Boundary, Found, Ignored, Problem, scan, unite
from imgindex.records import Seen


def picture(path: Path) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    out = io.BytesIO()
    Image.new("RGB", (8, 8), "teal").save(out, "PNG")
    path.write_bytes(out.getvalue())
    return path


def seen(found: list[Found], root: Path) -> list[str]:
    return [os.fsdecode(os.path.relpath(f.path, os.fsencode(root))) for f in found if isinstance(f, Seen)]


def test_pictures_are_found_by_name_or_by_content(tmp_path: Path) -> None:
    """Prevents pictures without an extension from being lost, and text from being opened or skipped."""
    picture(tmp_path / "a.png")
    picture(tmp_path / "b")
    picture(tmp_path / "c.weird")
    picture(tmp_path / "sub" / "d.JPEG")
    (tmp_path / "empty.jpg").touch()
    (tmp_path / "empty").touch()
    (tmp_path / "raw.CR2").write_bytes(b"II*\0")
    picture(tmp_path / "looks.txt")
    (tmp_path / "note").write_text("no picture")
    found = list(scan([tmp_path]))
    assert seen(found, tmp_path) == ["a.png", "b", "c.weird", "empty.jpg", "raw.CR2", "sub/d.JPEG"]
    assert sum(isinstance(f, Ignored) for f in found) == 3


def test_records_what_the_file_system_says(tmp_path: Path) -> None:
    """Prevents a stamp from the walk that never equals the stamp from the reading."""
    path = picture(tmp_path / "a.png")
    (found,) = scan([tmp_path])
    assert found == Seen.of(os.fsencode(path), path.stat())


def test_order_is_that_of_path_bytes(tmp_path: Path) -> None:
    """Prevents reports that depend on the order in which a disk lists names."""
    for name in ("b.png", "a/z.png", "a-1.png", "a.png", "a0.png", "a/b/c.png", "A.png"):
        picture(tmp_path / name)
    paths = [f.path for f in scan([tmp_path])]
    assert paths == sorted(paths)
    assert len(paths) == 7


def test_overlapping_roots_are_united(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a file that is reached by two roots from being its own duplicate."""
    picture(tmp_path / "in" / "deep" / "a.png")
    picture(tmp_path / "inside" / "b.png")
    (tmp_path / "link").symlink_to(tmp_path / "in")
    monkeypatch.chdir(tmp_path)
    roots = [tmp_path / "in", "in/deep", "in/../in", "link", b"in", tmp_path / "inside"]
    assert seen(list(scan(roots)), tmp_path) == ["in/deep/a.png", "inside/b.png"]
    assert unite(roots) == (os.fsencode(tmp_path / "in"), os.fsencode(tmp_path / "inside"))


def test_names_that_are_no_text(tmp_path: Path) -> None:
    """Prevents a name in an old encoding from ending the scan."""
    name = os.fsencode(tmp_path) + b"/\xff\xe4\n.png"
    with open(name, "wb") as file:
        file.write(picture(tmp_path / "a.png").read_bytes())
    assert name in [f.path for f in scan([tmp_path], exclude=["*.txt"], include=["*.png"])]


def test_trash_thumbnails_and_the_store_are_left_out(tmp_path: Path) -> None:
    """Prevents deleted files and a NAS box's thumbnails from being everybody's duplicates."""
    for name in ("@eaDir", ".thumbnails", ".Trash-1000", ".Trashes", "$RECYCLE.BIN", "#recycle", ".git", "store"):
        picture(tmp_path / name / "a.png")
    picture(tmp_path / "._a.png")
    picture(tmp_path / "a.png")
    found = list(scan([tmp_path], leave_out=[tmp_path / "store", tmp_path / "never made"]))
    assert seen(found, tmp_path) == ["a.png"]
    assert {f.reason for f in found if isinstance(f, Ignored)} == {"system", "store"}


def test_a_root_inside_a_left_out_folder_is_walked(tmp_path: Path) -> None:
    """Prevents asking for a folder by name and getting nothing."""
    picture(tmp_path / ".Trash" / "a" / "b.png")
    assert seen(list(scan([tmp_path / ".Trash" / "a"])), tmp_path) == [".Trash/a/b.png"]


def test_include_and_exclude_patterns(tmp_path: Path) -> None:
    """Prevents patterns that mean something else than in a .gitignore."""
    for name in ("a.png", "a.jpg", "old/a.png", "new/old/b.png", "new/keep.png", "new/drop.png"):
        picture(tmp_path / name)
    assert seen(list(scan([tmp_path], include=["*.jpg"])), tmp_path) == ["a.jpg"]
    assert seen(list(scan([tmp_path], exclude=["/old/", "new/drop*"])), tmp_path) == [
        "a.jpg", "a.png", "new/keep.png", "new/old/b.png",
    ]  # fmt: skip
    assert seen(list(scan([tmp_path], exclude=["old/", "*.png", "!keep.png"])), tmp_path) == ["a.jpg", "new/keep.png"]
    assert seen(list(scan([tmp_path], include=["new/"], exclude=["drop.png"])), tmp_path) == [
        "new/keep.png", "new/old/b.png",
    ]  # fmt: skip


def test_links_are_not_followed_unless_asked(tmp_path: Path) -> None:
    """Prevents a link from bringing in another disk, or its target a second time."""
    out = tmp_path / "out"
    picture(out / "a.png")
    root = tmp_path / "root"
    picture(root / "real" / "b.png")
    (root / "to-out").symlink_to(out)
    (root / "to-file.png").symlink_to(out / "a.png")
    (root / "to-real").symlink_to(root / "real")
    (root / "dangling.png").symlink_to(tmp_path / "nothing")
    assert seen(list(scan([root])), root) == ["real/b.png"]
    assert seen(list(scan([root], follow_symlinks=True)), root) == ["real/b.png", "to-file.png", "to-out/a.png"]


@pytest.mark.parametrize("follow", [False, True])
def test_links_that_loop_end(tmp_path: Path, follow: bool) -> None:
    """Prevents a walk without end."""
    picture(tmp_path / "root" / "a.png")
    picture(tmp_path / "out" / "b.png")
    (tmp_path / "root" / "up").symlink_to(tmp_path)
    (tmp_path / "root" / "self").symlink_to("self")
    (tmp_path / "out" / "back").symlink_to(tmp_path / "root")
    (tmp_path / "out" / "again").symlink_to(tmp_path / "out")
    found = list(scan([tmp_path / "root"], follow_symlinks=follow))
    names = [os.path.basename(f.path) for f in found if isinstance(f, Seen)]
    assert names == ([b"a.png", b"b.png"] if follow else [b"a.png"])


def test_pipes_and_deep_folders(tmp_path: Path) -> None:
    """Prevents opening what blocks, and recursion deeper than Python's."""
    os.mkfifo(tmp_path / "pipe")
    os.mkfifo(tmp_path / "pipe.jpg")
    deep = tmp_path
    for _ in range(400):
        deep /= "d"
    picture(deep / "a.png")
    found = list(scan([tmp_path]))
    assert len(seen(found, tmp_path)) == 1
    assert sum(isinstance(f, Ignored) for f in found) == 2


def test_roots_that_are_not_there_are_problems(tmp_path: Path) -> None:
    """Prevents an unplugged disk from looking like an empty one."""
    picture(tmp_path / "here" / "a.png")
    found = list(scan([tmp_path / "gone", tmp_path / "here", tmp_path / "here" / "a.png"]))
    assert seen(found, tmp_path) == ["here/a.png"]
    (problem,) = [f for f in found if isinstance(f, Problem)]
    assert problem.reason == "absent"
    assert str(tmp_path / "gone") in problem.sentence
    (alone,) = scan([tmp_path / "here" / "a.png"])
    assert isinstance(alone, Problem)
    assert alone.reason == "not-a-folder"


PERMISSIONS = """
import os, sys
from imgindex.pictures.scan import scan
if os.getuid() == 0:
    os.setgroups([]); os.setgid(65534); os.setuid(65534)
for found in scan([sys.argv[1]]):
    print(type(found).__name__, os.path.relpath(os.fsdecode(found.path), sys.argv[1]), getattr(found, "reason", ""))
"""


def test_folders_without_permission_are_problems(tmp_path: Path) -> None:
    """Prevents a folder that may not be read from ending the scan, or from passing for empty."""
    for name in ("closed", "listed", "open"):
        for number in range(3):
            picture(tmp_path / name / f"{number}.png")
    for folder in (tmp_path, *tmp_path.parents):
        if folder.stat().st_uid == os.getuid() and folder != Path("/") and not folder.stat().st_mode & 0o001:
            folder.chmod(folder.stat().st_mode | 0o055)
    (tmp_path / "closed").chmod(0o000)
    (tmp_path / "listed").chmod(0o444)
    try:
        done = subprocess.run(
            [sys.executable, "-c", PERMISSIONS, str(tmp_path)], capture_output=True, text=True, check=True,
            cwd=Path(__file__).parents[2],
        )  # fmt: skip
    finally:
        (tmp_path / "closed").chmod(0o755)
        (tmp_path / "listed").chmod(0o755)
    assert done.stdout.splitlines() == [
        "Problem closed unreadable",
        "Problem listed unreadable",
        "Seen open/0.png ",
        "Seen open/1.png ",
        "Seen open/2.png ",
    ]


def test_a_folder_on_another_device_is_reported() -> None:
    """Prevents an unmounted card below a root from looking like deleted files."""
    if not os.path.ismount("/dev/shm") or not os.path.isdir("/dev"):
        pytest.skip("there is no mounted folder inside another here")
    found = [f for f in scan(["/dev"]) if isinstance(f, Boundary)]
    assert b"/dev/shm" in [f.path for f in found]


@settings(max_examples=30, deadline=None)
@given(st.lists(st.text("ab/", min_size=1, max_size=6), min_size=1, max_size=6))
def test_united_roots_cover_all_and_never_overlap(names: list[str]) -> None:
    """Prevents a root that is lost, or walked twice, whatever the order they are given in."""
    roots = unite("/" + name for name in names)
    assert roots == unite("/" + name for name in reversed(names))
    for name in names:
        assert sum(is_below(os.path.realpath(os.fsencode("/" + name)), root) for root in roots) == 1
