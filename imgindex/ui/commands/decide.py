"""The verb by which a person decides: decide."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from imgindex.errors import UsageError, named, path
from imgindex.ui.options import AnswerFormat, AnswerOption, JobsOption, StoreOption
from imgindex.ui.running import chosen_store
from imgindex.ui.terminal import emit


class What(StrEnum):
    """The words of `--as`, without what records.DecisionKind would load; a test holds the two to each other."""

    NOT_DUPLICATE = "not-duplicate"
    ALTERNATES = "alternates"
    KEEP_BOTH = "keep-both"
    KEEPER = "keeper"
    UNDECIDED = "undecided"


WHAT_HELP = (
    "not-duplicate: two pictures; alternates: two versions, each wanted; keep-both: these two stay, whatever else "
    "there is; keeper: the first stays, each other stands below it; undecided: take back what was said before."
)


def decide(
    files: Annotated[
        list[str] | None,
        typer.Argument(parser=named, metavar="A B", help="Two files, or more: then every two of them."),
    ] = None,
    what: Annotated[What | None, typer.Option("--as", help=WHAT_HELP)] = None,
    group: Annotated[
        str | None,
        typer.Option(help="All files of this group (report --explain has its id); with A, of A and each other alone."),
    ] = None,
    note: Annotated[str, typer.Option(help="Why, for later.")] = "",
    listed: Annotated[bool, typer.Option("--list", help="What was decided.")] = False,
    export: Annotated[bool, typer.Option("--export", help="Print all decisions as JSON, for --import.")] = False,
    import_file: Annotated[
        Path | None,
        typer.Option("--import", parser=path, metavar="FILE", help="Take in what --export printed; - reads stdin."),
    ] = None,
    store: StoreOption = None,
    jobs: JobsOption = 0,
    answer_format: AnswerOption = AnswerFormat.TEXT,
) -> None:
    """Say what files are to each other: it holds for all files of the same bytes, until a later word on the two."""
    from imgindex import api
    from imgindex.ui import decisions
    from imgindex.ui.progress import on_stderr

    deciding = bool(files) or group is not None
    if deciding + listed + export + (import_file is not None) != 1:
        raise UsageError("Name the files to decide on, or a --group, or give one of --list, --export, --import FILE.")
    if deciding and what is None:
        raise UsageError(f"Say with --as what they are: {', '.join(What)}.")
    if group is not None and files and len(files) > 1:
        raise UsageError("Beside --group stands one file at most, of which it is said.")
    if group is None and files and len(files) < 2:
        raise UsageError("A decision is about two files or more; name another, or a --group.")
    taken = None if import_file is None else decisions.read(import_file)
    as_json = answer_format is AnswerFormat.JSON
    with api.open(chosen_store(store), create=False, jobs=jobs, progress=on_stderr()) as images:
        if taken is not None:
            emit(decisions.imported(images.import_decisions(taken), as_json=as_json))
        elif what is None:
            found = images.decisions()
            emit(decisions.as_json(found) if export or as_json else decisions.as_text(found))
        elif group is not None:
            made = images.decide_group(group, kind=what.value, file=files[0] if files else None, note=note)
            emit(decisions.made(made, what.value, as_json=as_json))
        else:
            made = images.decide(*(files or ()), kind=what.value, note=note)
            emit(decisions.made(made, what.value, as_json=as_json))
