"""The command line: parse, call, print, exit code. Nothing else prints or exits."""

from __future__ import annotations

import os
import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from imgindex import __version__
from imgindex.errors import ImgIndexError, RootError, UsageError

app = typer.Typer(
    name="imgindex",
    help="Finds duplicate pictures and proves it. Nothing is ever deleted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

INTERRUPTED = 130
"""What shells report for a program ended by Ctrl-C (128 + SIGINT)."""


class ReportFormat(StrEnum):
    TEXT = "text"
    JSON = "json"
    CSV = "csv"


class AnswerFormat(StrEnum):
    TEXT = "text"
    JSON = "json"


StoreOption = Annotated[
    Path | None,
    typer.Option("--store", help="Directory of the store; else $IMGINDEX_STORE, else the user data directory."),
]
AnswerOption = Annotated[AnswerFormat, typer.Option("--format", help="How to print the answer.")]
DeviceOption = Annotated[str, typer.Option("--device", help="auto, cpu, cuda or mps, for CLIP models.")]


@app.command()
def index(
    folders: Annotated[list[str], typer.Argument(metavar="DIR", help="Folders to index, with all below them.")],
    store: StoreOption = None,
    model: Annotated[
        str, typer.Option(help="auto, sift-vlad, clip-ViT-B-32, another hub id, or a folder with a CLIP model.")
    ] = "auto",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Change the store to --model; images are embedded again.")
    ] = False,
    device: DeviceOption = "auto",
    jobs: Annotated[int, typer.Option(min=0, help="Worker processes; 0: one per core.")] = 0,
    include: Annotated[list[str] | None, typer.Option(help="Only files that match this pattern; repeatable.")] = None,
    exclude: Annotated[list[str] | None, typer.Option(help="No files that match this pattern; repeatable.")] = None,
    follow_symlinks: Annotated[bool, typer.Option("--follow-symlinks", help="Follow links to folders.")] = False,
    accept_missing: Annotated[
        bool, typer.Option("--accept-missing", help="Most files of a folder are gone, and that is meant.")
    ] = False,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Index new pictures: scan, decode, embed, store, search, verify. Does only what is new."""
    from imgindex import api
    from imgindex.progress import on_stderr
    from imgindex.report.as_json import index_json
    from imgindex.report.as_text import index_text

    if rebuild and model == "auto":
        raise UsageError("Say with --model which model the store is to be rebuilt with.")
    progress = on_stderr()
    with api.open(_store(store), model=model, device=device, jobs=jobs, progress=progress, rebuild=rebuild) as images:
        summary = images.index(
            folders,
            include=include or (),
            exclude=exclude or (),
            follow_symlinks=follow_symlinks,
            accept_missing=accept_missing,
        )
    _emit(index_json(summary) if answer_format is AnswerFormat.JSON else index_text(summary))
    if summary.ingest.problems:
        raise RootError(" ".join(summary.ingest.problems))


@app.command()
def query(
    image: Annotated[str | None, typer.Argument(help="The picture to look for.")] = None,
    text: Annotated[str | None, typer.Option(help="Words to look for instead, with a CLIP model.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many answers.")] = 10,
    store: StoreOption = None,
    device: DeviceOption = "auto",
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """What looks like this picture? Proven copies first, scores from 0 to 100."""
    from imgindex import api
    from imgindex.progress import on_stderr
    from imgindex.report.as_json import matches_json
    from imgindex.report.as_text import matches_text

    if (image is None) == (text is None):
        raise UsageError("Give a picture, or words with --text, and not both.")
    with api.open(_store(store), device=device, progress=on_stderr(), create=False) as images:
        matches = images.query(image, k=k) if image is not None else images.query_text(text or "", k=k)
        space = images.space
    if answer_format is AnswerFormat.JSON:
        _emit(matches_json(image or text or "", space, matches))
    else:
        _emit(matches_text(matches))


@app.command()
def report(
    folders: Annotated[list[str] | None, typer.Argument(metavar="DIR", help="Only files below these.")] = None,
    store: StoreOption = None,
    report_format: Annotated[
        ReportFormat, typer.Option("--format", help="How to print the report.")
    ] = ReportFormat.TEXT,
    similar: Annotated[int, typer.Option(min=0, help="How many look-alikes (no copies) to show of each image.")] = 5,
) -> None:
    """Duplicates: which file to keep, and what is redundant beside it."""
    from imgindex import api
    from imgindex.report.as_csv import report_csv
    from imgindex.report.as_json import report_json
    from imgindex.report.as_text import report_text

    with api.open(_store(store), create=False) as images:
        made = images.report(folders or (), similar_per_image=similar)
    write = {ReportFormat.TEXT: report_text, ReportFormat.JSON: report_json, ReportFormat.CSV: report_csv}
    if folders and not (made.counts.files or made.counts.skipped or made.counts.missing):
        raise UsageError(f"Nothing that is below {', '.join(folders)} was indexed; check the spelling.")
    _emit(write[report_format](made).rstrip("\n"))


@app.command()
def compare(
    a: Annotated[str, typer.Argument(metavar="A", help="The first picture.")],
    b: Annotated[str, typer.Argument(metavar="B", help="The second picture.")],
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="Write pictures of the difference there.")] = None,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Are these two copies? Score, verdict, transform, and where they differ. Needs no store."""
    from imgindex import api
    from imgindex.report.as_json import comparison_json
    from imgindex.report.as_text import comparison_text

    try:
        found = api.compare(a, b, out)
    except OSError as error:
        raise UsageError(f"The pictures cannot be written to {out}: {error.strerror or error}.") from error
    _emit(comparison_json(a, b, found) if answer_format is AnswerFormat.JSON else comparison_text(found))


@app.command()
def status(store: StoreOption = None, answer_format: AnswerOption = AnswerFormat.TEXT) -> None:
    """What the store holds: files, images, model, folders and their last scans."""
    from imgindex import api
    from imgindex.report.as_json import status_json
    from imgindex.report.as_text import status_text

    with api.open(_store(store), create=False) as images:
        found = images.status()
    _emit(status_json(found) if answer_format is AnswerFormat.JSON else status_text(found))


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"imgindex {__version__}")
        raise typer.Exit


def _store(named: Path | None) -> Path:
    from imgindex.config import store_directory

    return store_directory(named)


def _emit(text: str) -> None:
    """Print an answer; a reader who has seen enough (`| head`) is no error."""
    try:
        print(text, flush=True)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        raise UsageError(f"The answer could not be written: {error.strerror}.") from error


def main() -> None:
    """Entry point of the `imgindex` command: errors become one sentence and their exit code."""
    for stream in (sys.stdout, sys.stderr):
        stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = app(prog_name="imgindex", standalone_mode=False)
    except ImgIndexError as error:
        print(f"imgindex: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
    except (typer.Abort, KeyboardInterrupt):
        code = INTERRUPTED
    except Exception as error:
        if not hasattr(error, "show"):
            raise
        error.show()  # a usage error of the command line parser
        sys.exit(UsageError.exit_code)
    if code == INTERRUPTED:
        print("imgindex: interrupted; what was finished is kept, and the next run goes on from there.", file=sys.stderr)
    sys.exit(code if isinstance(code, int) else 0)
