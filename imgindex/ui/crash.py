"""What nobody foresaw: its traceback goes to a file, and a person gets one sentence that says where that is."""

from __future__ import annotations

import os
import sys
import tempfile
import traceback
from pathlib import Path

from imgindex import __version__, clock
from imgindex.errors import last_line


def sentence(error: BaseException, store: Path | None) -> str:
    """Write the traceback into the store's directory, or where that is not possible the one for temporary files; what
    happened, and where it is."""
    text = (
        f"imgindex {__version__}, Python {sys.version.split()[0]}, {sys.platform}\n"
        f"{' '.join(sys.argv)}\n\n{''.join(traceback.format_exception(error))}"
    ).encode("utf-8", "backslashreplace")
    where = _written(text, [] if store is None else [store])
    rest = f"the traceback is in {where}" if where else "its traceback could not be written"
    return f"imgindex failed in a way that nobody foresaw ({_short(error)}); {rest}. Please report this as a bug."


def _short(error: BaseException) -> str:
    said = " ".join(last_line(error).split())
    return f"{type(error).__name__}: {said[:200]}"


def _written(text: bytes, folders: list[Path]) -> str:
    """The new file that has the text; empty where none could be written."""
    for folder in (*folders, None):
        try:
            path = (folder or Path(tempfile.gettempdir())) / f"imgindex-error-{clock.now_s()}-{os.getpid()}.txt"
            with path.open("xb") as file:
                file.write(text)
        except OSError:
            continue
        return str(path)
    return ""
