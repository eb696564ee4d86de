"""Patterns of a .gitignore: what they match, how long that takes, and which of them are none."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from imgindex.errors import UsageError
from imgindex.pictures.patterns import Patterns
from imgindex.pictures.scan import Found, Ignored, Problem, scan
from tests.pictures.test_scan import picture, seen


def left_out(found: list[Found], root: Path) -> dict[str, str]:
    return {str(Path(f.path.decode()).relative_to(root)): f.reason for f in found if isinstance(f, Ignored)}


@pytest.mark.parametrize("line", ["!", "**/\\", "\\", "", " ", "/", "#note", "[z-a].jpg", "[", "[[:alpha:]]x"])
def test_what_is_no_pattern_is_a_usage_error(line: str, capfd: pytest.CaptureFixture[str]) -> None:
    """Prevents a crash, a pattern that silently matches nothing, and the complaint of a library on stderr."""
    with pytest.raises(UsageError, match=r"written as in a \.gitignore file"):
        Patterns([line])
    assert capfd.readouterr() == ("", "")


@pytest.mark.parametrize("line", ["*" + "a*" * 18 + "b", "/".join(["**", "a"] * 12) + "/b", "?*" * 40 + "b"])
def test_matching_takes_no_longer_for_a_crafted_pattern(line: str) -> None:
    """Prevents an ignore file of a shared folder from keeping a run for years: eighteen stars were 10^20 steps."""
    patterns = Patterns([line])
    began = time.perf_counter()
    assert patterns.deciding("a" * 250) is None
    assert patterns.deciding("a/" * 120 + "c") is None
    assert time.perf_counter() - began < 1.0


@pytest.mark.parametrize("line", ["*.JPG", "*.jpg", "*.Jp?g", "b.jpg", "/a/*.jPG"])
def test_a_suffix_matches_in_capitals_too(line: str) -> None:
    """Prevents half a camera's files from staying in because it writes .JPG."""
    patterns = Patterns([line])
    names = ["a/b.jpg", "a/b.JPG", "a/b.Jpg"] if "?" not in line else ["a/b.jpeg", "a/b.JPEG"]
    assert all(patterns.deciding(name) == (line, True) for name in names)
    assert patterns.deciding("a/b.png") is None


def test_only_suffixes_match_in_any_case() -> None:
    assert Patterns(["IMG.jpg"]).deciding("img.jpg") is None
    assert Patterns(["Old/"]).deciding("old/") is None


def test_the_last_line_that_matches_decides() -> None:
    patterns = Patterns(["*.jpg", "!keep.jpg"])
    assert patterns.deciding("a.jpg") == ("*.jpg", True)
    assert patterns.deciding("keep.jpg") == ("!keep.jpg", False)
    assert patterns.deciding("a\nb.jpg") == ("*.jpg", True)


def test_an_ignore_file_holds_for_its_folder_and_those_in_it(tmp_path: Path) -> None:
    """Prevents private folders from being indexed, and a pattern from reaching out of the folder it stands in."""
    for name in ("a.png", "b.PNG", "in/a.png", "in/deep/a.png", "in/deep/keep.png", "other/a.png"):
        picture(tmp_path / name)
    (tmp_path / ".imgindexignore").write_text("# a note\n\n/b.png\n")
    (tmp_path / "in" / ".imgindexignore").write_bytes(b"\xef\xbb\xbf*.png\r\n")
    (tmp_path / "in" / "deep" / ".imgindexignore").write_text("!keep.png\n")
    found = list(scan([tmp_path]))
    assert seen(found, tmp_path) == ["a.png", "in/deep/keep.png", "other/a.png"]
    assert left_out(found, tmp_path) == dict.fromkeys(["b.PNG", "in/a.png", "in/deep/a.png"], "ignore-file")
    assert seen(list(scan([tmp_path], exclude=["keep.png"])), tmp_path) == ["a.png", "other/a.png"], "a run comes first"


def test_an_ignore_file_that_cannot_be_used_leaves_its_folder_alone(tmp_path: Path) -> None:
    """Prevents what somebody wanted to keep out from coming in, and one file from ending the whole run."""
    picture(tmp_path / "a.png")
    picture(tmp_path / "in" / "a.png")
    (tmp_path / "in" / ".imgindexignore").write_text("a.png\n!\n")
    found = list(scan([tmp_path]))
    assert seen(found, tmp_path) == ["a.png"]
    [problem] = [f for f in found if isinstance(f, Problem)]
    assert str(tmp_path / "in" / ".imgindexignore") in problem.sentence
    assert "The pattern ! cannot be used" in problem.sentence


def test_hidden_folders_are_left_out_unless_named(tmp_path: Path) -> None:
    """Prevents the caches of programs from being anybody's duplicates, and a folder that was named from being lost."""
    for name in ("a.png", ".h.png", ".hidden/a.png", ".hidden/in/b.png", "in/.other/c.png"):
        picture(tmp_path / name)
    assert seen(list(scan([tmp_path])), tmp_path) == [".h.png", "a.png"]
    assert left_out(list(scan([tmp_path])), tmp_path) == {".hidden": "hidden", "in/.other": "hidden"}
    assert seen(list(scan([tmp_path / ".hidden"])), tmp_path) == [".hidden/a.png", ".hidden/in/b.png"]
    both = list(scan([tmp_path, tmp_path / ".hidden" / "in"]))
    assert seen(both, tmp_path) == [".h.png", ".hidden/in/b.png", "a.png"]
    assert seen(list(scan([tmp_path], exclude=["!.other/"])), tmp_path) == [".h.png", "a.png", "in/.other/c.png"]
    named = list(scan([tmp_path], named=[tmp_path / ".hidden"], exclude=[".hidden/"]))
    assert seen(named, tmp_path) == [".h.png", "a.png"], "what is excluded is meant"


def test_text_is_not_counted_as_left_out_by_patterns(tmp_path: Path) -> None:
    picture(tmp_path / "a.png")
    (tmp_path / "notes.txt").write_text("x")
    assert left_out(list(scan([tmp_path], include=["*.jpg"])), tmp_path) == {
        "a.png": "not-included", "notes.txt": "no-picture",
    }  # fmt: skip
