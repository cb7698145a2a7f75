"""Windows, zones and clock changes, on a virtual clock."""

from __future__ import annotations

import math
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo, available_timezones

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from campaign.schedule.calendar import Calendar
from campaign.schedule.holidays import days_off
from campaign.schedule.timetable import Timetable, Turn
from campaign.schedule.windows import Window, read_window
from campaign.schedule.zones import changes, instant, zone_named

BERLIN = zone_named("Europe/Berlin")
SHANGHAI = zone_named("Asia/Shanghai")
ZONES = sorted(name for name in available_timezones() if "/" in name or name == "UTC")


def at(text: str, zone: ZoneInfo = BERLIN) -> float:
    return datetime.fromisoformat(text).replace(tzinfo=zone).timestamp()


def utc(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).isoformat()


@pytest.mark.parametrize(
    "text",
    ["Mon-Fri 09:00-17:30", "Sat-Sun 10:00-12:00", "22:00-06:00", "Mon-Wed,Fri 00:00-24:00"],
)
def test_a_window_is_shown_as_it_is_written(text: str) -> None:
    assert str(read_window(text)) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Mon",
        "9-17",
        "Xyz 09:00-10:00",
        "09:00-09:00",
        "25:00-26:00",
        "09:61-10:00",
        "24:00-06:00",
    ],
)
def test_what_is_not_a_window_is_refused_with_a_sentence(text: str) -> None:
    with pytest.raises(ValueError, match=f"'{text}'"):
        read_window(text)


@pytest.mark.parametrize(
    "name", ["+08:00", "GMT+8", "Beijing", "../etc/passwd", "", "asia/shanghai"]
)
def test_an_offset_or_an_unknown_name_is_not_a_zone(name: str) -> None:
    with pytest.raises(ValueError, match="is not a time zone"):
        zone_named(name)


def test_a_local_time_that_does_not_exist_is_the_first_after_the_change() -> None:
    assert utc(instant(BERLIN, date(2027, 3, 28), 150)) == "2027-03-28T01:00:00+00:00"


def test_a_local_time_that_exists_twice_is_the_first() -> None:
    assert utc(instant(BERLIN, date(2027, 10, 31), 150)) == "2027-10-31T00:30:00+00:00"


def test_a_day_that_a_zone_left_out_is_the_first_instant_after_it() -> None:
    assert (
        utc(instant(zone_named("Pacific/Apia"), date(2011, 12, 30), 600))
        == "2011-12-30T10:00:00+00:00"
    )


def test_a_weekday_window_opens_on_monday_after_a_weekend() -> None:
    calendar = Calendar((read_window("Mon-Fri 09:00-17:30"),))
    span = calendar.span_at(BERLIN, at("2026-12-05T12:00"))
    assert span == (at("2026-12-07T09:00"), at("2026-12-07T17:30"))


def test_a_window_over_midnight_belongs_to_the_day_on_which_it_begins() -> None:
    calendar = Calendar((read_window("Fri 22:00-06:00"),))
    assert calendar.span_at(BERLIN, at("2026-12-05T03:00")) == (
        at("2026-12-04T22:00"),
        at("2026-12-05T06:00"),
    )
    assert calendar.span_at(BERLIN, at("2026-12-04T03:00"))[0] == at("2026-12-04T22:00")  # type: ignore[index]


def test_quiet_hours_are_taken_out_of_every_window() -> None:
    calendar = Calendar((read_window("08:00-22:00"),), (read_window("12:00-13:00"),))
    assert calendar.span_at(BERLIN, at("2026-12-05T08:30")) == (
        at("2026-12-05T08:00"),
        at("2026-12-05T12:00"),
    )
    assert calendar.span_at(BERLIN, at("2026-12-05T12:30")) == (
        at("2026-12-05T13:00"),
        at("2026-12-05T22:00"),
    )


def test_a_holiday_is_closed_from_midnight_to_midnight() -> None:
    calendar = Calendar((), (), lambda day: day == date(2026, 12, 25))
    assert calendar.span_at(BERLIN, at("2026-12-25T12:00"))[0] == at("2026-12-26T00:00")  # type: ignore[index]
    before = calendar.span_at(BERLIN, at("2026-12-24T12:00"))
    assert before
    assert before[1] == at("2026-12-25T00:00")


def test_quiet_hours_all_day_never_open() -> None:
    assert (
        Calendar((), (read_window("00:00-24:00"),)).span_at(BERLIN, at("2026-12-05T12:00")) is None
    )


def test_public_holidays_of_a_country_and_single_dates_are_days_off() -> None:
    is_off = days_off(["CN", "2026-12-24"])
    assert is_off(date(2026, 10, 1))
    assert is_off(date(2026, 12, 24))
    assert not is_off(date(2026, 12, 23))


def test_a_country_without_known_holidays_is_refused() -> None:
    with pytest.raises(ValueError, match="'XX' is not a country"):
        days_off(["XX"])


def wall_is_open(calendar: Calendar, zone: ZoneInfo, at_s: float) -> bool:
    """An oracle of its own: the wall clock alone, for windows and quiet hours within a day."""
    wall = datetime.fromtimestamp(at_s, zone)
    minute = wall.hour * 60 + wall.minute

    def holds(window: Window) -> bool:
        today = wall.weekday() in window.days and window.start_min <= minute < window.end_min
        return today or ((wall.weekday() - 1) % 7 in window.days and minute + 1440 < window.end_min)

    return any(map(holds, calendar.windows)) and not any(map(holds, calendar.quiet))


