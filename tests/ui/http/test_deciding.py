"""Decisions over HTTP and from the viewer: they hold, and are taken back."""

from __future__ import annotations

import re

import pytest
from starlette.testclient import TestClient

from tests.ui.http.conftest import API, Library, client_of, when_ready


def first_group(client: TestClient) -> tuple[str, list[str]]:
    """(id of a group whose files are different images, these)."""
    for group in client.get(f"{API}/groups").json()["groups"]:
        images = [group["keeper_image"], *(member["image"] for member in group["members"])]
        if len(set(images)) == len(images):
            return group["id"], images
    raise AssertionError("no such group")


def fields_of(html: str) -> dict[str, str]:
    """The hidden fields of the form that decides."""
    return dict(re.findall(r'type="hidden" name="(first|second|onward)" value="([^"]+)"', html))


def test_what_is_no_duplicate_stays_away_until_it_is_taken_back(library: Library) -> None:
    """Prevents: "not a duplicate" that comes back every night, and a slip that cannot be undone."""
    with client_of(library) as client:
        group, images = first_group(when_ready(client))
        order = {"kind": "not-duplicate", "images": images}
        answer = client.post(f"{API}/decisions", json=order)
        assert answer.status_code == 200, answer.text
        assert client.get(f"{API}/groups/{group}").status_code == 404
        [*_, said] = client.get(f"{API}/decisions").json()["decisions"]
        assert said["kind"] == "not-duplicate"
        assert client.post(f"{API}/decisions", json=order | {"kind": "undecided"}).status_code == 200
        assert client.get(f"{API}/groups/{group}").status_code == 200


def test_the_viewer_decides_and_takes_back(library: Library) -> None:
    """Prevents: a decision by key that leads nowhere, or that the next page does not offer to take back."""
    html = {"Accept": "text/html"}
    with client_of(library) as client:
        group, _ = first_group(when_ready(client))
        shown = client.get(f"/groups/{group}", headers=html).text
        answer = client.post("/decide", data=fields_of(shown) | {"kind": "keep-both"}, headers=html)
        assert answer.status_code == 303
        following = client.get(answer.headers["location"], headers=html).text
        assert "Take it back" in following
        back = dict(
            re.findall(r'type="hidden" name="(first|second|onward)" value="([^"]+)"', following.split("</form>")[0])
        )
        assert client.post("/decide", data=back | {"kind": "undecided"}, headers=html).status_code == 303
        kinds = [one["kind"] for one in client.get(f"{API}/decisions").json()["decisions"]]
        assert kinds[-1:] == ["undecided"]


@pytest.mark.parametrize(
    "onward", ["https://evil.example/", "//evil.example", "/\\evil.example", "/a b", "javascript:1"]
)
def test_a_decision_leads_to_pages_of_here_alone(library: Library, onward: str) -> None:
    """Prevents: a link to this service that leads elsewhere."""
    with client_of(library) as client:
        _, images = first_group(when_ready(client))
        form = {"first": images[0], "second": images[1], "kind": "undecided", "onward": onward}
        assert client.post("/decide", data=form).status_code == 422


@pytest.mark.parametrize("images", [["0" * 64, "1" * 64], ["x", "y"], ["/etc/passwd", "/etc/hosts"], []])
def test_only_images_of_here_are_decided_on(library: Library, images: list[str]) -> None:
    with client_of(library) as client:
        answer = when_ready(client).post(f"{API}/decisions", json={"kind": "keep-both", "images": images})
        assert answer.status_code in (404, 422)
        assert client.get(f"{API}/decisions").json() == {"decisions": []}
