"""Takes parts of the day's caps for the ramps of a run, and gives back what was not used.

In: what the ramps want.  Out: what they may send.
Touches: the day counts beside the suppression store, in a thread: another campaign may be writing
to it just now.  A store that fails stops the run, for its caps could not be kept.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from campaign.config.loader import Campaign
from campaign.errors import CampaignError
from campaign.planning.timing.ramped import open_counts
from campaign.pool.pacing.ramp import RampWindow
from campaign.pool.ramps import RampWindows
from campaign.suppression.day_counts import DayCounts

_EVERY_S = 0.1  # letters wait so long for the first parts of a day
_MANY = 1000  # letters of a climbed ladder that are counted at once


class Ramping:
    """The day counts of one run."""

    def __init__(
        self, campaign: Campaign, ramps: RampWindows, must_stop: Callable[[CampaignError], None]
    ) -> None:
        self._campaign = campaign
        self._ramps = ramps
        self._must_stop = must_stop
        self._counts: DayCounts | None = None
        self._taking: asyncio.Task[None] | None = None

    async def keep_taking(self) -> None:
        """Until it is cancelled; without ramps there is nothing to do."""
        while self._ramps:
            # Shielded: what was taken is handed over also where the run ends meanwhile.
            self._taking = asyncio.ensure_future(self._take())
            await asyncio.shield(self._taking)
            await asyncio.sleep(_EVERY_S)

    async def finish(self) -> None:
        """Nothing goes any more: the rest goes back, and the store is closed."""
        if self._taking is not None:
            await self._taking
        if not self._ramps.windows:
            return
        try:
            await asyncio.to_thread(self._give_back, list(self._ramps.windows.values()))
        except CampaignError as error:
            self._must_stop(error)

    async def _take(self) -> None:
        try:
            for window in list(self._ramps.windows.values()):
                day, wanted, cap = window.wanted()
                if wanted >= (1 if cap is not None else _MANY):
                    taken, count = await asyncio.to_thread(
                        lambda: self._opened().take(window.key, day, wanted, cap)  # noqa: B023
                    )
                    window.given(day, taken, count)
                await self._note(window)
        except CampaignError as error:
            self._must_stop(error)

    async def _note(self, window: RampWindow) -> None:
        throttles, bounces = window.noted()
        unused = window.unused()
        if not (throttles or bounces or unused):
            return

        def write() -> None:
            counts, (day, _, _) = self._opened(), window.wanted()
            for of, parts in unused:
                counts.give_back(window.key, of, parts)
            if throttles or bounces:
                counts.note(window.key, day, throttles=throttles, bounces=bounces)

        await asyncio.to_thread(write)

    def _give_back(self, windows: list[RampWindow]) -> None:
        for window in windows:
            day, uncounted, cap = window.wanted()
            if cap is None and uncounted:
                window.given(day, *self._opened().take(window.key, day, uncounted, None))
            for of, parts in window.all_unused():
                self._opened().give_back(window.key, of, parts)
            throttles, bounces = window.noted()
            if throttles or bounces:
                self._opened().note(window.key, day, throttles=throttles, bounces=bounces)
        if self._counts is not None:
            self._counts.close()

    def _opened(self) -> DayCounts:
        if self._counts is None:
            self._counts = open_counts(self._campaign)
            self._counts.make()
        return self._counts
