"""Keeps the lanes filled: claims rows, renders them, hands letters to the outlet.

In: the journal's claimable rows.  Out: letters in the outlet.
Touches: a journal reader, render workers, the suppression lists.

What is in memory is bounded by bytes, whatever the list's length: a slow server fills the window
and the feed waits.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Collection, Coroutine

from campaign.delivery.ledger import JournalLedger
from campaign.delivery.staleness import RunClock
from campaign.delivery.suppression import Suppression
from campaign.journal.reading.reader import Reader
from campaign.pool.relays import Outlet
from campaign.records import Claim, Job, Letter, Message, State
from campaign.workers.pool import RenderPool

_MOST_LETTERS = 2000  # claimed and not yet settled
_MOST_BYTES = 32_000_000  # rendered and waiting
_BATCH = 100
_BATCH_BYTES = 1_000_000
_FIRST_GUESS_BYTES = 100_000  # of a message, until the first ones are rendered
_READ = 1000  # rows a query brings
_DRY_S = 0.05  # after a query that brought nothing; outcomes alone must not cause queries
_LANE_SHARE = 4  # one provider may fill a quarter of the window, the rest is for others


class Feed:
    """One run's supply."""

    def __init__(
        self,
        reader: Reader,
        ledger: JournalLedger,
        outlet: Outlet,
        rendering: RenderPool,
        suppression: Suppression,
        clock: RunClock,
        *,
        sender_of: Callable[[int], str],
        most: int | None,
        expire_after_s: float,
        spawn: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        self._adapt(_FIRST_GUESS_BYTES)
        self._reader = reader
        self._ledger = ledger
        self._outlet = outlet
        self._rendering = rendering
        self._suppression = suppression
        self._clock = clock
        self._sender_of = sender_of
        self._left = most  # how many more recipients may be claimed; None = all
        self._expire_after_s = expire_after_s
        self._spawn = spawn
        self._ahead: deque[Claim] = deque()  # read, not yet claimed
        self._dry_until_s = 0.0
        self._after = 0  # planned rows up to here were read in this run
        self.is_stopping = False

    async def fill(self) -> None:
        """Claim and start to render as much as fits now."""
        while not self.is_stopping and self._left != 0:
            if not self.has_room:
                return
            if not self._ahead and self._clock.tick_s() >= self._dry_until_s:
                self._ahead.extend(await self._read())
            if not self._ahead:
                self._dry_until_s = self._clock.tick_s() + _DRY_S
                return
            if not await self._suppression.are_known():
                return
            batch = await self._admit()
            if batch:
                self._spawn(self._render(batch))

    def _adapt(self, size_bytes: int) -> None:
        """The window and the batches for messages of this size."""
        self.window = max(64, min(_MOST_LETTERS, _MOST_BYTES // size_bytes))
        self._batch = max(1, min(_BATCH, _BATCH_BYTES // size_bytes, self.window // 4))

    def rewind(self) -> None:
        """Read the planned rows from the start again: the journal says that some are left."""
        self._after = 0

    @property
    def has_room(self) -> bool:
        """A further batch may be claimed."""
        return self.window - len(self._ledger.open) >= self._batch

    @property
    def is_used_up(self) -> bool:
        """The number of recipients asked for was claimed."""
        return self._left == 0

    async def _read(self) -> list[Claim]:
        """The next page, read in the loop where the journal answers at once: a thread would win
        the interpreter for every single row, which takes longer than to read it."""
        if self._reader.answers_at_once:
            return self._page(self._ledger.open)
        return await asyncio.to_thread(self._page, set(self._ledger.open))

    def _page(self, held: Collection[int]) -> list[Claim]:
        """Due rows first, then planned ones.

        `held` are the rows that were open before the journal is asked: who is settled meanwhile
        may still be due in its answer, and must not be claimed again.
        """
        claims = self._reader.claim_deferred(self._clock.now_s(), _READ, held)
        if not claims:
            planned = self._reader.claim_planned(self._after, _READ)
            if planned:
                self._after = planned[-1].row
            claims = [claim for claim in planned if claim.row not in held]
        return claims

    async def _admit(self) -> list[Claim]:
        """The next batch; rows that may not go now are settled or put off on the way."""
        count = min(self._batch, len(self._ahead), self._left or self._batch)
        if self._left is not None:
            self._left -= count
        taken = [self._ahead.popleft() for _ in range(count)]
        self._ledger.claim(taken)
        suppressed = await self._suppression.among([claim.key for claim in taken])
        if suppressed is None:  # it cannot be known, and the run stops for it
            self._ledger.release(claim.row for claim in taken)
            return []
        now_s, tick_s = self._clock.now_s(), self._clock.tick_s()
        expired_s = now_s - self._expire_after_s - self._clock.asleep_s
        batch = []
        for claim in taken:
            if why := suppressed.get(claim.key):
                self._ledger.settle_unsent(claim, State.SKIPPED, why)
            elif claim.first_at and claim.first_at < expired_s:
                self._ledger.settle_unsent(claim, State.EXPIRED, "no try was left in its time")
            elif wait_s := self._outlet.admit(claim.domain, tick_s, self.window // _LANE_SHARE):
                self._ledger.put_off(claim, wait_s, "paced", f"{claim.domain} has no room yet")
            else:
                batch.append(claim)
        return batch

    async def _render(self, claims: list[Claim]) -> None:
        now_s = float(int(self._clock.now_s()))
        jobs = [
            Job(
                c.row, c.source, c.address, c.key, c.data, c.snapshot, c.repeat,
                date_s=c.date_s or now_s,
            )
            for c in claims
        ]  # fmt: skip
        messages = await self._rendering.render(jobs)
        letters = []
        self._adapt(max(1, sum(message.size_bytes for message in messages) // len(messages)))
        for claim, message in zip(claims, messages, strict=True):
            self._outlet.arrived(claim.domain)
            if self.is_stopping:
                self._ledger.release([claim.row])
            elif message.problem:
                self._ledger.settle_unsent(claim, State.SKIPPED, message.problem)
            else:
                letters.append(self._letter(claim, message, claim.date_s or now_s))
        self._outlet.put(letters)

    def _letter(self, claim: Claim, message: Message, date_s: float) -> Letter:
        return Letter(
            message.row,
            self._sender_of(message.row),
            claim.address,
            message.wire,
            message.size_bytes,
            message.needs_smtputf8,
            claim,
            date_s,
        )
