"""A service as people start it, and waiting for what it does."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
from starlette.testclient import TestClient

from tests.ui.http.conftest import API

OVER = ("done", "failed", "cancelled", "interrupted")


def until(found: Callable[[], Any], seconds: float = 60.0) -> Any:
    """What `found` gives as soon as that is something."""
    end = time.monotonic() + seconds
    while not (value := found()):
        assert time.monotonic() < end
        time.sleep(0.05)
    return value


def over(client: TestClient | httpx.Client, job: str) -> dict[str, Any]:
    """The job, when it is over."""

    def look() -> dict[str, Any] | None:
        fields: dict[str, Any] = client.get(f"{API}/jobs/{job}").json()
        return fields if fields["state"] in OVER else None

    found: dict[str, Any] = until(look)
    return found


def start(store: Path, folder: Path) -> tuple[subprocess.Popen[str], httpx.Client]:
    """The command itself, as people start it, on a port of its own."""
    command = [sys.executable, "-m", "imgindex", "serve", str(folder), "--store", str(store), "--port", "0"]
    options = ["--model", "sift-vlad", "--jobs", "1"]
    service = subprocess.Popen(
        [*command, *options], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True, start_new_session=True
    )
    assert service.stdout is not None
    address = service.stdout.readline().split()[-1]
    client = httpx.Client(base_url=address, timeout=30)
    until(lambda: client.get(f"{API}/ready").status_code == 200)
    return service, client
