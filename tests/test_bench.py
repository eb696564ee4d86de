"""The benchmark command: it measures the functions that are there, and says what it measured."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path
from unittest.mock import create_autospec

import pytest

from tests.pictures import save, scene
from tests.tiny_clip import write_tiny_clip

BENCH = Path(__file__).resolve().parents[1] / "scripts" / "bench" / "run.py"


@pytest.fixture(autouse=True)
def scripts_can_be_imported(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.syspath_prepend(str(BENCH.parent))


def test_rate_recall_and_stages_of_a_small_run(tmp_path: Path) -> None:
    """A function that is renamed must not leave its stage at nothing without a word."""
    pytest.importorskip("imagehash")
    for seed in range(3):
        save(scene(seed, 480, 360), tmp_path / "photos" / f"{seed}.jpg")
    done = subprocess.run(
        [sys.executable, BENCH, tmp_path / "photos", "--runs", "1", "--only", "ukbench,stages"],
        capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert "18 files, 45 true pairs" in done.stdout
    assert re.search(r"imgindex, [\d.]+ files/s +recall +[\d.]+% \(\d+ of 45\)", done.stdout)
    assert re.search(r"pHash, [\d.]+ files/s", done.stdout)
    shares = {stage: float(share) for stage, share in re.findall(r"^  (\w+) +([\d.]+)%$", done.stdout, re.MULTILINE)}
    assert 99.0 < sum(shares.values()) < 101.0
    for stage in ("starting", "decoding", "features", "model", "verification", "database"):
        assert shares[stage] > 0.0, stage
    assert "not measured" not in done.stdout


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, BENCH, tmp_path, "--only", "ukbench,speed"], capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert "speed" in done.stderr


def test_the_command_reaches_its_other_scripts(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a part of the command that a change of another script has cut off."""
    import ingest
    import run
    import vectors

    for script in (vectors, ingest):
        monkeypatch.setattr(script, "run", create_autospec(script.run))
    monkeypatch.setattr(sys, "argv", ["bench.py", str(tmp_path), "--only", "vectors,ingest"])
    run.main()
    vectors.run.assert_called_once_with(tmp_path, None)
    ingest.run.assert_called_once_with(tmp_path, None, ingest.Asked(3))


def test_vectors_of_a_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> None:
    import tile_vectors
    import vectors

    for seed in range(30):
        save(scene(seed, 640, 560), tmp_path / "photos" / f"{seed}.jpg")
    monkeypatch.setattr(tile_vectors, "TILES", 120)
    monkeypatch.setattr(tile_vectors, "COPIES", 60)
    monkeypatch.setattr(vectors, "ADDED", 20)
    vectors.run(tmp_path / "photos", None, sizes=(120, 200))
    printed = capfd.readouterr().out
    assert len(re.findall(r"query p50 [\d.]+ ms, p99 [\d.]+ ms", printed)) == 2
    assert len(re.findall(r"\d+ candidates of 20 new images", printed)) == 2
    assert re.search(r"adding 20 to 200 takes [\d.]+ x as long as to 120", printed)


def test_ingest_of_a_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> None:
    import ingest

    save(scene(1, 640, 480), tmp_path / "photos" / "1.jpg")
    ingest.run(tmp_path / "photos", write_tiny_clip(tmp_path / "clip"), ingest.Asked(1, jobs=1), count=2)
    printed = capfd.readouterr().out
    assert re.search(r"2 JPEGs of 4000 x 3000: [\d.]+ files/s", printed)
    assert re.search(r"8 JPEGs of 640 x 480: [\d.]+ files/s", printed)


def test_memory_of_a_small_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture) -> None:
    import run

    for seed in range(3):
        save(scene(seed, 480, 360), tmp_path / "photos" / f"{seed}.jpg")
    monkeypatch.setattr(run, "TILES", (20, 40))
    monkeypatch.setattr(run, "MORE_TILES", 2)
    monkeypatch.setattr(run, "TILE_PX", 64)
    run.memory(tmp_path / "photos", None, 1)
    peaks = re.findall(
        r"^  (?:\d+ files indexed|searched and verified) +(\d+) +(\d+) +(\d+)", capfd.readouterr().out, re.M
    )
    assert peaks and all(int(together) >= int(own) > 50 for own, _, together in peaks)
