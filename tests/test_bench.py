"""The benchmark command: it measures the functions that are there, and says what it measured."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.pictures import save, scene

BENCH = Path(__file__).resolve().parents[1] / "scripts" / "bench.py"


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
