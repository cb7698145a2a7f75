"""The OpenAPI document says what the API does: schemathesis looks for an answer outside of it."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.specs.openapi.checks import positive_data_acceptance

from fakes.prepared.open_campaigns import open_campaign
from fakes.processes.api_server import KEY, SERVE, api_server

EXAMPLES = int(os.environ.get("API_EXAMPLES", "15"))  # of each operation
_QUIET = settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=list(HealthCheck),
    phases=[Phase.explicit, Phase.generate],
    database=None,
)


def attack(operation: Any, url: str) -> set[int]:
    """The statuses that came back, each of which the document knows."""
    seen: set[int] = set()

    @_QUIET
    @given(case=operation.as_strategy())
    def ask(case: Any) -> None:
        answer = case.call(base_url=url, headers={"Authorization": f"Bearer {KEY}"})
        # A template that is not there is well written, and refused.
        case.validate_response(answer, excluded_checks=[positive_data_acceptance])
        assert answer.status_code < 500
        seen.add(answer.status_code)

    ask()
    return seen


def test_no_request_has_an_answer_outside_the_document(tmp_path: Path) -> None:
    open_campaign(tmp_path, more=SERVE)
    with api_server(tmp_path) as server:
        url = f"http://127.0.0.1:{server.port}"
        schema = schemathesis.openapi.from_url(f"{url}/v1/openapi.json")
        operations = [found.ok() for found in schema.get_all_operations()]
        statuses = {each.label: attack(each, url) for each in operations}
    assert len(statuses) == 5
    assert all(statuses.values()), statuses
