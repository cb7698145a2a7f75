"""`campaign status` of an open campaign: by template, by the hour, and what still waits."""

from __future__ import annotations

import json
from contextlib import closing
from datetime import UTC
from pathlib import Path

import pytest

from campaign.cli.main import main
from campaign.config.loader import Campaign, load
from campaign.intake.requests import LetterRequest
from campaign.journal.reading.tallies import Tallies
from campaign.outcomes import NO_WAIT
from campaign.pages.hourly import hourly_letters
from campaign.pages.look import Look
from campaign.records import State
from campaign.report.figures import gather
from campaign.report.page import report
from campaign.report.wording import wording
from campaign.watch import sampling
from campaign.watch.sampling import Sampler
from fakes.clock import FakeClock
from fakes.mail.recorder import recorder
from fakes.prepared.open_campaigns import code, open_campaign
from fakes.prepared.open_day import live_a_day
from fakes.prepared.triggering import accept, one_pass


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


def test_the_live_page_and_the_report_tell_templates_and_hours(tmp_path: Path) -> None:
    campaign = open_campaign(tmp_path, port=1)
    until_s = 1_790_000_000.0 // 3600 * 3600
    live_a_day(campaign, until_s)
    with closing(Tallies.open(*campaign.journal)) as tallies:
        found = hourly_letters(tallies, until_s - 1.0, UTC)
        run = Sampler(
            tallies, FakeClock(wall=until_s - 1.0), lambda *_: NO_WAIT, hourly=hourly_letters
        ).sample()
        counts = tallies.counts()
    assert [one.name for one in found.templates][:3] == ["code", "receipt", "news"]
    assert sum(one.sent for one in found.templates) == counts[State.SENT]
    assert sum(one.lost for one in found.templates) == counts[State.FAILED]
    assert found.bars.letters == counts[State.SENT] + counts[State.FAILED]
    assert found.bars.sent.count("M") == 24  # a bar each hour
    assert found.last_s - found.first_s == 86_400.0
    look = Look(Path(sampling.__file__).parent / "look", room="watch", charts=True)
    page = look.plain("run.html", run=run, curve=None, courses=None, parts=[])
    assert 'data-template="receipt"' in page
    written = report(campaign, FakeClock(wall=until_s), wording("zh"))
    assert "按模板和小时统计的邮件" in written
    assert "按模板" not in report(
        _listed(tmp_path / "list"), FakeClock(wall=until_s), wording("zh")
    )


def test_the_report_counts_no_time_in_queue_from_a_run_that_waited_for_letters(
    tmp_path: Path,
) -> None:
    campaign = open_campaign(tmp_path, port=1)
    until_s = 1_790_000_000.0 // 3600 * 3600
    live_a_day(campaign, until_s)
    with closing(Tallies.open(*campaign.journal)) as tallies:
        assert gather(tallies, until_s).waits  # as of a list
        assert gather(tallies, until_s, is_open=True).waits == []
    written = report(campaign, FakeClock(wall=until_s), wording("en"))
    assert "How often people were deferred" in written
    assert "Time in queue" not in written


def test_a_single_letter_of_an_hour_is_still_seen() -> None:
    seen = _Seen([("code", 3600.0, State.SENT, 1), ("code", 7200.0, State.SENT, 10_000)])
    found = hourly_letters(seen, 7201.0, UTC)
    assert "v-2.0h" in found.bars.sent
    assert found.top == "10,000"


class _Seen:
    """A journal with these hours."""

    def __init__(self, hours: list[tuple[str, float, State, int]]) -> None:
        self._hours = hours

    def by_hour(self, since_s: float) -> list[tuple[str, float, State, int]]:
        return [each for each in self._hours if each[1] >= since_s]

    def by_template(self) -> dict[str, dict[State, int]]:
        return {"code": {State.SENT: 10_001}}


def _listed(folder: Path) -> Campaign:
    """A campaign with a list, planned."""
    folder.mkdir()
    assert main(["init", str(folder / "new")]) == 0
    assert main(["plan", str(folder / "new"), "--no-render"]) == 0
    return load(folder / "new")


@pytest.mark.parametrize("command", [["preview"], ["test", "--to", "me@example.com"]])
def test_commands_that_need_a_list_say_so(
    tmp_path: Path, command: list[str], capfd: pytest.CaptureFixture[str]
) -> None:
    open_campaign(tmp_path, port=1)
    assert main([command[0], str(tmp_path), *command[1:]]) == 64
    assert "is an open campaign and has no list" in capfd.readouterr().err
