#!/usr/bin/env python3
"""How long a service takes to answer: `check` with photos (640 px), with and without loss, and pages of groups.

    imgindex serve --store STORE --port 8765 &
    python scripts/bench/load.py http://127.0.0.1:8765 PHOTOS [--clients 1] [--requests 200]

Each client sends its next request when it has the answer to the last. Prints milliseconds and every status that came.
"""

from __future__ import annotations

import argparse
import io
import itertools
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import numpy as np
from PIL import Image

SIDE_PX = 640


def uploads(folder: Path) -> list[bytes]:
    """Each photo as a JPEG of at most SIDE_PX."""
    made = []
    for path in sorted(folder.glob("*.jpg"))[:50]:
        with Image.open(path) as photo:
            small = photo.convert("RGB")
        small.thumbnail((SIDE_PX, SIDE_PX))
        out = io.BytesIO()
        small.save(out, "JPEG", quality=90)
        made.append(out.getvalue())
    return made


def timed(address: str, ask: Callable[[httpx.Client], httpx.Response], clients: int, requests: int) -> str:
    """What the requests took, by all clients together."""
    seconds: list[float] = []
    statuses: Counter[int] = Counter()
    left: Iterator[int] = iter(range(requests))
    taking = threading.Lock()

    def work() -> None:
        with httpx.Client(base_url=address, timeout=120) as client:
            while True:
                with taking:
                    if next(left, None) is None:
                        return
                began = time.perf_counter()
                answer = ask(client)
                took = time.perf_counter() - began
                with taking:
                    seconds.append(took)
                    statuses[answer.status_code] += 1

    threads = [threading.Thread(target=work) for _ in range(clients)]
    began = time.perf_counter()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    rate = requests / (time.perf_counter() - began)
    p50, p95, p99 = 1000 * np.percentile(seconds, (50, 95, 99))
    return f"p50 {p50:.0f}, p95 {p95:.0f}, p99 {p99:.0f} ms; {rate:.1f} a second; {dict(statuses)}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("address")
    parser.add_argument("photos", type=Path)
    parser.add_argument("--clients", type=int, default=1)
    parser.add_argument("--requests", type=int, default=200)
    options = parser.parse_args()
    pictures = itertools.cycle(uploads(options.photos))

    def check(client: httpx.Client, loss: bool) -> httpx.Response:
        upload = {"image": ("picture.jpg", next(pictures), "image/jpeg")}
        return client.post("/api/v1/check", params={"loss": loss}, files=upload)

    asks: dict[str, Callable[[httpx.Client], httpx.Response]] = {
        "check": lambda client: check(client, False),
        "check with loss": lambda client: check(client, True),
        "first page of groups": lambda client: client.get("/api/v1/groups"),
        "first page of pairs": lambda client: client.get("/api/v1/pairs"),
    }
    for name, ask in asks.items():
        print(f"{name}: {timed(options.address, ask, options.clients, options.requests)}")


if __name__ == "__main__":
    main()
