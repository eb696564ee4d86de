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
from imgindex.ui.running import DUPLICATES, RUNNING, chosen_store
from imgindex.ui.terminal import complain, emit

if TYPE_CHECKING:
    from imgindex.api import ImageIndex
    from imgindex.results import IndexSummary
    from imgindex.ui.interrupt import Asked


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
    from imgindex.ui.progress import on_stderr
    from imgindex.ui.run_text import index_text

    directory = chosen_store(store)
    roots = _roots(folders, directory)
    if rebuild and model == "auto":
        raise UsageError("Say with --model which model the store is to be rebuilt with.")
    progress = on_stderr()
    with (
        interrupt.finishing(progress) as asked,
        api.open(
            chosen_store(store),
            model=model,
            device=device,
            jobs=jobs,
            progress=progress,
            rebuild=rebuild,
            model_first=True,
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
    if answer_format is AnswerFormat.JSON:
        emit(index_json(summary))
    elif not summary.interrupted:
        emit(index_text(summary, RUNNING.seconds))
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

    directory = chosen_store(store)
    roots = _roots(folders, directory)
    if html is not None and not html.absolute().parent.is_dir():
        raise UsageError(f"The page {html} cannot be written: there is no such folder.")
    progress = on_stderr()
    with (
        interrupt.finishing(progress) as asked,
        api.open(directory, model=model, device=device, jobs=jobs, progress=progress, model_first=True) as images,
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
            text = (
                nightly_json(summary, new)
                if answer_format is AnswerFormat.JSON
                else nightly_text(summary, new, RUNNING.seconds)
            )
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


def _roots(folders: Sequence[str] | None, store: Path) -> list[str]:
    """The folders of a run, as the command line or `config.toml` names them. For folders none of which is there, no
    store is made."""
    if not folders:
        raise UsageError(f"Name the folders to index: DIR..., or roots = [...] in {settings.FILE_NAME} of the store.")
    roots = [os.path.expanduser(folder) for folder in folders]
    if not (store / "imgindex.db").exists() and not any(os.path.isdir(root) for root in roots):
        raise RootError(f"There is no folder {', '.join(roots)}; check the spelling, or mount its disk.")
    return roots


def end_of_run(summary: IndexSummary, asked: Asked) -> None:
    """Raise what a run of `index` ends with, where that is not 0."""
    if asked.exit_code:
        from imgindex.ui.run_text import interrupted_text

        complain(f"imgindex: {interrupted_text(summary)}")
        raise typer.Exit(asked.exit_code)
    if summary.ingest.problems:
        raise RootError(" ".join(summary.ingest.problems))
