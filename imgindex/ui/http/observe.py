"""Every request gets an id, one line of log, and its share in the numbers; what nobody foresaw becomes a sentence."""

from __future__ import annotations

import json
import logging
import secrets
import time
import traceback
from typing import Any

from starlette.datastructures import MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgindex import clock
from imgindex.ui.http.metrics import Metrics
from imgindex.ui.http.problems import REQUEST_ID, Problem

LOG = logging.getLogger("imgindex.serve")

LONGEST_LOGGED = 500
"""Characters of a path in the log: a client chooses them."""


UNFORESEEN = Problem(500, "unforeseen", "imgindex failed on this request; the log of the service says more.")


class JsonLines(logging.Formatter):
    """Each record as one line of JSON: whatever a client put into a name or a header cannot begin a line of its own."""

    def format(self, record: logging.LogRecord) -> str:
        told = {"time": clock.utc(record.created), "level": record.levelname.lower(), "message": record.getMessage()}
        told |= getattr(record, "fields", {})
        if record.exc_info:
            told["traceback"] = "".join(traceback.format_exception(*record.exc_info))
        return json.dumps(told)


class Observed:
    """The outermost layer of the application."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        scope[REQUEST_ID] = request_id = secrets.token_hex(8)
        began = time.monotonic()
        status = 0

        async def observed(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                MutableHeaders(scope=message)["X-Request-Id"] = request_id
            await send(message)

        try:
            await self._app(scope, receive, observed)
        except Exception:
            LOG.exception("unforeseen", extra={"fields": {"request": request_id}})
            if not status:
                await UNFORESEEN.answer(scope)(scope, receive, observed)
        finally:
            seconds = time.monotonic() - began
            self._metrics.observe(scope, status, seconds)
            LOG.info("request", extra={"fields": _fields(scope, request_id, status, seconds)})


def _fields(scope: Scope, request_id: str, status: int, seconds: float) -> dict[str, Any]:
    return {
        "request": request_id,
        "client": (scope.get("client") or ("",))[0],
        "method": scope["method"],
        "path": scope["path"][:LONGEST_LOGGED],
        "status": status,
        "ms": round(1000 * seconds, 1),
    }