def test_over_all_zones_and_ten_years_nobody_is_outside_a_window_and_none_opens_twice() -> None:
    calendar = Calendar(
        (
            read_window("Mon-Sat 01:15-04:45"),
            read_window("Sun 00:30-02:30"),
            read_window("23:30-24:00"),
        )
    )
    checked = 0
    for name in ZONES:
        zone = zone_named(name)
        year = datetime(2026, 1, 1, tzinfo=UTC).timestamp()
        for change in changes_of_ten_years(zone, year):
            at_s = change - 36 * 3600
            while (span := calendar.span_at(zone, at_s)) and span[0] < change + 36 * 3600:
                start, end = max(span[0], at_s), span[1]
                for probe in (start, (start + end) / 2, end - 1):
                    assert wall_is_open(calendar, zone, probe), (name, utc(probe))
                assert span[1] > at_s
                opened = {datetime.fromtimestamp(span[0], zone).replace(tzinfo=None)}
                assert len(opened) == 1
                at_s = span[1]
                checked += 1
    assert checked > 1_000


def changes_of_ten_years(zone: ZoneInfo, from_s: float) -> list[float]:
    found, step = [], 14 * 86400.0
    for n in range(int(10 * 366 * 86400 / step)):
        start = from_s + n * step
        first, last = (datetime.fromtimestamp(s, zone).utcoffset() for s in (start, start + step))
        if first != last:
            low, high = start, start + step
            while high - low > 86400:
                middle = (low + high) / 2
                same = datetime.fromtimestamp(middle, zone).utcoffset() == first
                low, high = (middle, high) if same else (low, middle)
            found += changes(zone, low, high)
    return found


windows = st.builds(
    lambda days, start, length: Window(frozenset(days), start, start + length),
    st.sets(st.integers(0, 6), min_size=1),
    st.integers(0, 1439),
    st.integers(1, 1440),
)


@settings(deadline=None, max_examples=60)
@given(
    st.lists(windows, min_size=1, max_size=3),
    st.lists(windows, max_size=2),
    st.sampled_from(ZONES),
    st.datetimes(datetime(2026, 1, 1), datetime(2036, 1, 1)),
)
def test_whatever_the_schedule_what_is_open_is_open_by_the_wall_clock(
    open_: list[Window], quiet: list[Window], name: str, when: datetime
) -> None:
    calendar, zone = Calendar(tuple(open_), tuple(quiet)), zone_named(name)
    at_s = when.replace(tzinfo=UTC).timestamp()
    span = calendar.span_at(zone, at_s)
    if span is None:
        return
    assert span[0] < span[1]
    assert span[1] > at_s
    for probe in (span[0], (span[0] + span[1]) / 2, span[1] - 1):
        assert wall_is_open(calendar, zone, probe)
    # What is passed over until the span opens is closed, but for a second pass of the clock.
    step = (span[0] - at_s) / 20
    for n in range(20 if span[0] > at_s else 0):
        probe = at_s + n * step
        assert not wall_is_open(calendar, zone, probe) or is_second_pass(zone, probe)


def is_second_pass(zone: ZoneInfo, at_s: float) -> bool:
    """Within a day after clocks were set back: a window may have ended with its first pass."""
    then = datetime.fromtimestamp(at_s, zone)
    return any(
        datetime.fromtimestamp(at_s - hours * 3600, zone).utcoffset() > then.utcoffset()  # type: ignore[operator]
        for hours in range(1, 49)
    )


def test_a_timetable_waits_for_its_start_and_is_over_at_its_end() -> None:
    table = Timetable(
        Calendar((read_window("Mon-Fri 09:00-17:30"),)),
        start_s=at("2026-12-01T10:00", SHANGHAI),
        end_s=at("2026-12-03T00:00", SHANGHAI),
    )
    early = table.ask(at("2026-12-01T09:30", SHANGHAI), SHANGHAI)
    assert (early.turn, early.until_s) == (Turn.LATER, at("2026-12-01T10:00", SHANGHAI))
    open_ = table.ask(at("2026-12-01T11:00", SHANGHAI), SHANGHAI, margin_s=600)
    assert (open_.turn, open_.until_s) == (Turn.NOW, at("2026-12-01T17:30", SHANGHAI))
    closing = table.ask(at("2026-12-01T17:25", SHANGHAI), SHANGHAI, margin_s=600)
    assert (closing.turn, closing.until_s) == (Turn.LATER, at("2026-12-02T09:00", SHANGHAI))
    assert table.ask(at("2026-12-02T17:25", SHANGHAI), SHANGHAI, margin_s=600).turn is Turn.NEVER
    assert table.ask(at("2026-12-03T00:00", SHANGHAI), SHANGHAI).turn is Turn.NEVER


def test_without_a_schedule_every_answer_is_now() -> None:
    table = Timetable()
    assert table.is_empty
    answer = table.ask(at("2026-12-01T03:00"), BERLIN, margin_s=600)
    assert answer.turn is Turn.NOW
    assert answer.until_s > at("2026-12-01T03:00") + timedelta(days=6).total_seconds()
    assert not math.isnan(answer.until_s)
