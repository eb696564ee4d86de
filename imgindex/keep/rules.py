"""Which image, and which of its files, a person wants to keep: protected folders, then rules in the order of their
weight.

A rule is written as its name, `larger`, or with what it is about, `folder:/photos/sorted`. Rules choose among what is
redundant given each other, so that nothing is lost whichever stays.
"""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass
from typing import TypeAlias

from imgindex.errors import UsageError
from imgindex.files import is_below
from imgindex.keep.order import KeeperKey
from imgindex.records import Seen, StoredImage


@dataclass(frozen=True, slots=True)
class Facts:
    """What a file says beside its pixels: `metadata` as in pictures.whole.Whole, and whether its coder changed them."""

    metadata: Collection[str]
    lossy: bool


@dataclass(frozen=True, slots=True)
class RankedFile:
    """What a rule looks at of one file: itself, the image it shows, and facts, None where they are not known."""

    file: Seen
    image: StoredImage
    facts: Facts | None = None


FORMATS = "RAW,HEIC,JPEG"
"""The order of `format` where none is given with it."""

FORMAT_NAMES = {"HEIC": "HEIF", "HIF": "HEIF", "JPG": "JPEG", "TIF": "TIFF", "JXL": "JPEGXL"}

COPIED = re.compile(rb"(^|[^a-z])(copy|kopie|copie|copia)([^a-z]|$)|\(\d{1,3}\)(\.[^.]*)?$", re.IGNORECASE)
"""Names such as `IMG_1 copy.jpg`, `Copy of IMG_1.jpg`, `IMG_1 - Kopie (2).jpg` and `IMG_1 (1).jpg`."""


def _folder(ranked: RankedFile, about: str) -> int:
    return not is_below(ranked.file.path, os.fsencode(about))


def _format(ranked: RankedFile, about: str) -> int:
    wanted = [FORMAT_NAMES.get(name.strip().upper(), name.strip().upper()) for name in (about or FORMATS).split(",")]
    own = ranked.image.info.format
    return wanted.index(own) if own in wanted else len(wanted)


def _has(entry: str) -> Valued:
    return lambda ranked, _: ranked.facts is None or entry not in ranked.facts.metadata


Valued: TypeAlias = Callable[[RankedFile, str], int]
"""A number of a file for what a rule is about: the smaller, the rather it is kept."""


@dataclass(frozen=True, slots=True)
class RuleKind:
    """A kind of rule: how it values a file, what it is about (empty: nothing), and what it prefers, for a person."""

    value: Valued
    about: str
    prefers: str
    asks_facts: bool = False


KINDS = {
    "folder": RuleKind(_folder, "DIR", "files in this folder"),
    "not-folder": RuleKind(lambda t, about: not _folder(t, about), "DIR", "files that are not in this folder"),
    "format": RuleKind(_format, "NAMES", "RAW before HEIC before JPEG before others, or the order given"),
    "lossless": RuleKind(lambda t, _: t.facts is None or t.facts.lossy, "", "what no coder has changed", True),
    "capture-date": RuleKind(_has("capture date"), "", "what has the date it was taken", True),
    "gps": RuleKind(_has("GPS"), "", "what has the place it was taken at", True),
    "detail": RuleKind(lambda t, _: -t.image.info.pixels, "", "more pixels"),
    "larger": RuleKind(lambda t, _: -t.image.size_bytes, "", "more bytes"),
    "smaller": RuleKind(lambda t, _: t.image.size_bytes, "", "fewer bytes"),
    "oldest": RuleKind(lambda t, _: t.file.mtime_ns, "", "the file changed first"),
    "newest": RuleKind(lambda t, _: -t.file.mtime_ns, "", "the file changed last"),
    "shortest-path": RuleKind(lambda t, _: len(t.file.path), "", "the shortest path"),
    "plain-name": RuleKind(
        lambda t, _: COPIED.search(os.path.basename(t.file.path)) is not None, "", 'a name without "copy" or "(1)"'
    ),
}

OPTIONAL_ABOUT = ("format",)


