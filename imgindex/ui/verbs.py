"""What every verb of the command line has: help for people, and the options that say how much is told."""

from __future__ import annotations

import functools
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from typer.core import TyperCommand

from imgindex.errors import path
from imgindex.ui import log

if TYPE_CHECKING:
    from typer._click import Context, HelpFormatter


def _verbose(value: bool) -> bool:
    if value:
        log.to_stderr()
    return value


def _log_file(value: Path | None) -> Path | None:
    if value is not None:
        log.to_file(value)
    return value


TOLD = {
    "verbose": (
        Annotated[
            bool, typer.Option("--verbose", "-v", callback=_verbose, help="Tell each stage, and what libraries say.")
        ],
        False,
    ),
    "log_file": (
        Annotated[
            Path | None,
            typer.Option(
                "--log-file", parser=path, metavar="FILE", callback=_log_file, help="Append all that to a file."
            ),
        ],
        None,
    ),
}


def telling(verb: Callable[..., None]) -> Callable[..., None]:
    """The verb with the options of TOLD, which are heard before it is called."""

    @functools.wraps(verb)
    def called(**given: Any) -> None:
        verb(**{name: value for name, value in given.items() if name not in TOLD})

    own = inspect.signature(verb, eval_str=True)
    more = [
        inspect.Parameter(name, inspect.Parameter.KEYWORD_ONLY, default=default, annotation=annotation)
        for name, (annotation, default) in TOLD.items()
    ]
    called.__signature__ = own.replace(parameters=[*own.parameters.values(), *more])  # type: ignore[attr-defined]
    called.__annotations__ = {p.name: p.annotation for p in (*own.parameters.values(), *more)}
    return called


class Verb(TyperCommand):
    """A command whose help names what to write (DIR, N), no types, and is nowhere cut off."""

    def collect_usage_pieces(self, ctx: Context) -> list[str]:
        pieces = ["[OPTIONS]"]
        for parameter in self.params:
            if parameter.param_type_name == "argument":
                name = (parameter.metavar or str(parameter.name).upper()) + ("" if parameter.nargs == 1 else "...")
                pieces.append(name if parameter.required else f"[{name}]")
        return pieces

    def format_options(self, ctx: Context, formatter: HelpFormatter) -> None:
        for title, kind in (("Arguments", "argument"), ("Options", "option")):
            found = [p.get_help_record(ctx) for p in self.get_params(ctx) if p.param_type_name == kind]
            if records := [(_for_people(name), _for_people(text)) for name, text in filter(None, found)]:
                with formatter.section(title):
                    formatter.write_dl(records)

    def get_short_help_str(self, limit: int = 45) -> str:
        """The first sentence, whole."""
        return re.split(r"(?<=[.?]) ", " ".join((self.help or "").split()), maxsplit=1)[0]


def _for_people(text: str) -> str:
    """Without the types and ranges that typer adds."""
    text = re.sub(r" <[^<>|]*>$", "", text)
    return re.sub(r"; x>=\d+|  \[required\]", "", text)
