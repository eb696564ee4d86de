"""The compiled library for this processor."""

from __future__ import annotations

import ctypes
import functools
import hashlib
import platform
from pathlib import Path

import cv2
import numpy as np

from imgindex.native.border import Kernel, checked
from imgindex.native.signatures import SIGNATURES

MISSING = "imgindex's compiled part is missing or outdated; install it again: pip install --editable ."

AVX2, FMA3 = 11, 12
"""Of OpenCV's `CpuFeatures`, which its Python does not name."""

FOLDER = Path(__file__).parent


def usable() -> list[str]:
    """The libraries that are compiled for what this processor has, the fastest first."""
    found = ["kernels.so"]
    if platform.machine().lower() in ("x86_64", "amd64") and all(map(cv2.checkHardwareSupport, (AVX2, FMA3))):
        found.insert(0, "kernels-avx2.so")
    return found


dense = np.ascontiguousarray
"""For what may be a view, as a polygon the other way round is, or a picture turned: the border takes no view."""


@functools.cache
def kernels() -> Kernels:
    """The fastest library for this processor. Raises ImportError as `Kernels` does."""
    return Kernels(usable()[0])


class Kernels:
    """A compiled library, each kernel as `border` makes it: `Kernels(name).sift(...)`.

    Raises ImportError where there is none, or one of other sources than lie here.
    """

    def __init__(self, name: str) -> None:
        code = b"".join(path.read_bytes() for path in sorted(FOLDER.glob("*.[ch]")))
        try:
            loaded = ctypes.CDLL(str(FOLDER / name))
            loaded.imgindex_fingerprint.restype = ctypes.c_char_p
            compiled = loaded.imgindex_fingerprint()
        except (OSError, AttributeError) as error:
            raise ImportError(f"{MISSING} ({error})") from error
        if compiled != hashlib.sha256(code).hexdigest().encode():
            raise ImportError(f"{MISSING} ({name} was compiled from other sources)")
        for one in SIGNATURES:
            setattr(self, one.name, checked(loaded[f"imgindex_{one.name}"], one))

    def __getattr__(self, name: str) -> Kernel:
        raise AttributeError(f"no kernel is called {name}")
