"""Rates: how long the next message has to wait.

In: `Rate`s and the time.  Out: seconds to wait.  Touches: nothing; it answers, it never sleeps.

Two kinds of window.  A `Pace` spreads evenly (the generic cell rate algorithm, ITU-T I.371): no
burst at the start, none after a laptop wakes up.  A `Quota` lets the shorter window set the pace
and only sees to it that no window of its length ever holds more than its count: this is what
"50/s and 100000/day" means to people.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence
from typing import Protocol

from campaign.pool.pacing.ramp import RampWindow
from campaign.units import Rate

LaneLimit = tuple[Sequence[Rate], int]  # rates and connections of one provider

# An event loop wakes a little late.  Letting a pace run this far ahead makes up for it, so that
# 50/s comes out as 50 and not as 47; it is also the largest burst.
_AHEAD_S = 0.04
_QUOTA_FROM_S = 3600.0  # windows this long are quotas; the shortest sets the pace as well
_SLOTS = 240  # a quota counts in slots of 1/240 of its window


class RateWindow(Protocol):
    """One limit."""

    def wait_s(self, now_s: float) -> float: ...
    def take(self, now_s: float) -> None: ...
    def span_s(self, count: int) -> float: ...
    def left_s(self, count: int, now_s: float) -> float: ...


class Pace:
    """At most one per `interval_s`, evenly."""

    __slots__ = ("_next_s", "interval_s")

    def __init__(self, rate: Rate) -> None:
        self.interval_s = rate.interval_s
        self._next_s = 0.0  # when the next one is due if none comes early

    def wait_s(self, now_s: float) -> float:
        return max(0.0, self._next_s - _AHEAD_S - now_s)

    def take(self, now_s: float) -> None:
        self._next_s = max(self._next_s, now_s) + self.interval_s

    def span_s(self, count: int) -> float:
        """Seconds that so many messages take at least."""
        return count * self.interval_s

    def left_s(self, count: int, now_s: float) -> float:
        """Seconds from now that so many messages take at least."""
        return self.wait_s(now_s) + count * self.interval_s


class Quota:
    """At most `count` in any window of `per_s`; kept over restarts by `seed`."""

    __slots__ = ("_count", "_per_s", "_slot_s", "_slots", "_used", "rate")

    def __init__(self, rate: Rate) -> None:
        self.rate = rate
        self._count = rate.count
        self._per_s = rate.per_s
        self._slot_s = rate.per_s / _SLOTS
        self._slots: deque[tuple[float, int]] = deque()  # (start of slot, used in it), oldest first
        self._used = 0

    @property
    def per_s(self) -> float:
        return self._per_s

    def left(self, now_s: float) -> int:
        """How many more may go at once."""
        self._forget(now_s)
        return max(0, self._count - self._used)

    def seed(self, at_s: float, used: int) -> None:
        """What an earlier run used at `at_s`."""
        self._slots = deque(sorted([*self._slots, (at_s, used)]))
        self._used += used

    def wait_s(self, now_s: float) -> float:
        self._forget(now_s)
        if self._used < self._count:
            return 0.0
        return max(0.0, self._slots[0][0] + self._slot_s + self._per_s - now_s)

    def take(self, now_s: float) -> None:
        if self._slots and now_s - self._slots[-1][0] < self._slot_s:
            start, used = self._slots[-1]
            self._slots[-1] = (start, used + 1)
        else:
            self._slots.append((now_s, 1))
        self._used += 1

    def span_s(self, count: int) -> float:
        """Seconds that so many messages take at least: full windows before the last."""
        return max(0, count - 1) // self._count * self._per_s

    def left_s(self, count: int, now_s: float) -> float:
        """Seconds from now that so many messages take at least, after what was used."""
        free = self.left(now_s)
        if count <= free:
            return 0.0
        first_s = self._slots[0][0] + self._slot_s + self._per_s - now_s if self._slots else 0.0
        return first_s + self.span_s(count - free)

    def _forget(self, now_s: float) -> None:
        # A slot leaves only when even its last moment is older than the window.
        while self._slots and self._slots[0][0] + self._slot_s + self._per_s <= now_s:
            self._used -= self._slots.popleft()[1]


class Pacing:
    """Several windows together; all must agree."""

    __slots__ = (
        "_own_interval_s",
        "has_own_windows",
        "interval_s",
        "own_quotas",
        "own_ramps",
        "quotas",
        "ramps",
        "slowest",
        "windows",
    )

    def __init__(
        self,
        rates: Sequence[Rate],
        common: Pacing | None = None,
        ramps: Sequence[RampWindow] = (),
    ) -> None:
        """`common`: windows that others share with it."""
        shortest_s = min((rate.per_s for rate in rates), default=0.0)
        self.own_quotas = [Quota(rate) for rate in rates if rate.per_s >= _QUOTA_FROM_S]
        self.quotas: list[Quota] = [*self.own_quotas, *(common.quotas if common else ())]
        paces = [
            Pace(rate) for rate in rates if rate.per_s < _QUOTA_FROM_S or rate.per_s == shortest_s
        ]
        self.windows: tuple[RateWindow, ...] = (*paces, *self.own_quotas)
        # Seconds between two messages while no quota is used up; 0.0 without a pace.
        self.interval_s = max((pace.interval_s for pace in paces), default=0.0)
        # The rate that sets this pace.
        self.slowest = max(
            (rate for rate in rates if rate.interval_s == self.interval_s),
            key=lambda rate: -rate.per_s,
            default=None,
        )
        self.has_own_windows = bool(rates)
        if common is not None:
            self.windows += common.windows
            if common.interval_s > self.interval_s:
                self.interval_s, self.slowest = common.interval_s, common.slowest
        self.own_ramps: tuple[RampWindow, ...] = tuple(ramps)
        self.ramps: tuple[RampWindow, ...] = (*ramps, *(common.ramps if common else ()))
        self.windows += self.own_ramps
        self._own_interval_s = self.interval_s

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next message may go; 0.0 = now."""
        wait_s = 0.0
        for window in self.windows:
            wait_s = max(wait_s, window.wait_s(now_s))
        if self.ramps:  # their pace changes with what is left of the day
            interval_s = self._own_interval_s
            for ramp in self.ramps:
                if ramp.pace_s > interval_s:
                    interval_s = ramp.pace_s
            self.interval_s = interval_s
        return wait_s

    def left(self, now_s: float) -> int:
        """How many more may go before a quota is used up."""
        left = sys.maxsize
        for quota in self.quotas:
            left = min(left, quota.left(now_s))
        for ramp in self.ramps:
            left = min(left, ramp.left(now_s))
        return left

    def take(self, now_s: float) -> None:
        """One message goes."""
        for window in self.windows:
            window.take(now_s)

    def span_s(self, count: int) -> float:
        """Seconds that so many messages take at least."""
        return max((window.span_s(count) for window in self.windows), default=0.0)

    def left_s(self, count: int, now_s: float) -> float:
        """Seconds from now that so many messages take at least, after what was used of quotas."""
        return max((window.left_s(count, now_s) for window in self.windows), default=0.0)
