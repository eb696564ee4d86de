"""The verb that stays: serve."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from imgindex.errors import UsageError, named, path
from imgindex.ui import interrupt
from imgindex.ui.options import DeviceOption, JobsOption, ModelOption, StoreOption
from imgindex.ui.running import chosen_store
from imgindex.ui.terminal import emit


def serve(
    folders: Annotated[
        list[Path] | None,
        typer.Argument(
            parser=path,
            metavar="DIR...",
            help="Folders that may be indexed from the page, with all below them. Else your home folder where only "
            "this machine is served, and those that are indexed already.",
        ),
    ] = None,
    store: StoreOption = None,
    host: Annotated[
        str,
        typer.Option(parser=named, metavar="ADDRESS", help="Where to listen; not 127.0.0.1: with a token."),
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, metavar="N", help="0: any that is free.")] = 8765,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(parser=named, metavar="NAME", help="A name that it is asked by, too; repeatable."),
    ] = None,
    read_only: Annotated[
        bool, typer.Option("--read-only", help="Answer questions; index, decide and change nothing.")
    ] = False,
    token: Annotated[bool, typer.Option("--token", help="Demand the token on this machine, too.")] = False,
    new_token: Annotated[bool, typer.Option("--new-token", help="Make a new token; the old one ends.")] = False,
    model: ModelOption = "auto",
    device: DeviceOption = "auto",
    jobs: JobsOption = 0,
) -> None:
    """Answer programs over HTTP, and show the duplicates on a page where they can be looked at and decided."""
    try:
        from imgindex.ui.http import server
        from imgindex.ui.http.settings import Settings, is_loopback
    except ModuleNotFoundError as error:
        raise UsageError(
            f"The service needs {error.name}, which is not installed; install it with: pip install 'imgindex[serve]'"
        ) from error
    given = tuple(folders or ())
    settings = Settings(
        host=host,
        port=port,
        names=tuple(allow_host or ()),
        token=token,
        read_only=read_only,
        folders=given or ((Path.home(),) if is_loopback(host) else ()),
    )
    opening = server.Opening(chosen_store(store), model, device, jobs)
    try:
        server.serve(opening, settings, new_token=new_token, say=emit)
    except interrupt.Interrupted:
        return  # being told to end is how a service ends
