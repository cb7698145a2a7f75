"""What goes out is what was agreed to, whatever others do while the question is on the screen."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from campaign.config.loader import load
from campaign.delivery.run_records import Agreement
from campaign.planning.summary import read_summary
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.prepared.sending import Mailing, relay


@pytest.fixture
def server() -> Iterator[ScriptedServer]:
    with ScriptedServer(Script()) as running:
        yield running


@pytest.mark.parametrize("seen", ["another plan", "another list", "fewer people"])
def test_a_plan_that_nobody_agreed_to_is_not_sent(
    server: ScriptedServer, tmp_path: Path, seen: str
) -> None:
    mailing = Mailing(tmp_path, relay(server), people=3)
    mailing.plan()
    shown = read_summary(load(tmp_path))
    plan_id = "another" if seen == "another plan" else shown.plan_id
    hashes = shown.hashes | ({"list.csv": "another"} if seen == "another list" else {})
    agreed = Agreement(plan_id, hashes, 2 if seen == "fewer people" else 3)
    refused = mailing.send(agreed=agreed)
    assert refused.exit_code == 64
    assert "another plan was made meanwhile" in refused.sentence
    assert refused.all_but() == {"planned"}
    assert not server.accepted
    assert mailing.send(agreed=Agreement(shown.plan_id, shown.hashes, 3)).all_but() == {"sent"}
