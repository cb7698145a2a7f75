"""A rate that several workers keep together, as one of them sees it.

In: slots that the fleet has given away, letters about to go.  Out: waits, how many are wanted.
Touches: nothing: whoever keeps the fleet's rates takes slots from there and hands them in.

A slot is a moment at which one letter may go, given away once among all workers.  They are taken
for a fraction of a second ahead, and only while letters ask for them; those that nobody used in
time go back.  Whoever is killed has lost the few it had: a few fewer go, never more.  So a worker
takes no more of them ahead than it uses until it has asked twice.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Sequence

from campaign.units import Rate

QUOTA_FROM_S = 3600.0  # windows this long are quotas; the shortest sets the pace as well
_AHEAD_S = 0.4  # slots are taken for so long ahead at most
_LEAST_AHEAD_S = 0.1  # of the whole pace, as long as it is not known what is used here
_EARLY_S = 0.04  # as of a pace: an event loop wakes a little late
_LOOK_S = 0.02  # where none is at hand, and the fleet is being asked
_KEPT_S = 0.3  # that a slot may be used later than its moment
_ASKED_S = 1.0  # so long after a letter asked for one, slots are still taken


class LeasedWindow:
    """A `RateWindow` on what the whole fleet may send."""

    def __init__(self, key: str, rates: Sequence[Rate]) -> None:
        self.key = key
        shortest_s = min(rate.per_s for rate in rates)
        paces = [each for each in rates if each.per_s < QUOTA_FROM_S or each.per_s == shortest_s]
        self.interval_s = max(rate.interval_s for rate in paces)
        self.quotas = tuple(
            (rate.count, rate.per_s) for rate in rates if rate.per_s >= QUOTA_FROM_S
        )
        self.used: tuple[tuple[float, int], ...] = ()  # before the fleet: Unix time, how many
        self._slots: deque[float] = deque()  # ticks, in order
        self._asked_s = -sys.float_info.max  # when a letter last wanted one
        self._none_before_s = 0.0  # the fleet has nothing to give before
        self._used = 0  # slots since the fleet was last asked

    def wait_s(self, now_s: float) -> float:
        self._asked_s = now_s
        if self._slots:
            return max(0.0, self._slots[0] - _EARLY_S - now_s)
        return max(_LOOK_S, self._none_before_s - now_s)

    def take(self, now_s: float) -> None:
        self._asked_s = now_s
        self._used += 1
        if self._slots:  # what was promised ahead of it waits for the next
            self._slots.popleft()

    def span_s(self, count: int) -> float:
        """Its own pace and quotas, which every worker keeps besides, say it."""
        return 0.0

    def left_s(self, count: int, now_s: float) -> float:
        """Its own pace and quotas, which every worker keeps besides, say it."""
        return 0.0

    # -- what the keeper of the rates asks -----------------------------------------------------

    def wanted(self, now_s: float) -> int:
        """How many slots to take now."""
        used, self._used = self._used, 0
        if now_s - self._asked_s > _ASKED_S or now_s < self._none_before_s:
            return 0
        return max(0, self._ahead(used) - len(self._slots))

    def _ahead(self, used: int) -> int:
        """How many slots to have, where so many were used since the fleet was last asked."""
        if not self.interval_s:
            return 1
        least, most = (round(each / self.interval_s) for each in (_LEAST_AHEAD_S, _AHEAD_S))
        return max(1, min(most, max(least, 2 * used)))

    def given(self, first_s: float, count: int, none_before_s: float) -> None:
        """Slots from a tick on; where there are none, not before another."""
        self._slots.extend(first_s + number * self.interval_s for number in range(count))
        self._none_before_s = none_before_s

    def unused(self, now_s: float, *, all_: bool = False) -> int:
        """Slots to be given back: those that nobody used in time, or all that are left."""
        count = 0
        while self._slots and (all_ or self._slots[0] < now_s - _KEPT_S):
            self._slots.popleft()
            count += 1
        return count
