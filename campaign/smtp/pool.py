"""Which connection carries the next letter: all sites of a run together.

In: letters.  Out: verdicts, through the ledger.  Touches: sites.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

from campaign.clock import Clock
from campaign.records import Letter
from campaign.smtp.lanes import Lanes
from campaign.smtp.site import Site

_CHECK_S = 5.0


class Pool:
    """The sites that share one set of lanes."""

    def __init__(self, lanes: Lanes, sites: Sequence[Site], clock: Clock) -> None:
        self.lanes = lanes
        self.sites = tuple(sites)
        self._clock = clock
        self._housekeeping: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin to keep house."""
        self._housekeeping = asyncio.get_running_loop().create_task(self._keep_house())

    def put(self, letters: Sequence[Letter]) -> None:
        """Letters ready to go."""
        self.lanes.put(letters)
        for site in self.sites:
            site.wake()

    @property
    def connections(self) -> int:
        return sum(len(site.connections) for site in self.sites)

    def waiting_for(self) -> str:
        """What holds the run up, for the progress line; "" when nothing does."""
        now_s = self._clock.tick_s()
        phrases = [phrase for site in self.sites if (phrase := site.waiting_for(now_s))]
        return ", ".join((phrases + self.lanes.resting(now_s))[:2])

    async def drain(self, grace_s: float) -> bool:
        """Take no new letters, wait for replies on the way.  False if the grace ran out."""
        for site in self.sites:
            site.stop()
        loop = asyncio.get_running_loop()
        until_s = loop.time() + grace_s
        while not all(site.is_closed for site in self.sites):
            if loop.time() > until_s:
                return False
            await asyncio.sleep(0.01)
        return True

    async def close(self, why: str) -> None:
        """Cut what is left and stop housekeeping."""
        for site in self.sites:
            site.abort(why)
        if self._housekeeping:
            self._housekeeping.cancel()

    async def _keep_house(self) -> None:
        while True:
            await asyncio.sleep(_CHECK_S)
            self.lanes.forget_plain()
