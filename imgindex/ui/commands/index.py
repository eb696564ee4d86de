"""Verbs that fill a store: index, nightly."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from imgindex import settings
from imgindex.errors import RootError, UsageError, path
from imgindex.ui import interrupt
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
    PicturesOption,
    StoreOption,
)
from imgindex.ui.running import DUPLICATES, chosen_store
from imgindex.ui.terminal import complain, emit

if TYPE_CHECKING:
    from imgindex.api import ImageIndex
    from imgindex.results import IndexSummary
    from imgindex.ui.interrupt import Asked

GOES_ON = "imgindex: interrupted; what was finished is kept, and the next run goes on from there."


def index(
    folders: FoldersArgument = None,
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

    roots = _roots(folders)
    if rebuild and model == "auto":
        raise UsageError("Say with --model which model the store is to be rebuilt with.")
    progress = on_stderr()
    with (
        interrupt.finishing(progress) as asked,
        api.open(
            chosen_store(store), model=model, device=device, jobs=jobs, progress=progress, rebuild=rebuild
        ) as images,
    ):
        summary = _indexed(
            images,
            roots,
            include=include or (),
            exclude=exclude or (),
            follow_symlinks=follow_symlinks,
            accept_missing=accept_missing,
        )
    emit(index_json(summary) if answer_format is AnswerFormat.JSON else index_text(summary))
    end_of_run(summary, asked)


def nightly(
    folders: FoldersArgument = None,
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

    roots = _roots(folders)
    if html is not None and not html.absolute().parent.is_dir():
        raise UsageError(f"The page {html} cannot be written: there is no such folder.")
    progress = on_stderr()
    with (
        interrupt.finishing(progress) as asked,
        api.open(chosen_store(store), model=model, device=device, jobs=jobs, progress=progress) as images,
        images.exclusive(),
    ):
        summary = _indexed(
            images,
            roots,
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
            if emit(text):
                images.mark_reported(full)
    end_of_run(summary, asked)
    if fail_on_duplicates and new.counts.duplicate_files:
        raise typer.Exit(DUPLICATES)


def _indexed(
    images: ImageIndex,
    roots: Sequence[str],
    *,
    include: Sequence[str],
    exclude: Sequence[str],
    follow_symlinks: bool,
    accept_missing: bool,
) -> IndexSummary:
    """What a run did; folders that could not be read are among it, and `end_of_run` ends with them."""
    try:
        return images.index(
            roots,
            include=include,
            exclude=exclude,
            follow_symlinks=follow_symlinks,
            accept_missing=accept_missing,
        )
    except RootError as error:
        if error.summary is None:
            raise
        return error.summary


def _roots(folders: Sequence[str] | None) -> list[str]:
    """The folders of a run, as the command line or `config.toml` names them."""
    if not folders:
        raise UsageError(f"Name the folders to index: DIR..., or roots = [...] in {settings.FILE_NAME} of the store.")
    return [os.path.expanduser(folder) for folder in folders]


def end_of_run(summary: IndexSummary, asked: Asked) -> None:
    """Raise what a run of `index` ends with, where that is not 0."""
    if asked.exit_code:
        complain(GOES_ON)
        raise typer.Exit(asked.exit_code)
    if summary.ingest.problems:
        raise RootError(" ".join(summary.ingest.problems))
