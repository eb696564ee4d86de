"""The notebook is run: its cells, in their order, in an empty folder."""

from __future__ import annotations

import json
import sys
import types
from pathlib import Path

import pytest

NOTEBOOK = Path(__file__).resolve().parents[2] / "docs" / "python.ipynb"


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    """Prevents: an example that an engineer copies, and that fails."""
    monkeypatch.chdir(tmp_path)
    notebook = json.loads(NOTEBOOK.read_text())
    module = types.ModuleType("cells_of_the_notebook")
    monkeypatch.setitem(sys.modules, module.__name__, module)  # functions travel to workers by their module's name
    for cell in notebook["cells"]:
        if cell["cell_type"] == "code":
            assert cell["outputs"] == [], "outputs are not committed: they would not be those of today"
            exec(compile("".join(cell["source"]), cell["id"], "exec"), module.__dict__)
    printed = capsys.readouterr().out
    assert "6 new images; 6 files" in printed
    assert "seen.jpg is near-duplicate to 2.jpg - resized 2.00x" in printed
    assert "2.jpg seen.jpg" in printed or "seen.jpg 2.jpg" in printed
    assert "float32[6, 48], profiles> 1 group" in printed
    assert "no such folder is not there" in printed
