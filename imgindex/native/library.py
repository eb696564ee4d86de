"""The compiled library for this processor, and how arrays are handed to it."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import platform
from collections.abc import Callable
from pathlib import Path
from typing import Any, TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from imgindex.records import Luma

MISSING = "imgindex's compiled part is missing or outdated; install it again: pip install --editable ."

AVX2, FMA3 = 11, 12
"""Of OpenCV's `CpuFeatures`, which its Python does not name."""

LANES = 8
"""Of `common.h`."""

FOLDER = Path(__file__).parent

T = TypeVar("T", np.uint8, np.float32)


def usable() -> list[str]:
    """The libraries that are compiled for what this processor has, the fastest first."""
    found = ["kernels.so"]
    if platform.machine().lower() in ("x86_64", "amd64") and all(map(cv2.checkHardwareSupport, (AVX2, FMA3))):
        found.insert(0, "kernels-avx2.so")
    return found


@functools.cache
def kernels() -> ctypes.CDLL:
    """The fastest library for this processor. Raises ImportError as `load` does."""
    return load(usable()[0])


def load(name: str) -> ctypes.CDLL:
    """A compiled library. Raises ImportError where there is none, or one of other sources than lie here."""
    code = b"".join(path.read_bytes() for path in sorted(FOLDER.glob("*.[ch]")))
    try:
        loaded = ctypes.CDLL(str(FOLDER / name))
        loaded.imgindex_sources.restype = ctypes.c_char_p
        compiled, lanes = loaded.imgindex_sources(), loaded.imgindex_lanes()
    except (OSError, AttributeError) as error:
        raise ImportError(f"{MISSING} ({error})") from error
    if compiled != hashlib.sha256(code).hexdigest().encode():
        raise ImportError(f"{MISSING} ({name} was compiled from other sources)")
    assert lanes == LANES
    at, whole, real, double = ctypes.c_void_p, ctypes.c_int, ctypes.c_float, ctypes.c_double
    loaded.imgindex_sift.argtypes = [at, whole, whole, whole, real, whole, at, at]
    loaded.imgindex_match.argtypes = [at, at, real, real, whole, at, at]
    loaded.imgindex_vote.argtypes = [at, whole, real, real, real, whole, at]
    loaded.imgindex_leader.argtypes = [at, at, whole, at]
    loaded.imgindex_agree.argtypes = [at, at, real, real, whole, real, real, real, whole]
    loaded.imgindex_lay.argtypes = [at, at, at, at, at, double, whole, whole, double, *[at] * 5]
    loaded.imgindex_windows.argtypes = [at, at, at, whole, whole, at, double, at]
    loaded.imgindex_offsets.argtypes = [at, at, double, double, at]
    loaded.imgindex_straighten.argtypes = [at, at, at, whole, double, at, at, at, at]
    loaded.imgindex_polish.argtypes = [at, whole, at, at, whole, at, at]
    loaded.imgindex_intersect.argtypes = [at, whole, at, whole, double, at, whole]
    loaded.imgindex_reduce.argtypes = [at, whole, whole, whole, whole, at, whole, whole]
    loaded.imgindex_paper.argtypes, loaded.imgindex_paper.restype = [at, at, whole, at], double
    loaded.imgindex_residual_sums.argtypes = [at, whole, at, whole, at, at]
    loaded.imgindex_layout.argtypes, loaded.imgindex_layout.restype = [at, whole, whole, whole, whole, at, at], real
    loaded.imgindex_block_distances.argtypes = [at, at, whole, whole, whole, at]
    loaded.imgindex_products.argtypes = [at, at, at, at, ctypes.c_int64, whole, at]
    loaded.imgindex_content.argtypes = [at, whole, whole, whole, at]
    loaded.imgindex_ordered_products.argtypes = [at, at, at, whole, whole, at]
    loaded.imgindex_least_variance.argtypes = [at, at, whole, whole, whole, at, whole, at]
    loaded.imgindex_mean_ssim.argtypes = [at, at, at, whole, whole, whole, real, real, at]
    loaded.imgindex_even_out.argtypes = [at, whole, whole, whole, real, real, at]
    loaded.imgindex_halves.argtypes = [at, whole, at, at, at, at]
    return loaded


def mask_of(mask: NDArray[np.bool_] | None, luma: Luma) -> NDArray[np.bool_] | None:
    """A mask of this picture, in one piece; None where there is none. Raises ValueError where it has another shape."""
    if mask is None:
        return None
    if mask.shape != luma.shape:
        raise ValueError(f"a mask of {mask.shape} for a picture of {luma.shape}")
    return np.ascontiguousarray(mask, np.bool_)


def address_of(array: NDArray[Any] | None) -> Any:
    """Where the values of an array begin, for C: `array.ctypes.data`, which takes a microsecond, at a third of that
    where the array may be written to and is in one piece. None is C's NULL."""
    if array is None:
        return None
    try:
        return ctypes.addressof(_BYTE_OF(array))
    except (TypeError, ValueError):
        return int(array.ctypes.data)


_BYTE_OF: Callable[[Any], ctypes.c_char] = ctypes.c_char.from_buffer


def of_one_shape(a: NDArray[T], b: NDArray[T], kind: type[T]) -> tuple[NDArray[T], NDArray[T]]:
    """Both pictures, in one piece. Raises ValueError where they have two shapes, or are empty."""
    if a.shape != b.shape or not a.size:
        raise ValueError(f"pictures of two shapes, or empty: {a.shape} and {b.shape}")
    return np.ascontiguousarray(a, kind), np.ascontiguousarray(b, kind)


def check(status: int) -> None:
    """Raises MemoryError where C says that memory is short."""
    if status:
        raise MemoryError
