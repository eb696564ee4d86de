"""Requests that a machine makes up from the OpenAPI document: none breaks the service, whatever is in it."""

from __future__ import annotations

from typing import Any

import httpx
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings

from tests.ui.http.conftest import API, Library
from tests.ui.http.services import until
from tests.ui.http.test_guard import listening

PER_OPERATION = settings(
    max_examples=12, deadline=None, database=None, derandomize=True, phases=[Phase.generate],
    suppress_health_check=list(HealthCheck),
)  # fmt: skip


def test_no_made_up_request_breaks_the_service(indexed: Library) -> None:
    """Prevents: an answer of 500 for what nobody thought of."""
    statuses: list[int] = []
    with listening(indexed) as port, httpx.Client(base_url=f"http://127.0.0.1:{port}") as client:
        until(lambda: client.get(f"{API}/ready").status_code == 200)
        schema = schemathesis.openapi.from_dict(client.get(f"{API}/openapi.json").json())

        def ask(case: Any) -> None:
            answer = case.call(base_url=str(client.base_url))
            statuses.append(answer.status_code)
            assert answer.status_code < 500, (case.as_curl_command(), answer.text)

        for found in schema.get_all_operations():
            PER_OPERATION(given(found.ok().as_strategy())(ask))()
    assert len(statuses) >= 200
    assert {200, 404, 422} <= set(statuses)
