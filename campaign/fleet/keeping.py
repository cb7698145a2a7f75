"""Rates and rests of the whole fleet, carried between this worker and the database.

In: what the parties of the run want, and were told.  Out: slots, rests of others; a stop where a
server refuses the sender.  Touches: the journal's tables of them, in a thread.
Fails as the journal does: without it nothing is sent.
"""

from __future__ import annotations

import asyncio

from campaign.clock import Clock
from campaign.journal.sharing.rates import Wish
from campaign.journal.sharing.shared import SharedJournal
from campaign.pool.fleet import Parties

KEEP_EVERY_S = 0.1
_HEAR_EVERY = 4  # of these turns
SENDER = "sender"  # the party whose rest means: a server refuses the sender, all stop
_SENDER_S = 3600.0


class Keeping:
    """Of one worker."""

    def __init__(self, shared: SharedJournal, parties: Parties, clock: Clock) -> None:
        self._shared = shared
        self._parties = parties
        self._clock = clock
        self._turn = 0
        self._has_told = False
        self._is_refused = False

    async def once(self, *, tell_refused: bool) -> bool:
        """One look; whether any worker was refused as a sender.  Raises JournalError.

        `tell_refused`: this one was, so that the others need not try.
        """
        if tell_refused:
            await self._tell_refused()
        await self._grant()
        if self._turn % _HEAR_EVERY == 0:
            await self._hear()
        self._turn += 1
        return self._is_refused

    async def finish(self, *, tell_refused: bool) -> None:
        """Nothing goes any more: the rest goes back.  A worker that had nothing on the way may end
        before its next look; the others must hear of it all the same."""
        if tell_refused:
            await self._tell_refused()
        unused = [
            Wish(w.key, 0, w.interval_s, w.quotas, w.unused(0.0, all_=True))
            for w in self._parties.windows
        ]
        if wishes := [wish for wish in unused if wish.unused]:
            await asyncio.to_thread(self._shared.grant, wishes)

    async def _tell_refused(self) -> None:
        if not self._has_told:
            self._has_told = True
            await asyncio.to_thread(self._shared.tell_and_hear, [(SENDER, _SENDER_S)])

    async def _grant(self) -> None:
        asked_s = self._clock.tick_s()
        windows = {}
        wishes = []
        for window in self._parties.windows:
            wanted, unused = window.wanted(asked_s), window.unused(asked_s)
            if wanted or unused:
                windows[window.key] = window
                wishes.append(
                    Wish(window.key, wanted, window.interval_s, window.quotas, unused, window.used)
                )
        if not wishes:
            return
        granted = await asyncio.to_thread(self._shared.grant, wishes)
        now_s = self._clock.tick_s()
        for each in granted:
            window = windows[each.party]
            window.given(now_s + each.first_in_s, each.slots, now_s + each.none_for_s)

    async def _hear(self) -> None:
        news = self._parties.news(self._clock.tick_s())
        rests = await asyncio.to_thread(self._shared.tell_and_hear, news)
        self._is_refused = any(party == SENDER for party, _ in rests)
        self._parties.hear(rests, self._clock.tick_s())
