"""Where one sender stands on its ramp: what is left of today, and how evenly it goes.

In: a rule, what was sent on earlier days, instants.  Out: caps, waits, words.
Touches: nothing.

A day is one of UTC, so that campaigns with windows in different zones, which share the counts, mean
the same by it.  The cap of a day is spread over the hours in which the windows are open: whoever
begins late, or rests in between, catches up, though never at more than twice the even pace, so that
no hour gets a burst.  The run and the forecast ask the same object, each by its own clock.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable
from dataclasses import replace
from datetime import date

from campaign.schedule.ramp import DayCount, RampRule, Rung

DAY_S = 86400.0
_CATCH_UP = 2.0  # times the even pace

OpenSeconds = Callable[[float, float], float]  # between two instants, for how long it is open


def always_open(from_s: float, to_s: float) -> float:
    """The hours of a sender without windows."""
    return to_s - from_s


class Climb:
    """One provider, relay or source address on its ladder."""

    def __init__(
        self,
        name: str,
        rule: RampRule,
        counts: Iterable[DayCount] = (),
        open_s: OpenSeconds = always_open,
    ) -> None:
        """`name`: as people call it, "gmail.com"."""
        self.name = name
        self._rule = rule
        self._counts = {day_number(each.day): each for each in counts}
        self._open_s = open_s
        self._day = -1
        self._rung = Rung(0, None)
        self._even_s = 0.0  # seconds between two messages that spread the cap evenly

    def rung(self, now_s: float) -> Rung:
        """The step and the cap of the day."""
        day = int(now_s // DAY_S)
        if day != self._day:
            self._begin(day)
        return self._rung

    def used(self, now_s: float) -> int:
        """How many were sent on the day."""
        count = self._counts.get(int(now_s // DAY_S))
        return count.sent if count else 0

    def left(self, now_s: float) -> int:
        """How many more may go on the day; no end of them once the ladder is climbed."""
        cap = self.rung(now_s).cap
        return sys.maxsize if cap is None else max(0, cap - self.used(now_s))

    def interval_s(self, now_s: float, at_hand: int = 0) -> float:
        """Seconds between two messages; 0.0 once the ladder is climbed.

        `at_hand`: messages that are counted as sent and are not.
        """
        left = self.left(now_s)
        if left == sys.maxsize:
            return 0.0
        left += at_hand
        open_s = self._open_s(now_s, self.day_ends_s(now_s))
        return max(self._even_s / _CATCH_UP, open_s / left if left else 0.0)

    def wait_s(self, now_s: float) -> float:
        """Seconds until the cap of another day; 0.0 while something is left of today's."""
        return 0.0 if self.left(now_s) else self.day_ends_s(now_s) - now_s

    def day_ends_s(self, now_s: float) -> float:
        """The Unix time at which the cap is another."""
        return (now_s // DAY_S + 1) * DAY_S

    def span_s(self, count: int, now_s: float) -> float:
        """Seconds from now that so many messages take at least: whole days before the last."""
        days, left = 0, count - self.left(now_s)
        for cap in self._rule.ladder[self.rung(now_s).step :]:
            if left <= 0:
                break
            days, left = days + 1, left - cap
        if left > 0:
            days += 1
        return days * DAY_S - now_s % DAY_S if days else 0.0

    def count(self, now_s: float, sent: int) -> None:
        """So many more are sent."""
        day = int(now_s // DAY_S)
        known = self._counts.get(day) or DayCount(_date(day))
        self.learn(replace(known, sent=known.sent + sent))

    def learn(self, count: DayCount) -> None:
        """What a day's count is by now, of all campaigns together."""
        self._counts[day_number(count.day)] = count

    def words(self, now_s: float) -> str:
        """ "ramp gmail.com day 4: 55 of 55"; "" once the ladder is climbed."""
        rung = self.rung(now_s)
        if rung.cap is None:
            return ""
        return f"ramp {self.name} day {rung.step}: {self.used(now_s):,} of {rung.cap:,}"

    def _begin(self, day: int) -> None:
        self._day = day
        self._rung = self._rule.rung(self._counts.values(), _date(day))
        if self._rung.cap is not None:
            # A day on which the windows of the default zone never open has those of others.
            open_s = self._open_s(day * DAY_S, (day + 1) * DAY_S) or DAY_S
            self._even_s = open_s / self._rung.cap


def day_number(day: date) -> int:
    """The number of a day since 1970."""
    return day.toordinal() - _EPOCH


def day_of(now_s: float) -> date:
    """The day, UTC, of a Unix time."""
    return _date(int(now_s // DAY_S))


def _date(number: int) -> date:
    return date.fromordinal(number + _EPOCH)


_EPOCH = date(1970, 1, 1).toordinal()
