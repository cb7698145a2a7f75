"""How long a run feeds, and what it waits for meanwhile.

In: the feed, what is on the wire, what the journal says.  Out: whether everybody is settled.
Touches: the journal, for reading.  Fails: JournalError.

The journal is asked whether anybody is left; it is never counted along the way.
"""

from __future__ import annotations

import asyncio

from campaign.delivery.beginning.staleness import RunClock
from campaign.delivery.beside.arriving import ArrivalTaker
from campaign.delivery.feeding.feed import Feed
from campaign.delivery.feeding.rows import LOOKS_S
from campaign.delivery.ledger import JournalLedger
from campaign.delivery.sharing import Share
from campaign.delivery.stopping import Stopping
from campaign.delivery.view import Viewer
from campaign.journal.reading.claiming import ClaimReader
from campaign.pool.outlet import Outlet

_SHORT_WAIT_S = 30.0  # `--no-wait` waits so long for a limit or a rest
_STANDBY_S = 0.25  # between two looks of a worker that holds nobody who could be sent to
_LOOK_AGAIN_S = 1.0  # deferred rows come due while others are on the wire


class Feeding:
    """The loop of one run."""

    def __init__(
        self,
        feed: Feed,
        ledger: JournalLedger,
        outlet: Outlet,
        viewer: Viewer,
        clock: RunClock,
        stopping: Stopping,
        *,
        wanted: asyncio.Event,
        taker: ArrivalTaker | None,
        share: Share | None,
        no_wait: bool,
    ) -> None:
        """`wanted` is set by whoever has a reason to look again; `taker` is that of an open
        campaign, `share` that of a worker of a fleet; `no_wait`: end when only deferred are left.
        """
        self._feed = feed
        self._ledger = ledger
        self._outlet = outlet
        self._viewer = viewer
        self._clock = clock
        self._stopping = stopping
        self._wanted = wanted
        self._taker = taker
        self._share = share
        self._no_wait = no_wait
        # How many were, when there was last nothing to do.
        self._settled_when_idle = ledger.settled_count

    async def until_done(self, reader: ClaimReader) -> bool:
        """Feed until the journal says that everybody is settled.  True if so."""
        while not self._stopping:
            self._wanted.clear()
            began_s = self._clock.now_s()
            await self._feed.fill()
            if self._share:
                self._share.is_hungry()
            turn_s = self._feed.wait_s  # until rows that wait for a limit or a rest may go
            if self._ledger.open:
                is_over = turn_s is None or turn_s > _SHORT_WAIT_S or self._feed.is_used_up
                if is_over and len(self._ledger.open) == self._outlet.undecided:
                    self._outlet.believe()
                await self._want(_LOOK_AGAIN_S if turn_s is None else min(_LOOK_AGAIN_S, turn_s))
                continue
            if self._feed.is_used_up:
                return False
            # Before the standings: what is taken between the two is seen there.
            more_may_come = await self._more_may_come()
            # The journal's standings are asked, not what was counted along the way (rule 5).
            if await asyncio.to_thread(reader.is_finished):
                if not more_may_come:
                    return True
                await self._want(_LOOK_AGAIN_S)  # an open campaign is woken by what arrives
                continue
            # Who came due while the feed did not look, just after it had looked in vain, is next.
            due_s = await asyncio.to_thread(reader.next_due, began_s - LOOKS_S)
            if due_s is not None and due_s <= self._clock.now_s():
                await self._want(LOOKS_S / 2)  # it is no wait, which `--no-wait` would end with
                continue
            self._viewer.retry_s = due_s
            waits = [] if due_s is None else [due_s - self._clock.now_s()]
            if turn_s is not None:
                waits.append(turn_s)
            if not waits and self._share and not await asyncio.to_thread(reader.has_own_left):
                await self._want(_STANDBY_S)  # others hold who is left
            elif not waits:  # yet somebody is left: nobody may be overlooked
                self._feed.rewind()
                await self._want(0.05)
            elif self._no_wait and not self._goes_on(more_may_come, turn_s):
                return False
            else:
                await self._want(min(60.0, max(0.02, min(waits))))
        return False

    async def _more_may_come(self) -> bool:
        """Whether an open campaign has letters to take, or stays for those to come."""
        if self._taker is None:
            return False
        return not self._no_wait or await asyncio.to_thread(self._taker.look)

    def _goes_on(self, more_may_come: bool, turn_s: float | None) -> bool:
        """With `--no-wait`: letters may have come since the feed looked."""
        return more_may_come or self._wanted.is_set() or self._is_worth_waiting(turn_s)

    def _is_worth_waiting(self, turn_s: float | None) -> bool:
        """With `--no-wait`: for a limit that lets the next one go soon, but not twice in a row for
        servers that do not come back."""
        settled = self._ledger.settled_count
        waited_in_vain = settled == self._settled_when_idle
        self._settled_when_idle = settled
        return turn_s is not None and turn_s <= _SHORT_WAIT_S and not waited_in_vain

    async def _want(self, wait_s: float | None) -> None:
        try:
            async with asyncio.timeout(wait_s):
                await self._wanted.wait()
        except TimeoutError:
            return
