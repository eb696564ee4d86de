"""imgindex: finds duplicate pictures and proves it.

import imgindex

with imgindex.open("my.store") as images:
    images.index(["photos"])
    for match in images.query("holiday.jpg", k=5):
        print(match.score, match.path)
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from imgindex.api import ImageIndex, InlineWorkers, WorkerProcesses, compare, open

__version__ = "0.1.0"
__all__ = ["ImageIndex", "InlineWorkers", "WorkerProcesses", "compare", "open"]


def __getattr__(name: str) -> Any:
    """The API is loaded when it is used: importing numpy and OpenCV for `imgindex --help` would be waste."""
    if name in __all__:
        from imgindex import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
