"""The README is run, not believed: its Python blocks, its help texts."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.helpers.pictures import reduced, save, scene

README = Path(__file__).resolve().parents[2] / "README.md"
COMMANDS = (
    "index", "nightly", "report", "query", "compare", "plan", "apply", "undo", "runs", "where", "status", "check",
    "backup", "forget", "config",
)  # fmt: skip


def help_texts() -> str:
    parts = []
    for command in COMMANDS:
        done = subprocess.run(
            [sys.executable, "-m", "imgindex", command, "--help"],
            capture_output=True, text=True, check=True, env={"COLUMNS": "110", "PATH": "", "TERMINAL_WIDTH": "110"},
        )  # fmt: skip
        parts.append(done.stdout.strip("\n"))
    return "\n\n".join(parts)


def test_the_python_blocks_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(scene(1), tmp_path / "photos" / "first.jpg")
    save(reduced(tmp_path / "photos" / "first.jpg", (120, 90)), tmp_path / "photos" / "second.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for block in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL):
        exec(compile(block, "README", "exec"), names)
    printed = capsys.readouterr().out
    assert "2 new images" in printed
    assert f"keep {tmp_path}/photos/" in printed
    assert "near-duplicate" in printed
    assert printed.endswith("\n100.0\n")


def test_the_help_in_the_readme_is_that_of_the_program() -> None:
    """Regenerate with: python -m tests.docs.test_readme"""
    [written] = re.findall(r"<!-- help[^>]*-->\n```\n(.*?)\n```\n<!-- /help -->", README.read_text(), re.DOTALL)
    assert written == help_texts()


if __name__ == "__main__":
    text = README.read_text()
    block = f"<!-- help: generated, a test compares it -->\n```\n{help_texts()}\n```\n<!-- /help -->"
    README.write_text(re.sub(r"<!-- help[^>]*-->\n.*?<!-- /help -->", lambda _: block, text, flags=re.DOTALL))
