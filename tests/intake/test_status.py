"""`campaign status` of an open campaign: by template, by the hour, and what still waits."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.intake.requests import LetterRequest
from fakes.open_campaigns import code, open_campaign
from fakes.recorder import recorder
from fakes.triggering import accept, one_pass


def test_status_tells_templates_hours_and_what_waits(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    with recorder() as relay:
        campaign = open_campaign(tmp_path, port=relay.port)
        accept(campaign, code(), code("bob@example.com"), LetterRequest("e@f.example", "news"))
        one_pass(campaign)
        accept(campaign, code("eve@example.com"))
    capfd.readouterr()
    assert main(["status", str(tmp_path), "--json"]) == 0
    told = json.loads(capfd.readouterr().out)
    assert told["accepted"] == 1
    assert told["finished"] is False
    assert told["templates"] == [
        {"template": "code", "counts": {"sent": 2}},
        {"template": "news", "counts": {"sent": 1}},
    ]
    by_hour = [(each["template"], each["counts"]) for each in told["hours"]]
    assert sum(counts.get("sent", 0) for _, counts in by_hour) == 3
    assert main(["status", str(tmp_path)]) == 0
    shown = capfd.readouterr().out
    assert "1 letter accepted" in shown
    assert "By template" in shown


@pytest.mark.parametrize("command", [["preview"], ["test", "--to", "me@example.com"]])
def test_commands_that_need_a_list_say_so(
    tmp_path: Path, command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    open_campaign(tmp_path, port=1)
    assert main([command[0], str(tmp_path), *command[1:]]) == 64
    assert "is an open campaign and has no list" in capfd.readouterr().err
