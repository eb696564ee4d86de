"""A small library with copies, hostile names and a broken file, and a service in front of it."""

from __future__ import annotations

import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
from PIL import ImageOps
from starlette.testclient import TestClient

import imgindex
from imgindex.ui.http.app import create_app
from imgindex.ui.http.settings import Settings
from imgindex.workers.inline import InlineWorkers
from tests.helpers.pictures import reduced, save, scene

HOST = "http://127.0.0.1:8765"
API = "/api/v1"

HOSTILE = (b"<img src=x onerror=alert(1)>.jpg", b"\xff\xfe.jpg", b"a\nSet-Cookie: b=c.jpg")
"""Names that would be markup, that are no text, and that would be a header."""


@dataclass(frozen=True, slots=True)
class Library:
    """An indexed folder: `photos` are of scenes 0 to 5, with copies of some of them."""

    store: Path
    photos: Path

    def open(self) -> imgindex.ImageIndex:
        return imgindex.open(self.store, workers=InlineWorkers(), model="sift-vlad")


def make_photos(folder: Path) -> None:
    for seed in range(6):
        save(scene(seed, 480, 360), folder / f"{seed}.jpg")
    save(reduced(folder / "0.jpg", (240, 180)), folder / "copies" / "0-small.jpg", quality=80)
    shutil.copyfile(folder / "1.jpg", folder / "copies" / "1-again.jpg")
    save(ImageOps.mirror(scene(2, 480, 360)), folder / "copies" / "2-mirrored.jpg", quality=70)
    save(scene(4, 480, 360), folder / "copies" / "4-again.png")
    save(ImageOps.grayscale(scene(4, 480, 360)), folder / "copies" / "4-grey.jpg", quality=80)
    (folder / "broken.jpg").write_bytes((folder / "3.jpg").read_bytes()[:2000])
    for seed, name in enumerate(HOSTILE, 10):
        save(scene(seed, 320, 240), folder / "hostile.jpg")
        os.rename(folder / "hostile.jpg", os.path.join(os.fsencode(folder), name))


@pytest.fixture(scope="session")
def indexed(tmp_path_factory: pytest.TempPathFactory) -> Library:
    """The library that tests share, which they only read."""
    folder = tmp_path_factory.mktemp("library")
    library = Library(folder / "store", folder / "photos")
    make_photos(library.photos)
    with library.open() as images:
        images.index([library.photos])
    return library


@pytest.fixture
def library(indexed: Library, tmp_path: Path) -> Library:
    """A copy of the store, for tests that write to it; the photos are the shared ones."""
    shutil.copytree(indexed.store, tmp_path / "store")
    return Library(tmp_path / "store", indexed.photos)


def client_of(library: Library, settings: Settings | None = None, token: bytes | None = None) -> TestClient:
    """Not opened yet: use it in a `with` block."""
    app = create_app(library.open, settings or Settings(), token_digest=token)
    return TestClient(app, base_url=HOST, follow_redirects=False)


def when_ready(client: TestClient) -> TestClient:
    """The client, as soon as the store is open."""
    until = time.monotonic() + 60
    while client.get(f"{API}/ready").status_code != 200:
        assert time.monotonic() < until
        time.sleep(0.02)
    return client


@pytest.fixture(scope="session")
def client(indexed: Library) -> Iterator[TestClient]:
    """A service that only reads."""
    with client_of(indexed, Settings(read_only=True)) as client:
        yield when_ready(client)
