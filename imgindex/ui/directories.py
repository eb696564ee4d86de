"""Where the store is."""

from __future__ import annotations

import os
from pathlib import Path

STORE_VARIABLE = "IMGINDEX_STORE"
"""An empty one counts as not set."""


def store_directory(named: Path | None = None) -> Path:
    """The store: as named, else `IMGINDEX_STORE`, else in the user's data directory."""
    if named is not None:
        return named
    if variable := os.environ.get(STORE_VARIABLE):
        return Path(variable)
    import platformdirs

    return Path(platformdirs.user_data_dir("imgindex", appauthor=False))
