"""Building and loading the compiled libraries."""

from __future__ import annotations

import shutil
from pathlib import Path
from types import ModuleType

import pytest

from imgindex.native import library
from tests.helpers.script_modules import script_module


def test_a_library_that_was_not_compiled_says_how_to_get_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a traceback of ctypes for whoever runs a checkout without installing it."""
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    with pytest.raises(ImportError, match="pip install"):
        library.Kernels("kernels.so")


def test_a_library_of_other_sources_is_not_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a checkout that was updated and calls last month's functions with other arguments."""
    for path in library.FOLDER.iterdir():
        if path.is_file():
            shutil.copy(path, tmp_path)
    monkeypatch.setattr(library, "FOLDER", tmp_path)
    library.Kernels("kernels.so")
    with (tmp_path / "sift.c").open("a") as source:
        source.write("\n")
    with pytest.raises(ImportError, match="other sources"):
        library.Kernels("kernels.so")


@pytest.fixture(scope="module")
def build() -> ModuleType:
    return script_module("build_native")


def test_a_failed_build_shows_what_the_compiler_said(build: ModuleType, tmp_path: Path) -> None:
    """Prevents: an installation that ends in an exit code, or that leaves half a library to be loaded."""
    if build.system_compiler() is None:
        pytest.skip("no C compiler here")
    (tmp_path / "broken.c").write_text("int f( {")
    with pytest.raises(RuntimeError, match=r"broken\.c"):
        build.compile_libraries(tmp_path, tmp_path)
    assert [path.name for path in tmp_path.iterdir()] == ["broken.c"]
