"""Compiles `imgindex/native/*.c` when the package is built or installed; hatchling calls it.

The compiler is the system's (`cc`, or what CC names); where there is none, the one in the `ziglang` wheel. On x86-64
the same sources are compiled twice, for every processor and for those with AVX2; `imgindex.native` loads what fits.
"""

from __future__ import annotations

import hashlib
import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = (
    "-std=c99", "-O3", "-fopenmp-simd", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fPIC",
    "-shared", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-fvisibility=hidden",
)  # fmt: skip
LIBRARIES: dict[str, tuple[str, ...]] = {"kernels.so": ()}
if platform.machine().lower() in ("x86_64", "amd64"):
    LIBRARIES["kernels-avx2.so"] = ("-mavx2", "-mfma")

ZIG = (sys.executable, "-m", "ziglang", "cc", "-mcpu=baseline")
"""It compiles for the processor that it runs on, unless told otherwise."""

NO_COMPILER = ["ziglang>=0.13"]


def system_compiler() -> list[str] | None:
    """The command line of the system's C compiler; None where it has none."""
    command = shlex.split(os.environ.get("CC", "cc"))
    return command if command and shutil.which(command[0]) else None


def compile_libraries(sources: Path, into: Path) -> list[Path]:
    """Compile the C files of a folder for each kind of processor. Raises RuntimeError as `compile_library` does."""
    return [compile_library(sources, into / name, more) for name, more in LIBRARIES.items()]


def compile_library(sources: Path, library: Path, more: Sequence[str]) -> Path:
    """Compile the C files of a folder with some more flags; the library says of which sources it is. Raises
    RuntimeError with what the compiler said."""
    code = sorted(sources.glob("*.[ch]"))
    digest = hashlib.sha256(b"".join(path.read_bytes() for path in code)).hexdigest()
    flags = [*FLAGS, f'-DSOURCES_SHA256="{digest}"', *more]
    units = [str(path) for path in code if path.suffix == ".c"]
    with tempfile.TemporaryDirectory(dir=library.parent) as unfinished:
        made = Path(unfinished) / library.name
        command = [*(system_compiler() or ZIG), *flags, *units, "-o", str(made), "-lm"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode:
            raise RuntimeError(f"{shlex.join(command)} failed:\n{done.stderr}")
        os.replace(made, library)
    return library


class NativeBuildHook(BuildHookInterface[Any]):
    """An editable installation uses the libraries beside their sources; a wheel gets its own from another folder."""

    PLUGIN_NAME = "native"

    def dependencies(self) -> list[str]:
        return [] if self.target_name == "sdist" or system_compiler() else NO_COMPILER

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "sdist":
            return
        sources = Path(self.root) / "imgindex" / "native"
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
        if version == "editable":
            compile_libraries(sources, sources)
            return
        self._folder = tempfile.TemporaryDirectory()
        for library in compile_libraries(sources, Path(self._folder.name)):
            build_data["force_include"][str(library)] = f"imgindex/native/{library.name}"

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:
        if hasattr(self, "_folder"):
            self._folder.cleanup()
