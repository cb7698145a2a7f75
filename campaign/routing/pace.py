"""How fast one nameserver is asked.

In: the name of a nameserver.  Out: the moment to ask it.  Touches: the clock, a timer.

Questions are spread evenly: a burst of a second's worth would be the burst that nameservers
answer with silence.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from campaign.clock import Clock
from campaign.units import Rate


class QuestionPace:
    """At most so many questions to each nameserver."""

    def __init__(
        self, rate: Rate, clock: Clock, sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    ) -> None:
        self._interval_s = rate.interval_s
        self._clock = clock
        self._sleep = sleep
        self._free_at_s: dict[str, float] = {}

    async def turn(self, server: str) -> None:
        """Returns when this nameserver may be asked once."""
        now_s = self._clock.tick_s()
        at_s = max(now_s, self._free_at_s.get(server, now_s))
        self._free_at_s[server] = at_s + self._interval_s
        if at_s > now_s:
            await self._sleep(at_s - now_s)
