"""Makes batches durable, one commit each.

In: batches of the writer.  Out: one call in the event loop for each, when it is durable.
Touches: the database, the emergency file.

Whether the event loop or the journal thread makes a commit is said in `commit_policy`.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Sequence
from contextlib import suppress
from queue import SimpleQueue
from typing import NamedTuple

from campaign.clock import Clock
from campaign.errors import JournalError
from campaign.journal.writing.arriving import Arriving
from campaign.journal.writing.commit_policy import CommitTime
from campaign.journal.writing.departing import Departure
from campaign.journal.writing.emergency import EmergencyFile
from campaign.journal.writing.transactions import Transactions
from campaign.records import Change, State

Done = Callable[[], None]


class Batch(NamedTuple):
    """What goes into one commit."""

    changes: list[Change]
    dones: list[Done]  # to be called when the changes are durable
    waiters: list[Done]  # to be called when they are, or never will be
    keys: list[str]  # of people who must not be written to
    arrivals: list[Arriving]  # of an open campaign, to become its recipients
    departures: list[Departure]  # of an open campaign, to archives
    is_written: bool = False  # its statements were run, only the commit is left
    fault: Exception | None = None  # what happened when they were


class Commits:
    """Takes batches from `start` to `stop`.

    `on_done` is called in the loop with what a batch wants called, `on_failure` once, at
    the first error; after it nothing becomes durable but outcomes in the emergency file.
    """

    def __init__(
        self,
        transactions: Transactions,
        emergency: EmergencyFile,
        loop: asyncio.AbstractEventLoop,
        on_done: Callable[[list[Done]], None],
        on_failure: Callable[[JournalError], None],
        clock: Clock,
    ) -> None:
        self._transactions = transactions
        self._emergency = emergency
        self._loop = loop
        self._on_done = on_done
        self._on_failure = on_failure
        self._clock = clock
        self._time = CommitTime()
        self._queue: SimpleQueue[Batch | None] = SimpleQueue()
        self._thread = threading.Thread(target=self._run, name="journal", daemon=True)
        self.unpermitted: set[int] = set()  # rows whose `sending` did not become durable
        self.failure: JournalError | None = None

    def start(self) -> None:
        self._thread.start()

    def put(self, batch: Batch) -> None:
        """One batch at a time: the next when `on_done` was called for this."""
        if batch.is_written and self._time.is_quick:
            self._loop.call_soon(self._on_done, self._settle(batch))
        else:
            self._queue.put(batch)

    def stop(self) -> None:
        """End the thread when it has done what it was given."""
        self._queue.put(None)
        self._thread.join()

    def _run(self) -> None:
        while batch := self._queue.get():
            self._call(self._on_done, self._settle(batch))

    def _settle(self, batch: Batch) -> list[Done]:
        """Make it durable, or keep what can be kept; whom to call then."""
        if self.failure is not None:
            self._keep(batch.changes)
            return batch.waiters
        try:
            self._make_durable(batch)
        except JournalError as error:
            self._fail(error, batch.changes)
        except Exception as error:  # our own bug must stop the sending like a bad disk
            self._fail(_bug(error), batch.changes)
        else:
            return batch.dones + batch.waiters
        return batch.waiters

    def _make_durable(self, batch: Batch) -> None:
        if not (batch.changes or batch.keys or batch.arrivals or batch.departures):
            return
        try:
            if batch.fault is not None:
                raise batch.fault
            if not batch.is_written:
                self._transactions.write(
                    batch.changes, batch.keys, batch.arrivals, batch.departures
                )
            began_s = self._clock.tick_s()
            self._transactions.commit()
            self._time.took(self._clock.tick_s() - began_s)
        except BaseException:
            with suppress(JournalError):  # what happened first is told
                self._transactions.undo()
            raise

    def _call(self, function: Callable[..., None], argument: object) -> None:
        with suppress(RuntimeError):  # the loop is closed: nobody is left to be told
            self._loop.call_soon_threadsafe(function, argument)

    def _fail(self, error: JournalError, changes: Sequence[Change]) -> None:
        """From now on nothing is trusted to the journal: a failed fsync may have lost anything."""
        self.failure = error
        self._keep(changes)
        self._call(self._on_failure, self.failure)

    def _keep(self, changes: Sequence[Change]) -> None:
        """Outcomes go beside the journal.

        A `sending` does not, for its dot was never permitted; nor what came of such a letter,
        which the journal will rightly know as never sent.
        """
        kept = []
        for change in changes:
            if change.state is State.SENDING:
                self.unpermitted.add(change.row)
            elif change.row not in self.unpermitted:
                kept.append(change)
        try:
            self._emergency.keep(kept)
        except OSError as error:
            self.failure = JournalError(
                f"{self.failure}; nor can outcomes be kept in {self._emergency.path}: {error}",
                remedy="the recipients concerned will be in doubt at the next start",
            )


def _bug(error: Exception) -> JournalError:
    failure = JournalError(f"the journal stopped: {error!r}", remedy="report this")
    failure.__cause__ = error
    return failure