@dataclass(frozen=True, slots=True)
class Rule:
    """One rule: the name of a kind, and what it is about; a folder is absolute, its links resolved."""

    name: str
    about: str = ""

    @classmethod
    def read(cls, text: str) -> Rule:
        """A rule as a person writes it; UsageError where there is none such."""
        name, colon, about = text.strip().partition(":")
        kind = KINDS.get(name)
        if kind is None:
            raise UsageError(f"There is no keep rule {name!r}; there are {', '.join(map(_written, KINDS))}.")
        if bool(about) != bool(kind.about) and not (name in OPTIONAL_ABOUT and not colon):
            wants = f"is written {_written(name)}" if kind.about else "takes nothing after its name"
            raise UsageError(f"The keep rule {name!r} {wants}; it was given as {text!r}.")
        if kind.about == "DIR":
            about = os.path.realpath(os.path.expanduser(about))
        return cls(name, about)

    def __str__(self) -> str:
        return f"{self.name}:{self.about}" if self.about else self.name

    def value(self, ranked: RankedFile) -> int:
        """The smaller, the rather the file is kept."""
        return int(KINDS[self.name].value(ranked, self.about))


def _written(name: str) -> str:
    return f"{name}:{KINDS[name].about}" if KINDS[name].about else name


@dataclass(frozen=True, slots=True)
class KeepRules:
    """What a person wants kept.

    protected     folders, absolute, links resolved: no file in them ever goes, and each is a keeper
    rules         the first that tells two apart decides
    even_if_lost  follow a rule where what it keeps lacks something, too
    """

    protected: tuple[bytes, ...] = ()
    rules: tuple[Rule, ...] = ()
    even_if_lost: bool = False

    @classmethod
    def read(cls, protected: Iterable[str] = (), rules: Iterable[str] = (), *, even_if_lost: bool = False) -> KeepRules:
        """Folders and rules as a person writes them; UsageError where one is none."""
        folders = tuple(dict.fromkeys(os.fsencode(os.path.realpath(os.path.expanduser(one))) for one in protected))
        return cls(folders, tuple(dict.fromkeys(Rule.read(one) for one in rules)), even_if_lost)

    @property
    def ask_facts(self) -> bool:
        """Whether a rule looks at what a file says beside its pixels."""
        return any(KINDS[rule.name].asks_facts for rule in self.rules)

    def protecting(self, path: bytes) -> bytes | None:
        """The protected folder that a file is in, by its path or by where links lead; None where it is in none."""
        if not self.protected:
            return None
        names = (
            path,
            os.path.join(os.path.realpath(os.path.dirname(path)), os.path.basename(path)),
            os.path.realpath(path),
        )
        return next((folder for folder in self.protected if any(is_below(name, folder) for name in names)), None)

    def values(self, ranked: RankedFile) -> tuple[int, ...]:
        """A number by each rule, the smaller, the rather the file is kept."""
        return tuple(rule.value(ranked) for rule in self.rules)

    def preferred(self, ranked: RankedFile) -> tuple[int, ...]:
        """The same, protected folders first: what is before everything else in a KeeperKey."""
        return (self.protecting(ranked.file.path) is None, *self.values(ranked))


NO_RULES = KeepRules()


def file_key(stat: Seen) -> tuple[int, int, bytes]:
    """Sorts files of one content that no rule tells apart, the one to keep first: oldest, shortest path, path."""
    return stat.mtime_ns, len(stat.path), stat.path


def by_rules(image: StoredImage, files: Iterable[Seen], rules: KeepRules, facts: Facts | None) -> list[Seen]:
    """The files of an image, the one to keep first."""
    return sorted(files, key=lambda stat: (rules.preferred(RankedFile(stat, image, facts)), file_key(stat)))


def keeper_key(image: StoredImage, files: Iterable[Seen], preferred: tuple[int, ...] = ()) -> KeeperKey:
    """What an image is kept for; `files` are its present ones, `preferred` what comes before all else."""
    return KeeperKey(preferred, -image.info.pixels, -image.size_bytes, *min(map(file_key, files)))
