"""Settings that last: `config.toml` in the store's directory, and where each value comes from."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from imgindex import settings
from imgindex.errors import UsageError
from tests.helpers.pictures import save, scene


def run(*arguments: object, store: Path, check: int = 0, **variables: str) -> subprocess.CompletedProcess[str]:
    environment = {k: v for k, v in os.environ.items() if not k.startswith("IMGINDEX_")}
    done = subprocess.run(
        [sys.executable, "-m", "imgindex", *map(str, arguments)],
        capture_output=True, text=True, check=False,
        env=environment | {"IMGINDEX_STORE": str(store), "PYTHONPATH": ":".join(sys.path)} | variables,
    )  # fmt: skip
    assert done.returncode == check, done.stdout + done.stderr
    return done


@pytest.fixture
def store(tmp_path: Path) -> Path:
    (tmp_path / "store").mkdir()
    return tmp_path / "store"


def write(store: Path, text: str) -> None:
    (store / settings.FILE_NAME).write_text(text)


def test_no_file_is_the_defaults(store: Path) -> None:
    assert settings.read(store) == settings.Settings()
    assert settings.written(store) == {}


def test_what_is_written_is_read(store: Path) -> None:
    write(store, 'roots = ["/photos", "~/more"]\nexclude = ["*.tif"]\nmodel = "sift-vlad"\njobs = 2\n')
    found = settings.read(store)
    assert found == settings.Settings(roots=("/photos", "~/more"), exclude=("*.tif",), model="sift-vlad", jobs=2)
    assert settings.written(store).keys() == {"roots", "exclude", "model", "jobs"}


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("jbos = 2", "jbos, which there is not; did you mean jobs"),
        ("colour = 2", "there are roots, include, exclude"),
        ('jobs = "two"', 'jobs in .* must be a whole number; it is "two"'),
        ("jobs = true", "must be a whole number; it is true"),
        ("jobs = -1", "must be 0 or more; it is -1"),
        ('roots = "/photos"', r'must be a list of texts: \["one", "other"\]; it is "/photos"'),
        ("roots = [1]", r"must be a list of texts.*; it is \[1\]"),
        ('roots = ["photos"]', r"must be whole paths, from / or ~ on"),
        ('model = ""', "model in .* must not be empty"),
        ("model = 2026-01-01", "model in .* must be a text in quotes"),
        ("jobs = x", "cannot be read: .*line 1"),
        ("[jobs]", "jobs in .* must be a whole number"),
    ],
)
def test_what_is_wrong_is_one_sentence(text: str, sentence: str, store: Path) -> None:
    """Prevents: a setting that was misspelt, and is believed to hold."""
    write(store, text)
    with pytest.raises(UsageError, match=sentence) as raised:
        settings.read(store)
    assert str(store / settings.FILE_NAME) in str(raised.value)


def test_text_that_is_no_utf8_and_a_folder_of_that_name_are_sentences(store: Path, tmp_path: Path) -> None:
    (store / settings.FILE_NAME).write_bytes(b'model = "\xff"')
    with pytest.raises(UsageError, match="cannot be read"):
        settings.read(store)
    (tmp_path / settings.FILE_NAME).mkdir()
    with pytest.raises(UsageError, match="cannot be read"):
        settings.read(tmp_path)


def test_config_says_where_each_value_comes_from(store: Path) -> None:
    """Prevents: a run that takes another model or folder than a person believes, and nobody can say why."""
    write(store, 'roots = ["/photos"]\njobs = 2\nmodel = "sift-vlad"\ndevice = "cuda"\n[keep]\nrules = ["oldest"]\n')
    done = run("config", "--jobs", 3, "--format", "json", store=store, IMGINDEX_DEVICE="cpu")
    found = {name: (v["value"], v["from"]) for name, v in json.loads(done.stdout)["settings"].items()}
    assert found == {
        "store": (str(store), "environment (IMGINDEX_STORE)"),
        "roots": (["/photos"], "config.toml"),
        "include": ([], "default"),
        "exclude": ([], "default"),
        "model": ("sift-vlad", "config.toml"),
        "device": ("cpu", "environment (IMGINDEX_DEVICE)"),
        "jobs": (3, "option"),
        "keep.protected": ([], "default"),
        "keep.rules": (["oldest"], "config.toml"),
    }
    assert "config.toml" in run("config", store=store).stdout
    assert run("config", "/other", store=store).stdout.splitlines()[1].split() == ["roots", "/other", "option"]


def test_every_setting_is_an_option_of_index(store: Path) -> None:
    """Prevents: a setting that `config` cannot show as what a run takes."""
    names = json.loads(run("config", "--format", "json", store=store).stdout)["settings"].keys() - {"store", "roots"}
    text = run("index", "--help", store=store).stdout
    assert all(f"--{name}" in text for name in names if "." not in name)


def test_index_takes_what_is_written(store: Path, tmp_path: Path) -> None:
    """Prevents: a timer that must repeat folders and model, and one day names others."""
    save(scene(1), tmp_path / "photos" / "1.jpg")
    save(scene(2), tmp_path / "photos" / "2.png")
    write(store, f'roots = ["{tmp_path}/photos"]\nmodel = "sift-vlad"\njobs = 1\nexclude = ["*.png"]\n')
    run("index", store=store)
    found = json.loads(run("status", "--format", "json", store=store).stdout)
    assert (found["files"], found["model"]) == (1, "sift-vlad")


def test_index_of_nothing_says_how_to_name_folders(store: Path) -> None:
    assert "roots = [...] in config.toml" in run("index", store=store, check=2).stderr


def test_a_wrong_setting_stops_no_backup(store: Path, tmp_path: Path) -> None:
    """Prevents: a typing error in a file of settings that keeps a person from what the store has."""
    save(scene(1), tmp_path / "photos" / "1.jpg")
    run("index", tmp_path / "photos", "--model", "sift-vlad", "--jobs", 1, store=store)
    write(store, "jobs = -1")
    assert "must be 0 or more" in run("index", tmp_path / "photos", store=store, check=2).stderr
    run("check", store=store)
    run("backup", tmp_path / "copy.db", store=store)
