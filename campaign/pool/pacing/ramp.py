"""A ramp as a limit on letters: today's cap, evenly, of what was durably taken of it.

In: letters about to go, the time.  Out: waits; how many of the cap are wanted.
Touches: nothing: `delivery.beside.ramping` takes what is wanted from the counts, and hands it in.

A letter needs a part of the day's cap that the counts have given away for good.  Parts are taken
for a few seconds ahead, so that nobody waits for a disk with each letter; those that are not used
go back.  Whoever is killed has lost them: then a few fewer go on that day, never more.
"""

from __future__ import annotations

import math
import sys
from collections.abc import Callable
from datetime import date

from campaign.schedule.climb import DAY_S, Climb, day_number, day_of
from campaign.schedule.ramp import DayCount

_AHEAD_S = 10.0  # parts of the cap are taken for so long ahead
_MOST_AHEAD = 1000  # and no more than these
_SAME_PACE_S = 0.2  # what is left of a day changes no faster
_LOOK_S = 0.1  # where none is at hand, and the counts are being asked
_LONGEST_LOOK_S = 60.0  # the wall clock may be set meanwhile
_EARLY_S = 0.04  # as of a pace: an event loop wakes a little late


class RampWindow:
    """A `RateWindow` on what one climb allows."""

    def __init__(self, key: str, climb: Climb, wall: Callable[[], float]) -> None:
        """`key` of its counts.  `wall`: Unix time, for days end by it; ticks are steady."""
        self.key = key
        self.climb = climb
        self._wall = wall
        self._day: date | None = None  # of the parts at hand
        self._is_climbed = False
        self._at_hand = 0
        self._not_taken = 0  # of the cap, as the counts last had it
        self._next_s = 0.0  # tick at which the next is due
        self.pace_s = 0.0  # seconds between two letters; 0.0 once the ladder is climbed
        # Why fast: each letter asks several times, and what the answer is made of changes seldom.
        self._renewed_s = self._holds_until_s = -math.inf  # by the wall clock
        self._is_wanted = False
        self._unused: list[tuple[date, int]] = []  # of days that are over
        self._uncounted = 0  # sent once the ladder is climbed
        self._throttles = self._bounces = 0

    # -- what letters ask ----------------------------------------------------------------------

    def wait_s(self, now_s: float) -> float:
        """Seconds until the next letter may go."""
        wall_s = self._wall()
        if not self._renewed_s <= wall_s < self._holds_until_s:
            self._renew(wall_s)
        if self._is_climbed:
            return 0.0
        if self._at_hand > 0:
            wait_s = self._next_s - _EARLY_S - now_s
            return wait_s if wait_s > 0 else 0.0
        self._is_wanted = True
        look_s = max(_LOOK_S, min(_LONGEST_LOOK_S, self.climb.wait_s(wall_s)))
        return max(look_s, self._next_s - _EARLY_S - now_s)  # one that is given is not due before

    def take(self, now_s: float) -> None:
        """One letter goes, which did not have to wait."""
        if self._is_climbed:
            self._uncounted += 1
            return
        self._at_hand -= 1
        self._next_s = max(self._next_s, now_s) + self.pace_s
        self._is_wanted = True

    def pace_now_s(self) -> float:
        """Seconds between two letters from now on; 0.0 once the ladder is climbed."""
        self._today()
        return self.pace_s

    def go_on(self, went_s: float) -> None:
        """The last letter of an earlier run went at that tick: the next keeps its distance."""
        self._next_s = max(self._next_s, went_s + self.pace_now_s())

    def left(self, now_s: float) -> int:
        """How many more may go on this day."""
        return sys.maxsize if self._is_climbed else self._not_taken + max(0, self._at_hand)

    def span_s(self, count: int) -> float:
        """Seconds that so many letters take at least."""
        return self.climb.span_s(count, self._wall())

    def left_s(self, count: int, now_s: float) -> float:
        """Seconds from now that so many letters take at least."""
        return self.climb.span_s(count - self._at_hand, self._wall())

    def throttled(self) -> None:
        """The provider asked to slow down: the step is held."""
        self._throttles += 1

    def bounced(self) -> None:
        """There is no such mailbox."""
        self._bounces += 1

    # -- what the counts are told --------------------------------------------------------------

    def wanted(self) -> tuple[date, int, int | None]:
        """The day, how many of its cap are wanted, and the cap; None for a climbed ladder."""
        wall_s = self._today()
        cap, day = self.climb.rung(wall_s).cap, day_of(wall_s)
        if cap is None:
            return day, self._uncounted, None
        if not self._is_wanted or not self.climb.left(wall_s):
            return day, 0, cap
        interval_s = self.pace_s
        ahead = math.ceil(_AHEAD_S / interval_s) if interval_s else _MOST_AHEAD
        ahead = min(ahead, _MOST_AHEAD)
        return day, ahead - self._at_hand if 2 * self._at_hand <= ahead else 0, cap

    def given(self, day: date, taken: int, count: DayCount) -> None:
        """So many of the day's cap are ours; `count` is the day's with them."""
        self._today()
        if self._is_climbed:
            self._uncounted -= taken
        elif day == self._day:
            self._at_hand += taken
        else:
            self._unused.append((day, taken))
        self._is_wanted = False
        self.climb.learn(count)
        self._today()

    def unused(self) -> list[tuple[date, int]]:
        """Parts of days that are over, to be given back; they are asked for once."""
        unused, self._unused = self._unused, []
        return unused

    def all_unused(self) -> list[tuple[date, int]]:
        """The same with those at hand: no letter goes any more."""
        if self._at_hand > 0 and self._day is not None:
            self._unused.append((self._day, self._at_hand))
        self._at_hand = 0
        return self.unused()

    def noted(self) -> tuple[int, int]:
        """Throttles and bounces since it was asked last."""
        noted = self._throttles, self._bounces
        self._throttles = self._bounces = 0
        return noted

    def _today(self) -> float:
        """The Unix time, with all that is known of its day."""
        wall_s = self._wall()
        self._renew(wall_s)
        return wall_s

    def _renew(self, wall_s: float) -> None:
        """The day, and the pace of what is left of it.  What is at hand of another day is of no
        use."""
        day = day_of(wall_s)
        if day != self._day:
            if self._at_hand > 0 and self._day is not None:
                self._unused.append((self._day, self._at_hand))
            self._day, self._at_hand = day, 0
        self._is_climbed = self.climb.rung(wall_s).cap is None
        self._not_taken = self.climb.left(wall_s)
        self.pace_s = self.climb.interval_s(wall_s, max(0, self._at_hand))
        ends_s = (day_number(day) + 1) * DAY_S
        self._renewed_s, self._holds_until_s = wall_s, min(wall_s + _SAME_PACE_S, ends_s)
