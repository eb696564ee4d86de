"""The process: its socket, its token, its log, and how it ends."""

from __future__ import annotations

import logging
import socket
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import uvicorn

from imgindex import api
from imgindex.errors import ImgIndexError, UsageError
from imgindex.ui.http import tokens
from imgindex.ui.http.app import create_app
from imgindex.ui.http.observe import JsonLines
from imgindex.ui.http.settings import Settings
from imgindex.ui.http.slow import PatientProtocol

BACKLOG = 128

ENDING_S = 5
"""For answers that are on their way when the service ends; jobs have `jobs.ENDING_S`."""


@dataclass(frozen=True, slots=True)
class Opening:
    """How the index is opened; see `imgindex.open`."""

    store: Path
    model: str
    device: str
    jobs: int


def serve(opening: Opening, settings: Settings, *, new_token: bool, say: Callable[[str], object]) -> None:
    """Serve until a signal ends it. `say` tells a person the address and, once, a new token.

    Raises UsageError where the address cannot be used, and what kept the store from being opened.
    """
    digest = None
    if settings.needs_token:
        opening.store.mkdir(parents=True, exist_ok=True)
        digest = tokens.kept(opening.store)
        if digest is None or new_token:
            say(f"The token, which is shown this once: {tokens.made(opening.store)}")
            digest = tokens.kept(opening.store)
    listening = _socket(settings)
    failures: list[ImgIndexError] = []

    def failed(error: ImgIndexError) -> None:
        failures.append(error)
        server.should_exit = True

    def opened() -> api.ImageIndex:
        return api.open(
            opening.store,
            model=opening.model,
            device=opening.device,
            jobs=opening.jobs,
            create=not settings.read_only,
        )

    server = uvicorn.Server(
        uvicorn.Config(
            create_app(opened, settings, token_digest=digest, failed=failed),
            http=PatientProtocol,
            ws="none",
            log_config=None,
            access_log=False,
            server_header=False,
            timeout_graceful_shutdown=ENDING_S,
        )
    )
    _log_to_stderr()
    say(f"The page: {_address(settings.host, listening.getsockname()[1])}")
    with listening:
        server.run(sockets=[listening])
    if failures:
        raise failures[0]


def _socket(settings: Settings) -> socket.socket:
    host = settings.host.strip("[]")
    try:
        family, kind, proto, _, address = socket.getaddrinfo(
            host, settings.port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listening = socket.socket(family, kind, proto)
        listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listening.bind(address)
        listening.listen(BACKLOG)
    except OSError as error:
        raise UsageError(
            f"The service cannot listen at {settings.host}, port {settings.port} ({error.strerror or error}); "
            "choose another --port, or another --host."
        ) from error
    return listening


def _address(host: str, port: int) -> str:
    shown = f"[{host}]" if ":" in host and not host.startswith("[") else host
    return f"http://{shown}:{port}/"


def _log_to_stderr() -> None:
    """One line of JSON for each request, and for what goes wrong."""
    if sys.stderr is None:  # closed by who started it
        return
    handler = logging.StreamHandler()
    handler.setFormatter(JsonLines())
    for name, level in (("imgindex.serve", logging.INFO), ("uvicorn.error", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.handlers[:] = [handler]
        logger.setLevel(level)
        logger.propagate = False
