"""What goes out is what was agreed to, whatever others do while the question is on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.config.loader import load
from campaign.delivery.plan_summary import read_summary
from campaign.delivery.run_records import Agreement
from fakes.scripted_smtp import Script, ScriptedServer
from fakes.sending import Mailing, relay


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(Script()) as running:
        yield running


@pytest.mark.parametrize("seen", ["another plan", "fewer people"])
def test_a_plan_that_nobody_agreed_to_is_not_sent(
    server: ScriptedServer, tmp_path: Path, seen: str
) -> None:
    mailing = Mailing(tmp_path, relay(server), people=3)
    mailing.plan()
    plan_id = read_summary(load(tmp_path)).plan_id
    agreed = Agreement("another", 3) if seen == "another plan" else Agreement(plan_id, 2)
    refused = mailing.send(agreed=agreed)
    assert refused.exit_code == 64
    assert "another plan was made meanwhile" in refused.sentence
    assert refused.all_but() == {"planned"}
    assert not server.accepted
    assert mailing.send(agreed=Agreement(plan_id, 3)).all_but() == {"sent"}
