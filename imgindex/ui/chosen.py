"""Where the value of each option comes from: the command line, the environment, `config.toml`, or its default."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import typer

from imgindex import settings
from imgindex.ui.directories import STORE_VARIABLE, store_directory

PARAMETERS = {"folders": "roots"}
"""Parameters of commands that have another name than the setting that they are."""

SOURCES = {
    "COMMANDLINE": "option",
    "ENVIRONMENT": "environment",
    "DEFAULT_MAP": settings.FILE_NAME,
    "DEFAULT": "default",
}


def take_settings(context: typer.Context, store: Path | None) -> Path | None:
    """Before a command takes its other options: what `config.toml` says is their default from now on."""
    names = {PARAMETERS.get(p.name or "", p.name or ""): p.name for p in context.command.params}
    if names.keys() & dict(settings.named_values(settings.Settings())).keys():
        written = settings.written(store_directory(store))
        context.default_map = {p: written[name] for name, p in names.items() if p is not None and name in written}
    return store


def values(context: typer.Context) -> dict[str, tuple[Any, str]]:
    """(value, where it comes from) of the store and of each setting, by name; for a command with all the options."""
    store = context.params["store"]
    directory = store_directory(store)
    variable = f"environment ({STORE_VARIABLE})" if os.environ.get(STORE_VARIABLE) else SOURCES["DEFAULT"]
    source = variable if store is None else SOURCES["COMMANDLINE"]
    written = settings.written(directory)
    found: dict[str, tuple[Any, str]] = {"store": (str(directory), source)}
    parameters = {PARAMETERS.get(p.name or "", p.name): p for p in context.command.params}
    for name, default in settings.named_values(settings.Settings()):
        if (parameter := parameters.get(name)) is None or parameter.name is None:
            found[name] = (written[name], settings.FILE_NAME) if name in written else (default, SOURCES["DEFAULT"])
            continue
        came = context.get_parameter_source(parameter.name)
        value = context.params[parameter.name]
        origin = SOURCES["DEFAULT" if came is None else came.name]
        if origin == "environment":
            origin += f" ({parameter.envvar})"
        found[name] = (default if value is None else value, origin)
    return found
