"""`campaign explain` and `status` say why nobody is written to now, and what would change it."""

from __future__ import annotations

import json
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from campaign.cli.commands.after.explain import lines
from campaign.cli.main import main
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say
from fakes.prepared.open_campaigns import code, open_campaign
from fakes.prepared.sending import Mailing, relay
from fakes.prepared.triggering import accept, one_pass

# A window that is not open today, whatever day it is.
DAYS = "Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"
OTHER_DAY = DAYS[(datetime.now() + timedelta(days=3)).weekday()]
CLOSED = f'[schedule]\nwindows = ["{OTHER_DAY} 09:00-10:00"]\ntimezone = "UTC"\n'


@pytest.fixture
def ask(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Any:
    def asked(*arguments: str) -> Any:
        command, *rest = arguments
        assert main([command, str(tmp_path), *rest, "--json"]) == 0
        return json.loads(capfd.readouterr().out)

    return asked


def hindrances(answer: Any) -> list[tuple[str, str]]:
    return [(each["what"], each["change"]) for each in answer["hindrances"]]


def test_who_waits_for_a_window_is_told_which_until_when_and_what_changes_it(
    tmp_path: Path, ask: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    Mailing(tmp_path, relay(1), people=3, more=CLOSED).plan()
    words = f"waits for a window: {OTHER_DAY} 09:00-10:00 UTC, opens {OTHER_DAY} 09:00"
    for who in ((), ("example.com",), ("r2@example.com",)):
        answer = ask("explain", *who)
        assert hindrances(answer) == [
            ("no run is under way", "`campaign run`"),
            (words, "windows, quiet and holidays in [schedule]"),
        ]
        assert answer["hindrances"][1]["until"].endswith("T09:00:00.000Z")
        assert answer["counts"] == {"planned": 1 if who == ("r2@example.com",) else 3}
    status = ask("status")
    assert (status["waiting_for"], status["waiting_until"]) == (
        words,
        answer["hindrances"][1]["until"],
    )
    assert status["forecast"]["held_up_by"][0] == "windows"
    assert status["forecast"]["finish_at"].startswith(status["waiting_until"][:16])
    assert status["forecast"]["planned_at"].startswith(status["waiting_until"][:16])
    assert main(["status", str(tmp_path)]) == 0
    said = capfd.readouterr().out
    assert f"forecast: done at {status['forecast']['finish_at'][:10]} 09:00" in said
    assert "held up by windows" in said


@pytest.mark.parametrize(
    ("more", "limits", "name"),
    [
        ('rates = ["200/s", "2/day"]\n', "", "relay 127.0.0.1"),
        ("", '[limits."example.com"]\nrates = ["200/s", "2/day"]\n', "limits example.com"),
    ],
)
def test_the_status_names_the_quota_of_a_day_that_is_used_up_with_time_and_date(
    tmp_path: Path, ask: Any, capfd: pytest.CaptureFixture[str], more: str, limits: str, name: str
) -> None:
    with ScriptedServer(Script()) as server:
        ending = Mailing(tmp_path, relay(server, more=more) + limits, people=4).send(no_wait=True)
    assert sorted(ending.states.values()) == ["planned", "planned", "sent", "sent"]
    capfd.readouterr()
    status = ask("status")
    until = datetime.fromisoformat(status["waiting_until"]).astimezone()
    words = f"waits its turn: {name} 2/day is used up, next at {until:%Y-%m-%d %H:%M}"
    assert until.date() > datetime.now().astimezone().date()
    assert status["waiting_for"] == words
    assert words in [each["what"] for each in ask("explain", "example.com")["hindrances"]]
    assert main(["status", str(tmp_path)]) == 0
    assert f"  {words}\n" in capfd.readouterr().out
    (tmp_path / "body.txt").unlink()  # its counts are told though the campaign cannot be read
    status = ask("status")
    assert (status["counts"]["sent"], status["waiting_for"]) == (2, "")


def test_a_quota_that_is_used_up_a_retry_and_a_pause_are_named(
    tmp_path: Path, ask: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    script = Script(on("RCPT", say("450 4.2.0 mailbox is busy"), where="r1@"))
    with ScriptedServer(script) as server:
        way = relay(server) + '[limits."example.com"]\nrates = ["5/s", "2/day"]\n'
        mailing = Mailing(tmp_path, way, people=4, retry=("6h",))
        mailing.send(no_wait=True)  # the refused one counted for this run's quota, not for good
        ending = mailing.send(no_wait=True)
    assert sorted(ending.states.values()) == ["deferred", "planned", "sent", "sent"]
    assert main(["pause", str(tmp_path), "--because", "a typo"]) == 0
    capfd.readouterr()
    answer = ask("explain", "example.com")
    what = [words for words, _ in hindrances(answer)]
    assert what[0].endswith("a typo")
    assert what[1].startswith("waits its turn: limits example.com 2/day is used up")
    assert hindrances(answer)[1][1] == 'rates in [limits."example.com"]'
    answer = ask("explain", "r1@example.com")
    assert any("mailbox is busy" in words for words, _ in hindrances(answer))


def test_whoever_is_settled_is_not_held_up(
    tmp_path: Path, ask: Any, capfd: pytest.CaptureFixture[str]
) -> None:
    with ScriptedServer(Script()) as server:
        Mailing(tmp_path, relay(server), people=2).send()
    answer = ask("explain", "r1@example.com")
    assert (answer["counts"], answer["is_held_up"]) == ({"sent": 1}, False)
    assert main(["explain", str(tmp_path)]) == 0
    assert "everybody is settled" in capfd.readouterr().out


@pytest.mark.parametrize("who", ["example.net", "nobody@example.com", "a@@b"])
def test_who_is_not_in_the_plan_is_a_usage_error(
    tmp_path: Path, who: str, capfd: pytest.CaptureFixture[str]
) -> None:
    Mailing(tmp_path, relay(1), people=1).plan()
    assert main(["explain", str(tmp_path), who]) == 64
    assert "plan" in capfd.readouterr().err or "@" in who


def test_a_run_that_keeps_to_a_pace_says_so() -> None:
    counts = {"planned": 9, "sent": 1}
    said = lines("spring", "", counts, [], "waits its turn: relay 127.0.0.1 2/s")
    assert said[1] == "  mail is going; waits its turn: relay 127.0.0.1 2/s"
    assert "nothing of ours" in lines("spring", "", counts, [])[1]
    assert lines("spring", "", {"sent": 1}, [])[1] == "  everybody is settled"


def test_a_letter_that_was_asked_for_later_waits_for_its_time_and_for_no_retry(
    tmp_path: Path, ask: Any
) -> None:
    campaign = open_campaign(tmp_path, port=1)
    accept(campaign, code(send_at="2099-01-01T00:00:00Z"))
    one_pass(campaign)
    for who in ((), ("ada@example.com",)):
        *_, (what, change) = hindrances(ask("explain", *who))
        assert what == "not to be sent before its time (send_at)"
        assert change == "nothing: whoever asked for the letter set this time"
