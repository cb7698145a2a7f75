"""What a ramp says to letters that ask it."""

from __future__ import annotations

import pytest

from campaign.schedule.ramp import RampRule
from fakes.prepared.ramp_counts import RampCounts

MIDNIGHT_S = 20_000 * 86_400.0


def test_the_next_is_not_due_sooner_for_parts_that_went_back() -> None:
    """A run that ended had said that the next goes in a second, though it goes in an hour."""
    counts = RampCounts()
    window = counts.window(RampRule((24, 48)), lambda: MIDNIGHT_S)
    assert 0 < window.wait_s(0.0) < 1
    counts.top_up(window)
    assert window.wait_s(0.0) == 0.0
    window.take(0.0)
    counts.stop(window)
    assert window.wait_s(10.0) == pytest.approx(3600 - 10, abs=1)
    assert list(counts.days.values()) == [1]
