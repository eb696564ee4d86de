"""The verb that says what was found: report."""

from __future__ import annotations

import functools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgindex.errors import UsageError, named
from imgindex.ui.options import (
    EvenIfLostOption,
    FailOption,
    KeepOption,
    PicturesOption,
    ProtectOption,
    ReportFormat,
    StoreOption,
)
from imgindex.ui.running import DUPLICATES, chosen_store
from imgindex.ui.terminal import emit

if TYPE_CHECKING:
    from imgindex.results import Report


def report(
    below: Annotated[
        list[str] | None, typer.Argument(parser=named, metavar="DIR", help="Only files below these.")
    ] = None,
    store: StoreOption = None,
    report_format: Annotated[
        ReportFormat, typer.Option("--format", help="How to print the report.")
    ] = ReportFormat.TEXT,
    new: Annotated[bool, typer.Option("--new", help="Only what is new since the last nightly report.")] = False,
    similar: Annotated[
        int, typer.Option(min=0, metavar="N", help="How many look-alikes (no copies) to show of each image.")
    ] = 5,
    pictures: PicturesOption = 100,
    protect: ProtectOption = None,
    keep: KeepOption = None,
    even_if_lost: EvenIfLostOption = False,
    explain: Annotated[bool, typer.Option("--explain", help="Say of each group what chose its keeper.")] = False,
    show_decided: Annotated[
        bool, typer.Option("--show-decided", help="Name the pairs, too, on which imgindex decide was told something.")
    ] = False,
    fail_on_duplicates: FailOption = False,
    between: Annotated[
        str | None, typer.Option(parser=named, metavar="DIR", help="With --and: which files of this folder...")
    ] = None,
    and_: Annotated[
        str | None, typer.Option("--and", parser=named, metavar="DIR", help="...are copies of files of this one.")
    ] = None,
) -> None:
    """Duplicates: which file to keep, and what is redundant beside it."""
    from imgindex import api
    from imgindex.ui.as_csv import report_csv
    from imgindex.ui.as_html import page_of
    from imgindex.ui.as_json import report_json
    from imgindex.ui.progress import on_stderr
    from imgindex.ui.report_text import news_text, report_text

    if between is not None or and_ is not None:
        if between is None or and_ is None:
            raise UsageError("Name two folders: --between DIR --and DIR.")
        _report_between(chosen_store(store), between, and_, report_format, fail_on_duplicates)
        return
    write: dict[ReportFormat, Callable[[Report], str]]
    write = {
        ReportFormat.TEXT: functools.partial(report_text, explain=explain),
        ReportFormat.JSON: report_json,
        ReportFormat.CSV: report_csv,
    }
    with api.open(chosen_store(store), create=False, progress=on_stderr()) as images:
        made = images.report(
            below or (),
            similar_per_image=similar,
            protect=protect or (),
            keep=keep,
            even_if_lost=even_if_lost,
            show_decided=show_decided,
        )
        if below and not (made.counts.files or made.counts.skipped or made.counts.missing):
            raise UsageError(f"Nothing that is below {', '.join(below)} was indexed; check the spelling.")
        if new:
            made, write[ReportFormat.TEXT] = api.only_new(made), functools.partial(news_text, explain=explain)
        if report_format is ReportFormat.HTML:
            printed = page_of(images, made, beside=Path.cwd(), pictures=pictures)
        else:
            printed = write[report_format](made)
    emit(printed.rstrip("\n"))
    if fail_on_duplicates and made.counts.duplicate_files:
        raise typer.Exit(DUPLICATES)


def _report_between(store: Path, a: str, b: str, report_format: ReportFormat, fail_on_duplicates: bool) -> None:
    """What the files of one folder have in common with those of another."""
    from imgindex import api
    from imgindex.ui.as_between import between_csv, between_json, between_text

    write = {ReportFormat.TEXT: between_text, ReportFormat.JSON: between_json, ReportFormat.CSV: between_csv}
    if report_format not in write:
        raise UsageError("--between is printed as text, json or csv.")
    with api.open(store, create=False) as images:
        found = images.between(a, b)
    emit(write[report_format](found).rstrip("\n"))
    if fail_on_duplicates and found.pairs:
        raise typer.Exit(DUPLICATES)
