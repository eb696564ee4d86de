from __future__ import annotations

import tomllib
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from imgindex.pictures import decode, extras
from tests.tiffs import dng

ROOT = Path(__file__).resolve().parents[1]
PHOTO = Image.fromarray(np.arange(64 * 64 * 3, dtype=np.uint32).astype(np.uint8).reshape(64, 64, 3))
CONTENTS = {"raw": dng(PHOTO), "jxl": b"\xff\x0a" + b"\0" * 60}


@pytest.fixture
def none_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(extras, "installed", lambda library: False)


@pytest.mark.parametrize("extra", CONTENTS)
def test_the_skip_says_what_to_install(extra: str, none_installed: None) -> None:
    """Prevents a photo from being called damaged, or a person from being sent to convert it, for want of a decoder."""
    with pytest.raises(decode.Undecodable) as caught:
        decode.decode(CONTENTS[extra], short_side_px=64)
    assert caught.value.skip.reason == "not-installed"
    assert f'pip install "imgindex[{extra}]"' in caught.value.skip.detail


def test_skipped_files_are_tried_again_once_a_decoder_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents files from staying skipped after their owner did what the sentence said."""
    before = decode.version()
    monkeypatch.setattr(extras, "versions", lambda: ["0.1", ""])
    one = decode.version()
    monkeypatch.setattr(extras, "versions", lambda: ["0.1", "0.2"])
    assert len({before, one, decode.version()}) == 3


def test_every_extra_is_declared_tested_and_in_all() -> None:
    """Prevents a sentence that names an extra which pip does not know, and scripts that leave one out."""
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    constraints = (ROOT / "constraints.txt").read_text()
    for extra in extras.EXTRAS.values():
        assert any(line.startswith(extra.library) for line in declared[extra.name])
        assert f"\n{extra.library}==" in constraints
        assert extra.name in declared["all"][0]
    for environment in ("demo", "test"):
        assert "imgindex[all]" in declared[environment]
