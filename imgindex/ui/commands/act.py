"""Verbs that act on duplicates: plan, apply, undo, runs, where."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from imgindex.acts import Action
from imgindex.errors import UsageError, named, path
from imgindex.ui import interrupt
from imgindex.ui.options import AnswerFormat, AnswerOption, JobsOption, KeepOption, ProtectOption, StoreOption
from imgindex.ui.running import chosen_store
from imgindex.ui.terminal import complain, emit

GOES_ON = "imgindex: interrupted; what was done is on record, and the same command goes on from there."


def plan(
    folders: Annotated[
        list[str] | None, typer.Argument(parser=named, metavar="DIR...", help="Only files below these.")
    ] = None,
    store: StoreOption = None,
    out: Annotated[
        Path | None, typer.Option("-o", "--out", parser=path, metavar="FILE", help="Write the plan there.")
    ] = None,
    include: Annotated[
        list[str] | None,
        typer.Option(metavar="edited", help="Plan edited copies, too: what they alone have goes with them."),
    ] = None,
    min_score: Annotated[
        float, typer.Option(min=0, max=100, help="Of edited copies, only those of at least this score.")
    ] = 0.0,
    protect: ProtectOption = None,
    keep: KeepOption = None,
    jobs: JobsOption = 0,
) -> None:
    """Which files may go, and why, as a JSON file that you can read and shorten. Nothing is touched."""
    from imgindex import api
    from imgindex.ui.act_text import plan_text
    from imgindex.ui.progress import on_stderr

    wrong = [word for word in include or () if word != "edited"]
    if wrong:
        raise UsageError(f"--include takes edited; there is no {', '.join(wrong)}. What is only alike never goes.")
    if out is not None:
        _refuse_to_replace(out)
    with api.open(chosen_store(store), create=False, jobs=jobs, progress=on_stderr()) as images:
        made = images.plan(folders or (), edited=bool(include), min_score=min_score, protect=protect or (), keep=keep)
    if out is None:
        emit(api.plan_json(made))
        return
    try:
        api.write_plan(made, out)
    except OSError as error:
        raise UsageError(f"The plan cannot be written to {out}: {error.strerror or error}.") from error
    emit(plan_text(made, str(out)))


def apply(
    plan_file: Annotated[Path, typer.Argument(parser=path, metavar="PLAN", help="What imgindex plan wrote.")],
    folder: Annotated[
        str | None, typer.Argument(parser=named, metavar="[DIR]", help="Where to, with --action move.")
    ] = None,
    action: Annotated[
        Action, typer.Option(help="What becomes of each copy; links only stand for files of the same bytes.")
    ] = Action.TRASH,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this, only say what would be done.")] = False,
    store: StoreOption = None,
    protect: ProtectOption = None,
    jobs: JobsOption = 0,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Act on the files of a plan: each is read and compared with its keeper again before it goes. A dry run without
    --yes. What delete removes can be brought back only where its keeper has the same bytes."""
    from imgindex import api
    from imgindex.ui.act_text import applied_text
    from imgindex.ui.as_json import answer_json
    from imgindex.ui.progress import on_stderr

    progress = on_stderr()
    with (
        interrupt.finishing(progress) as asked,
        api.open(chosen_store(store), create=False, jobs=jobs, progress=progress) as images,
    ):
        summary = images.apply(api.read_plan(plan_file), action, destination=folder, yes=yes, protect=protect or ())
    emit(answer_json(summary) if answer_format is AnswerFormat.JSON else applied_text(summary, str(plan_file), folder))
    _end(asked)


def undo(
    run: Annotated[
        int | None, typer.Argument(metavar="[RUN]", help="Its number; the last that is not undone where none is given.")
    ] = None,
    store: StoreOption = None,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Put back what apply did: bytes, names, times, permissions and extended attributes."""
    from imgindex import api
    from imgindex.ui.act_text import undone_text
    from imgindex.ui.as_json import answer_json
    from imgindex.ui.progress import on_stderr

    progress = on_stderr()
    with (
        interrupt.finishing(progress) as asked,
        api.open(chosen_store(store), create=False, progress=progress) as images,
    ):
        summary = images.undo(run)
    emit(answer_json(summary) if answer_format is AnswerFormat.JSON else undone_text(summary))
    _end(asked)


def runs(store: StoreOption = None, answer_format: AnswerOption = AnswerFormat.TEXT) -> None:
    """What apply did and when, and what of it can be undone."""
    from imgindex import api
    from imgindex.ui.act_text import runs_text
    from imgindex.ui.as_json import runs_json

    with api.open(chosen_store(store), create=False) as images:
        found = images.runs()
    emit(runs_json(found) if answer_format is AnswerFormat.JSON else runs_text(found))


def where(
    path: Annotated[str, typer.Argument(parser=named, metavar="PATH", help="Where it was, or its name.")],
    store: StoreOption = None,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Where a file went: which run took it, where to, and what stays for it."""
    from imgindex import api
    from imgindex.ui.act_text import traces_text
    from imgindex.ui.as_json import traces_json

    with api.open(chosen_store(store), create=False) as images:
        found = images.where(path)
    if not found:
        raise UsageError(f"Nothing is known of {path}: no run acted on it, and the store never saw it.")
    emit(traces_json(found) if answer_format is AnswerFormat.JSON else traces_text(found))


def _refuse_to_replace(out: Path) -> None:
    """A plan takes the place of nothing but a plan: a slip of the hand must not cost a photo."""
    from imgindex import api

    if os.path.lexists(out):
        try:
            api.read_plan(out)
        except UsageError as error:
            raise UsageError(f"There is a file {out} already, which is no plan; choose another name.") from error


def _end(asked: interrupt.Asked) -> None:
    if asked.exit_code:
        complain(GOES_ON)
        raise typer.Exit(asked.exit_code)
