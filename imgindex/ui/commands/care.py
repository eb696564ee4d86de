"""Verbs about the store itself: status, check, backup, forget."""

from __future__ import annotations

import os
import sys
from pathlib import Path
from typing import Annotated

import typer

from imgindex.errors import StoreError, UsageError, named, path
from imgindex.ui.options import AnswerFormat, AnswerOption, ExcludeOption, FollowOption, IncludeOption, StoreOption
from imgindex.ui.running import chosen_store
from imgindex.ui.terminal import agreed, emit


def status(
    store: StoreOption = None,
    ignored: Annotated[bool, typer.Option("--ignored", help="List what index would leave alone, and why.")] = False,
    include: IncludeOption = None,
    exclude: ExcludeOption = None,
    follow_symlinks: FollowOption = False,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """What the store holds: files, images, model, folders and their last scans."""
    from imgindex import api
    from imgindex.ui.as_json import status_json
    from imgindex.ui.as_text import left_alone_text, status_text
    from imgindex.ui.progress import on_stderr

    with api.open(chosen_store(store), create=False, progress=on_stderr()) as images:
        found = images.status()
        left = None
        if ignored:
            left = images.left_alone(include=include or (), exclude=exclude or (), follow_symlinks=follow_symlinks)
    if answer_format is AnswerFormat.JSON:
        emit(status_json(found, left))
    else:
        emit(status_text(found) + ("" if left is None else "\n" + left_alone_text(left)))


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

    with api.open(chosen_store(store), create=False, progress=on_stderr()) as images:
        findings = images.check(repair=repair)
    emit(check_json(findings) if answer_format is AnswerFormat.JSON else check_text(findings))
    if any(not finding.repaired for finding in findings):
        raise typer.Exit(StoreError.exit_code)


def backup(
    target: Annotated[Path, typer.Argument(parser=path, metavar="FILE", help="A new file.")],
    store: StoreOption = None,
) -> None:
    """Write a consistent copy of the store's database, even while another run writes."""
    from imgindex import api

    with api.open(chosen_store(store), create=False) as images:
        images.backup(target)
    emit(f"Wrote {target}. To use it, put it as imgindex.db into an empty directory and name that with --store.")


def forget(
    path: Annotated[str, typer.Argument(parser=named, metavar="PATH", help="A file, or a folder with all below it.")],
    store: StoreOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask, where that is more than one folder.")] = False,
) -> None:
    """Remove what the store knows of a path. The files themselves stay as they are."""
    from imgindex import api
    from imgindex.ui.words import count

    with api.open(chosen_store(store), create=False) as images:
        within = [root for root in images.status().roots if Path(root.path).is_relative_to(os.path.realpath(path))]
        if len(within) > 1 and not yes:
            known = sum(root.files for root in within)
            _ask(f"{path} holds {len(within)} folders that were indexed, with {count(known, 'file')}.")
        files = images.forget(path)
    if not files:
        raise UsageError(f"The store knows no file at or below {path}; check the spelling.")
    emit(f"Forgot {count(files, 'file')}.")


def _ask(what: str) -> None:
    """Go on only where a person says so; UsageError else, and where nobody can be asked."""
    if sys.stdin is None or not sys.stdin.isatty():
        raise UsageError(f"{what} To forget them all, say --yes.")
    if not agreed(f"{what} Forget them all?"):
        raise UsageError("Nothing was forgotten.")
