"""Calls every kernel with arguments that a caller gets wrong: other dtypes, shapes, orders, lengths, numbers, indices,
and values that are no numbers. Each call gives a result, or raises TypeError, ValueError or MemoryError; where an
argument is wrong for certain it raises.

    python scripts/fuzz_native.py --calls 100000                what is compiled beside the sources
    python scripts/fuzz_native.py --calls 100000 --sanitize     compiled for AddressSanitizer, by gcc or clang
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from imgindex.native import library
from imgindex.native.signatures import SIGNATURES, Array, Bound, Integer, Must, Real, Signature

FOLDER = "IMGINDEX_FUZZED"
"""Where the library for AddressSanitizer is, in the process that has it loaded before all others."""

SANITIZED = ("-O1", "-g", "-fno-omit-frame-pointer", "-fsanitize=address")

SIDES = (1, 2, 3, 5, 7, 8, 9, 16, 17, 31, 40)
FOREIGN = ("bool", "int8", "uint8", "int16", "int32", "int64", "float16", "float32", "float64", ">f4", ">f8", "O")
NO_NUMBERS = (float("nan"), float("inf"), -float("inf"), 1e300, -1e300, 1e-300, 3e38, 0.0, -0.0)
NO_WHOLE_NUMBERS = (-(1 << 31), 1 << 31, 1 << 40, 1.5, float("nan"), None, "1", [1])
NO_FINITE_NUMBERS = (float("nan"), float("inf"), -1.0, 1e39, None, [1.0], "one")

LARGEST_TRIED = 40
"""Greater numbers that are in range would only take time."""


def hostile_calls(kernels: library.Kernels, calls: int, seed: int) -> dict[str, tuple[int, int]]:
    """How many calls of each kernel were made, and how many of them raised. Raises AssertionError where one gave a
    result of arguments that are wrong, and whatever else one raised."""
    rng = np.random.default_rng(seed)
    counts = {signature.name: [0, 0] for signature in SIGNATURES}
    with np.errstate(all="ignore"):
        for at in range(calls):
            signature = SIGNATURES[at % len(SIGNATURES)]
            arguments = valid(signature, kernels, rng)
            names = rng.choice(list(arguments), int(rng.integers(0, 3)), replace=False).tolist()
            wrong = [spoil(signature, name, arguments, rng) for name in names]
            counts[signature.name][0] += 1
            try:
                getattr(kernels, signature.name)(*arguments.values())
            except (TypeError, ValueError, MemoryError):
                counts[signature.name][1] += 1
            else:
                assert not any(wrong), f"{signature.name} took {arguments}: {wrong}"
    return {name: (made, raised) for name, (made, raised) in counts.items()}


def valid(signature: Signature, kernels: library.Kernels, rng: np.random.Generator) -> dict[str, Any]:
    """Arguments in range, by name."""
    if signature.name == "offsets":
        return windows_of(kernels, rng)
    sizes: dict[str, Any] = {"min": min}
    least = {one.name: one.least for one in signature.arguments if isinstance(one, Bound)}
    made: dict[str, Any] = {}
    for one in signature.arguments:
        if isinstance(one, Array) and one.way != "out":
            made[one.name] = array_of(one, [size_of(size, sizes, least, rng) for size in one.sizes], sizes, rng)
        elif isinstance(one, Integer):
            most = min(int(eval(str(one.most), {}, sizes)), LARGEST_TRIED)
            made[one.name] = sizes[one.name] = int(rng.integers(one.least, max(most, one.least) + 1))
        elif isinstance(one, Real):
            made[one.name] = float(rng.choice((0.0, 0.3, 1.0, 20.0)))
    return made


def windows_of(kernels: library.Kernels, rng: np.random.Generator) -> dict[str, Any]:
    """Arguments of `offsets`, which are results of `windows`."""
    (offsets,) = (one for one in SIGNATURES if one.name == "offsets")
    names = [one.name for one in offsets.arguments if not isinstance(one, Bound | Must) and one.name != "shifts"]
    (windows,) = (one for one in SIGNATURES if one.name == "windows")
    results = [one.name for one in windows.arguments if isinstance(one, Array) and one.way == "out"]
    while True:
        before = valid(windows, kernels, rng)
        if 2 * before["step"] <= min(before["a"].shape):
            break
    count, *filled = kernels.windows(*before.values())
    known = {**dict(zip(results, filled, strict=True)), "asked": rng.random(count) < 0.5, "step": before["step"]}
    known |= {"gain": float(known["gain"][0]) if np.isfinite(known["gain"][0]) else 1.0}
    return {name: known.get(name, 4.0) for name in names}


def size_of(size: int | str, sizes: dict[str, Any], least: dict[str, int], rng: np.random.Generator) -> int:
    if isinstance(size, str) and size.isidentifier() and size not in sizes:
        smallest = least.get(size, 0)
        sizes[size] = int(rng.choice([smallest, *(side for side in SIDES if side >= smallest)]))
        if size == "channels":
            sizes[size] = int(rng.integers(1, 5))
    return int(eval(str(size), {}, sizes))


def array_of(one: Array, shape: list[int], sizes: dict[str, Any], rng: np.random.Generator) -> NDArray[Any] | None:
    if one.nullable and rng.random() < 0.3:
        return None
    if one.below:
        return np.stack([rng.integers(0, sizes[name], shape[0]) for name in one.below], axis=1).astype(one.dtype)
    if one.dtype == "bool":
        return rng.random(shape) < 0.6
    if one.dtype == "uint8":
        return rng.integers(0, 256, shape, np.uint8)
    values = np.asarray(rng.normal(0.0, float(rng.choice((1.0, 100.0))), shape), one.dtype)
    if rng.random() < 0.3:
        values[rng.random(shape) < rng.choice((0.05, 1.0))] = np.asarray(rng.choice(NO_NUMBERS)).astype(one.dtype)
    return values


def spoil(signature: Signature, name: str, arguments: dict[str, Any], rng: np.random.Generator) -> bool:
    """Puts something else in place of an argument; whether that must not be taken."""
    given = {one.name: one for one in signature.arguments if not isinstance(one, Bound | Must)}
    one, value = given[name], arguments[name]
    if isinstance(one, Array):
        arguments[name], is_wrong = spoilt_array(one, value, rng)
    elif isinstance(one, Integer):
        most = one.most if isinstance(one.most, int) else 1 << 31
        arguments[name], is_wrong = _one_of((one.least - 1, most + 1, *NO_WHOLE_NUMBERS), rng), True
        if rng.random() < 0.2:
            arguments[name], is_wrong = np.int64(min(most, LARGEST_TRIED)), False
    else:
        arguments[name], is_wrong = _one_of(NO_FINITE_NUMBERS, rng), True
    return is_wrong


def _one_of(things: Sequence[object], rng: np.random.Generator) -> object:
    return things[int(rng.integers(len(things)))]


def spoilt_array(one: Array, value: NDArray[Any] | None, rng: np.random.Generator) -> tuple[Any, bool]:
    """Another thing than that array, and whether it must not be taken."""
    if not isinstance(value, np.ndarray):
        return ("no array", True) if value is None or rng.random() < 0.5 else (None, not one.nullable)
    choice = int(rng.integers(8))
    if choice == 0:
        kind = np.dtype(str(rng.choice([kind for kind in FOREIGN if np.dtype(kind) != np.dtype(one.dtype)])))
        return value.astype(kind), True
    if choice == 1:
        return (value[None], True) if rng.random() < 0.5 else (value.reshape(-1)[0] if value.size else 0.0, True)
    if choice == 2:
        return None, not one.nullable
    if choice == 3:  # another length: wrong unless it gives its name to a size
        axis = int(rng.integers(value.ndim))
        length = int(rng.choice([0, 1, value.shape[axis] + 1, max(0, value.shape[axis] - 1)]))
        return np.resize(value, [length if i == axis else size for i, size in enumerate(value.shape)]), False
    if choice == 4:
        view = np.repeat(value, 2, axis=-1)[..., ::2]
        return view, _is_loose(one, view)
    if choice == 5:
        view = value[::-1] if rng.random() < 0.5 else np.broadcast_to(value[:1], value.shape)
        return view, _is_loose(one, view)
    if choice == 6 and one.below and value.size:
        value = value.copy()
        value.flat[rng.integers(value.size)] = rng.choice([-1, -(1 << 31), 1 << 20, (1 << 31) - 1])
        return value, True
    value = value.copy()
    value.flags.writeable = False
    return value, False


def _is_loose(one: Array, view: NDArray[Any]) -> bool:
    """Whether the values of a view do not follow one another as C reads them."""
    if not one.rows:
        return one.way == "in" and not view.flags.c_contiguous
    return not view[0].flags.c_contiguous or (len(view) > 1 and view.strides[0] < view[0].nbytes)


def sanitized(arguments: list[str]) -> int:
    """The exit code of this script in another process, whose library stops at the first byte that is out of place."""
    from build_native import compile_library, system_compiler

    compiler = system_compiler()
    if compiler is None:
        raise SystemExit("AddressSanitizer needs gcc or clang: set CC")
    with tempfile.TemporaryDirectory() as folder:
        for path in library.FOLDER.glob("*.[ch]"):
            shutil.copy(path, folder)
        compile_library(Path(folder), Path(folder) / "kernels.so", SANITIZED)
        told = subprocess.run([*compiler, "-print-file-name=libasan.so"], check=True, capture_output=True, text=True)
        environment = {"LD_PRELOAD": told.stdout.strip(), "ASAN_OPTIONS": "detect_leaks=0", FOLDER: folder}
        command = [sys.executable, __file__, *arguments]
        return subprocess.run(command, env={**os.environ, **environment}, check=False).returncode


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--calls", type=int, default=20_000)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--sanitize", action="store_true")
    asked = parser.parse_args()
    if asked.sanitize:
        return sanitized(["--calls", str(asked.calls), "--seed", str(asked.seed)])
    if FOLDER in os.environ:
        library.FOLDER = Path(os.environ[FOLDER])
        names = ["kernels.so"]
    else:
        names = library.usable()
    for name in names:
        counts = hostile_calls(library.Kernels(name), asked.calls, asked.seed)
        print(f"{name}{' under AddressSanitizer' if FOLDER in os.environ else ''}")
        for kernel, (made, raised) in counts.items():
            print(f"  {kernel:16s} {made:8,} calls, {raised:8,} refused")
    return 0


if __name__ == "__main__":
    sys.exit(main())
