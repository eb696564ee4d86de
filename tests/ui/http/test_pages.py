"""The pages as HTML: names that would be markup, lists in pages, log in and out."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import pytest
from starlette.testclient import TestClient

from imgindex.ui.http import tokens
from imgindex.ui.http.pages import routes
from imgindex.ui.http.settings import Limits, Settings
from tests.ui.http.conftest import Library, client_of, when_ready

PAGES = ("/", "/redundant", "/edited", "/both", "/variants", "/similar", "/search", "/news", "/skipped", "/jobs")
HTML = {"Accept": "text/html"}


def rows_of(html: str) -> list[str]:
    return re.findall(r'href="(/(?:groups|pairs)/[^"?]+)" data-open', html)


@pytest.mark.parametrize("path", PAGES)
def test_every_page_is_whole_and_has_no_code_in_it(client: TestClient, path: str) -> None:
    """Prevents: scripts and styles in the markup, which the policy forbids and a name could imitate."""
    answer = client.get(path, headers=HTML)
    assert answer.status_code == 200
    assert answer.text.strip().startswith("<!doctype html>")
    assert answer.text.strip().endswith("</html>")
    assert not re.search(r"<script>|<style|\son\w+=|\sstyle=|javascript:", answer.text)


def test_a_name_is_no_markup(client: TestClient) -> None:
    """Prevents: a file whose name runs as script in the page of who looks at it."""
    found = client.get("/similar", headers=HTML).text + client.get("/skipped", headers=HTML).text
    assert "<img src=x" not in found
    image = next(
        f for f in client.get("/api/v1/files", params={"limit": 500}).json()["files"] if "onerror" in f["path"]
    )
    upload = {"image": ("a.jpg", client.get(f"/api/v1/images/{image['image']}/original").content, "image/jpeg")}
    answer = client.post("/search", files=upload, headers=HTML)
    assert answer.status_code == 200
    assert "&lt;img src=x onerror=alert(1)&gt;.jpg" in answer.text
    assert "<img src=x" not in answer.text


def test_lists_come_in_pages(client: TestClient, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: 50,000 groups in one page."""
    whole = rows_of(client.get("/news", headers=HTML).text)
    monkeypatch.setattr(routes, "ROWS", 1)
    shown, address = [], "/news"
    while address:
        html = client.get(address, headers=HTML).text
        assert len(rows_of(html)) == 1
        shown += rows_of(html)
        more = re.search(r'href="([^"]+)" hx-get', html)
        address = more.group(1).replace("&amp;", "&") if more else ""
    assert shown == whole
    assert len(shown) > 2


def test_each_group_and_pair_can_be_looked_at(client: TestClient) -> None:
    addresses = {row for path in PAGES for row in rows_of(client.get(path, headers=HTML).text)}
    assert any(address.startswith("/pairs") for address in addresses)
    for address in addresses:
        html = client.get(address, headers=HTML).text
        assert html.count('<div class="stage"') == 2
    assert client.get("/groups/none", headers=HTML).status_code == 404
    assert client.get("/pairs/none", headers=HTML).status_code == 404


def test_what_goes_wrong_is_a_page(client: TestClient) -> None:
    answer = client.get("/nothing", headers=HTML)
    assert (answer.status_code, answer.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_search_says_what_is_a_copy(client: TestClient, indexed: Library) -> None:
    upload = {"image": ("a.jpg", (indexed.photos / "3.jpg").read_bytes(), "image/jpeg")}
    answer = client.post("/search", files=upload, headers=HTML)
    assert "A copy of what is here" in answer.text
    assert "Nothing would be lost without it." in answer.text
    refused = client.post("/search", files={"image": ("a.jpg", b"no picture", "image/jpeg")}, headers=HTML)
    assert (refused.status_code, 'role="alert"' in refused.text) == (422, True)
    assert client.post("/search", data={"text": "a cat"}, headers=HTML).status_code == 422


def test_a_folder_that_may_not_be_indexed_is_said_beside_its_field(library: Library) -> None:
    with client_of(library) as client:
        answer = when_ready(client).post("/jobs", data={"kind": "index", "folder": "/etc"}, headers=HTML)
    assert answer.status_code == 422
    assert 'value="/etc"' in answer.text
    assert "may not index" in answer.text


def test_a_browser_logs_in_and_out(indexed: Library, tmp_path: Path) -> None:
    """Prevents: a cookie that scripts or other sites can use, and one that lasts after log out."""
    token = tokens.made(tmp_path)
    settings = Settings(host="0.0.0.0", read_only=True, limits=Limits(attempts=5))
    with client_of(indexed, replace(settings), tokens.kept(tmp_path)) as client:
        when_ready(client)
        assert client.get("/", headers=HTML).headers["location"] == "/login"
        assert client.get("/login", headers=HTML).status_code == 200
        assert client.post("/login", data={"token": "wrong"}, headers=HTML).status_code == 401
        answer = client.post("/login", data={"token": token}, headers=HTML)
        cookie = answer.headers["set-cookie"]
        assert "HttpOnly" in cookie
        assert "SameSite=strict" in cookie
        assert token not in cookie
        assert client.get("/", headers=HTML).status_code == 200
        session = client.cookies[tokens.COOKIE]
        assert client.post("/logout", headers=HTML).status_code == 303
        assert client.get("/", headers=HTML | {"Cookie": f"{tokens.COOKIE}={session}"}).status_code == 303
