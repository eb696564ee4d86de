"""What is printed: answers on standard output, complaints on standard error."""

from __future__ import annotations

import contextlib
import os
import sys

from imgindex.errors import UsageError


def emit(text: str) -> bool:
    """Print an answer and say whether all of it was taken; a reader who has seen enough (`| head`) is no error."""
    if sys.stdout is None:
        raise UsageError("The answer could not be written: standard output is closed.")
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return False
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UsageError(f"The answer could not be written: {error.strerror}.") from error
    return True


def agreed(question: str) -> bool:
    """Whether a person at the terminal says yes."""
    print(f"{question} [y/N] ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().lower() in ("y", "yes")


def complain(sentence: str) -> None:
    with contextlib.suppress(OSError):  # who does not listen still gets the exit code
        print(sentence, file=sys.stderr, flush=True)
