"""Compiles `imgindex/native/*.c` when the package is built or installed; hatchling calls it.

The compiler is the system's (`cc`, or what CC names); where there is none, the one in the `ziglang` wheel. On x86-64
the same sources are compiled twice, for every processor and for those with AVX2; `imgindex.native` loads what fits.
"""

from __future__ import annotations

import os
import platform
import shlex
import shutil
import subprocess
import sys
import sysconfig
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

FLAGS = (
    "-std=c99", "-O3", "-fopenmp-simd", "-ffp-contract=fast", "-fno-math-errno", "-fno-trapping-math", "-fPIC",
    "-shared", "-Wall", "-Wextra", "-Wno-unknown-pragmas", "-fvisibility=hidden",
)  # fmt: skip
AVX2_FLAGS = ("-mavx2", "-mfma")
X86_64 = ("x86_64", "amd64")

NO_COMPILER = ["ziglang>=0.13"]


def system_compiler() -> list[str] | None:
    """The command line of the system's C compiler; None where it has none."""
    command = shlex.split(os.environ.get("CC", "cc"))
    return command if command and shutil.which(command[0]) else None


def compile_library(sources: list[Path], library: Path, flags: tuple[str, ...] = ()) -> None:
    """Raises RuntimeError with what the compiler said."""
    compiler = system_compiler() or [sys.executable, "-m", "ziglang", "cc"]
    unfinished = library.with_suffix(".unfinished")
    command = [*compiler, *FLAGS, *flags, *map(str, sources), "-o", str(unfinished), "-lm"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"{shlex.join(command)} failed:\n{done.stderr}")
    os.replace(unfinished, library)


class NativeBuildHook(BuildHookInterface[Any]):
    """Builds the libraries beside their sources, which are what an editable installation uses, and packs them."""

    PLUGIN_NAME = "native"

    def dependencies(self) -> list[str]:
        return [] if self.target_name == "sdist" or system_compiler() else NO_COMPILER

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        if self.target_name == "sdist":
            return
        folder = Path(self.root) / "imgindex" / "native"
        sources = sorted(folder.glob("*.c"))
        compile_library(sources, folder / "kernels.so")
        if platform.machine().lower() in X86_64:
            compile_library(sources, folder / "kernels-avx2.so", AVX2_FLAGS)
        build_data["artifacts"] += ["/imgindex/native/*.so"]
        build_data["pure_python"] = False
        build_data["tag"] = f"py3-none-{sysconfig.get_platform().replace('-', '_').replace('.', '_')}"
