"""The command line: its verbs, and what becomes of their errors. Only `terminal` and `progress` print."""

from __future__ import annotations

import contextlib
import sys
from typing import Annotated, NoReturn

import typer

from imgindex import __version__
from imgindex.errors import UNFORESEEN, ImgIndexError, UsageError
from imgindex.ui import interrupt, log
from imgindex.ui.commands import act, ask, care, config, decide, index, report, serve
from imgindex.ui.running import RUNNING
from imgindex.ui.terminal import complain, emit
from imgindex.ui.verbs import Verb, telling
from imgindex.workers.garbage import collect_seldom

app = typer.Typer(
    name="imgindex",
    help="Finds duplicate pictures and proves it. Nothing is ever touched unless you say so.",
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

VERBS = (
    index.index, index.nightly, ask.query, report.report, ask.compare, decide.decide,
    act.plan, act.apply, act.undo, act.runs, act.where,
    care.status, care.check, care.backup, care.forget, config.config, serve.serve,
)  # fmt: skip
"""In the order in which the help lists them."""

for verb in VERBS:
    app.command(cls=Verb)(telling(verb))


@app.callback(invoke_without_command=True)
def _version(
    version: Annotated[bool, typer.Option("--version", help="Print the version and exit.")] = False,
) -> None:
    if version:
        emit(f"imgindex {__version__}")
        raise typer.Exit


def main() -> None:
    """Entry point of the `imgindex` command: errors become one sentence and their exit code, which is 1 for none."""
    interrupt.at_once()
    log.quiet()
    collect_seldom()
    for stream in (sys.stdout, sys.stderr):
        if stream is not None:  # closed by who started it
            stream.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]
    try:
        code = app(prog_name="imgindex", standalone_mode=False)
    except ImgIndexError as error:
        complain(f"imgindex: {error}")
        sys.exit(error.exit_code)
    except interrupt.Interrupted as error:
        complain("imgindex: interrupted.")
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

    complain(crash.sentence(error, RUNNING.store))
    sys.exit(UNFORESEEN)
