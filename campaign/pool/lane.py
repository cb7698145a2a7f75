"""The letters of one recipient provider: those that are ready, its rates, its governor.

In: letters, the time.  Out: how many more may come, how long they have to wait.
Touches: nothing.  Fails: never.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import Hashable, Sequence

from campaign.pool.pacing.governor import Governor
from campaign.pool.pacing.ramp import RampWindow
from campaign.pool.pacing.rates import Pacing
from campaign.pool.pacing.waits import turn
from campaign.records import Letter
from campaign.units import Rate

_SOON_S = 1.0  # letters for a lane that may go on so soon are rendered meanwhile
_AHEAD_S = 2.0  # a lane with a rate has letters in memory for so long
_LEAST_LOOK_S = 0.05
_LONGEST_LOOK_S = 60.0


class Lane:
    """The letters for one provider."""

    __slots__ = (
        "_limit_name",
        "coming",
        "first",
        "governor",
        "holders",
        "is_hurried",
        "is_queued",
        "name",
        "pacing",
        "ready",
    )

    def __init__(
        self,
        name: str,
        rates: Sequence[Rate],
        connections: int,
        limit_name: str = "",
        ramps: Sequence[RampWindow] = (),
    ) -> None:
        """`limit_name`: what the config calls its limit, where that is not its name."""
        self.name = name
        self._limit_name = limit_name or name
        self.ready: deque[Letter] = deque()
        self.first: deque[Letter] = deque()  # those that go before
        self.holders: dict[Hashable, int] = {}  # connection -> letters of ours it carries
        self.pacing = Pacing(rates, ramps=ramps)
        self.governor = Governor(connections)
        self.coming = 0  # letters being rendered for it
        self.is_queued = False  # stands in the round robin or in the heap
        self.is_hurried = False  # the same, for those that go first

    def wait_s(self, now_s: float) -> float:
        rest_s = self.governor.wait_s(now_s)
        return max(rest_s, self.pacing.wait_s(now_s)) if self.pacing.windows else rest_s

    def room(self, now_s: float, share: int) -> int:
        """How many more letters may come into memory.

        A lane with a rate takes what it can send in two seconds; one with a rate, or whose places
        are all taken, never more than its share of the memory.  All others take what comes.
        """
        if self.wait_s(now_s) > _SOON_S:
            return 0
        interval_s = self.pacing.interval_s
        if interval_s:
            most = min(share, int(_AHEAD_S / interval_s) + 1, self.pacing.left(now_s))
        elif self.is_full:
            most = share
        else:
            return sys.maxsize
        return max(0, most - self.held - self.coming)

    def look_s(self, now_s: float) -> float:
        """Where there is no room: seconds until it is worth while to ask again.

        Half of what a lane holds must be gone first, so that few are asked for many at a time.
        """
        wait_s = self.wait_s(now_s) - _SOON_S
        if wait_s <= 0:
            wait_s = min(_SOON_S, (self.held + self.coming) * self.pacing.interval_s / 2)
        return min(_LONGEST_LOOK_S, max(_LEAST_LOOK_S, wait_s))

    def turn(self, tick_s: float, now_s: float) -> str:
        """What its limit is called while letters wait for it; "" where they do not."""
        return turn("limits", self._limit_name, self.pacing, tick_s, now_s)

    @property
    def held(self) -> int:
        """Letters that are ready."""
        return len(self.ready) + len(self.first)

    @property
    def is_full(self) -> bool:
        return len(self.holders) >= self.governor.connections

    def may_ride(self, connection: Hashable, now_s: float) -> bool:
        """May another letter go over a connection that carries one of ours?"""
        return bool(self.held and connection in self.holders and self.wait_s(now_s) <= 0)

    @property
    def is_plain(self) -> bool:
        """Nothing is known of it that would be lost with it."""
        return not (self.held or self.holders or self.coming or self.pacing.windows) and (
            self.governor.connections == self.governor.limit
        )
