"""Where a sender stands on its ramp: caps of days, and an even pace within them."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import date, timedelta

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from campaign.schedule.calendar import Calendar
from campaign.schedule.climb import DAY_S, Climb, day_number
from campaign.schedule.ramp import DayCount, RampRule
from campaign.schedule.windows import read_window
from campaign.schedule.zones import zone_named
from fakes.prepared.ramp_counts import RampCounts

TODAY = date(2026, 12, 1)  # a Tuesday
MIDNIGHT_S = day_number(TODAY) * DAY_S
RULE = RampRule((48, 96, 480))


def climb(*sent: int, rule: RampRule = RULE) -> Climb:
    """The last of these days was yesterday."""
    first = TODAY - timedelta(days=len(sent))
    counts = [DayCount(first + timedelta(days=n), count) for n, count in enumerate(sent)]
    return Climb("gmail.com", rule, counts)


def test_a_day_has_its_cap_and_the_next_one_a_higher() -> None:
    young = climb()
    assert young.left(MIDNIGHT_S) == 48
    young.count(MIDNIGHT_S, 48)
    assert young.left(MIDNIGHT_S + 3600) == 0
    assert young.wait_s(MIDNIGHT_S + 3600) == DAY_S - 3600
    assert young.left(MIDNIGHT_S + DAY_S) == 96


def test_it_says_where_it_stands() -> None:
    young = climb(48)
    young.count(MIDNIGHT_S, 55)
    assert young.words(MIDNIGHT_S) == "ramp gmail.com day 2: 55 of 96"


def test_once_climbed_nothing_limits_any_more() -> None:
    old = climb(48, 96, 480)
    assert old.left(MIDNIGHT_S) == sys.maxsize
    assert (old.interval_s(MIDNIGHT_S), old.wait_s(MIDNIGHT_S)) == (0.0, 0.0)
    assert old.words(MIDNIGHT_S) == ""


def test_a_clock_that_is_set_back_finds_the_day_as_it_was_left() -> None:
    young = climb()
    young.count(MIDNIGHT_S + DAY_S - 1, 40)
    young.count(MIDNIGHT_S + DAY_S + 1, 10)
    assert young.left(MIDNIGHT_S + DAY_S - 1800) == 8


def test_a_cap_is_spread_over_the_day() -> None:
    assert climb().interval_s(MIDNIGHT_S) == DAY_S / 48


def test_a_cap_is_spread_over_the_hours_in_which_windows_are_open() -> None:
    calendar, zone = Calendar((read_window("Mon-Fri 09:00-17:00"),)), zone_named("UTC")
    young = Climb("x", RULE, (), lambda a, b: calendar.open_s(zone, a, b))
    assert young.interval_s(MIDNIGHT_S + 9 * 3600) == 8 * 3600 / 48


def test_who_begins_late_catches_up_at_twice_the_pace_at_most() -> None:
    young = climb()
    assert young.interval_s(MIDNIGHT_S + DAY_S / 4) == pytest.approx(0.75 * DAY_S / 48)
    assert young.interval_s(MIDNIGHT_S + DAY_S - 600) == DAY_S / 48 / 2


@pytest.mark.parametrize(("count", "days"), [(48, 0), (49, 1), (145, 2), (9_999, 3)])
def test_so_many_take_whole_days_before_the_last(count: int, days: int) -> None:
    assert climb().span_s(count, MIDNIGHT_S + 3600) == max(0.0, days * DAY_S - 3600)


@example([(60, "back"), (60, "stop"), (60, "stop"), (30_005, "stop")], (5, 20, 300))
@given(
    st.lists(
        st.tuples(
            st.integers(60, 40_000),  # seconds until it happens
            st.sampled_from(("kill", "stop", "forward", "back")),
        ),
        max_size=20,
    ),
    st.sampled_from([(5, 20, 300), (40, 41), (1, 2, 4)]),
)
def test_no_cap_is_exceeded_over_kills_and_clocks_that_jump_an_hour(
    events: Sequence[tuple[int, str]], ladder: tuple[int, ...]
) -> None:
    rule, counts, offset_s, tick_s = RampRule(ladder), RampCounts(), 0.0, 0.0
    sent: dict[date, int] = {}
    ticks: list[float] = []

    def wall() -> float:
        return MIDNIGHT_S + tick_s + offset_s

    def day_now() -> date:
        return date.fromordinal(int(wall() // DAY_S) + date(1970, 1, 1).toordinal())

    window = counts.window(rule, wall)
    for after_s, what in (*events, (86_400, "end")):
        until_s = tick_s + after_s
        while tick_s < until_s:
            counts.top_up(window)
            if window.climb.rung(wall()).cap is None:
                break
            wait_s = window.wait_s(tick_s)
            if not wait_s:
                window.take(tick_s)
                sent[day_now()] = sent.get(day_now(), 0) + 1
                ticks.append(tick_s)
            else:
                tick_s = min(until_s, tick_s + max(wait_s, 1.0))
        tick_s = until_s
        if what == "stop":
            counts.stop(window)
        if what in ("kill", "stop"):
            window = counts.window(rule, wall)
        offset_s += {"forward": 3600.0, "back": -3600.0}.get(what, 0.0)
    for day, count in sent.items():
        # What was at hand when a window stopped counted for its day until it was given back.
        known = (DayCount(each, n + 1) for each, n in counts.days.items())
        at_rung = rule.rung(known, day)
        assert count <= (at_rung.cap or sys.maxsize) + 1
    # No burst: within an hour at most twice the even share of the highest cap, and those of the
    # beginnings.
    most = 2 * max(ladder) / 24 + 2 + len(events)
    first = 0
    for last, at_s in enumerate(ticks):
        while ticks[first] <= at_s - 3600:
            first += 1
        assert last - first + 1 <= most
