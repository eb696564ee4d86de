"""Which files and folders a person wants looked at: patterns as in a .gitignore file.

They are named on the command line, written in the settings, or stand in a file IGNORE_FILE of any indexed folder, then
for what is in it. RE2 matches them, in time that grows with the length of a name and of a pattern only: a pattern from
a folder that somebody shared cannot keep a run from its end.
"""

from __future__ import annotations

import os
import re
import warnings
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

import re2
from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

from imgindex import files
from imgindex.errors import UsageError
from imgindex.files import display

IGNORE_FILE = b".imgindexignore"

MAX_IGNORE_FILE_BYTES = 1 << 20
"""Some 50,000 lines; more is no file of patterns that a person wrote."""

TOGETHER = 50
"""Patterns asked at once, before it is asked which of them it was: most paths match none. 6 us, and not for each."""

_SUFFIX = re.compile(r"(?<=\.)[0-9A-Za-z*?]+(?=/?$)")
"""What follows the last dot of a pattern, where no bracket or escape is in it."""


@dataclass(frozen=True, slots=True)
class _Line:
    text: str
    leaves_out: bool
    regex: str
    matcher: Any


class Patterns:
    """Lines of which the last one that matches decides; one that begins with ! takes back what those before it say."""

    def __init__(self, lines: Iterable[str]) -> None:
        """Raises UsageError for a line that is no pattern, or can match nothing."""
        self._lines = [_compiled(line) for line in lines]
        parts = [self._lines[at : at + TOGETHER] for at in range(0, len(self._lines), TOGETHER)]
        self._any_of = [_matcher("|".join(f"(?:{line.regex})" for line in part)) for part in parts]

    def deciding(self, relative: str) -> tuple[str, bool] | None:
        """(the line that decides on this path, whether it matched without a !); None where no line matches.

        The path is relative to where the patterns stand, that of a folder ends with a slash.
        """
        if not any(matcher.search(relative) for matcher in self._any_of):
            return None
        for line in reversed(self._lines):
            if line.matcher.search(relative):
                return line.text, line.leaves_out
        return None


def read_patterns(folder: bytes) -> Patterns | None:
    """Those of the IGNORE_FILE in a folder; None where there is none. Raises OSError, Skipped or UsageError where there
    is one that cannot be understood: what it says of the folder is not known then."""
    try:
        data, _ = files.read_stable(os.path.join(folder, IGNORE_FILE), max_bytes=MAX_IGNORE_FILE_BYTES)
    except FileNotFoundError:
        return None
    lines = data.removeprefix(b"\xef\xbb\xbf").decode("utf-8", "replace").splitlines()
    return Patterns(line for line in lines if line.strip() and not line.startswith("#"))


def _compiled(line: str) -> _Line:
    try:
        with warnings.catch_warnings(action="ignore"):  # of the module re, which does not match them
            pattern = GitIgnoreSpecPattern(_any_case(line))
        if pattern.regex is None or pattern.include is None:
            raise ValueError("it can match nothing")
        regex = pattern.regex.pattern.replace("(?P<ps_d>/)", "/")
        return _Line(line, pattern.include, regex, _matcher(regex))
    except (ValueError, re.error, re2.error) as error:
        why = f" ({error})" if str(error).startswith("it ") else ""
        raise UsageError(
            f"The pattern {display(os.fsencode(line)) or 'that is empty'} cannot be used{why}; "
            "patterns are written as in a .gitignore file."
        ) from error


def _matcher(regex: str) -> Any:
    options = re2.Options()
    options.dot_nl = True  # a name may have a line break
    options.log_errors = False  # what is wrong with a pattern is said in a sentence
    return re2.compile(regex, options)


def _any_case(line: str) -> str:
    """The pattern with a suffix that matches in capitals, too: cameras write .JPG, programs .jpg."""
    line = line.rstrip() if not line.rstrip().endswith("\\") else line
    return _SUFFIX.sub(lambda found: "".join(map(_both_cases, found[0])), line)


def _both_cases(character: str) -> str:
    return f"[{character.lower()}{character.upper()}]" if character.isalpha() else character


def matchable(path: bytes) -> str:
    """A path as text; bytes that are no text are matched by * and ? only."""
    return path.decode("utf-8", "replace")


@dataclass(frozen=True, slots=True)
class LeftOut:
    """Why something is left out: a short token, and the pattern that says so, where one does."""

    reason: str
    pattern: str = ""


class Rules:
    """What holds in one folder: the patterns of the run, those of its IGNORE_FILE and of the folders above it, and that
    hidden folders are left out. Of these the first that has a line on a path decides."""

    def __init__(self, root: bytes, include: Sequence[str], exclude: Sequence[str]) -> None:
        self._root = root
        self._include = Patterns(include) if include else None
        self._exclude = Patterns(exclude) if exclude else None
        self._nested: tuple[tuple[bytes, Patterns], ...] = ()

    def inside(self, folder: bytes) -> Rules:
        """The rules for what is in a folder; raises as `read_patterns` does."""
        own = read_patterns(folder)
        if own is None:
            return self
        rules = Rules(self._root, (), ())
        rules._include, rules._exclude = self._include, self._exclude
        rules._nested = ((folder, own), *self._nested)
        return rules

    def on_folder(self, path: bytes) -> LeftOut | None:
        """Why a folder is left out with all that is in it; None where it is not."""
        return self._decision(path, "/", is_hidden=os.path.basename(path).startswith(b"."))

    def on_file(self, path: bytes) -> LeftOut | None:
        """Why a file is left out; None where it is not."""
        found = self._decision(path, "", is_hidden=False)
        if found is None and self._include is not None:
            decided = self._include.deciding(_relative(path, self._root))
            return None if decided is not None and decided[1] else LeftOut("not-included")
        return found

    def _decision(self, path: bytes, end: str, *, is_hidden: bool) -> LeftOut | None:
        run = () if self._exclude is None else ((self._root, self._exclude),)
        for at, (base, patterns) in enumerate((*run, *self._nested)):
            decided = patterns.deciding(_relative(path, base) + end)
            if decided is not None:
                reason = "excluded" if at < len(run) else "ignore-file"
                return LeftOut(reason, decided[0]) if decided[1] else None
        return LeftOut("hidden") if is_hidden else None


def _relative(path: bytes, folder: bytes) -> str:
    return matchable(path[len(folder.rstrip(b"/")) + 1 :])
