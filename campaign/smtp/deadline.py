"""One timer for all the deadlines of a connection.

In: moments in loop time.  Out: one call when the last set deadline has passed.  Touches: one timer
of the event loop.

A letter moves its deadline several times; arming a timer for each would cost more than the
parsing.  So the deadline is only a number: the timer looks at it when it rings and sleeps again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

FOREVER = float("inf")


class Deadline:
    """Calls `passed` once the deadline is over; `at` is in the loop's time."""

    __slots__ = ("_loop", "_passed", "_timer", "_timer_at", "at")

    def __init__(self, loop: asyncio.AbstractEventLoop, passed: Callable[[], None]) -> None:
        self.at = FOREVER
        self._loop = loop
        self._passed = passed
        self._timer: asyncio.TimerHandle | None = None
        self._timer_at = FOREVER

    def set(self, at: float) -> None:
        """A new deadline in place of the old one."""
        self.at = at
        if at < self._timer_at:
            self.cancel()
            self._timer_at = at
            self._timer = self._loop.call_at(at, self._ring)

    def cancel(self) -> None:
        """No call any more, until `set` again."""
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
            self._timer_at = FOREVER

    def _ring(self) -> None:
        self._timer, self._timer_at = None, FOREVER
        if self.at - self._loop.time() > 0.001:  # timers ring on the millisecond, or just before
            self.set(self.at)
        else:
            self._passed()
