"""What stops somebody on the first day: models that are not there, paths that mean another thing, help that is cut."""

from __future__ import annotations

import os
import pty
import re
import subprocess
import sys
from pathlib import Path

import pytest

from imgindex.ui.cli import VERBS
from tests.helpers.pictures import save, scene

PICTURES = "photos"


def run(
    folder: Path, *arguments: object, check: int | None = 0, stdin: int = subprocess.DEVNULL
) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IMGINDEX_")}
    environment |= {"PYTHONPATH": ":".join(sys.path), "HF_HUB_OFFLINE": "1", "IMGINDEX_STORE": str(folder / "store")}
    done = subprocess.run(
        [sys.executable, "-m", "imgindex", *map(str, arguments)],
        cwd=folder, env=environment, text=True, check=False, capture_output=True, stdin=stdin,
    )  # fmt: skip
    assert check in (None, done.returncode), done.stdout + done.stderr
    return done


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    save(scene(1), tmp_path / PICTURES / "a" / "1.jpg")
    save(scene(2), tmp_path / PICTURES / "b" / "2.jpg")
    return tmp_path


@pytest.fixture
def indexed(folder: Path) -> Path:
    run(folder, "index", "photos/a", "photos/b", "--model", "sift-vlad", "--jobs", 1)
    return folder


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("index", "photos", "--model", "./no-such-model"), 4),
        (("nightly", "photos", "--model", "./no-such-model"), 4),
        (("index", "photo", "--model", "sift-vlad"), 5),
        (("index", "photos", "--model", "sift-vlad", "--exclude", "!"), 2),
    ],
)
def test_what_cannot_begin_leaves_nothing_behind(arguments: tuple[str, ...], code: int, folder: Path) -> None:
    """Prevents an empty store of which the next command says that it has nothing, for a name that was misspelt."""
    run(folder, *arguments, check=code)
    assert [path.name for path in folder.iterdir()] == [PICTURES]


def test_who_is_offline_is_told_how_to_change_the_model(indexed: Path) -> None:
    """Prevents the advice to name sift-vlad, which a store of another model refuses."""
    script = (
        "import sys; from pathlib import Path; from imgindex.store import Store\n"
        "with Store.open(Path(sys.argv[1])) as store, store.write() as tx:\n"
        "    tx.exec_driver_sql(\"UPDATE space SET model = 'clip-ViT-B-99', revision = 'x'\")\n"
    )
    subprocess.run([sys.executable, "-c", script, str(indexed / "store")], check=True)
    for arguments in (("index", "photos"), ("query", "photos/a/1.jpg")):
        said = run(indexed, *arguments, check=4).stderr
        assert "index --rebuild --model sift-vlad FOLDER" in said
        assert said.count("\n") == 1


@pytest.mark.parametrize(
    ("name", "sentence"),
    [
        ("notes.txt", "It holds text and is no picture; name a picture file."),
        ("photos", "It is a folder; name a picture file."),
        ("photo.jpg", "There is no such file; check the spelling."),
    ],
)
def test_a_query_of_something_else_says_what_it_is(name: str, sentence: str, indexed: Path) -> None:
    """Prevents "It is named like a picture" said of notes.txt."""
    (indexed / "notes.txt").write_text("Dear diary, today we saw nothing.\n")
    for arguments in (("query", name), ("compare", name, name)):
        assert run(indexed, *arguments, check=2).stderr == f"imgindex: {name}: {sentence}\n"


def test_forgetting_several_folders_asks(indexed: Path) -> None:
    """Prevents `forget /` from taking what was indexed in a week."""
    assert "2 folders that were indexed, with 2 files. To forget them all, say --yes." in (
        run(indexed, "forget", "photos", check=2).stderr
    )
    for answer, code in (("n\n", 2), ("y\n", 0)):
        own, other = pty.openpty()
        os.write(own, answer.encode())
        done = run(indexed, "forget", "photos", check=code, stdin=other)
        os.close(own)
        os.close(other)
    assert done.stdout == "Forgot 2 files.\n"


def test_forgetting_one_folder_or_saying_yes_does_not_ask(indexed: Path) -> None:
    assert run(indexed, "forget", "photos/a").stdout == "Forgot 1 file.\n"
    assert run(indexed, "forget", "photos", "--yes").stdout == "Forgot 1 file.\n"


@pytest.mark.parametrize("verb", [verb.__name__ for verb in VERBS])
def test_help_is_for_people(verb: str, folder: Path) -> None:
    """Prevents `<list[str]>` and `<int range>` where a folder and a number are asked for."""
    text = run(folder, verb, "-h").stdout
    assert text == run(folder, verb, "--help").stdout
    assert not re.search(r"list\[|<int|<str|<path|<Path|x>=|\{[A-Z]+\}", text)
    assert "--verbose" in text
    assert "--log-file FILE" in text


def test_no_sentence_of_the_list_of_verbs_is_cut_off(folder: Path) -> None:
    text = run(folder, "-h").stdout
    assert "..." not in text.split("Commands:")[1]
    assert all(f"\n  {verb.__name__} " in text for verb in VERBS)


def test_shells_can_complete(folder: Path) -> None:
    done = run(folder, "--show-completion", "bash", check=None)
    assert "imgindex" in done.stdout


def test_verbose_and_a_log_file_tell_the_stages(indexed: Path) -> None:
    """Prevents a run that took an hour and of which nobody can say where."""
    quiet = run(indexed, "index", "photos/a")
    assert quiet.stderr == ""
    told = run(indexed, "index", "photos/a", "--verbose").stderr
    assert "imgindex: scan ends, 1 done" in told
    assert run(indexed, "index", "photos/a", "--log-file", "run.log").stderr == ""
    assert "imgindex: scan ends, 1 done" in (indexed / "run.log").read_text()
    assert "cannot be written" in run(indexed, "index", "photos/a", "--log-file", "no/run.log", check=2).stderr


def test_noise_of_libraries_stays_off_stderr(indexed: Path) -> None:
    """Prevents warnings of Pillow about a broken EXIF between the sentences for a person."""
    script = (
        "import sys, warnings, logging; from imgindex import api; from imgindex.ui import cli\n"
        "def noisy(self): warnings.warn('of one'); logging.getLogger('PIL').warning('of two'); raise SystemExit(9)\n"
        "api.ImageIndex.status = noisy; sys.argv[1:] = ['status', '--store', sys.argv[1]]; cli.main()"
    )
    done = subprocess.run(
        [sys.executable, "-c", script, str(indexed / "store")], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (9, "")
