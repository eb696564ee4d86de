from __future__ import annotations

import os
import stat
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from imgindex import files, skips
from imgindex.records import Seen
from imgindex.skips import Changed, Skipped


def test_reads_the_content_with_its_description(tmp_path: Path) -> None:
    """Prevents a stamp that is not of the bytes beside it."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x" * 3_000_000)
    data, seen = files.read_stable(os.fsencode(path))
    assert data == b"x" * 3_000_000
    assert seen == Seen.of(os.fsencode(path), path.stat())


def test_a_pipe_does_not_hang_the_reader(tmp_path: Path) -> None:
    """Prevents waiting forever for a writer that never comes."""
    path = tmp_path / "pipe.jpg"
    os.mkfifo(path)
    with pytest.raises(Skipped) as caught:
        files.read_stable(os.fsencode(path))
    assert caught.value.skip.reason == "not-a-file"


def test_a_file_that_grows_while_it_is_read_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents a vector of half a download."""
    path = tmp_path / "a.jpg"
    path.write_bytes(b"x" * 100)
    before = os.fstat

    def growing(descriptor: int) -> os.stat_result:
        status = before(descriptor)
        with path.open("ab") as file:
            file.write(b"y")
        return status

    monkeypatch.setattr(files.os, "fstat", growing)
    with pytest.raises(Changed) as caught:
        files.read_stable(os.fsencode(path))
    assert skips.skip_of(caught.value).environment


def test_too_many_bytes_are_refused_before_reading(tmp_path: Path) -> None:
    """Prevents a disk image named .jpg from filling the memory."""
    path = tmp_path / "a.jpg"
    with path.open("wb") as file:
        file.truncate(1 << 40)
    with pytest.raises(Skipped) as caught:
        files.read_stable(os.fsencode(path))
    assert caught.value.skip.reason == "too-large"


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (FileNotFoundError(2, "x"), "vanished"),
        (PermissionError(13, "x"), "unreadable"),
        (OSError(5, "Input/output error"), "unreadable"),
        (Changed("x"), "changed"),
    ],
)
def test_what_could_not_be_read_is_tried_again(error: OSError, reason: str) -> None:
    """Prevents a disk that was away for a night from costing its files for good."""
    skip = skips.skip_of(error)
    assert (skip.reason, skip.environment) == (reason, True)
    assert skip.detail.endswith(".")


def test_a_stamp_changes_with_what_is_written(tmp_path: Path) -> None:
    """Prevents a replaced file of the same size and time from passing for unchanged."""
    path, other = tmp_path / "a", tmp_path / "b"
    path.write_bytes(b"one")
    old = Seen.of(b"a", path.stat())
    other.write_bytes(b"two")
    os.utime(other, ns=(old.mtime_ns, old.mtime_ns))
    other.replace(path)
    assert Seen.of(b"a", path.stat()).stamp != old.stamp


def test_write_is_all_or_nothing(tmp_path: Path) -> None:
    """Prevents half a file under the final name, and temporary files that stay behind."""
    path = tmp_path / "index"
    files.write_atomic(path, lambda file: file.write(b"old"))

    def fails(file: object) -> None:
        raise RuntimeError("disk full")

    with pytest.raises(RuntimeError):
        files.write_atomic(path, fails)
    assert path.read_bytes() == b"old"
    assert os.listdir(tmp_path) == ["index"]


def test_readers_see_old_or_new_and_the_umask_is_kept(tmp_path: Path) -> None:
    """Prevents a reader from meeting a file that is being written."""
    path = tmp_path / "index"
    contents = [b"a" * 100_000, b"b" * 100_000]
    files.write_atomic(path, lambda file: file.write(contents[0]))
    found: set[bytes] = set()
    done = threading.Event()

    def read() -> None:
        while not done.is_set():
            found.add(path.read_bytes())

    reader = threading.Thread(target=read)
    reader.start()
    for turn in range(40):
        files.write_atomic(path, lambda file, turn=turn: file.write(contents[turn % 2]))
    done.set()
    reader.join()
    assert found <= set(contents)
    plain = tmp_path / "plain"
    plain.write_bytes(b"")
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IMODE(plain.stat().st_mode)


@pytest.mark.parametrize(
    ("path", "shown"),
    [
        (b"/a b/\xc3\xa4.jpg", "/a b/ä.jpg"),
        (b"/\xff.jpg", "/\\xff.jpg"),
        (b"/a\nb\x1b[31m.jpg", "/a\\nb\\x1b[31m.jpg"),
        ("/a\u202egpj.exe".encode(), "/a\\u202egpj.exe"),
    ],
)
def test_names_are_shown_visibly(path: bytes, shown: str) -> None:
    """Prevents a file name from writing to the terminal or from hiding its extension."""
    assert files.display(path) == shown


@given(st.binary(min_size=1))
def test_any_name_can_be_printed(path: bytes) -> None:
    """Prevents an encoding error in the middle of a report."""
    shown = files.display(path)
    assert shown.encode("utf-8")
    assert "\n" not in shown
