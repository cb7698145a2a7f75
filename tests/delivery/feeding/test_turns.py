"""A run keeps to [schedule]: who may go, who waits, whose time is over, and the words for it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest

from campaign.clock import SystemClock
from campaign.config.loader import Campaign, load
from campaign.delivery.feeding import rows
from campaign.delivery.feeding.backlog import Backlog
from campaign.delivery.ledger import JournalLedger
from campaign.errors import ConfigError
from campaign.planning.plan import make_plan
from campaign.planning.summary import read_summary
from campaign.records import Letter
from fakes.clock import FakeClock
from fakes.mail.scripted_smtp import Script, ScriptedServer, on, say
from fakes.prepared.sending import Mailing, Skipping, relay

MONDAY = datetime(2026, 11, 30, tzinfo=UTC).timestamp()  # 08:00 in Shanghai
HOUR = 3600.0
SHANGHAI = '[schedule]\nwindows = ["Mon-Fri 09:00-17:30"]\ntimezone = "Asia/Shanghai"\n'
BY_COLUMN = (
    '[schedule]\nwindows = ["09:00-17:00"]\ntimezone = { column = "number", default = "UTC" }\n'
)


class ClockAt:
    """The machine's own clock, set to another time."""

    def __init__(self, now_s: float) -> None:
        self._system = SystemClock()
        self._ahead_s = now_s - self._system.tick_s()

    def set_to(self, now_s: float) -> None:
        """So much time passes at once."""
        self._ahead_s += now_s - self.now_s()

    def now_s(self) -> float:
        return self._system.tick_s() + self._ahead_s

    tick_s = passed_s = now_s


@dataclass
class InZones(Mailing):
    """Each person with the zone that the second column names."""

    zones: Sequence[str] = ()

    def write(self) -> Campaign:
        super().write()
        rows = map(",".join, zip(self.addresses, self.zones, strict=True))
        (self.folder / "list.csv").write_text("\n".join(["email,number", *rows, ""]))
        return load(self.folder)


def mailing_in(folder: Path, server: ScriptedServer | int, *zones: str, at_s: float) -> InZones:
    """r1, r2 ... in these zones."""
    clock = ClockAt(at_s)
    return InZones(
        folder, relay(server), people=len(zones), more=BY_COLUMN, clock=clock, zones=zones
    )


def test_outside_the_window_nobody_is_touched_and_the_run_ends_where_it_need_not_wait(
    tmp_path: Path,
) -> None:
    with ScriptedServer(Script()) as server:
        mailing = Mailing(tmp_path, relay(server), more=SHANGHAI, clock=ClockAt(MONDAY))
        ending = mailing.send(no_wait=True)
        assert (ending.exit_code, ending.all_but()) == (75, {"planned"})
        assert not server.accepted
        assert not any(ending.steps.values())  # no history: planned stays planned
        assert "waits for a window: Mon-Fri 09:00-17:30 Asia/Shanghai, opens Mon 09:00" in (
            ending.heard.waits
        )
        mailing.clock.set_to(MONDAY + 1.5 * HOUR)
        ending = mailing.send(no_wait=True)
    assert (ending.exit_code, ending.all_but()) == (0, {"sent"})


def test_each_recipient_is_written_to_in_the_window_of_their_own_zone(tmp_path: Path) -> None:
    """At 08:00 UTC it is 16:00 in Shanghai, 09:00 in Berlin, 03:00 in New York."""
    zones = "Asia/Shanghai", "America/New_York", "Europe/Berlin", "America/New_York", "Asia/Tokyo"
    with ScriptedServer(Script()) as server:
        mailing = mailing_in(tmp_path, server, *zones, at_s=MONDAY + 7.5 * HOUR)
        first = mailing.send(no_wait=True)
        assert list(first.states.values()) == ["sent", "planned", "planned", "planned", "sent"]
        assert first.exit_code == 75
        mailing.clock.set_to(MONDAY + 15 * HOUR)
        assert mailing.send(no_wait=True).all_but() == {"sent"}
    assert len(server.accepted) == 5


def test_a_run_waits_for_the_zone_that_opens_next(tmp_path: Path) -> None:
    zones = "America/New_York", "Europe/London", "America/New_York"
    with ScriptedServer(Script()) as server:
        mailing = mailing_in(tmp_path, server, *zones, at_s=MONDAY + 14 * HOUR)
        mailing.plan()
        mailing.clock.set_to(MONDAY + 14 * HOUR - 4)
        ending = mailing.send()
    assert (ending.exit_code, ending.all_but()) == (0, {"sent"})
    opens_s = [steps[0].at - (MONDAY + 14 * HOUR) for steps in ending.steps.values()]
    assert opens_s[0] >= 0
    assert opens_s[2] >= 0
    waits = {wait for wait in ending.heard.waits if wait}
    assert waits == {"waits for a window: 09:00-17:00 America/New_York, opens Mon 09:00"}


