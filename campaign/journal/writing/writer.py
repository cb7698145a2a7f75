"""Gathers changes into commits: all that comes while one is under way goes into the next.

In: changes from the event loop.  Out: callbacks in the event loop once they are durable.
Touches: nothing itself; `transactions` the database, `commits` waits for the disk.

When a commit is made, and who runs its statements, is said in `commit_policy`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from enum import Enum, auto

from campaign.clock import Clock
from campaign.errors import JournalError
from campaign.journal.writing.arriving import Arriving
from campaign.journal.writing.commit_policy import GATHER_S, is_enough
from campaign.journal.writing.commits import Batch, Commits, Done
from campaign.journal.writing.departing import Departure
from campaign.journal.writing.emergency import EmergencyFile
from campaign.journal.writing.transactions import Transactions
from campaign.records import Change, State


class _Phase(Enum):
    IDLE = auto()
    LOOKING = auto()  # in a moment, when all callbacks that are due have brought their changes
    GATHERING = auto()  # until enough have come, or the time is up
    COMMITTING = auto()


class Writer:
    """Owns the transactions from `start` to `stop`.  Lives in the event loop."""

    def __init__(
        self,
        transactions: Transactions,
        emergency: EmergencyFile,
        loop: asyncio.AbstractEventLoop,
        on_failure: Callable[[JournalError], None],
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._loop = loop
        self._commits = Commits(transactions, emergency, loop, self._committed, on_failure, clock)
        self._phase = _Phase.IDLE
        self._batch = Batch([], [], [], [], [], [])  # the next commit
        self._answerable: set[int] = set()  # rows whose `sending` is durable and has no outcome
        self._asking: set[int] = set()  # rows whose `sending` is being committed
        self._timer: asyncio.TimerHandle | None = None

    @property
    def failure(self) -> JournalError | None:
        """Why nothing becomes durable any more."""
        return self._commits.failure

    @property
    def unpermitted(self) -> set[int]:
        """Rows whose `sending` may be durable, and whose dot was never permitted all the same."""
        return self._commits.unpermitted

    def start(self) -> None:
        self._commits.start()

    def stop(self) -> None:
        """Write what is there, then end."""
        self._commits.put(self._next())  # the thread may be at a commit: it runs the statements
        self._commits.stop()
        self._transactions.end()

    def write(self, change: Change, done: Done | None = None) -> None:
        """Into the next commit."""
        self._batch.changes.append(change)
        if done is not None:
            self._batch.dones.append(done)
        if change.state is not State.SENDING:
            self._answerable.discard(change.row)
            self._asking.discard(change.row)  # lost before its permission came
        self._heed()

    async def suppress(self, keys: Sequence[str]) -> None:
        """Take in people who must not be written to; durable when it returns.  JournalError."""
        self._batch.keys.extend(keys)
        await self.drain()

    async def take(self, arriving: Arriving) -> None:
        """Make recipients of letters that an open campaign was asked for, and note how far they go;
        they are in the journal when it returns.  JournalError."""
        self._batch.arrivals.append(arriving)
        await self.drain()

    async def let_go(self, departure: Departure) -> None:
        """Letters that an archive has leave the journal; they have when it returns.
        JournalError."""
        self._batch.departures.append(departure)
        await self.drain()

    async def drain(self) -> None:
        """Wait until everything written so far is durable.  Raises JournalError if it is not."""
        reached = asyncio.Event()
        self._batch.waiters.append(reached.set)
        self._heed()
        await reached.wait()
        if self.failure:
            raise self.failure

    def _heed(self) -> None:
        """There is something more to commit."""
        if self._phase is _Phase.IDLE or (self._phase is _Phase.GATHERING and self._is_enough):
            if self._timer:
                self._timer.cancel()
            self._phase = _Phase.LOOKING
            self._loop.call_soon(self._look)

    def _next(self) -> Batch:
        batch, self._batch = self._batch, Batch([], [], [], [], [], [])
        return batch

    @property
    def _is_enough(self) -> bool:
        return is_enough(len(self._batch.changes), len(self._answerable))

    def _look(self) -> None:
        if not any(self._batch):
            self._phase = _Phase.IDLE
        elif self._batch.waiters or self._is_enough:
            self._commit()
        else:
            self._phase = _Phase.GATHERING
            self._timer = self._loop.call_later(GATHER_S, self._commit)

    def _commit(self) -> None:
        self._phase = _Phase.COMMITTING
        batch = self._next()
        sending = State.SENDING
        self._asking = {change.row for change in batch.changes if change.state is sending}
        is_long = batch.keys or batch.departures  # the thread's, from the beginning
        if (batch.changes or batch.arrivals) and not is_long and self.failure is None:
            try:
                is_written = self._transactions.write_at_once(batch.changes, batch.arrivals)
                batch = batch._replace(is_written=is_written)
            except Exception as error:  # told as an error of the commit is
                batch = batch._replace(fault=error)
        self._commits.put(batch)

    def _committed(self, dones: list[Done]) -> None:
        self._answerable.update(self._asking)
        try:
            for done in dones:
                done()
        finally:
            self._look()
