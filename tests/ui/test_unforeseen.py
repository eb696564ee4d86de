"""1 means duplicates and nothing else: an error that nobody foresaw is 70, one sentence, and a traceback in a file."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from imgindex.ui import crash
from imgindex.ui.progress import Bar, Lines
from tests.crash.test_disk_full import GIVE_UP_RIGHTS
from tests.helpers.pictures import save, scene

FAIL = """
import importlib
def fails(*_, **__):
    raise {2}
importlib.import_module("imgindex.{0}").{1} = fails
from imgindex.ui.cli import main
main()
"""


def run(code: str, *arguments: object, **options: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", code, *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=300, **options)  # type: ignore[call-overload, no-any-return]


def fail(where: str, what: str, error: str = "ZeroDivisionError('a bug')") -> str:
    return FAIL.format(where, what, error)


def traceback_of(said: str) -> Path:
    assert said.count("\n") == 1, said
    found = re.search(r"the traceback is in (\S+\.txt)", said)
    assert found, said
    return Path(found[1])


@pytest.fixture
def store(tmp_path: Path) -> Path:
    save(scene(1), tmp_path / "photos" / "1.jpg")
    done = run("from imgindex.ui.cli import main; main()", "index", tmp_path / "photos", "--model", "sift-vlad",
               "--store", tmp_path / "store")  # fmt: skip
    assert done.returncode == 0, done.stderr
    return tmp_path / "store"


@pytest.mark.parametrize("error", ["ZeroDivisionError('a bug')", "OSError(5, 'odd')", "MemoryError"])
def test_an_unforeseen_error_is_70_and_its_traceback_is_in_the_store(error: str, store: Path) -> None:
    """Python ends with 1, which a script reads as `--fail-on-duplicates` having found some."""
    done = run(fail("api.reading", "report", error), "report", "--fail-on-duplicates", "--store", store)
    assert done.returncode == 70, done.stderr
    assert done.stdout == ""
    written = traceback_of(done.stderr)
    assert written.parent == store
    assert "in fails" in written.read_text()


def test_without_a_store_it_is_in_the_temporary_folder(tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    done = run(
        fail("api", "compare"),
        "compare",
        "a.jpg",
        "b.jpg",
        env={"TMPDIR": str(tmp_path / "temporary"), "PYTHONPATH": ":".join(sys.path)},
    )
    assert done.returncode == 70, done.stderr
    assert traceback_of(done.stderr).parent == tmp_path / "temporary"


def test_a_store_that_may_not_be_written_gets_none(store: Path, tmp_path: Path) -> None:
    (tmp_path / "temporary").mkdir()
    store.chmod(0o555)
    try:
        failing = fail("api.reading", "status")
        code = f"{GIVE_UP_RIGHTS}import sys\nos.execv(sys.executable, ['python', '-c', {failing!r}, *sys.argv[1:]])"
        done = run(
            code,
            "status",
            "--store",
            store,
            env={"TMPDIR": str(tmp_path / "temporary"), "PYTHONPATH": ":".join(sys.path)},
        )
    finally:
        store.chmod(0o755)
    assert done.returncode == 70, done.stderr
    assert traceback_of(done.stderr).parent == tmp_path / "temporary"


def test_where_no_folder_can_be_written_it_is_still_70(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """On a full disk Python finds no folder for temporary files: the sentence failed, and with it the exit code."""

    def none_usable() -> str:
        raise FileNotFoundError("No usable temporary directory found")

    monkeypatch.setattr(crash.tempfile, "gettempdir", none_usable)
    assert "could not be written" in crash.sentence(ValueError("a"), tmp_path / "not there")
    assert traceback_of(crash.sentence(ValueError("a"), tmp_path) + "\n").parent == tmp_path


def test_a_broken_pipe_is_70(store: Path) -> None:
    """The parser of the command line ends with 1 for whatever pipe broke, one to a worker too, and says nothing."""
    done = run(fail("api.reading", "report", "BrokenPipeError(32, 'Broken pipe')"), "report", "--store", store)
    assert done.returncode == 70, done.stderr
    assert traceback_of(done.stderr).parent == store


def test_a_reader_who_has_seen_enough_of_the_help_is_no_error() -> None:
    command = [sys.executable, "-c", "import time; time.sleep(1); from imgindex.ui.cli import main; main()", "--help"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.close()
        assert running.wait(60) == 0


def test_a_listener_who_has_gone_ends_no_run() -> None:
    """Prevents: the first line of progress ends a night whose log is a pipe that nobody reads any more."""
    reading, writing = os.pipe()
    os.close(reading)
    with open(writing, "w") as out:
        Lines(out).say("index: 1 of 2")
        Bar(out).say("index: 1 of 2")
        with contextlib.suppress(BrokenPipeError):
            out.flush()
        os.dup2(os.open(os.devnull, os.O_WRONLY), writing)


def test_two_errors_have_two_files(tmp_path: Path) -> None:
    """The first is the one to report."""
    one, other = (traceback_of(crash.sentence(ValueError("a\nb"), tmp_path) + "\n") for _ in range(2))
    assert one != other
    assert one.is_file() and other.is_file()


def test_a_command_whose_output_is_closed_says_so(store: Path) -> None:
    """Standard streams that were closed by who started it are None in Python, and every use of them a traceback."""
    closed = "exec {0} -m imgindex {1} --store {2} {3}"
    for verb, streams, code in (
        ("status", ">&-", 2),
        ("status", "2>&-", 0),
        ("status", "2>&- >&-", 2),
        (f"index {store.parent / 'photos'}", "2>&-", 0),
        ("check", "2>&-", 0),
    ):
        done = subprocess.run(
            ["sh", "-c", closed.format(sys.executable, verb, store, streams)],
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == code, f"{verb} {streams}: {done.stderr}"
        assert "Traceback" not in done.stderr


def test_an_error_of_the_parser_is_still_2(tmp_path: Path) -> None:
    done = run("from imgindex.ui.cli import main; main()", "report", "--no-such-option")
    assert done.returncode == 2
    assert "no-such-option" in done.stderr
