"""Jobs: one at a time, told about while they run, recorded, and gone on with after a kill."""

from __future__ import annotations

import itertools
import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

import imgindex
from imgindex.ui.http.job_records import Record, Records, State
from imgindex.ui.http.settings import Settings
from tests.helpers.pictures import save, scene
from tests.ui.http.conftest import API, Library, client_of, when_ready
from tests.ui.http.services import over, start, until


def current(client: TestClient, path: str) -> Any:
    """The list, as soon as it is of the store as it is now."""
    found = client.get(f"{API}/{path}").json()
    return found if found["current"] else None


def test_a_job_indexes_and_tells_how_far_it_is(library: Library, tmp_path: Path) -> None:
    """Prevents: a page that waits for minutes and does not know for what."""
    save(scene(20), tmp_path / "more" / "a.jpg")
    shutil.copyfile(library.photos / "5.jpg", tmp_path / "more" / "b.jpg")
    with client_of(library, Settings(folders=(tmp_path,))) as client:
        before = when_ready(client).get(f"{API}/status").json()["counts"]
        order = {"kind": "index", "folders": [str(tmp_path / "more")]}
        answer = client.post(f"{API}/jobs", json=order)
        assert (answer.status_code, answer.json()["state"]) == (202, "waiting")
        job = answer.json()["id"]
        events = []
        with client.stream("GET", f"{API}/jobs/{job}/events") as stream:
            assert stream.headers["content-type"].startswith("text/event-stream")
            events = [json.loads(line[6:]) for line in stream.iter_lines() if line.startswith("data: ")]
        assert events[-1]["state"] == "done"
        assert events[-1]["result"]["ingest"]["embedded_images"] == 1
        assert {event["stage"] for event in events} & {"scan", "hash", "index", "verify", "weigh"}
        until(lambda: current(client, "groups"))
        after = client.get(f"{API}/status").json()["counts"]
        assert after["files"] == before["files"] + 2
        assert after["duplicate_files"] == before["duplicate_files"] + 1


def test_what_is_new_since_the_nightly_run(library: Library) -> None:
    """Prevents: a nightly job after which everything is still news."""
    with client_of(library) as client:
        groups = when_ready(client).get(f"{API}/news").json()["total"]
        assert groups > 2
        job = client.post(f"{API}/jobs", json={"kind": "nightly", "folders": [str(library.photos)]}).json()["id"]
        assert over(client, job)["result"]["news"] == {"new_groups": groups, "resolved_groups": 0}
        news = until(lambda: current(client, "news"))
        assert (news["total"], news["since"] is not None) == (0, True)


def test_one_job_writes_at_a_time(library: Library) -> None:
    """Prevents: two runs of which the second fails because of the first."""
    with client_of(library) as client:
        when_ready(client)
        order = {"kind": "index", "folders": [str(library.photos)]}
        jobs = [client.post(f"{API}/jobs", json=order).json()["id"] for _ in range(2)]
        ended = [over(client, job) for job in jobs]
        assert [job["state"] for job in ended] == ["done"] * 2
        assert all(a["ended_at"] <= b["began_at"] for a, b in itertools.pairwise(ended))
        assert [job["id"] for job in client.get(f"{API}/jobs").json()["jobs"]][::-1] == sorted(
            jobs, key=lambda job: (client.get(f"{API}/jobs/{job}").json()["asked_at"], job)
        )


def test_a_job_waits_for_a_run_of_somebody_else(library: Library) -> None:
    """Prevents: a nightly run on a timer that makes the page fail."""
    with library.open() as images, client_of(library) as client:
        when_ready(client)
        with images.exclusive():
            job = client.post(f"{API}/jobs", json={"kind": "index", "folders": [str(library.photos)]}).json()["id"]
            until(lambda: "in use" in client.get(f"{API}/jobs/{job}").json()["sentence"])
        assert over(client, job)["state"] == "done"


