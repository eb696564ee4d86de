"""Apply and undo that are killed: see scripts/crash_acts.py, of which this is a short run."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


def test_kills_inside_apply_and_undo_lose_nothing() -> None:
    """SIGKILL between any two calls that change a disk: no content without a file, and both `apply` again and `undo`
    end as if nothing had happened."""
    command = [sys.executable, ROOT / "scripts" / "crash_acts.py", ROOT / "tests" / "photos", "--limit", "1"]
    done = subprocess.run(
        [*map(str, command), "--kills", "12", "--undo-kills", "6", "--seed", "1"],
        capture_output=True, text=True, check=False, timeout=900,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    assert re.search(r"^12 kills inside apply and 6 inside undo", done.stdout, re.MULTILINE)
