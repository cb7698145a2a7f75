"""Rates, asked with a clock that only moves when told."""

import pytest

from campaign.pool.pacing.rates import Pacing
from campaign.units import Rate


def send_for(pacing: Pacing, seconds: float, start_s: float = 1000.0, late_s: float = 0.0) -> int:
    """Send as fast as the pacing lets a sender who wakes `late_s` late; how many went."""
    now_s, sent = start_s, 0
    while True:
        now_s += pacing.wait_s(now_s) and pacing.wait_s(now_s) + late_s
        if now_s >= start_s + seconds:
            return sent
        pacing.take(now_s)
        sent += 1


def test_without_rates_nothing_waits():
    pacing = Pacing(())
    pacing.take(5.0)
    assert pacing.wait_s(5.0) == 0.0


def test_fifty_a_second_is_fifty_a_second():
    assert 490 <= send_for(Pacing((Rate(50, 1.0),)), 10.0) <= 503


def test_a_late_timer_does_not_lower_the_rate():
    assert 490 <= send_for(Pacing((Rate(50, 1.0),)), 10.0, late_s=0.005) <= 503


def test_a_rate_is_even_and_does_not_begin_with_a_burst():
    assert send_for(Pacing((Rate(600, 60.0),)), 1.0) in (10, 11)


def test_sleeping_for_hours_earns_no_burst():
    pacing = Pacing((Rate(50, 1.0),))
    send_for(pacing, 1.0, start_s=0.0)
    assert send_for(pacing, 1.0, start_s=36_000.0) <= 53


def test_of_several_windows_the_narrowest_decides():
    assert send_for(Pacing((Rate(50, 1.0), Rate(120, 60.0))), 10.0) in (20, 21)


def test_a_day_quota_beside_a_rate_is_used_at_that_rate_and_then_holds():
    pacing = Pacing((Rate(50, 1.0), Rate(100, 86_400.0)))
    assert send_for(pacing, 60.0) == 100
    assert pacing.wait_s(1060.0) > 86_000


def test_no_window_of_a_day_ever_holds_more_than_its_quota():
    pacing = Pacing((Rate(50, 1.0), Rate(100, 86_400.0)))
    now_s, taken = 0.0, []
    while len(taken) < 350:
        now_s += pacing.wait_s(now_s) or 0.001
        if pacing.wait_s(now_s) == 0:
            pacing.take(now_s)
            taken.append(now_s)
    for first, hundredth_next in zip(taken, taken[100:], strict=False):
        assert hundredth_next - first >= 86_400


def test_what_an_earlier_run_sent_counts_against_the_quota():
    pacing = Pacing((Rate(50, 1.0), Rate(100, 86_400.0)))
    pacing.quotas[0].seed(-3600.0, 98)
    assert send_for(pacing, 60.0, start_s=0.0) == 2


def test_the_time_for_a_list_is_that_of_its_rates():
    both = Pacing((Rate(50, 1.0), Rate(1000, 86400.0)))
    assert both.span_s(297) == 297 / 50
    assert both.span_s(1000) == 20.0
    assert both.span_s(1001) == 86400.0
    assert both.span_s(3500) == 3 * 86400.0
    assert Pacing(()).span_s(5) == 0.0


def test_what_is_left_takes_as_long_as_what_was_used_of_a_quota_leaves_free():
    pacing = Pacing([Rate(100, 1.0), Rate(1000, 86400.0)])
    assert pacing.left_s(1000, 0.0) == 10.0
    for n in range(900):
        pacing.take(n / 100)
    assert pacing.left_s(100, 9.0) == pytest.approx(1.0, abs=0.05)
    tomorrow_s = pacing.left_s(200, 9.0)
    assert 86_000 < tomorrow_s < 87_000
    assert pacing.left_s(1200, 9.0) == pytest.approx(tomorrow_s + 86_400)