def test_a_job_that_waits_is_cancelled(library: Library) -> None:
    with library.open() as images, client_of(library) as client:
        when_ready(client)
        with images.exclusive():
            order = {"kind": "index", "folders": [str(library.photos)]}
            first, second = (client.post(f"{API}/jobs", json=order).json()["id"] for _ in range(2))
            assert client.post(f"{API}/jobs/{second}/cancel").json()["state"] == "cancelled"
            until(lambda: client.get(f"{API}/jobs/{first}").json()["state"] == "running")
            assert client.post(f"{API}/jobs/{first}/cancel").status_code == 200
            assert over(client, first)["state"] == "cancelled"
        assert client.post(f"{API}/jobs/{second}/cancel").status_code == 409
        again = client.post(f"{API}/jobs/{first}/resume").json()
        assert again["resumes"] == first
        assert over(client, again["id"])["state"] == "done"


def test_a_check_tells_what_is_broken(library: Library) -> None:
    [cache] = list(library.store.glob("*.faiss*")) or [None]
    with client_of(library) as client:
        when_ready(client)
        if cache is not None:
            cache.write_bytes(b"damaged")
        job = over(client, client.post(f"{API}/jobs", json={"kind": "check"}).json()["id"])
        assert job["state"] == "done"
        assert bool(job["result"]["findings"]) == (cache is not None)


def test_what_fails_says_why(library: Library, tmp_path: Path) -> None:
    """Prevents: a job that ends and says nothing."""
    folder = tmp_path / "gone"
    folder.mkdir()
    with client_of(library, Settings(folders=(tmp_path,))) as client:
        when_ready(client)
        (library.store / "imgindex.db").write_bytes(b"no database at all" * 1000)
        job = client.post(f"{API}/jobs", json={"kind": "index", "folders": [str(library.photos)]})
        if job.status_code == 202:
            ended = over(client, job.json()["id"])
            assert ended["state"] == "failed"
            assert ended["sentence"].endswith(".") or "repair" in ended["sentence"]
        else:
            assert job.status_code == 503


def test_records_that_are_none_are_left_alone(tmp_path: Path) -> None:
    """Prevents: a service that does not start, for a file that somebody put there."""
    records = Records(tmp_path)
    records.put(Record("a" * 16, "index", {"folders": []}, State.DONE, "Done.", "2026-01-01T00:00:00Z"))
    for name, text in {"b.json": "{", "c.json": "[]", "d.json": '{"id": 1}', "e.json": '{"state": "odd"}'}.items():
        (tmp_path / "jobs" / name).write_text(text)
    assert [record.id for record in records.read()] == ["a" * 16]


def test_a_killed_service_goes_on(tmp_path: Path) -> None:
    """Prevents: a job that is lost, or shown as running for ever, and a store that two runs write to."""
    for seed in range(30):
        save(scene(seed, 320, 240), tmp_path / "photos" / f"{seed}.jpg")
    store = tmp_path / "store"
    service, client = start(store, tmp_path)
    job = client.post(f"{API}/jobs", json={"kind": "index", "folders": [str(tmp_path / "photos")]}).json()["id"]
    until(lambda: client.get(f"{API}/jobs/{job}").json()["stage"] in ("hash", "index", "search", "verify", "weigh"))
    os.killpg(service.pid, signal.SIGKILL)
    service.communicate()
    client.close()
    service, client = start(store, tmp_path)
    try:
        found = client.get(f"{API}/jobs/{job}").json()
        assert found["state"] == "interrupted"
        assert "resume" in found["sentence"]
        again = client.post(f"{API}/jobs/{job}/resume").json()["id"]
        assert over(client, again)["state"] == "done"
        assert client.get(f"{API}/status").json()["counts"]["files"] == 30
    finally:
        client.close()
        service.send_signal(signal.SIGTERM)
        service.communicate(timeout=60)
    assert service.returncode == 0
    with imgindex.open(store) as images:
        assert images.check() == ()


def test_a_store_that_cannot_be_opened_ends_the_service(tmp_path: Path) -> None:
    """Prevents: a service that looks alive and never answers."""
    (tmp_path / "store").mkdir()
    (tmp_path / "store" / "imgindex.db").write_bytes(b"no database at all" * 1000)
    command = [sys.executable, "-m", "imgindex", "serve", "--store", str(tmp_path / "store"), "--port", "0"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 3
    assert "damaged" in done.stderr


@pytest.mark.parametrize("host", ["256.1.1.1", "no.such.host.invalid"])
def test_an_address_that_is_none_is_a_sentence(tmp_path: Path, host: str) -> None:
    command = [sys.executable, "-m", "imgindex", "serve", "--store", str(tmp_path), "--host", host]
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "--port" in done.stderr
