"""What strangers send: foreign names and pages, tokens, floods, lies about sizes, lines for the log."""

from __future__ import annotations

import asyncio
import contextlib
import io
import json
import logging
import socket
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import uvicorn
from starlette.testclient import TestClient

import imgindex
from imgindex.errors import StoreError
from imgindex.ui.http import slow, tokens
from imgindex.ui.http.app import create_app
from imgindex.ui.http.observe import LOG, JsonLines
from imgindex.ui.http.settings import Limits, Settings
from tests.ui.http.conftest import API, HOST, Library, client_of, when_ready

ABROAD = Settings(host="0.0.0.0", read_only=True)


@pytest.mark.parametrize(
    "host",
    ["evil.example", "evil.example:8765", "127.0.0.1.evil.example", "192.168.1.5:8765", "", "local.", "[::1"],
)
def test_a_foreign_name_is_not_answered(client: TestClient, host: str) -> None:
    """Prevents: a page of another site whose name was made to lead here, and which reads all (DNS rebinding)."""
    for path in (f"{API}/groups", f"{API}/health", "/"):
        assert client.get(path, headers={"Host": host}).status_code == 421


@pytest.mark.parametrize("host", ["127.0.0.1:8765", "localhost:8765", "[::1]:8765", "LOCALHOST"])
def test_own_names_are_answered(client: TestClient, host: str) -> None:
    assert client.get(f"{API}/health", headers={"Host": host}).status_code == 200


