"""What the workers of a fleet must agree in, and what each host has for itself."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from campaign.fleet.terms import terms_of
from fakes.prepared.sending import Mailing, direct, relay

PLAN = cast(Any, SimpleNamespace(plan_id="p", hashes={}))


def differing(tmp_path: Path, one: str, other: str) -> list[str]:
    """In what two hosts with these ways out do not agree."""
    found = []
    for number, way in enumerate((one, other)):
        folder = tmp_path / str(number)
        folder.mkdir()
        found.append(terms_of(Mailing(folder, way).write(), PLAN))
    return [key for key in found[0] if found[0][key] != found[1][key]]


@pytest.mark.parametrize(
    ("one", "other", "told"),
    [
        (relay(25, more='source = "127.0.0.2"'), relay(25, more='source = "127.0.0.3"'), []),
        (relay(25), relay(25, connections=2), ["[relay]"]),
        (
            direct(25, "127.0.0.1", 'addresses = ["127.0.0.2"]'),
            direct(25, "127.0.0.1", 'addresses = [{ address = "::1", hello = "b.example" }]'),
            [],
        ),
        (direct(25, "127.0.0.1"), direct(25, "127.0.0.1", 'rates = ["9/s"]'), ["[direct]"]),
    ],
)
def test_hosts_may_send_from_other_addresses_but_not_by_other_limits(
    tmp_path: Path, one: str, other: str, told: list[str]
) -> None:
    assert differing(tmp_path, one, other) == told
