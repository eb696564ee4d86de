"""How many requests are in work at once, and how long one may take."""

from __future__ import annotations

import asyncio

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from imgindex.ui.http.metrics import Metrics
from imgindex.ui.http.problems import Problem
from imgindex.ui.http.settings import Limits

OPEN_ENDED = "/events"
"""Paths that end so are streams: they stay open, and are counted apart."""

RETRY_S = 1


class Bounded:
    def __init__(self, app: ASGIApp, limits: Limits, metrics: Metrics) -> None:
        self._app = app
        self._limits = limits
        self._metrics = metrics
        self._in_work = self._streams = 0

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
        elif scope["path"].endswith(OPEN_ENDED):
            await self._stream(scope, receive, send)
        else:
            await self._bounded(scope, receive, send)

    async def _stream(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._streams >= self._limits.streams:
            await self._refuse(scope, receive, send)
            return
        self._streams += 1
        try:
            await self._app(scope, receive, send)
        finally:
            self._streams -= 1

    async def _bounded(self, scope: Scope, receive: Receive, send: Send) -> None:
        if self._in_work >= self._limits.at_once:
            await self._refuse(scope, receive, send)
            return
        started = False

        async def noted(message: Message) -> None:
            nonlocal started
            started = started or message["type"] == "http.response.start"
            await send(message)

        self._in_work += 1
        self._metrics.in_work.set(self._in_work)
        try:
            async with asyncio.timeout(self._limits.seconds):
                await self._app(scope, receive, noted)
        except TimeoutError:
            if started:
                raise
            problem = Problem(
                408, "time", f"This took more than {self._limits.seconds:.0f} seconds; send it faster, or ask for less."
            )
            await problem.answer(scope)(scope, receive, send)
        finally:
            self._in_work -= 1
            self._metrics.in_work.set(self._in_work)

    async def _refuse(self, scope: Scope, receive: Receive, send: Send) -> None:
        self._metrics.refused.inc()
        problem = Problem(429, "many", "Too many requests at once; try again in a moment.", retry_s=RETRY_S)
        await problem.answer(scope)(scope, receive, send)