def test_names_are_told(indexed: Library) -> None:
    with client_of(indexed, Settings(read_only=True, names=("photos.home",))) as client:
        assert client.get(f"{API}/health", headers={"Host": "photos.home"}).status_code == 200
        assert client.get(f"{API}/health", headers={"Host": "other.home"}).status_code == 421


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "http://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:9999"},
        {"Origin": "http://127.0.0.1:8765.evil.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_pages_of_other_sites_change_nothing(library: Library, headers: dict[str, str]) -> None:
    """Prevents: a form on another site that indexes, decides or deletes here (CSRF)."""
    with client_of(library, Settings(folders=(library.photos,))) as client:
        order = {"kind": "check"}
        assert when_ready(client).post(f"{API}/jobs", json=order, headers=headers).status_code == 403
        assert client.get(f"{API}/jobs").json() == {"jobs": []}
        own = {"Origin": HOST, "Sec-Fetch-Site": "same-origin"}
        assert client.post(f"{API}/jobs", json=order, headers=own).status_code == 202


def test_other_sites_show_no_picture_of_here(client: TestClient) -> None:
    """Prevents: a page of another site that looks at private pictures, or learns from their sizes."""
    image = client.get(f"{API}/groups").json()["groups"][0]["keeper_image"]
    picture = f"{API}/images/{image}/thumbnail"
    assert client.get(picture, headers={"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors"}).status_code == 403
    assert client.get(picture).headers["cross-origin-resource-policy"] == "same-origin"
    assert "access-control-allow-origin" not in client.get(picture, headers={"Origin": "http://evil.example"}).headers


@pytest.mark.parametrize("path", [f"{API}/health", f"{API}/groups", f"{API}/nothing", "/", f"{API}/images/x"])
def test_every_answer_forbids_what_it_does_not_need(client: TestClient, path: str) -> None:
    """Prevents: one answer, an error perhaps, that a browser may frame, guess or run script from."""
    headers = client.get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert "frame-ancestors 'none'" in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-request-id"]


def test_another_host_needs_a_token(indexed: Library) -> None:
    """Prevents: a library that the whole network reads, for want of an option."""
    with pytest.raises(ValueError, match="token"):
        create_app(indexed.open, ABROAD)


def test_who_has_no_token_gets_nothing(indexed: Library, tmp_path: Path) -> None:
    """Prevents: a path that the token does not cover."""
    token = tokens.made(tmp_path)
    with client_of(indexed, replace(ABROAD, limits=Limits(attempts=1000)), tokens.kept(tmp_path)) as client:
        when_ready(client)
        schema = client.get(f"{API}/openapi.json", headers={"Authorization": f"Bearer {token}"}).json()
        for path, verbs in schema["paths"].items():
            for verb in verbs:
                wrong = {"Authorization": "Bearer x"}, {"Authorization": token}, {"Cookie": f"{tokens.COOKIE}={token}"}
                given = [{}, *wrong]
                for headers in given[:1] if path.endswith(("/health", "/ready")) else given:
                    status = client.request(verb, path.replace("{", "").replace("}", ""), headers=headers).status_code
                    assert status == (200 if path.endswith(("/health", "/ready")) else 401), (path, headers)


def test_the_token_is_not_kept(tmp_path: Path) -> None:
    """Prevents: a backup of the store that lets its reader in."""
    token = tokens.made(tmp_path)
    [kept] = tmp_path.iterdir()
    assert token not in kept.read_text()
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600
    assert tokens.made(tmp_path) != token


def test_a_damaged_token_is_said(tmp_path: Path) -> None:
    """Prevents: a file that was cut short and lets everybody in, or a traceback."""
    tokens.made(tmp_path)
    (tmp_path / tokens.FILE_NAME).write_text("no digest")
    with pytest.raises(StoreError, match="--new-token"):
        tokens.kept(tmp_path)


def test_tokens_are_not_guessed(indexed: Library, tmp_path: Path) -> None:
    """Prevents: guessing as fast as the network is."""
    token = tokens.made(tmp_path)
    settings = replace(ABROAD, limits=Limits(attempts=5))
    with client_of(indexed, settings, tokens.kept(tmp_path)) as client:
        statuses = [client.get(f"{API}/jobs", headers={"Authorization": f"Bearer {n}"}).status_code for n in range(8)]
        assert statuses == [401] * 5 + [429] * 3
        late = client.get(f"{API}/jobs", headers={"Authorization": f"Bearer {token}"})
        assert (late.status_code, late.headers["retry-after"]) == (429, "60")


def test_too_large_an_upload_is_refused(indexed: Library) -> None:
    """Prevents: a disk that one request fills; the size that a client names is not what counts."""
    with client_of(indexed, Settings(read_only=True, limits=Limits(body_bytes=10_000))) as client:
        when_ready(client)
        upload = {"image": ("a.jpg", b"x" * 20_000, "image/jpeg")}
        assert client.post(f"{API}/check", files=upload).status_code == 413

        def chunks() -> Iterator[bytes]:
            yield b'--x\r\nContent-Disposition: form-data; name="image"; filename="a"\r\n\r\n'
            for _ in range(100):
                yield b"x" * 1000

        headers = {"Content-Type": "multipart/form-data; boundary=x"}
        assert client.post(f"{API}/check", content=chunks(), headers=headers).status_code == 413


def test_a_bomb_costs_a_sentence(client: TestClient) -> None:
    """Prevents: 300 gigabytes of pixels from 100 bytes."""
    from PIL import Image

    out = io.BytesIO()
    Image.new("1", (1, 1)).save(out, "PNG")
    data = bytearray(out.getvalue())
    data[16:24] = (200_000).to_bytes(4, "big") * 2
    import zlib

    data[29:33] = zlib.crc32(data[12:29]).to_bytes(4, "big")
    answer = client.post(f"{API}/check", files={"image": ("a.png", bytes(data), "image/png")})
    assert answer.status_code == 422
    assert "pixels" in answer.json()["error"]["sentence"]


def slow_roots(monkeypatch: pytest.MonkeyPatch) -> tuple[threading.Event, threading.Semaphore]:
    """Lets `status` take until the event is set; the semaphore counts who waits."""
    going, asked = threading.Event(), threading.Semaphore(0)
    real = imgindex.ImageIndex.roots

    def roots(self: imgindex.ImageIndex) -> object:
        asked.release()
        assert going.wait(20)
        return real(self)

    monkeypatch.setattr(imgindex.ImageIndex, "roots", roots)
    return going, asked


def test_a_flood_is_told_to_come_back(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: requests that pile up until memory ends."""
    going, asked = slow_roots(monkeypatch)
    with client_of(indexed, Settings(read_only=True, limits=Limits(at_once=2))) as client:
        when_ready(client)
        answers: list[int] = []
        ask = lambda: answers.append(client.get(f"{API}/status").status_code)  # noqa: E731
        threads = [threading.Thread(target=ask) for _ in range(2)]
        for thread in threads:
            thread.start()
        for _ in threads:
            assert asked.acquire(timeout=20)
        refused = client.get(f"{API}/status")
        going.set()
        for thread in threads:
            thread.join()
        assert (refused.status_code, refused.headers["retry-after"]) == (429, "1")
        assert answers == [200, 200]
        assert client.get(f"{API}/status").status_code == 200


def test_an_answer_is_bounded_in_time(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a client, and its place, that wait for ever."""
    going, _ = slow_roots(monkeypatch)
    with client_of(indexed, Settings(read_only=True, limits=Limits(seconds=0.3))) as client:
        when_ready(client)
        answer = client.get(f"{API}/status")
        going.set()
    assert answer.status_code == 408


def test_a_log_line_is_one_line(client: TestClient, caplog: pytest.LogCaptureFixture) -> None:
    """Prevents: a request that writes its own lines into the log."""
    with caplog.at_level(logging.INFO, LOG.name):
        client.get(f"{API}/groups/a%0Aforged%1b%5B31m", headers={"X-Request-Id": "forged"})
    line = JsonLines().format(caplog.records[-1])
    assert "\n" not in line
    assert "\x1b" not in line
    assert json.loads(line)["path"] == f"{API}/groups/a\nforged\x1b[31m"
    assert json.loads(line)["request"] != "forged"


def test_what_nobody_foresaw_tells_a_stranger_nothing(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: tracebacks, with paths and values, for whoever finds a fault."""

    def fails(self: imgindex.ImageIndex) -> None:
        raise RuntimeError("secret")

    monkeypatch.setattr(imgindex.ImageIndex, "roots", fails)
    with client_of(indexed, Settings(read_only=True)) as client:
        answer = when_ready(client).get(f"{API}/status")
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert answer.json()["error"]["request"] == answer.headers["x-request-id"]


def test_read_only_writes_nothing(client: TestClient) -> None:
    """Prevents: a service for all that one of them changes."""
    schema = client.get(f"{API}/openapi.json").json()
    asks = {f"{API}/{verb}" for verb in ("check", "query", "compare")}
    posts = [path for path, verbs in schema["paths"].items() if set(verbs) - {"get"} and path not in asks]
    assert len(posts) >= 3
    orders = {
        "jobs": {"kind": "check"},
        "plans": {},
        "runs": {"plan": "0" * 16},
        "decisions": {"kind": "keep-both", "images": ["1", "2"]},
    }
    for path in posts:
        order = orders.get(path.rpartition("/")[2])
        answer = client.post(path.replace("{run}", "1").replace("{job}", "1"), json=order)
        assert answer.status_code == 403, path


def test_only_named_folders_are_indexed(library: Library, tmp_path: Path) -> None:
    """Prevents: a client that reads the whole disk through this service, or out of a folder by a link or dots."""
    inside = tmp_path / "inside"
    inside.mkdir()
    (inside / "link").symlink_to("/etc")
    with client_of(library, Settings(folders=(inside,))) as client:
        when_ready(client)
        for folder in ("/etc", f"{inside}/../..", f"{inside}/link", "/", f"{inside}x", f"{tmp_path}"):
            answer = client.post(f"{API}/jobs", json={"kind": "index", "folders": [folder]})
            assert answer.status_code == 403, folder
        for folder in ("inside", "", "a\0b", f"{inside}/none"):
            answer = client.post(f"{API}/jobs", json={"kind": "index", "folders": [folder]})
            assert answer.status_code == 422, folder
        assert client.get(f"{API}/jobs").json() == {"jobs": []}


def test_a_path_leads_nowhere_else(client: TestClient, indexed: Library, tmp_path: Path) -> None:
    """Prevents: any file of the machine that is read, or that is known to be there, through a path."""
    away = tmp_path / "secret.jpg"
    away.write_bytes((indexed.photos / "1.jpg").read_bytes())
    (tmp_path / "link.jpg").symlink_to(away)
    told = set()
    for path in (
        str(away), str(tmp_path / "none.jpg"), "/etc/passwd", f"{indexed.photos}/../store/imgindex.db", "1.jpg",
        f"{indexed.photos}/../../{away}", "file:///etc/passwd", "/proc/self/environ", "..", f"{indexed.photos}",
    ):  # fmt: skip
        answer = client.post(f"{API}/query", data={"path": path})
        assert answer.status_code == 403, path
        told.add(answer.json()["error"]["sentence"])
    assert len(told) == 1


@pytest.mark.parametrize("part", ["..%2f..%2fetc%2fpasswd", "%2e%2e", "a%00b", "\udcff", "A" * 64, "0" * 5000, "{}"])
def test_ids_are_no_paths(client: TestClient, part: str) -> None:
    for path in ("groups/{}", "pairs/{}", "jobs/{}", "images/{}", "images/{}/thumbnail", "images/{}/original"):
        answer = client.get(f"{API}/{path.format(part.encode('utf-8', 'surrogateescape').decode('latin-1'))}")
        assert answer.status_code == 404, path


@contextmanager
def listening(library: Library) -> Iterator[int]:
    """A real socket in front of a service; its port."""
    config = uvicorn.Config(
        create_app(library.open, Settings(read_only=True)), http=slow.PatientProtocol, log_config=None, ws="none"
    )
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as sock:
        thread = threading.Thread(target=lambda: asyncio.run(server.serve(sockets=[sock])))
        thread.start()
        try:
            yield sock.getsockname()[1]
        finally:
            server.should_exit = True
            thread.join()


def test_a_connection_that_says_nothing_is_closed(indexed: Library, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: connections that are kept open with a byte now and then, until there are no more (slow loris)."""
    monkeypatch.setattr(slow, "HEADERS_S", 0.5)
    with listening(indexed) as port:
        for said in (b"", b"GET / HTTP/1.1\r\nHost: 127.0"):
            with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
                began = time.monotonic()
                connection.sendall(said)
                with contextlib.suppress(ConnectionResetError):
                    assert not connection.recv(1000)
                assert 0.3 < time.monotonic() - began < 5
        with socket.create_connection(("127.0.0.1", port), timeout=10) as connection:
            for _ in range(2):
                connection.sendall(b"GET /api/v1/health HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n")
                answer = connection.recv(10_000)
                while not answer.endswith(b"}"):
                    answer += connection.recv(10_000)
                assert answer.startswith(b"HTTP/1.1 200")
                time.sleep(0.7)
