"""The day counts of ramps, in memory, with what `delivery.beside.ramping` does for a window."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date

from campaign.pool.pacing.ramp import RampWindow
from campaign.schedule.climb import Climb, OpenSeconds, always_open
from campaign.schedule.ramp import DayCount, RampRule


class RampCounts:
    """What was taken of each day's cap; it outlives the campaigns that take."""

    def __init__(self) -> None:
        self.days: dict[date, int] = {}

    def window(
        self, rule: RampRule, wall: Callable[[], float], open_s: OpenSeconds = always_open
    ) -> RampWindow:
        """Of a campaign that begins: it knows what the counts say."""
        counts = [DayCount(day, sent) for day, sent in self.days.items()]
        return RampWindow("x", Climb("x", rule, counts, open_s), wall)

    def top_up(self, window: RampWindow) -> None:
        """Give it what it wants, as far as the cap goes."""
        day, wanted, cap = window.wanted()
        sent = self.days.get(day, 0)
        taken = wanted if cap is None else max(0, min(wanted, cap - sent))
        if taken:
            self.days[day] = sent + taken
            window.given(day, taken, DayCount(day, sent + taken))

    def stop(self, window: RampWindow) -> None:
        """A campaign that ends gives back what it did not use."""
        for day, unused in window.all_unused():
            self.days[day] -= unused
