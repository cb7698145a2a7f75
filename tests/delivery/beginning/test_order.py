"""[schedule] order: the best go first, within the windows of their zones."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.cli.commands.before.plan import lines
from campaign.cli.terminal.paint import Paint
from campaign.config.loader import load
from campaign.errors import ConfigError
from campaign.planning.plan import make_plan
from campaign.planning.summary import PlanSummary
from fakes.clock import FakeClock
from fakes.mail.scripted_smtp import Script, ScriptedServer
from fakes.prepared.sending import Ending, Mailing, relay

LIST = """\
email,number,engagement,tz
low@example.com,1,1,UTC
none@example.com,2,,UTC
high@example.com,3,90.5,UTC
words@example.com,4,much,UTC
far@example.com,5,100,Pacific/Kiritimati
middle@example.com,6, 7 ,UTC
"""
ORDER = '[schedule]\norder = "engagement"\n'


def planned(folder: Path, more: str, way: str) -> tuple[Mailing, PlanSummary]:
    mailing = Mailing(folder, way, more=more)
    mailing.write()
    (folder / "list.csv").write_text(LIST)
    return mailing, make_plan(load(folder), clock=mailing.clock, render=False)


def gone(ending: Ending) -> list[str]:
    """Who was sent to, in the order of the dots."""
    sent = [
        (step.at, result.row, address)
        for address, result in ending.results.items()
        for step in ending.steps[address]
        if step.state == "sending"
    ]
    return [address.partition("@")[0] for _, _, address in sorted(sent)]


def test_the_highest_number_goes_first_and_who_has_none_last(tmp_path: Path) -> None:
    with ScriptedServer(Script()) as server:
        mailing, _ = planned(tmp_path, ORDER, relay(server))
        ending = mailing.send()
    assert gone(ending) == ["far", "high", "middle", "low", "none", "words"]


def test_a_closed_window_keeps_only_its_own_zone(tmp_path: Path) -> None:
    hours = 'windows = ["00:00-12:00"]\ntimezone = { column = "tz", default = "UTC" }\n'
    clock = FakeClock(wall=1_800_000_000.0)  # 08:00 in UTC, 22:00 in Kiritimati
    with ScriptedServer(Script()) as server:
        mailing, _ = planned(tmp_path, ORDER + hours, relay(server))
        mailing.clock = clock
        ending = mailing.send(no_wait=True)
    assert gone(ending) == ["high", "middle", "low", "none", "words"]
    assert ending.states["far@example.com"] == "planned"


def test_a_plan_says_by_what_it_goes_and_how_many_have_no_number(tmp_path: Path) -> None:
    _, summary = planned(tmp_path, ORDER, relay(1))
    assert (summary.order, summary.unranked) == ("engagement", 2)
    said = "\n".join(lines(summary, Paint(is_on=False)))
    assert "in the order of engagement, the highest first; last 2 rows without a number" in said


def test_a_list_without_the_column_is_told_with_its_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"order: list.csv has no column 'love'") as told:
        planned(tmp_path, '[schedule]\norder = "love"\n', relay(1))
    assert told.value.line
    assert "engagement" in told.value.remedy
