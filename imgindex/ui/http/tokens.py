"""Who may ask, where other machines reach the service: whoever knows its token.

The token is 256 random bits, shown once, when it is made. What the store keeps of it is its digest: who reads that file
cannot ask with it. A browser changes the token for a cookie, which scripts cannot read and which no other site can make
it send; the server forgets it when it ends, or after a day.
"""

from __future__ import annotations

import hmac
import os
import secrets
import time
from collections import deque
from collections.abc import Mapping
from pathlib import Path

from starlette.datastructures import Headers
from starlette.requests import cookie_parser
from starlette.types import ASGIApp, Receive, Scope, Send

from imgindex import files
from imgindex.errors import StoreError
from imgindex.ui.http.problems import Problem

FILE_NAME = "serve-token.sha256"
COOKIE = "imgindex_session"
SESSION_S = 24 * 3600
MAX_SESSIONS = 1000
WINDOW_S = 60.0

OPEN_PATHS = ("/api/v1/health", "/api/v1/ready", "/login", "/design.css")
OPEN_BELOW = "/static/"


def made(directory: Path) -> str:
    """A new token of the store in `directory`, which replaces the one before."""
    token = secrets.token_urlsafe(32)
    path = directory / FILE_NAME
    try:
        files.write_atomic(path, lambda file: file.write(_digest(token).hex().encode()))
        os.chmod(path, 0o600)
    except OSError as error:
        raise StoreError(f"The token cannot be kept in {directory}: {error.strerror or error}.") from error
    return token


def kept(directory: Path) -> bytes | None:
    """The digest of the store's token; None where it has none."""
    try:
        return bytes.fromhex((directory / FILE_NAME).read_text("ascii").strip())
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as error:
        raise StoreError(
            f"The token's file {directory / FILE_NAME} cannot be read; make a new one: imgindex serve --new-token"
        ) from error


class Sessions:
    """What the service knows of its token, and of the browsers that have shown it."""

    def __init__(self, digest: bytes, *, attempts: int) -> None:
        self._token = digest
        self._sessions: dict[bytes, float] = {}
        self._wrong: deque[float] = deque(maxlen=attempts)

    def begin(self, token: str) -> str | None:
        """A new session for who shows the token; None where it is another one. Raises Problem after too many."""
        if not self._is_token(token):
            return None
        session = secrets.token_urlsafe(32)
        now = time.monotonic()
        self._sessions = {known: until for known, until in self._sessions.items() if until > now}
        while len(self._sessions) >= MAX_SESSIONS:
            del self._sessions[next(iter(self._sessions))]
        self._sessions[_digest(session)] = now + SESSION_S
        return session

    def end(self, session: str) -> None:
        self._sessions.pop(_digest(session), None)

    def admits(self, headers: Headers) -> bool:
        """Whether a request comes from who knows the token. Raises Problem after too many wrong ones."""
        given = headers.get("authorization", "")
        if given:
            scheme, _, token = given.partition(" ")
            return scheme.lower() == "bearer" and self._is_token(token.strip())
        session = session_of(cookie_parser(headers.get("cookie", "")))
        return session is not None and self._sessions.get(_digest(session), 0.0) > time.monotonic()

    def _is_token(self, token: str) -> bool:
        now = time.monotonic()
        if len(self._wrong) == self._wrong.maxlen and now - self._wrong[0] < WINDOW_S:
            raise Problem(429, "attempts", "Too many wrong tokens; wait a minute.", retry_s=round(WINDOW_S))
        right = hmac.compare_digest(_digest(token), self._token)
        if not right:
            self._wrong.append(now)
        return right


def session_of(cookies: Mapping[str, str]) -> str | None:
    return cookies.get(COOKIE) or None


class Admitted:
    """Lets nobody pass who does not know the token."""

    def __init__(self, app: ASGIApp, sessions: Sessions) -> None:
        self._app = app
        self._sessions = sessions

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in OPEN_PATHS or scope["path"].startswith(OPEN_BELOW):
            await self._app(scope, receive, send)
            return
        try:
            if self._sessions.admits(Headers(scope=scope)):
                await self._app(scope, receive, send)
                return
            problem = Problem(401, "token", "This needs the token: send it as Authorization: Bearer TOKEN, or log in.")
        except Problem as refused:
            problem = refused
        answer = problem.answer(scope)
        if problem.status == 401:
            answer.headers["WWW-Authenticate"] = "Bearer"
            if scope["method"] == "GET" and not scope["path"].startswith("/api/"):
                answer.status_code = 303
                answer.headers["Location"] = "/login"
        await answer(scope, receive, send)


def _digest(secret: str) -> bytes:
    return files.sha256(secret.encode("utf-8", "replace"))
