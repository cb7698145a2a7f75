"""One worker's part of a campaign: its lease, its shards, those it takes over from.

In: an open shared journal.  Out: what a run may claim, whether a dot may be written.
Touches: the journal's leases, in threads.
Fails with EpochEnded, LeaseRanOut and JournalGone, told to the run: the worker may join again.

A beat goes out five times a lease.  By its own clock a worker believes in its lease for four fifths
of it from the moment before the last beat that came through; others take it for dead not before
they have seen the same beat for the whole of it.  So its dots stop before anybody takes over, and
the last fifth is for clocks of different speed.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Collection
from contextlib import suppress
from typing import Protocol

from campaign.clock import Clock
from campaign.errors import CampaignError, Interrupted, SenderRefused
from campaign.fleet.keeping import KEEP_EVERY_S, Keeping
from campaign.fleet.portions import surplus, wanted
from campaign.fleet.silence import Silence
from campaign.journal.reading.claiming import ClaimReader
from campaign.journal.sharing.leases import LeaseStanding, Member, Shard, TakenOver
from campaign.journal.sharing.reader import SharedReader
from campaign.journal.sharing.shared import SharedJournal
from campaign.pool.fleet import Parties
from campaign.records import State

BEATS = 5  # in a lease
_BELIEVED = 0.8  # of a lease, by the worker's own clock
_HUNGRY_S = 0.05  # between two claims of one that has nothing left
_AHEAD = 10  # letters in memory for each connection, beyond which no further slice is taken


class PartOfRun(Protocol):
    """What a run lets its fleet do; `delivery.sharing` says what each means."""

    def say(self, line: str) -> None: ...
    def stop_for(self, error: CampaignError) -> None: ...
    def wake(self) -> None: ...
    @property
    def is_refused(self) -> bool: ...
    @property
    def open_rows(self) -> Collection[int]: ...
    def tell_counts(self, counts: dict[State, int]) -> None: ...
    def let_go(self, *, of_waiting: bool) -> None: ...


class FleetPart:
    """Implements `delivery.sharing.Share`."""

    def __init__(
        self,
        shared: SharedJournal,
        open_reader: Callable[[], SharedReader],
        clock: Clock,
        *,
        lease_s: float,
        policy: str,
        connections: int,
        joined_s: float,
        before: int = 0,
        unsent: frozenset[int] = frozenset(),
    ) -> None:
        """`policy`: for those in doubt.  `connections`: how many letters it may have on the wire.
        `joined_s`: by `passed_s`, no later.

        `before`: the epoch of this same process before it lost the journal; nothing of it is in
        flight any more, so nobody waits for its lease.  `unsent`: rows of that epoch whose dots
        were certainly not written.
        """
        self._shared = shared
        self._open_reader = open_reader
        self._clock = clock
        self._lease_s = lease_s
        self._policy = policy
        self._enough = _AHEAD * max(2, connections)
        self._before = before
        self._unsent = unsent
        self._live_until_s = joined_s + _BELIEVED * lease_s
        self._silence = Silence(2 * lease_s / BEATS)
        self.parties = Parties(shared.clock.now_s)
        self._keeping = Keeping(shared, self.parties, clock)
        self._hungry = asyncio.Event()
        self._leaving: list[int] = []  # shards to be given back
        self._in_flight: frozenset[int] | None = None  # what was open when nothing more was claimed
        self._reader: SharedReader | None = None
        self._run: PartOfRun | None = None
        self._free = 0
        self._taken: list[TakenOver] = []  # to be told to the run
        self.doubtful: list[str] = []

    # -- what the run asks ---------------------------------------------------------------------

    def open_reader(self) -> ClaimReader:
        self._reader = self._open_reader()
        return self._reader

    @property
    def is_live(self) -> bool:
        return self._clock.passed_s() < self._live_until_s

    def is_hungry(self) -> None:
        if self._free and self._has_room and self._reader and len(self._reader.unread) < 2:
            self._hungry.set()

    def serve(self, run: PartOfRun) -> None:
        self._run = run
        self._hungry.set()

    async def keep(self, stop_for: Callable[[CampaignError], None]) -> None:
        loop = asyncio.get_running_loop()
        tasks = [loop.create_task(self._stay()), loop.create_task(self._keep_rates())]
        try:
            await asyncio.gather(*tasks)
        except CampaignError as error:
            stop_for(error)
        finally:
            for task in tasks:
                task.cancel()

    async def finish(self) -> None:
        with suppress(CampaignError):  # what is lost with it is a fraction of a second's worth
            await self._keeping.finish(tell_refused=self._is_refused)

    # -- inside --------------------------------------------------------------------------------

    @property
    def _is_refused(self) -> bool:
        return self._run is not None and self._run.is_refused

    @property
    def _has_room(self) -> bool:
        """Few enough letters are in memory: what is read far ahead is nobody else's any more."""
        return self._run is not None and len(self._run.open_rows) < self._enough

    async def _stay(self) -> None:
        while True:
            began_s = self._clock.passed_s()
            standing = await self._end_silent(await self._beat())
            if self._run is not None:
                await self._look(self._run, standing)
            took_s = self._clock.passed_s() - began_s
            await self._pause(max(_HUNGRY_S, self._lease_s / BEATS - took_s))

    async def _keep_rates(self) -> None:
        while True:
            is_refused = self._is_refused
            if await self._keeping.once(tell_refused=is_refused) and not is_refused:
                raise SenderRefused(
                    "another worker was stopped: the sender is the trouble, not the recipients",
                    remedy="mend what that worker names, then `campaign work` again",
                )
            await asyncio.sleep(KEEP_EVERY_S)

    async def _pause(self, wait_s: float) -> None:
        """Until the next beat, or until there is nothing left to claim here."""
        self._hungry.clear()
        await asyncio.sleep(_HUNGRY_S)
        try:
            async with asyncio.timeout(wait_s - _HUNGRY_S):
                await self._hungry.wait()
        except TimeoutError:
            return

    async def _look(self, run: PartOfRun, standing: LeaseStanding) -> None:
        if standing.is_drained:
            run.stop_for(Interrupted("asked to leave the fleet (`campaign drain`)"))
            return
        while self._taken:
            self._tell(run, self._taken.pop(0))
        await self._settle_portion(run, standing)
        run.tell_counts(await asyncio.to_thread(self._shared.counts))

    async def _beat(self) -> LeaseStanding:
        sent_s = self._clock.passed_s()
        standing = await asyncio.to_thread(self._shared.beat)
        self._live_until_s = sent_s + _BELIEVED * self._lease_s
        return standing

    async def _end_silent(self, standing: LeaseStanding) -> LeaseStanding:
        """Take over from whoever is silent, which cannot wait until a run is ready: on a machine
        that is overloaded workers may come and go before they are.

        First what this process itself left when it lost the journal: others know less of it.
        """
        for silent in standing.members:
            if silent.epoch == self._before:
                standing = await self._take_over(silent, standing, self._unsent)
        others = [each for each in standing.members if each.epoch != self._shared.epoch]
        for silent in self._silence.overdue(others, self._clock.passed_s()):
            standing = await self._take_over(silent, standing)
        return standing

    async def _take_over(
        self, silent: Member, standing: LeaseStanding, unsent: frozenset[int] = frozenset()
    ) -> LeaseStanding:
        """How it stands after it, or after somebody else was quicker."""
        me = next(each for each in standing.members if each.epoch == self._shared.epoch)
        taken = await asyncio.to_thread(self._shared.take_over, silent, me, self._policy, unsent)
        if taken is None:
            return standing
        self._taken.append(taken)
        self.doubtful += [doubt.address for doubt in taken.doubts]
        return await self._beat()

    async def _settle_portion(self, run: PartOfRun, standing: LeaseStanding) -> None:
        """Claim what is wanted, let go of what is done or too much."""
        reader = self._reader
        assert reader is not None, "a run opens its reader first"
        held, unread = standing.held, set(reader.unread)
        if not standing.are_slices:
            held = await self._give_back(run, standing)
        elif read := [shard.number for shard in held if shard.number not in unread]:
            held = await asyncio.to_thread(self._shared.finish, read)
        is_full = standing.are_slices and not self._has_room
        most = 0 if self._leaving or is_full else wanted(standing._replace(held=held), len(unread))
        had = len(held)
        if most:
            held = await asyncio.to_thread(self._shared.claim, most)
        self._free = max(0, standing.free - most)
        reader.hold(shard for shard in held if shard.number not in self._leaving)
        if len(held) > had:
            run.wake()

    async def _give_back(self, run: PartOfRun, standing: LeaseStanding) -> tuple[Shard, ...]:
        """Three looks: claim nothing more of it; a beat later, when no claim is under way any more,
        note what is open; when none of that is, let go."""
        if not self._leaving:
            self._leaving = surplus(standing)
            if self._leaving:
                run.let_go(of_waiting=False)
        elif self._in_flight is None:
            run.let_go(of_waiting=True)
            self._in_flight = frozenset(run.open_rows)
        elif self._in_flight.isdisjoint(run.open_rows):
            gone, self._leaving, self._in_flight = self._leaving, [], None
            return await asyncio.to_thread(self._shared.give_back, gone)
        return standing.held

    def _tell(self, run: PartOfRun, taken: TakenOver) -> None:
        addresses = [doubt.address for doubt in taken.doubts]
        does = "sent again" if self._policy == "resend" else "held"
        said = f"worker {taken.member.worker} on {taken.member.host} fell silent; its shards go on"
        if addresses:
            said += f"; in doubt, {does}: {', '.join(addresses)}"
        if taken.known:
            said += f"; {taken.known} outcomes of it were known"
        run.say(said)