def test_whoever_is_left_at_expire_at_expires_those_who_wait_for_a_retry_too(
    tmp_path: Path,
) -> None:
    more = "[schedule]\nexpire_at = 2026-11-30T12:00:00Z\n"
    script = Script(on("RCPT", say("450 4.2.0 come again"), where="r3@"))
    clock = ClockAt(MONDAY + 11 * HOUR)
    with ScriptedServer(script) as server:
        mailing = Mailing(tmp_path, relay(server), more=more, clock=clock, retry=("6h",))
        first = mailing.send(no_wait=True, limit=4)
        assert sorted(first.states.values()) == ["deferred", *["planned"] * 2, *["sent"] * 3]
        clock.set_to(MONDAY + 12.1 * HOUR)
        ending = mailing.send()
    assert sorted(ending.states.values()) == [*["expired"] * 3, *["sent"] * 3]
    assert ending.results["r3@example.com"].reason == "its time is over (expire_at)"
    assert ending.result is not None
    assert ending.result.finished


def test_nobody_is_written_to_before_the_start(tmp_path: Path) -> None:
    more = "[schedule]\nstart = 2026-12-01T09:00:00+08:00\n"
    clock = ClockAt(MONDAY)
    with ScriptedServer(Script()) as server:
        mailing = Mailing(tmp_path, relay(server), more=more, clock=clock)
        ending = mailing.send(no_wait=True)
        assert ending.all_but() == {"planned"}
        assert "waits for its start, Tue 01:00 UTC" in ending.heard.waits
        clock.set_to(MONDAY + 25 * HOUR)
        assert mailing.send(no_wait=True).all_but() == {"sent"}


@pytest.mark.parametrize(("late", "state"), [("send", "sent"), ("expire", "expired")])
def test_late_decides_about_those_whose_first_window_passed_while_nothing_ran(
    tmp_path: Path, late: str, state: str
) -> None:
    clock = ClockAt(MONDAY)
    with ScriptedServer(Script()) as server:
        mailing = Mailing(
            tmp_path, relay(server), more=SHANGHAI + f'late = "{late}"\n', clock=clock
        )
        mailing.plan()
        clock.set_to(MONDAY + 26 * HOUR)  # Tuesday, 10:00 in Shanghai
        ending = mailing.send(no_wait=True)
    assert ending.all_but() == {state}


def test_nobody_is_late_for_whom_a_run_was_there_in_time(tmp_path: Path) -> None:
    clock = ClockAt(MONDAY + 2 * HOUR)
    with ScriptedServer(Script()) as server:
        mailing = Mailing(tmp_path, relay(server), more=SHANGHAI + 'late = "expire"\n', clock=clock)
        mailing.send(no_wait=True, limit=2)
        clock.set_to(MONDAY + 26 * HOUR)
        assert mailing.send(no_wait=True).all_but() == {"sent"}


