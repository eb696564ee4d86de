"""check, query and compare over HTTP."""

from __future__ import annotations

import io
import tempfile
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from starlette.testclient import TestClient

from imgindex.ui.http.settings import Settings
from tests.helpers.pictures import reduced, scene
from tests.ui.http.conftest import API, Library, client_of, when_ready


def jpeg(picture: Image.Image, quality: int = 85) -> bytes:
    out = io.BytesIO()
    picture.save(out, "JPEG", quality=quality)
    return out.getvalue()


def ask(client: TestClient, verb: str, files: dict[str, bytes] | None = None, **fields: Any) -> Any:
    query = {name: fields.pop(name) for name in ("k", "loss") if name in fields}
    uploads = {name: ("picture.jpg", data, "image/jpeg") for name, data in (files or {}).items()}
    return client.post(f"{API}/{verb}", files=uploads or None, data=fields or None, params=query)


def test_a_copy_is_known_and_what_it_would_lose(client: TestClient, indexed: Library) -> None:
    """Prevents: an upload form that stores what is there, or throws away what is better."""
    small = jpeg(reduced(indexed.photos / "3.jpg", (240, 180)), 70)
    answer = ask(client, "check", {"image": small}, loss=True).json()
    assert answer["copy"]
    assert answer["keeper"] == str(indexed.photos / "3.jpg")
    assert (answer["grade"], answer["loss"]) == ("redundant", [])
    assert "detail" in [loss["what"] for loss in answer["loss_of_match"]]
    assert ask(client, "check", {"image": small}).json()["loss"] is None


def test_the_keeper_is_that_of_the_group(client: TestClient, indexed: Library) -> None:
    """Prevents: an answer that names a lesser copy as what to keep."""
    client.get(f"{API}/groups")
    small = (indexed.photos / "copies" / "0-small.jpg").read_bytes()
    answer = ask(client, "check", {"image": small}, loss=True).json()
    assert (answer["verdict"], answer["grade"], answer["loss"]) == ("exact", "redundant", [])
    assert answer["keeper"] == str(indexed.photos / "0.jpg")
    assert answer["group"] in [group["id"] for group in client.get(f"{API}/groups").json()["groups"]]


def test_a_new_picture_is_no_copy(client: TestClient) -> None:
    answer = ask(client, "check", {"image": jpeg(scene(77, 480, 360))}, loss=True).json()
    assert (answer["copy"], answer["keeper"], answer["loss"]) == (False, None, None)


def test_a_picture_by_path_by_id_and_as_upload_is_one(client: TestClient, indexed: Library) -> None:
    """Prevents: three ways to ask that answer differently."""
    path = indexed.photos / "4.jpg"
    [image] = [f["image"] for f in client.get(f"{API}/files").json()["files"] if f["path"] == str(path)]
    answers = [
        ask(client, "query", {"image": path.read_bytes()}).json(),
        ask(client, "query", path=str(path)).json(),
        ask(client, "query", id=image).json(),
    ]
    assert answers[0] == answers[1] == answers[2]
    assert answers[0]["matches"][0]["image"] == image


@pytest.mark.parametrize("fields", [{}, {"path": "a", "id": "b"}, {"id": "0" * 64, "text": "a cat"}])
def test_one_picture_is_asked_for(client: TestClient, fields: dict[str, str]) -> None:
    answer = ask(client, "query", **fields)
    assert answer.status_code == 422
    assert answer.json()["error"]["sentence"].endswith(".")


def test_words_need_a_model_that_knows_them(client: TestClient) -> None:
    answer = ask(client, "query", text="a cat")
    assert answer.status_code == 422
    assert "--text" in answer.json()["error"]["sentence"]


@pytest.mark.parametrize("data", [b"", b"no picture", jpeg(scene(1))[:300]])
@pytest.mark.parametrize("verb", ["check", "query"])
def test_what_is_no_picture_is_a_sentence(client: TestClient, verb: str, data: bytes) -> None:
    answer = ask(client, verb, {"image": data})
    assert answer.status_code == 422
    assert answer.json()["error"]["sentence"]


def test_two_pictures_are_compared(client: TestClient, indexed: Library) -> None:
    path = indexed.photos / "5.jpg"
    half = jpeg(reduced(path, (240, 180)))
    answer = ask(client, "compare", {"image_a": half}, path_b=str(path)).json()
    assert answer["verdict"] == "near-duplicate"
    assert answer["transform"] == "resized 2.00x"


def test_uploads_leave_nothing_behind(indexed: Library, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Prevents: a disk that fills with pictures that were only asked about."""
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    with client_of(indexed, Settings(read_only=True)) as client:
        ask(when_ready(client), "check", {"image": jpeg(scene(1))})
        ask(client, "check", {"image": b"no picture"})
        [uploads] = tmp_path.iterdir()
        assert not list(uploads.iterdir())
    assert not list(tmp_path.iterdir())
