"""The server's protocol, with an end to connections that never finish saying what they want."""

from __future__ import annotations

import asyncio

from uvicorn.protocols.http.h11_impl import H11Protocol

HEADERS_S = 10.0
"""For the first request of a connection, up to the end of its headers. Later ones have uvicorn's own limit for the
pause between two, and each body has `bounds`."""


class PatientProtocol(H11Protocol):
    """uvicorn's protocol; a connection that sends its headers a byte at a time, or none, is closed."""

    _waiting: asyncio.TimerHandle | None = None

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        self._wait()

    def data_received(self, data: bytes) -> None:
        if self.timeout_keep_alive_task is not None and self._waiting is None:
            self._wait()  # a further request begins
        super().data_received(data)
        if self.cycle is not None and not self.cycle.response_complete:
            self._stop_waiting()

    def connection_lost(self, exc: Exception | None) -> None:
        self._stop_waiting()
        super().connection_lost(exc)

    def _wait(self) -> None:
        self._waiting = asyncio.get_running_loop().call_later(HEADERS_S, self.transport.abort)

    def _stop_waiting(self) -> None:
        if self._waiting is not None:
            self._waiting.cancel()
            self._waiting = None