def test_a_window_that_closes_before_the_dot_takes_the_letter_back_without_an_attempt(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The clock passes the end of the window between the claim and the dot of the first one."""
    clock = ClockAt(MONDAY + 9 * HOUR)  # 17:00 in Shanghai
    asked = JournalLedger.permit

    def late(self: JournalLedger, letter: Letter, relay: str, go: Callable[[], None]) -> bool:
        if letter.row == 1:
            clock.set_to(MONDAY + 10 * HOUR)
        return asked(self, letter, relay, go)

    with ScriptedServer(Script()) as server:
        mailing = Mailing(tmp_path, relay(server), more=SHANGHAI, clock=clock, people=3)
        mailing.plan()
        with monkeypatch.context() as patch:
            patch.setattr(JournalLedger, "permit", late)
            ending = mailing.send(no_wait=True)
        assert (ending.exit_code, ending.all_but()) == (75, {"planned"})
        assert not server.accepted
        clock.set_to(MONDAY + 26 * HOUR)
        ending = mailing.send(no_wait=True)
    assert ending.all_but() == {"sent"}
    assert {result.attempts for result in ending.results.values()} == {1}
    assert {ending.copies(address) for address in ending.states} == {1}


def test_closed_hours_use_up_nobody_s_time(tmp_path: Path) -> None:
    """Deferred on Friday evening with a day to live: on Monday there is still a try left."""
    friday = MONDAY + 4 * 24 * HOUR + 9 * HOUR  # 17:00 in Shanghai
    clock = ClockAt(friday)
    script = Script(on("RCPT", say("450 4.2.0 come again"), times=1))
    with ScriptedServer(script) as server:
        mailing = Mailing(
            tmp_path, relay(server), people=1, more=SHANGHAI, clock=clock, retry=("1h",),
            expire_after="24h",
        )  # fmt: skip
        assert mailing.send(no_wait=True).all_but() == {"deferred"}
        clock.set_to(friday + 65 * HOUR)  # Monday, 10:00
        assert mailing.send(no_wait=True).all_but() == {"sent"}


def test_a_zone_that_there_is_not_is_a_fault_of_its_row(tmp_path: Path) -> None:
    """An offset is not a zone either: it knows no summer time."""
    mailing = mailing_in(tmp_path, 1, "Mars/One", "+08:00", "Asia/Shanghai", "", at_s=MONDAY)
    summary = read_summary(mailing.plan())
    (cause,) = summary.causes
    assert (cause.rows, cause.line) == (2, 2)
    assert cause.reason.startswith("timezone: 'Mars/One' is not a time zone")
    assert summary.planned == 2


def test_a_list_without_the_column_of_zones_is_blamed_with_the_line_of_the_setting(
    tmp_path: Path,
) -> None:
    mailing = Mailing(tmp_path, relay(1), more=BY_COLUMN.replace("number", "tz"))
    campaign = mailing.write()
    with pytest.raises(ConfigError, match=r"timezone: list.csv has no column 'tz'") as told:
        make_plan(campaign, clock=SystemClock(), render=False)
    line = campaign.text.splitlines()[told.value.line - 1]
    assert line.startswith("timezone = {")


def test_the_plan_s_forecast_waits_for_the_windows_and_says_so(tmp_path: Path) -> None:
    """An hour before the window opens in Shanghai."""
    campaign = Mailing(tmp_path, relay(1), more=SHANGHAI, clock=ClockAt(MONDAY)).plan()
    summary = read_summary(campaign, FakeClock(MONDAY))
    assert summary.forecast_s == pytest.approx(HOUR, abs=5)
    assert summary.outlook is not None
    assert summary.outlook.binds[0] == "windows"
    assert summary.outlook.expired == 0


def test_the_plan_s_forecast_counts_those_of_each_zone_whose_time_will_be_over(
    tmp_path: Path,
) -> None:
    """New York opens at 14:00 UTC, two hours too late; Shanghai and Berlin do before."""
    zones = "Asia/Shanghai", "America/New_York", "Europe/Berlin", "America/New_York"
    mailing = mailing_in(tmp_path, 1, *zones, at_s=MONDAY)
    mailing.more += "expire_at = 2026-11-30T12:00:00Z\n"
    seen = read_summary(mailing.plan(), FakeClock(MONDAY)).outlook
    assert seen is not None
    assert (seen.sent, seen.expired) == (2, 2)
    assert seen.finish_s == pytest.approx(MONDAY + 8 * HOUR, abs=1)


def test_zones_with_more_rows_than_are_kept_as_numbers_lose_nobody(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Two windows are closed when the list is read; the rows beyond the bound are searched for."""
    monkeypatch.setattr(rows, "Backlog", partial(Backlog, most=10))
    zones = ["America/New_York", "Europe/London", "America/Toronto"] * 40
    with ScriptedServer(Script()) as server:
        mailing = mailing_in(tmp_path, server, *zones, at_s=MONDAY + 14 * HOUR)
        mailing.plan()
        mailing.clock.set_to(MONDAY + 14 * HOUR - 4)
        ending = mailing.send()
    assert (ending.exit_code, ending.all_but()) == (0, {"sent"})
    assert len(server.accepted) == len(zones)
    for zone, steps in zip(zones, ending.steps.values(), strict=True):
        assert zone == "Europe/London" or steps[0].at >= MONDAY + 14 * HOUR


def test_whether_one_run_waits_or_a_timer_starts_many_comes_to_the_same(tmp_path: Path) -> None:
    hours = (
        '[schedule]\nwindows = ["09:00-15:00"]\n'
        'timezone = { column = "number", default = "UTC" }\n'
        "[ramp]\nladder = [50000]\n"
    )
    zones = ["Asia/Tokyo", "America/New_York"]
    endings = []
    for name in ("waits", "timer"):
        folder, clock = tmp_path / name, Skipping(HOUR)
        folder.mkdir()
        with ScriptedServer(Script()) as server:
            mailing = Mailing(folder, relay(server), more=hours, **clock.fields)
            mailing.write()
            rows = [f"r{number}@gmail.com,{zone}\n" for number, zone in enumerate(zones * 3)]
            (folder / "list.csv").write_text("email,number\n" + "".join(rows))
            make_plan(load(folder), clock=clock, render=False)
            if name == "waits":
                clock.begins()
                ending = mailing.send()
            else:
                ending = mailing.send(no_wait=True)
                while ending.exit_code == 75:
                    clock.ahead_s += 5 * HOUR  # the timer's next time
                    ending = mailing.send(no_wait=True)
        assert len(server.accepted) == 6
        endings.append(ending)
    waited, timed = endings
    assert waited.states == timed.states
    assert waited.exit_code == timed.exit_code == 0
    for ending in endings:
        for number, zone in enumerate(zones * 3):
            (at_s,) = [s.at for s in ending.steps[f"r{number}@gmail.com"] if s.state == "sending"]
            assert 9 <= datetime.fromtimestamp(at_s, ZoneInfo(zone)).hour < 15
