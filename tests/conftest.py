"""Real photos and real CLIP weights, where they are at hand; tests that need them skip with a reason elsewhere."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SHARED = Path(os.environ.get("IMGINDEX_SHARED", Path(__file__).resolve().parents[2] / "shared"))


@pytest.fixture(scope="session")
def photos() -> Path:
    """The folder of labelled real photos."""
    folder = Path(os.environ.get("IMGINDEX_PHOTOS", SHARED / "photos"))
    if not folder.is_dir():
        pytest.skip("the labelled photos are not here; IMGINDEX_PHOTOS names their folder")
    return folder


@pytest.fixture(scope="session")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Real CLIP ViT-B/16 weights (image tower) as a folder that sentence-transformers loads offline."""
    unpack = SHARED / "clip-vit-b16" / "unpack.py"
    if not unpack.is_file():
        pytest.skip("the packed CLIP ViT-B/16 weights are not here; IMGINDEX_SHARED names their parent folder")
    out = Path(os.environ.get("IMGINDEX_CLIP_FOLDER", tmp_path_factory.getbasetemp() / "clip-vit-b16"))
    subprocess.run([sys.executable, str(unpack), str(out)], check=True, capture_output=True)
    return out
