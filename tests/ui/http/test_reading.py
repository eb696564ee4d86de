"""Lists, images and pictures over HTTP."""

from __future__ import annotations

import io
import os
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from tests.ui.http.conftest import API, HOSTILE, Library


def get(client: TestClient, path: str, **parameters: Any) -> Any:
    answer = client.get(f"{API}/{path}", params=parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()


def all_rows(client: TestClient, path: str, name: str, limit: int) -> list[Any]:
    """What all pages have, one after the other."""
    rows: list[Any] = []
    cursor: str | None = None
    while True:
        more = {} if cursor is None else {"cursor": cursor}
        page = get(client, path, limit=limit, **more)
        assert len(page[name]) <= limit
        rows += page[name]
        cursor = page["next_cursor"]
        if cursor is None:
            return rows


@pytest.mark.parametrize(
    ("path", "name"), [("groups", "groups"), ("pairs", "pairs"), ("files", "files"), ("news", "groups")]
)
def test_pages_show_each_row_once(client: TestClient, path: str, name: str) -> None:
    """Prevents: a list of 50,000 that is one answer, and pages that repeat or leave out rows at their ends."""
    whole = get(client, path, limit=500)[name]
    assert len(whole) > 2
    assert all_rows(client, path, name, 1) == whole
    assert all_rows(client, path, name, 2) == whole


def test_groups_are_those_of_the_report(client: TestClient, indexed: Library) -> None:
    """Prevents: a service that says something else than the command line."""
    with indexed.open() as images:
        report = images.report()
    found = get(client, "groups")
    assert [group["id"] for group in found["groups"]] == [group.id for group in report.groups]
    assert found["total"] == len(report.groups) > 2
    assert found["reclaimable_bytes"] == report.counts.reclaimable_bytes
    assert found["redundant_files"] == report.counts.duplicate_files
    assert found["current"]


def test_groups_are_filtered(client: TestClient, indexed: Library) -> None:
    """Prevents: filters that are accepted and ignored."""
    every = get(client, "groups")["groups"]
    edited = get(client, "groups", grade="edited")
    exact = get(client, "groups", verdict="exact")["groups"]
    assert 0 < edited["total"] < len(every)
    assert all(any(m["grade"] == "edited" for m in group["members"]) for group in edited["groups"])
    assert [m["verdict"] for group in exact for m in group["members"]] == ["exact"]
    assert get(client, "groups", folder=str(indexed.photos / "copies"))["total"] == len(every)
    assert get(client, "groups", folder=str(indexed.photos / "cop"))["total"] == 0
    assert get(client, "groups", least_bytes=1 << 50)["total"] == 0
    assert get(client, "groups", change="known")["total"] == 0


def test_a_group_by_its_id(client: TestClient) -> None:
    [first, *_] = get(client, "groups")["groups"]
    assert get(client, f"groups/{first['id']}") == first
    assert client.get(f"{API}/groups/{first['id'][:-1]}").status_code == 404


def test_a_pair_by_its_id(client: TestClient) -> None:
    [first, *_] = get(client, "pairs")["pairs"]
    assert get(client, f"pairs/{first['id']}") == first


def test_pairs_are_filtered(client: TestClient) -> None:
    """Prevents: filters that are accepted and ignored."""
    verdicts = {pair["verdict"] for pair in get(client, "pairs")["pairs"]}
    assert "near-duplicate" in verdicts
    for verdict in verdicts:
        found = get(client, "pairs", verdict=verdict)["pairs"]
        assert {pair["verdict"] for pair in found} == {verdict}
    assert all(pair["score"] >= 90 for pair in get(client, "pairs", least_score=90)["pairs"])


def test_any_name_travels(client: TestClient, indexed: Library) -> None:
    """Prevents: a list that fails as a whole, for one name that is no text."""
    found = {os.fsencode(file["path"]) for file in get(client, "files", limit=500)["files"]}
    assert {os.path.join(os.fsencode(indexed.photos), name) for name in HOSTILE} <= found


def test_skipped_files_say_why(client: TestClient) -> None:
    found = get(client, "skipped")
    assert [os.path.basename(file["path"]) for file in found["skipped"]] == ["broken.jpg"]
    assert found["by_reason"] == {found["skipped"][0]["reason"]: 1}
    assert found["skipped"][0]["detail"].endswith(".")
    assert get(client, "skipped", reason="other")["total"] == 0


def test_an_image_has_all_its_files(client: TestClient) -> None:
    [group] = get(client, "groups", verdict="exact")["groups"]
    image = get(client, f"images/{group['keeper_image']}")
    assert sorted(file["path"] for file in image["files"]) == sorted([group["keeper"], group["members"][0]["path"]])
    assert (image["width_px"], image["format"]) == (480, "JPEG")


@pytest.mark.parametrize(("name", "longest"), [("thumbnail", 360), ("preview", 480), ("preview?side=100", 100)])
def test_pictures_are_bounded_and_kept_by_browsers(client: TestClient, name: str, longest: int) -> None:
    """Prevents: full photos in lists, and pictures that are drawn again for every look."""
    image = get(client, "groups")["groups"][0]["keeper_image"]
    answer = client.get(f"{API}/images/{image}/{name}")
    assert answer.headers["content-type"] == "image/jpeg"
    with Image.open(io.BytesIO(answer.content)) as picture:
        assert max(picture.size) == longest
    again = client.get(f"{API}/images/{image}/{name}", headers={"If-None-Match": answer.headers["etag"]})
    assert (again.status_code, again.content) == (304, b"")


def test_a_copy_is_laid_on_its_original(client: TestClient) -> None:
    """Prevents: a viewer that shows two pictures that do not lie on each other."""
    [pair] = [pair for pair in get(client, "pairs")["pairs"] if pair["transform"] == "mirrored"]
    mine, other = pair["image_a"], pair["image_b"]
    pictures = {}
    for name in ("preview", "laid", "difference"):
        answer = client.get(f"{API}/images/{mine}/{name}", params={"side": 480, "with": other})
        assert answer.status_code == 200
        pictures[name] = Image.open(io.BytesIO(answer.content)).convert("L").resize((48, 36))
    assert pictures["preview"].size == pictures["laid"].size
    apart = [abs(a - b) for a, b in zip(pictures["preview"].tobytes(), pictures["laid"].tobytes(), strict=True)]
    assert sum(apart) / len(apart) < 4
    assert sum(pictures["difference"].tobytes()) / 48 / 36 > 220
    outlines = get(client, f"images/{mine}/outlines", **{"with": other})
    assert outlines["regions"] == []


def test_what_was_never_compared_is_not_laid(client: TestClient) -> None:
    """Prevents: two strangers on one canvas."""
    files = {os.path.basename(f["path"]): f["image"] for f in get(client, "files", limit=500)["files"]}
    answer = client.get(f"{API}/images/{files['3.jpg']}/laid", params={"with": files["5.jpg"]})
    assert answer.status_code == 404


def test_an_original_is_its_bytes_and_no_page(client: TestClient, indexed: Library) -> None:
    """Prevents: a stranger's file that a browser runs as a page of this service."""
    files = {os.fsencode(f["path"]): f["image"] for f in get(client, "files", limit=500)["files"]}
    for name in HOSTILE:
        path = os.path.join(os.fsencode(indexed.photos), name)
        answer = client.get(f"{API}/images/{files[path]}/original")
        with open(path, "rb") as file:
            assert answer.content == file.read()
        assert answer.headers["content-type"] == "application/octet-stream"
        assert answer.headers["content-disposition"].startswith("attachment; filename*=utf-8''")
        assert "set-cookie" not in answer.headers
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")


def test_status_and_metrics_tell_what_is_there(client: TestClient) -> None:
    counts = get(client, "status")["counts"]
    text = client.get(f"{API}/metrics").text
    assert f"imgindex_images {float(counts['images'])}" in text
    assert f"imgindex_redundant_files {float(counts['duplicate_files'])}" in text
    assert 'imgindex_requests_total{method="GET",route="/api/v1/status",status="200"}' in text


@pytest.mark.parametrize("path", ["groups", "pairs", "files", "skipped", "news"])
@pytest.mark.parametrize("cursor", ["x", "!!", "bnVsbA", "W251bGxd", "WzEsMiwzLDRd", "WyJcdTAwMDAiXQ", "e30"])
def test_a_foreign_cursor_is_a_sentence(client: TestClient, path: str, cursor: str) -> None:
    """Prevents: a traceback, or a page from nowhere, for a cursor that was made up."""
    answer = client.get(f"{API}/{path}", params={"cursor": cursor})
    assert answer.status_code in (200, 422)
    if answer.status_code == 422:
        assert answer.json()["error"]["sentence"].endswith(".")
