"""docs/commands.md is generated where it can be, and held where it cannot: help texts, fields, exit codes."""

from __future__ import annotations

import ast
import dataclasses
import re
import subprocess
import sys
from pathlib import Path

from imgindex import acts, errors, results
from imgindex.records import Loss
from imgindex.ui import as_between, as_csv
from imgindex.ui.cli import app

ROOT = Path(__file__).resolve().parents[2]
COMMANDS_MD = ROOT / "docs" / "commands.md"
BLOCK = re.compile(r"<!-- help[^>]*-->\n.*?<!-- /help -->", re.DOTALL)

AS_THEY_ARE = (
    results.Counts, results.IndexSummary, results.IngestSummary, results.VerifySummary, results.WeighSummary,
    results.Finding, results.Status, results.RootStatus, results.LeftAlone, results.Region, Loss, acts.ApplySummary,
    acts.Acted, acts.LeftOut, acts.UndoSummary, acts.RunStatus, acts.Trace,
)  # fmt: skip
"""What is printed with all its fields by their names."""


def commands() -> list[str]:
    """Every command that there is, in the order in which the program lists them."""
    return [command.name or command.callback.__name__ for command in app.registered_commands if command.callback]


def help_block() -> str:
    parts = []
    for command in commands():
        done = subprocess.run(
            [sys.executable, "-m", "imgindex", command, "--help"],
            capture_output=True, text=True, check=True, env={"COLUMNS": "110", "PATH": "", "TERMINAL_WIDTH": "110"},
        )  # fmt: skip
        parts.append(f"### imgindex {command}\n\n```\n{done.stdout.strip()}\n```\n")
    return "<!-- help: generated, a test compares it -->\n" + "\n".join(parts) + "<!-- /help -->"


def test_the_help_is_that_of_the_program() -> None:
    """Prevents: an option that is told otherwise than it is, or not at all.

    Regenerate with: python -m tests.docs.test_commands
    """
    assert BLOCK.findall(COMMANDS_MD.read_text()) == [help_block()]


def test_every_field_is_explained() -> None:
    """Prevents: a field that programs read and nobody may rely on, since it stands nowhere."""
    fields = COMMANDS_MD.read_text().split("## Fields")[1].split("## Options")[0]
    told = set(re.findall(r"`([\w.-]+)`", fields))
    sources = [ast.parse((ROOT / "imgindex" / "ui" / name).read_text()) for name in ("as_json.py", "as_between.py")]
    written = {
        key.value
        for source in sources
        for node in ast.walk(source)
        if isinstance(node, ast.Dict)
        for key in node.keys
        if isinstance(key, ast.Constant) and isinstance(key.value, str)
    }
    assert len(written) > 50
    for kind in AS_THEY_ARE:
        written |= {field.name for field in dataclasses.fields(kind)}
    assert sorted({*written, *as_csv.COLUMNS, *as_between.COLUMNS} - told) == [], "name them in docs/commands.md"


def test_every_exit_code_is_explained() -> None:
    """Prevents: a script that takes one failure for another."""
    table = COMMANDS_MD.read_text().split("## Exit codes")[1].split("## Fields")[0]
    codes = {int(code) for row in re.findall(r"(?m)^\| ([\d, ]+) \|", table) for code in row.split(",")}
    kinds = [errors.ImgIndexError, *errors.ImgIndexError.__subclasses__()]
    assert codes == {0, 1, errors.UNFORESEEN, 130, 143, *(kind.exit_code for kind in kinds)}


if __name__ == "__main__":
    COMMANDS_MD.write_text(BLOCK.sub(lambda _: help_block(), COMMANDS_MD.read_text()))
