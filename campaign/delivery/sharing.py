"""What a run asks of the fleet that it is a part of, and what it lets the fleet do.

In: nothing.  Out: three interfaces.  Touches: nothing.

A run of one process has no `Share`, and pays nothing for it.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from typing import Protocol

from campaign.delivery.feeding.feed import Feed
from campaign.errors import CampaignError, JournalError
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.store import LastRun
from campaign.journal.writing.commits import Done
from campaign.journal.writing.writer import Writer
from campaign.pool.fleet import Parties
from campaign.pool.outlet import Outlet
from campaign.records import Change, State


class OpenJournal(Protocol):
    """What a run needs of the journal, which one process has for itself or workers share."""

    def start(
        self, loop: asyncio.AbstractEventLoop, on_failure: Callable[[JournalError], None]
    ) -> Writer: ...
    def hurry(self) -> None: ...
    def last_run(self) -> LastRun | None: ...


class Share(Protocol):
    """The part of one worker."""

    def open_reader(self) -> ClaimReader:
        """It claims only what this worker holds."""

    @property
    def is_live(self) -> bool:
        """May a dot be written?  Not once the lease, by the worker's own clock, has run out."""

    async def keep(self, stop_for: Callable[[CampaignError], None]) -> None:
        """Stay a member until cancelled; a lease does not wait until a run is ready."""

    async def finish(self) -> None:
        """Nothing goes any more: what was taken of common rates goes back."""

    def serve(self, run: SharedRun) -> None:
        """The run is ready: claim shards for it, take over from who fell silent."""

    def is_hungry(self) -> None:
        """There may be nothing left to claim in what this worker holds."""

    @property
    def parties(self) -> Parties:
        """Whose rates and rests all workers keep together."""

    @property
    def doubtful(self) -> list[str]:
        """The addresses that were in doubt of those whose shards this worker took over."""


class SharedRun(Protocol):
    """A run as its fleet sees it."""

    def say(self, line: str) -> None: ...

    def stop_for(self, error: CampaignError) -> None:
        """Why this worker cannot go on."""

    def wake(self) -> None:
        """There are more rows to claim."""

    @property
    def is_refused(self) -> bool:
        """Did replies that refuse the sender end it?"""

    @property
    def open_rows(self) -> Collection[int]:
        """Claimed and not settled."""

    def tell_counts(self, counts: dict[State, int]) -> None:
        """How many stand where by now, of all workers."""

    def let_go(self, *, of_waiting: bool) -> None:
        """Forget what was read ahead; with `of_waiting` also letters that wait for a connection."""


class FleetRun:
    """Implements `SharedRun` for `run`."""

    def __init__(
        self,
        feed: Feed,
        outlet: Outlet,
        counts: dict[State, int],
        open_rows: Collection[int],
        *,
        say: Callable[[str], None],
        stop_for: Callable[[CampaignError], None],
        wake: Callable[[], None],
        is_refused: Callable[[], bool],
    ) -> None:
        self._feed = feed
        self._outlet = outlet
        self._counts = counts
        self.open_rows = open_rows
        self.say = say
        self.stop_for = stop_for
        self.wake = wake
        self._is_refused = is_refused

    @property
    def is_refused(self) -> bool:
        return self._is_refused()

    def tell_counts(self, counts: dict[State, int]) -> None:
        self._counts.update(counts)

    def let_go(self, *, of_waiting: bool) -> None:
        if of_waiting and (letters := self._outlet.call_back(lambda letter: True)):
            self._feed.take_back(letters)
        self._feed.forget_ahead()
        self._feed.rewind()


def only_while_live(
    write: Callable[[Change, Done], None], share: Share, run_out: Callable[[], None]
) -> Callable[[Change, Done], None]:
    """The journal's queue, in front of a worker's dots: one that is permitted too late, by the
    worker's own clock, is not written."""

    def guarded(change: Change, done: Done) -> None:
        if change.state is not State.SENDING:
            write(change, done)
            return
        write(change, lambda: done() if share.is_live else run_out())

    return guarded
