"""The options that several commands have."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from imgindex.errors import named, path
from imgindex.ui.chosen import take_settings


def pattern(line: str) -> str:
    """The same, refused with a sentence before anything is opened or made."""
    from imgindex.pictures.patterns import Patterns

    Patterns([line])
    return line


StoreOption = Annotated[
    Path | None,
    typer.Option(
        "--store",
        parser=path,
        metavar="DIR",
        is_eager=True,
        callback=take_settings,
        help="Directory of the store; else $IMGINDEX_STORE, else the user data directory.",
    ),
]

DeviceOption = Annotated[
    str,
    typer.Option("--device", envvar="IMGINDEX_DEVICE", metavar="NAME", help="auto, cpu, cuda or mps, for CLIP models."),
]
FoldersArgument = Annotated[
    list[str] | None,
    typer.Argument(
        parser=named, metavar="DIR", help="Folders to index, with all below them; else the roots of config.toml."
    ),
]
ModelOption = Annotated[
    str,
    typer.Option(
        parser=named,
        envvar="IMGINDEX_MODEL",
        metavar="NAME",
        help="auto, sift-vlad, clip-ViT-B-32, another hub id, or a folder with a CLIP model.",
    ),
]
JobsOption = Annotated[
    int, typer.Option(min=0, envvar="IMGINDEX_JOBS", metavar="N", help="Worker processes; 0: one per core.")
]
IncludeOption = Annotated[
    list[str] | None,
    typer.Option(
        parser=pattern, metavar="PATTERN", help="Only files that match this pattern, as of a .gitignore; repeatable."
    ),
]
ExcludeOption = Annotated[
    list[str] | None,
    typer.Option(parser=pattern, metavar="PATTERN", help="No files or folders that match this pattern; repeatable."),
]
FollowOption = Annotated[bool, typer.Option("--follow-symlinks", help="Follow links to folders.")]
MissingOption = Annotated[
    bool, typer.Option("--accept-missing", help="Most files of a folder are gone, and that is meant.")
]

FailOption = Annotated[bool, typer.Option("--fail-on-duplicates", help="Exit with 1 where any file is redundant.")]


PicturesOption = Annotated[
    int,
    typer.Option(min=0, metavar="N", help="How many groups of a page get pictures, and pairs of each further part."),
]


ProtectOption = Annotated[
    list[str] | None,
    typer.Option(
        parser=named,
        metavar="DIR",
        help="No file below this folder ever goes, and each is a keeper; repeatable, beside those of config.toml.",
    ),
]
KeepOption = Annotated[
    list[str] | None,
    typer.Option(
        metavar="RULE",
        help="Of files that lose nothing given each other, which to keep; repeatable, the weightiest first, in place "
        "of those of config.toml: folder:DIR, not-folder:DIR, format (RAW, HEIC, JPEG), format:NAME,NAME, lossless, "
        "capture-date, gps, detail, larger, smaller, oldest, newest, shortest-path, plain-name.",
    ),
]
EvenIfLostOption = Annotated[
    bool, typer.Option("--even-if-lost", help="Follow a rule where what it keeps lacks something, too.")
]


class ReportFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    CSV = "csv"
    HTML = "html"


class AnswerFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


AnswerOption = Annotated[AnswerFormat, typer.Option("--format", help="How to print the answer.")]
