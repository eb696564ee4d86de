"""What a browser could be made to do by a page of another site, and what no page here needs.

1. the Host must be a name of the service (else a foreign name that leads here would be this service's own site)
2. what changes anything must come from a page of the service, or from a program: browsers send Origin, and
   Sec-Fetch-Site, with whatever another site makes them ask
3. headers: no script, style or picture from elsewhere, no frame around a page, no guessing of types
"""

from __future__ import annotations

from urllib.parse import urlsplit

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgindex.ui.http.problems import Problem
from imgindex.ui.http.settings import Settings

CONTENT_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' blob:; connect-src 'self'; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)

HEADERS = {
    "Content-Security-Policy": CONTENT_POLICY,
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "same-origin",  # with no-referrer, browsers name no origin for this service's own forms
    "Cross-Origin-Resource-Policy": "same-origin",
    "Cross-Origin-Opener-Policy": "same-origin",
}

SAFE_METHODS = ("GET", "HEAD", "OPTIONS")


class Guarded:
    def __init__(self, app: ASGIApp, settings: Settings) -> None:
        self._app = app
        self._settings = settings

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "websocket":
            await send({"type": "websocket.close", "code": 1008})
            return
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def guarded(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in HEADERS.items():
                    headers[name] = value
                headers.setdefault("Cache-Control", "no-store")
            await send(message)

        problem = self._refused(scope)
        if problem is not None:
            await problem.answer(scope)(scope, receive, guarded)
        else:
            await self._app(scope, receive, guarded)

    def _refused(self, scope: Scope) -> Problem | None:
        headers = Headers(scope=scope)
        hosts = headers.getlist("host")
        if len(hosts) != 1 or not self._settings.answers_to(_name(hosts[0])):
            return Problem(421, "host", "This service does not answer to that name; start it with --allow-host NAME.")
        if scope["method"] in SAFE_METHODS:
            # a link from elsewhere may lead to a page; nothing here may be part of a foreign page
            foreign = headers.get("sec-fetch-site") == "cross-site" and headers.get("sec-fetch-mode") != "navigate"
            return Problem(403, "origin", "Pages of other sites may not ask this service.") if foreign else None
        origins = headers.getlist("origin")
        foreign = any(urlsplit(origin).netloc.lower() != hosts[0].lower() for origin in origins)
        if foreign or headers.get("sec-fetch-site", "none") not in ("none", "same-origin"):
            return Problem(403, "origin", "Pages of other sites may not ask this service to do anything.")
        return None


def _name(host: str) -> str:
    """The Host header without its port."""
    name, closed, _ = host.partition("]")
    return name + closed if closed else host.partition(":")[0]
