"""The command line: parse, call, print, exit code. Nothing else prints or exits."""

from __future__ import annotations

import contextlib
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from imgindex import __version__
from imgindex.errors import UNFORESEEN, ImgIndexError, RootError, StoreError, UsageError, named, path
from imgindex.ui import interrupt
from imgindex.ui.directories import store_directory
from imgindex.ui.options import (
    AnswerFormat,
    AnswerOption,
    DeviceOption,
    ExcludeOption,
    FailOption,
    FoldersArgument,
    FollowOption,
    IncludeOption,
    JobsOption,
    MissingOption,
    ModelOption,
    ReportFormat,
    StoreOption,
)
from imgindex.workers.garbage import collect_seldom

if TYPE_CHECKING:
    from imgindex.results import IndexSummary
    from imgindex.ui.interrupt import Asked

app = typer.Typer(
    name="imgindex",
    help="Finds duplicate pictures and proves it. Nothing is ever deleted.",
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

GOES_ON = "imgindex: interrupted; what was finished is kept, and the next run goes on from there."

DUPLICATES = 1
"""Exit code of `--fail-on-duplicates` where some were found."""


@dataclass(slots=True)
class Invocation:
    """What `main` knows of the command that this process runs, where it fails: one, for one command is all it runs."""

    store: Path | None = None


RUNNING = Invocation()

PicturesOption = Annotated[
    int, typer.Option(min=0, help="How many groups of a page get pictures, and pairs of each further part.")
]


@app.command()
def index(
    folders: FoldersArgument,
    store: StoreOption = None,
    model: ModelOption = "auto",
    rebuild: Annotated[
        bool, typer.Option("--rebuild", help="Change the store to --model; images are embedded again.")
    ] = False,
    device: DeviceOption = "auto",
    jobs: JobsOption = 0,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    follow_symlinks: FollowOption = False,
    accept_missing: MissingOption = False,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Index new pictures: scan, decode, embed, store, search, verify. Does only what is new."""
    from imgindex import api
    from imgindex.ui.as_json import index_json
    from imgindex.ui.as_text import index_text
    from imgindex.ui.progress import on_stderr

    if rebuild and model == "auto":
        raise UsageError("Say with --model which model the store is to be rebuilt with.")
    progress = on_stderr()
    with (
        interrupt.finishing(progress) as asked,
        api.open(_store(store), model=model, device=device, jobs=jobs, progress=progress, rebuild=rebuild) as images,
    ):
        summary = images.index(
            folders,
            include=include or (),
            exclude=exclude or (),
            follow_symlinks=follow_symlinks,
            accept_missing=accept_missing,
        )
    _emit(index_json(summary) if answer_format is AnswerFormat.JSON else index_text(summary))
    _end(summary, asked)


@app.command()
def nightly(
    folders: FoldersArgument,
    store: StoreOption = None,
    model: ModelOption = "auto",
    device: DeviceOption = "auto",
    jobs: JobsOption = 0,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    follow_symlinks: FollowOption = False,
    accept_missing: MissingOption = False,
    html: Annotated[
        Path | None, typer.Option(parser=path, metavar="FILE", help="Write the report as a page there, too.")
    ] = None,
    pictures: PicturesOption = 100,
    fail_on_duplicates: FailOption = False,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Index, then report what is new since the last nightly report. For a timer or cron."""
    from imgindex import api
    from imgindex.ui.as_html import page_of, write_page
    from imgindex.ui.as_json import nightly_json
    from imgindex.ui.as_text import nightly_text
    from imgindex.ui.progress import on_stderr

    if html is not None and not html.absolute().parent.is_dir():
        raise UsageError(f"The page {html} cannot be written: there is no such folder.")
    progress = on_stderr()
    with (
        interrupt.finishing(progress) as asked,
        api.open(_store(store), model=model, device=device, jobs=jobs, progress=progress) as images,
        images.exclusive(),
    ):
        summary = images.index(
            folders,
            include=include or (),
            exclude=exclude or (),
            follow_symlinks=follow_symlinks,
            accept_missing=accept_missing,
        )
        if not summary.interrupted:
            full = images.report(similar_per_image=None)
            new = api.only_new(full)
            page = "" if html is None else page_of(images, new, beside=html.absolute().parent, pictures=pictures)
        if not asked.exit_code:
            if html is not None:
                write_page(html, page)
            text = nightly_json(summary, new) if answer_format is AnswerFormat.JSON else nightly_text(summary, new)
            if _emit(text):
                images.mark_reported(full)
    _end(summary, asked)
    if fail_on_duplicates and new.counts.duplicate_files:
        raise typer.Exit(DUPLICATES)


@app.command()
def query(
    image: Annotated[str | None, typer.Argument(parser=named, help="The picture to look for.")] = None,
    text: Annotated[str | None, typer.Option(help="Words to look for instead, with a CLIP model.")] = None,
    k: Annotated[int, typer.Option("-k", min=1, help="How many answers.")] = 10,
    store: StoreOption = None,
    device: DeviceOption = "auto",
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """What looks like this picture? Proven copies first, scores from 0 to 100."""
    from imgindex import api
    from imgindex.ui.as_json import matches_json
    from imgindex.ui.as_text import matches_text
    from imgindex.ui.progress import on_stderr

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
    folders: Annotated[
        list[str] | None, typer.Argument(parser=named, metavar="DIR", help="Only files below these.")
    ] = None,
    store: StoreOption = None,
    report_format: Annotated[
        ReportFormat, typer.Option("--format", help="How to print the report.")
    ] = ReportFormat.TEXT,
    new: Annotated[bool, typer.Option("--new", help="Only what is new since the last nightly report.")] = False,
    similar: Annotated[int, typer.Option(min=0, help="How many look-alikes (no copies) to show of each image.")] = 5,
    pictures: PicturesOption = 100,
    fail_on_duplicates: FailOption = False,
) -> None:
    """Duplicates: which file to keep, and what is redundant beside it."""
    from imgindex import api
    from imgindex.ui.as_csv import report_csv
    from imgindex.ui.as_html import page_of
    from imgindex.ui.as_json import report_json
    from imgindex.ui.progress import on_stderr
    from imgindex.ui.report_text import news_text, report_text

    write = {ReportFormat.TEXT: report_text, ReportFormat.JSON: report_json, ReportFormat.CSV: report_csv}
    with api.open(_store(store), create=False, progress=on_stderr()) as images:
        made = images.report(folders or (), similar_per_image=similar)
        if folders and not (made.counts.files or made.counts.skipped or made.counts.missing):
            raise UsageError(f"Nothing that is below {', '.join(folders)} was indexed; check the spelling.")
        if new:
            made, write[ReportFormat.TEXT] = api.only_new(made), news_text
        if report_format is ReportFormat.HTML:
            printed = page_of(images, made, beside=Path.cwd(), pictures=pictures)
        else:
            printed = write[report_format](made)
    _emit(printed.rstrip("\n"))
    if fail_on_duplicates and made.counts.duplicate_files:
        raise typer.Exit(DUPLICATES)


@app.command()
def compare(
    a: Annotated[str, typer.Argument(parser=named, metavar="A", help="The first picture.")],
    b: Annotated[str, typer.Argument(parser=named, metavar="B", help="The second picture.")],
    out: Annotated[
        Path | None, typer.Option(parser=path, metavar="DIR", help="Write pictures of the difference there.")
    ] = None,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Are these two copies? Score, verdict, transform, and where they differ. Needs no store."""
    from imgindex import api
    from imgindex.ui.as_json import comparison_json
    from imgindex.ui.as_text import comparison_text

    try:
        found = api.compare(a, b, out)
    except OSError as error:
        raise UsageError(f"The pictures cannot be written to {out}: {error.strerror or error}.") from error
    _emit(comparison_json(a, b, found) if answer_format is AnswerFormat.JSON else comparison_text(found))


@app.command()
def status(store: StoreOption = None, answer_format: AnswerOption = AnswerFormat.TEXT) -> None:
    """What the store holds: files, images, model, folders and their last scans."""
    from imgindex import api
    from imgindex.ui.as_json import status_json
    from imgindex.ui.as_text import status_text

    with api.open(_store(store), create=False) as images:
        found = images.status()
    _emit(status_json(found) if answer_format is AnswerFormat.JSON else status_text(found))


@app.command()
def check(
    store: StoreOption = None,
    repair: Annotated[bool, typer.Option("--repair", help="Mend what can be rebuilt, and nothing else.")] = False,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Is the store whole? Verifies every vector, pair and decision in it, and its index file."""
    from imgindex import api
    from imgindex.ui.as_json import check_json
    from imgindex.ui.as_text import check_text
    from imgindex.ui.progress import on_stderr

    with api.open(_store(store), create=False, progress=on_stderr()) as images:
        findings = images.check(repair=repair)
    _emit(check_json(findings) if answer_format is AnswerFormat.JSON else check_text(findings))
    if any(not finding.repaired for finding in findings):
        raise typer.Exit(StoreError.exit_code)


@app.command()
def backup(
    target: Annotated[Path, typer.Argument(parser=path, metavar="FILE", help="A new file.")],
    store: StoreOption = None,
) -> None:
    """Write a consistent copy of the store's database, even while another run writes."""
    from imgindex import api

    with api.open(_store(store), create=False) as images:
        images.backup(target)
    _emit(f"Wrote {target}. To use it, put it as imgindex.db into an empty directory and name that with --store.")


@app.command()
def forget(
    path: Annotated[str, typer.Argument(parser=named, metavar="PATH", help="A file, or a folder with all below it.")],
    store: StoreOption = None,
) -> None:
    """Remove what the store knows of a path. The files themselves stay as they are."""
    from imgindex import api
    from imgindex.ui.words import count

    with api.open(_store(store), create=False) as images:
        files = images.forget(path)
    if not files:
        raise UsageError(f"The store knows no file at or below {path}; check the spelling.")
    _emit(f"Forgot {count(files, 'file')}.")


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        print(f"imgindex {__version__}")
        raise typer.Exit


def _store(named: Path | None) -> Path:
    RUNNING.store = store_directory(named)
    return RUNNING.store


def _emit(text: str) -> bool:
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


def _end(summary: IndexSummary, asked: Asked) -> None:
    """Raise what a run of `index` ends with, where that is not 0."""
    if asked.exit_code:
        print(GOES_ON, file=sys.stderr)
        raise typer.Exit(asked.exit_code)
    if summary.ingest.problems:
        raise RootError(" ".join(summary.ingest.problems))


def main() -> None:
    """Entry point of the `imgindex` command: errors become one sentence and their exit code, which is 1 for none."""
    interrupt.at_once()
    collect_seldom()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by who started it
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = app(prog_name="imgindex", standalone_mode=False)
    except ImgIndexError as error:
        _complain(f"imgindex: {error}")
        sys.exit(error.exit_code)
    except interrupt.Interrupted as error:
        _complain("imgindex: interrupted.")
        sys.exit(error.exit_code)
    except SystemExit as end:
        if not isinstance(end.__context__, BrokenPipeError):
            raise
        if RUNNING.store is not None:  # the command line parser ends with 1 for any pipe that broke
            _fail(end.__context__)
        code = 0  # a reader of --help who has seen enough
    except Exception as error:
        if hasattr(error, "show"):  # a usage error of the command line parser
            with contextlib.suppress(OSError):
                error.show()
            sys.exit(UsageError.exit_code)
        _fail(error)
    sys.exit(code if isinstance(code, int) else 0)


def _fail(error: BaseException) -> NoReturn:
    from imgindex.ui import crash

    _complain(crash.sentence(error, RUNNING.store))
    sys.exit(UNFORESEEN)


def _complain(sentence: str) -> None:
    with contextlib.suppress(OSError):  # who does not listen still gets the exit code
        print(sentence, file=sys.stderr, flush=True)
