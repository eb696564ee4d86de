"""report --between: what of a card is in the archive, which test pictures leak from training."""

from __future__ import annotations

import csv
import io
import json
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.pictures import reduced, save, scene


@pytest.fixture(scope="module")
def base(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """An archive, and a card of which one picture is there as it is, one larger, one not."""
    base = tmp_path_factory.mktemp("between")
    for seed in range(3):
        save(scene(seed), base / "archive" / f"{seed}.jpg", quality=95)
    (base / "card").mkdir()
    shutil.copy(base / "archive" / "0.jpg", base / "card" / "same.jpg")
    save(reduced(base / "archive" / "1.jpg", (120, 90)), base / "card" / "small.jpg")
    save(scene(9), base / "card" / "=new.jpg")
    shutil.copy(base / "archive" / "2.jpg", base / "card" / "=2.jpg")
    run(base, "index", "archive", "card", "--model", "sift-vlad")
    return base


def run(base: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "imgindex", *arguments, "--store", str(base / "store")],
        cwd=base, capture_output=True, text=True, check=False,
    )  # fmt: skip


def test_what_of_a_card_is_archived_is_said(base: Path) -> None:
    """Prevents: a card that is copied again, or wiped although a picture is nowhere else."""
    done = run(base, "report", "--between", "card", "--and", "archive")
    assert done.returncode == 0, done.stderr
    assert "4 files and 3 others compared: 3 have a copy there" in done.stdout
    assert "=new.jpg" not in done.stdout
    answer = json.loads(run(base, "report", "--between", "card", "--and", "archive", "--format", "json").stdout)
    assert (answer["files_a"], answer["files_b"]) == (4, 3)
    assert [Path(pair["a"]).name for pair in answer["pairs"]] == ["=2.jpg", "same.jpg", "small.jpg"]
    rows = list(
        csv.DictReader(
            io.StringIO(run(base, "report", "--between", "card", "--and", "archive", "--format", "csv").stdout)
        )
    )
    assert [row["verdict"] for row in rows] == [pair["verdict"] for pair in answer["pairs"]]


def test_a_leak_fails_a_script_that_asks(base: Path) -> None:
    """Prevents: a test set that is trained on, and nobody knows."""
    assert run(base, "report", "--between", "card", "--and", "archive", "--fail-on-duplicates").returncode == 1


def test_one_folder_alone_is_said_to_be_one(base: Path) -> None:
    """Prevents: a report of everything, where a person forgot the half of a question."""
    assert run(base, "report", "--between", "card").returncode == 2
    assert run(base, "report", "--between", "card", "--and", "nope").returncode == 2
