"""The ladder of a young sender."""

from __future__ import annotations

from datetime import date, timedelta

import pytest

from campaign.schedule.ramp import (
    LADDERS,
    DayCount,
    RampDay,
    RampRule,
    ladder_by_factor,
    ladder_named,
    rung,
)

TODAY = date(2026, 12, 1)
LADDER = (50, 100, 500)


def days(*sent: int, until: date = TODAY, frozen: bool = False) -> list[RampDay]:
    """One day each, the last of them yesterday."""
    first = until - timedelta(days=len(sent))
    return [RampDay(first + timedelta(days=n), count, frozen) for n, count in enumerate(sent)]


def test_a_new_sender_stands_on_the_first_step() -> None:
    assert rung(LADDER, [], TODAY).cap == 50


def test_a_day_that_used_half_of_its_cap_climbs() -> None:
    assert rung(LADDER, days(25), TODAY).cap == 100
    assert rung(LADDER, days(24), TODAY).cap == 50


def test_above_the_last_step_nothing_limits() -> None:
    assert rung(LADDER, days(50, 100, 500), TODAY).cap is None


def test_today_counts_only_tomorrow() -> None:
    assert rung(LADDER, [RampDay(TODAY, 50)], TODAY).cap == 50


def test_a_day_that_went_badly_holds_the_step() -> None:
    assert rung(LADDER, days(50, frozen=True), TODAY).cap == 50


def test_after_a_month_of_silence_half_of_the_steps_are_climbed_anew() -> None:
    climbed = days(50, 100, until=TODAY - timedelta(days=30))
    assert rung(LADDER, climbed, TODAY).cap == 100
    assert rung(LADDER, climbed, TODAY - timedelta(days=1)).cap == 500


def test_after_two_months_all_of_them() -> None:
    assert rung(LADDER, days(50, 100, until=TODAY - timedelta(days=60)), TODAY).cap == 50


def test_a_ladder_by_factor_ends_at_its_last_cap() -> None:
    assert ladder_by_factor(50, 1.4, 120) == (50, 70, 98, 120)


@pytest.mark.parametrize(("first", "factor", "until"), [(0, 2, 9), (5, 1, 9), (5, 2, 4)])
def test_a_ladder_that_does_not_grow_is_refused(first: int, factor: float, until: int) -> None:
    with pytest.raises(ValueError, match="a ramp that grows"):
        ladder_by_factor(first, factor, until)


def test_an_unknown_ladder_is_told_with_those_there_are() -> None:
    with pytest.raises(ValueError, match="daily, sendgrid"):
        ladder_named("mailchimp")
    assert all(list(ladder) == sorted(ladder) for ladder in LADDERS.values())


@pytest.mark.parametrize(
    ("throttles", "complaints", "bounces", "is_frozen"),
    [(0, 3, 50, False), (1, 0, 0, True), (0, 4, 0, True), (0, 0, 51, True)],
)
def test_a_day_is_bad_by_throttles_complaints_or_bounces(
    throttles: int, complaints: int, bounces: int, is_frozen: bool
) -> None:
    count = DayCount(TODAY, 1_000, throttles, complaints, bounces)
    assert RampRule(LADDER).is_frozen(count) is is_frozen


def test_thresholds_can_be_set() -> None:
    count = DayCount(TODAY, 1_000, complaints=8, bounces=90)
    assert RampRule(LADDER).is_frozen(count)
    assert not RampRule(LADDER, most_complaints=0.01, most_bounces=0.1).is_frozen(count)
