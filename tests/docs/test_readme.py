"""The README and the guide are run, not believed; and they lead somewhere."""

from __future__ import annotations

import re
import urllib.parse
from pathlib import Path

import pytest

from tests.helpers.pictures import reduced, save, scene

ROOT = Path(__file__).resolve().parents[2]
README = ROOT / "README.md"
DOCUMENTS = [README, ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def test_the_python_blocks_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    save(scene(1), tmp_path / "photos" / "first.jpg")
    save(reduced(tmp_path / "photos" / "first.jpg", (120, 90)), tmp_path / "photos" / "second.jpg")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for document in (README, ROOT / "docs" / "guide.md"):
        for block in re.findall(r"```python\n(.*?)```", document.read_text(), re.DOTALL):
            exec(compile(block, document.name, "exec"), names)
    printed = capsys.readouterr().out
    assert "2 new images" in printed
    assert f"keep {tmp_path}/photos/" in printed
    assert "near-duplicate" in printed
    assert printed.endswith("\n100.0\n")


def test_the_readme_is_read_to_its_end() -> None:
    """Prevents: a first page that nobody reads, since it says everything."""
    assert len(README.read_text().splitlines()) <= 150


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_what_is_there(document: Path) -> None:
    """Prevents: a link to a file or a heading that has moved."""
    for link in re.findall(r"\]\(([^)]+)\)", document.read_text()):
        address = urllib.parse.urlsplit(link)
        if address.scheme:
            continue
        target = (document.parent / address.path).resolve() if address.path else document
        assert target.exists(), link
        if address.fragment:
            headings = re.findall(r"(?m)^#+ (.+)$", target.read_text())
            assert address.fragment in {re.sub(r"[^\w -]", "", h).lower().replace(" ", "-") for h in headings}, link


def test_every_number_of_the_readme_is_among_what_was_measured() -> None:
    """Prevents: a number that nobody can reproduce."""
    measured = (ROOT / "docs" / "measurements.md").read_text()
    shown = re.findall(r"\d[\d,.]*(?: %|,\d{3})", README.read_text())
    assert shown
    assert [number for number in shown if number not in measured] == []
