"""Plans, runs and undo over HTTP: what goes, what cannot be asked for, and that all of it comes back."""

from __future__ import annotations

from pathlib import Path

import pytest
from starlette.testclient import TestClient

from tests.ui.http.conftest import API, Library, client_of, make_photos, when_ready
from tests.ui.http.services import over, until


@pytest.fixture
def own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Library:
    """A library of which files may go, and a trash of its own."""
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path / "data"))
    made = Library(tmp_path / "store", tmp_path / "photos")
    make_photos(made.photos)
    with made.open() as images:
        images.index([made.photos])
    return made


def contents(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def planned(client: TestClient, **asked: object) -> tuple[str, list[str]]:
    """(the id of a new plan, what may go by it)."""
    answer = client.post(f"{API}/plans", json=asked)
    assert answer.status_code == 200, answer.text
    return answer.json()["id"], [file["copy"] for file in answer.json()["files"]]


def test_a_plan_is_carried_out_and_put_back(own: Library) -> None:
    """Prevents: files that go without a way back."""
    before = contents(own.photos)
    with client_of(own) as client:
        plan, copies = planned(when_ready(client))
        assert len(copies) >= 2
        assert contents(own.photos) == before
        job = client.post(f"{API}/runs", json={"plan": plan}).json()["id"]
        ended = over(client, job)
        assert (ended["state"], len(ended["result"]["acted"])) == ("done", len(copies)), ended
        assert contents(own.photos).keys() == before.keys() - {str(Path(c).relative_to(own.photos)) for c in copies}
        [run] = client.get(f"{API}/runs").json()["runs"]
        assert run["can_be_undone"] == len(copies)
        assert over(client, client.post(f"{API}/runs/{run['run']}/undo").json()["id"])["state"] == "done"
        assert contents(own.photos) == before
        assert client.get(f"{API}/runs").json()["runs"][0]["state"] == "undone"


def test_what_is_left_stays(own: Library) -> None:
    """Prevents: a row that was unticked and goes nevertheless."""
    with client_of(own) as client:
        plan, copies = planned(when_ready(client))
        answer = client.post(f"/plans/{plan}/apply", data={"shown": ["0", "1"], "go": ["1"]})
        assert answer.status_code == 303
        job = client.get(f"{API}/jobs").json()["jobs"][0]["id"]
        assert over(client, job)["state"] == "done"
        assert Path(copies[0]).exists()
        assert not Path(copies[1]).exists()


@pytest.mark.parametrize("plan", ["", "x", "../jobs/a", "0" * 16, "..%2f..%2fetc", "0" * 15 + "/"])
def test_only_plans_of_here_are_carried_out(library: Library, plan: str) -> None:
    """Prevents: a client that has any file moved, by a plan of its own."""
    (library.store / "plans").mkdir()
    with client_of(library) as client:
        answer = when_ready(client).post(f"{API}/runs", json={"plan": plan})
        assert answer.status_code in (404, 422)
        assert client.post(f"{API}/runs/7/undo").status_code == 404
        assert client.get(f"{API}/jobs").json() == {"jobs": []}


@pytest.mark.parametrize("action", ["delete", "move", "symlink", "rm -rf"])
def test_nothing_is_removed_for_good(library: Library, action: str) -> None:
    """Prevents: a request that deletes."""
    with client_of(library) as client:
        plan, _ = planned(when_ready(client))
        assert client.post(f"{API}/runs", json={"plan": plan, "action": action}).status_code == 422


def test_a_plan_that_somebody_changed_is_refused(own: Library) -> None:
    """Prevents: a lie in a plan's file that is believed."""
    before = contents(own.photos)
    with client_of(own) as client:
        plan, _ = planned(when_ready(client))
        path = own.store / "plans" / f"{plan}.json"
        path.write_text(path.read_text().replace('"copy": "', '"copy": "/etc/../'))
        job = client.post(f"{API}/runs", json={"plan": plan})
        if job.status_code == 202:
            ended = over(client, job.json()["id"])
            assert ended["state"] == "failed" or ended["result"]["acted"] == []
    assert contents(own.photos) == before


def test_a_job_that_acts_tells_the_list(own: Library) -> None:
    """Prevents: a page that goes on to offer what is gone."""
    with client_of(own) as client:
        before = when_ready(client).get(f"{API}/groups").json()["redundant_files"]
        plan, copies = planned(client)
        over(client, client.post(f"{API}/runs", json={"plan": plan}).json()["id"])
        found = until(lambda: (page := client.get(f"{API}/groups").json())["current"] and page)
        assert found["redundant_files"] == before - len(copies)
