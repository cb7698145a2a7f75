"""[schedule] is read whole, and each fault of it is told with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from campaign.config.checking.hours import timetable_of
from campaign.errors import ConfigErrors
from campaign.schedule.timetable import Turn
from campaign.schedule.zones import zone_named
from fakes.prepared.campaigns import LEAST, settings_of

FIRST_LINE = LEAST.count("\n") + 2


@pytest.mark.parametrize(
    ("line", "what", "remedy"),
    [
        ("start = 2026-12-01T09:00:00", "does not say in which time zone", "add an offset"),
        ('expire_at = "soon"', "soon is not a moment", "without quotes"),
        ('windows = ["Mon 9-17"]', "'Mon 9-17' is not a window", "Mon-Fri 09:00-17:30"),
        ('windows = ["Fru 10:00-11:00"]', "'Fru' is not a day of the week", "Mon, Tue"),
        ('quiet = ["12:00-12:00"]', "is empty", "write days and hours"),
        ('holidays = ["XX"]', "'XX' is not a country with known holidays", "ISO 3166"),
        ('timezone = "Mars/One"', "'Mars/One' is not a time zone", "IANA"),
        ('timezone = { column = "tz" }', "has no default", 'default = "Asia/Shanghai"'),
        ('windows = ["09:00-17:00"]', "windows need a time zone", "add timezone"),
        ('quiet = ["22:00-07:00"]', "quiet hours need a time zone", "add timezone"),
        ('late = "never"', 'late is "never"', "'expire'"),
        ('late = "expire"', "needs windows", "leave late out"),
        ("order = 3", "order is 3", 'for example order = "engagement"'),
    ],
)
def test_a_fault_of_the_schedule_is_told_with_its_line_and_a_remedy(
    tmp_path: Path, line: str, what: str, remedy: str
) -> None:
    needs_zone = "holidays" in line or 'quiet = ["12' in line or "Fru" in line or "Mon 9" in line
    text = f'{line}\ntimezone = "UTC"\n' if needs_zone else f"{line}\n"
    with pytest.raises(ConfigErrors) as told:
        settings_of(tmp_path, f"[schedule]\n{text}")
    (error,) = told.value.errors
    assert error.line == FIRST_LINE
    assert what in error.what
    assert remedy in error.remedy


@pytest.mark.parametrize(
    ("text", "what"),
    [
        (
            'timezone = "UTC"\nwindows = ["Mon 09:00-10:00"]\nquiet = ["08:00-11:00"]\n',
            "quiet: these hours leave nothing of the windows",
        ),
        (
            "start = 2026-12-01T09:00:00Z\nexpire_at = 2026-12-01T17:00:00+08:00\n",
            "expire_at does not come after start",
        ),
    ],
)
def test_times_that_leave_nobody_a_turn_are_refused(tmp_path: Path, text: str, what: str) -> None:
    with pytest.raises(ConfigErrors) as told:
        settings_of(tmp_path, f"[schedule]\n{text}")
    assert [error.what for error in told.value.errors] == [what]


def test_the_settings_become_the_timetable_that_they_say(tmp_path: Path) -> None:
    settings = settings_of(
        tmp_path,
        "[schedule]\nstart = 2026-12-23T00:00:00+08:00\nexpire_at = 2026-12-26T00:00:00+08:00\n"
        'windows = "Mon-Fri 09:00-17:30"\nquiet = "12:00-13:30"\nholidays = ["2026-12-24"]\n'
        'timezone = "Asia/Shanghai"\n',
    )
    timetable, zone = timetable_of(settings.schedule), zone_named("Asia/Shanghai")
    start_s = timetable.start_s
    first = timetable.ask(start_s - 1, zone)
    assert (first.turn, first.until_s - start_s) == (Turn.LATER, 9 * 3600)
    hours = [timetable.ask(start_s + hour * 3600, zone) for hour in (10, 12.5, 33, 58, 72)]
    assert [answer.turn for answer in hours] == [
        Turn.NOW, Turn.LATER, Turn.LATER, Turn.NOW, Turn.NEVER,
    ]  # fmt: skip
    assert hours[2].until_s - start_s == (48 + 9) * 3600  # the 24th is a holiday
    assert timetable.closed_s(zone, start_s, start_s + 72 * 3600) == (72 - 2 * 7) * 3600
