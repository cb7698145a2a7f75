"""Whose turn is next: rows of the journal, each read once, in order.

In: the journal's claimable rows; what the outlet has room for.  Out: claims.
Touches: a journal reader.
Fails: JournalError.

First come the rows of lanes that have room again, then due ones, then planned ones.  A row whose
lane has no room is left behind in the journal as it is (`backlog`), and read again when its turn
has come.
"""

from __future__ import annotations

import asyncio
import math
from collections import deque
from collections.abc import Callable, Collection, Iterable
from functools import partial
from itertools import islice

from campaign.delivery.beginning.staleness import RunClock
from campaign.delivery.feeding.backlog import Backlog, Queue
from campaign.delivery.ledger import JournalLedger
from campaign.delivery.policies import SendingPolicies
from campaign.journal.reading.claiming import FIRST_DUE, ClaimReader, Due
from campaign.planning.timing.turns import Turns
from campaign.pool.outlet import Outlet
from campaign.records import Claim, State
from campaign.schedule.timetable import Turn

_READ = 1000  # rows a query brings
_SEARCHED = 10_000  # rows looked through at once for those of one lane
_LEAST_LOOK_S = 0.02  # between two questions to the outlet about a lane
_DRY_S = 0.05  # after a query that brought nothing; outcomes alone must not cause queries
LOOKS_S = 2 * _DRY_S  # whoever became due longer ago was looked for, unless nobody may go
_PUSHES_S = 1.0  # a lane that may go on so soon takes letters beside what fills it
_FIRST = " first"  # what lanes are called of letters that go first; no domain has a space
_LONGEST_LOOK_S = 60.0  # between two looks at a window: the clock may be set meanwhile


class Rows:
    """Those of one run."""

    def __init__(
        self,
        reader: ClaimReader,
        ledger: JournalLedger,
        outlet: Outlet,
        turns: Turns,
        clock: RunClock,
        expire_after_s: float,
        policies: SendingPolicies,
    ) -> None:
        # Rows of letters that go before all others; most campaigns have none.  A letter that was
        # tried before is older than any that is planned.
        self._first: deque[int] = deque()
        self._first_due: dict[int, None] = {}  # in order, each once
        self._first_due_after: Due = FIRST_DUE  # as `_due_after`
        self._first_look_s = 0.0
        self._policies = policies
        self._first_sources = policies.first_sources
        self._find_first(reader)
        self.ahead: deque[Claim] = deque()  # read, not yet claimed
        self.returning = ""  # the lane whose rows these are, where they were left behind before
        # That lane answered with nothing but throttles for longer than anybody is tried.
        self.is_given_up = False
        self.backlog = Backlog()
        self._reader = reader
        self._ledger = ledger
        self._outlet = outlet
        self._turns = turns
        self._clock = clock
        self._expire_after_s = expire_after_s
        self._batch = 1
        self._share = 1
        self.kept = 0  # letters in memory that those that go first leave to the others
        self._dry_until_s = 0.0
        self._after = 0  # planned rows up to here were read in this run
        self._until: float = math.inf  # no rows before this one are still to come
        self._due_after: Due = FIRST_DUE  # deferred ones up to here

    def rewind(self) -> None:
        """Read everything from the start again: the journal says that some are left."""
        self._reader.rewind()
        self._find_first(self._reader)
        self._first_due.clear()
        self._after = 0
        self._due_after = self._first_due_after = FIRST_DUE

    def look_again(self, until: int, first: Iterable[int] = ()) -> None:
        """Rows have come into the journal: it is not dry any more.

        until: the others up to this number are all there; those behind it come in any order
        first: those that came and go before others
        """
        self._dry_until_s = 0.0
        self._until = float(until)  # compiled, the two are stored differently
        self._first.extend(first)

    def is_first(self, claim: Claim) -> bool:
        """Whether its letter goes before others."""
        return claim.source in self._first_sources

    def may_push(self, claim: Claim, tick_s: float) -> bool:
        """Whether a claimed letter may come into memory beside what fills its lane: one that goes
        first, or one of the few that are kept for the others."""
        if not self._first_sources or not self._goes_on_soon(claim.domain, tick_s):
            return False
        return self.is_first(claim) or self._ledger.open_bulk <= self.kept

    def _goes_on_soon(self, domain: str, tick_s: float) -> bool:
        return self._outlet.look_s(domain, tick_s) <= _PUSHES_S

    def lane_of(self, claim: Claim) -> str:
        """What a row that is left behind waits with: those that go first wait for no others."""
        return self._lane(claim.domain, claim.source)

    def _lane(self, domain: str, source: int) -> str:
        lane = self._outlet.lane_of(domain)
        return f"{lane}{_FIRST}" if source in self._first_sources else lane

    @property
    def has_first(self) -> bool:
        """Whether any letter is known that goes before others and is not claimed."""
        return bool(self._first_due or self._first)

    async def look_for_first(self) -> None:
        """Find those that go before others and whose time to be tried again has come."""
        tick_s = self._clock.tick_s()
        if not self._first_sources or tick_s < self._first_look_s:
            return
        before = self._first_due_after
        ask = partial(self._reader.due_of, self._first_sources, self._due_until_s, _READ, before)
        at_once = self._reader.answers_at_once
        rows, after = ask() if at_once else await asyncio.to_thread(ask)
        self._first_due.update(dict.fromkeys(rows))
        if self._first_due_after == before:  # nobody looked back meanwhile
            self._first_due_after = after
        if after == before:
            self._first_look_s = tick_s + _DRY_S

    @property
    def _due_until_s(self) -> float:
        """Whoever is due by this Unix time is read; everybody, when the campaign's time is over."""
        now_s = self._clock.now_s()
        return math.inf if self._turns.is_over(now_s) else now_s

    def _find_first(self, reader: ClaimReader) -> None:
        self._first = deque(reader.planned_of(sorted(self._first_sources)))

    async def read_first(self, most: int) -> list[Claim]:
        """The next of those that go before others."""
        self.returning = ""
        if self._first_due:
            rows = list(islice(self._first_due, most))
            for row in rows:
                del self._first_due[row]
            return await self._ask(partial(self._reader.claim_rows, rows, State.DEFERRED))
        rows = [self._first.popleft() for _ in range(min(most, len(self._first)))]
        return await self._ask(partial(self._reader.claim_rows, rows, State.PLANNED))

    def look_back(self, due_s: float) -> None:
        """Somebody became due who was not to be seen when others due then were read."""
        self._due_after = min(self._due_after, (due_s, 0))
        self._first_due_after = min(self._first_due_after, (due_s, 0))
        self._first_look_s = 0.0

    def look_at_s(self, domain: str) -> float:
        """When to ask again whether there is room for a domain."""
        tick_s = self._clock.tick_s()
        return tick_s + max(_LEAST_LOOK_S, self._outlet.look_s(domain, tick_s))

    async def read_on(self, batch: int, share: int) -> None:
        """Put the next rows into `ahead`, for batches of so many; none may be left.

        A lane may have its `share` of the letters in memory.
        """
        self._batch, self._share = batch, share
        self.returning = ""
        if await self._return():
            return
        tick_s = self._clock.tick_s()
        if tick_s < self._dry_until_s:
            return
        if self.backlog.takes_due:
            self.ahead.extend(await self._due())
        if not self.ahead:
            self.ahead.extend(await self._planned())
        if not self.ahead:
            self._dry_until_s = tick_s + _DRY_S

    async def _return(self) -> bool:
        """Rows that were left behind, of the first lane that has room for them by now."""
        tick_s = self._clock.tick_s()
        while (queue := self.backlog.to_look_at(tick_s)) is not None:
            room, look_s = self._room_of(queue, tick_s)
            if not room and not self.is_given_up:
                self.backlog.look_again(queue, look_s)
                continue
            if queue.more_from and not queue.due and not queue.planned:
                await self._search(queue)
                continue  # letters may have come back meanwhile
            rows, are_due = self.backlog.take(queue, min(room or self._batch, self._batch))
            state = State.DEFERRED if are_due else State.PLANNED
            claims = await self._ask(partial(self._reader.claim_rows, rows, state))
            if claims:
                self.ahead.extend(claims)
                self.returning = queue.lane
                return True
        return False

    def _room_of(self, queue: Queue, tick_s: float) -> tuple[int, float]:
        """For how many of its rows there is room, and when to look again where there is none;
        notes whether its servers are given up."""
        self.is_given_up = False
        if queue.zone:
            now_s = self._clock.now_s()
            answer = self._turns.of_zone(queue.zone, now_s)
            if answer.turn is Turn.LATER:
                return 0, self.opening_s(answer.until_s)
            return self._batch, tick_s
        self.is_given_up = self._outlet.refused_s(queue.domain, tick_s) > self._expire_after_s
        room = self._outlet.room(queue.domain, tick_s, self._share)
        if not room and self._first_sources and self._goes_on_soon(queue.domain, tick_s):
            is_first = queue.lane.endswith(_FIRST)
            room = self._batch if is_first else max(0, self.kept - self._ledger.open_bulk)
        return room, self.look_at_s(queue.domain)

    def opening_s(self, at_s: float) -> float:
        """When to look at a zone whose window opens at a Unix time."""
        wait_s = max(_LEAST_LOOK_S, min(_LONGEST_LOOK_S, at_s - self._clock.now_s()))
        return self._clock.tick_s() + wait_s

    async def _due(self) -> list[Claim]:
        before = self._due_after
        ends: list[Due] = []

        def ask() -> list[Claim]:
            claims, last = self._reader.claim_due(self._due_until_s, _READ, before)
            ends.append(last)
            return claims

        claims = await self._ask(ask)
        if self._due_after == before:  # nobody looked back meanwhile
            self._due_after = ends[0]
        if self._first_sources:  # `look_for_first` finds those
            claims = [claim for claim in claims if not self.is_first(claim)]
        return claims

    async def _planned(self) -> list[Claim]:
        while claims := await self._read_planned():
            self._after = max(self._after, claims[-1].row)  # shards may come in any order
            if others := [claim for claim in claims if not self.is_first(claim)]:
                return others
        return []

    async def _read_planned(self) -> list[Claim]:
        """The next ones, none of which a later one has to come before."""
        claims = await self._ask(partial(self._reader.claim_planned, self._after, _READ))
        return [claim for claim in claims if claim.row <= self._until]

    async def _ask(self, ask: Callable[[], list[Claim]]) -> list[Claim]:
        """What the journal answers, without rows that were open before it was asked: who is settled
        meanwhile may still be due in its answer, and must not be claimed again.

        It is read in the loop where the journal answers at once: a thread would win the interpreter
        for every single row, which takes longer than to read it.
        """
        if self._reader.answers_at_once:
            held: Collection[int] = self._ledger.open
            claims = ask()
        else:
            held = set(self._ledger.open)
            claims = await asyncio.to_thread(ask)
        return [claim for claim in claims if claim.row not in held]

    async def _search(self, queue: Queue) -> None:
        """Planned rows of a lane again that has more than are kept as numbers."""
        rows: list[int] = []
        sought = queue.zone or queue.lane
        after, most = queue.more_from - 1, max(self._batch, self.backlog.planned_room)
        while after < queue.more_until and len(rows) < most:
            ask = partial(self._named, queue, after)
            found = ask() if self._reader.answers_at_once else await asyncio.to_thread(ask)
            after = found[-1][0] if len(found) == _SEARCHED else queue.more_until
            for row, name in found:
                if name == sought:
                    rows.append(row)
                    if len(rows) == most:
                        after = row
                        break
            await asyncio.sleep(0)
        self.backlog.refill(queue, rows, after + 1 if after < queue.more_until else 0)

    def _named(self, queue: Queue, after: int) -> list[tuple[int, str]]:
        """Planned rows behind one, each with its zone, or with its lane, as the queue asks."""
        last = queue.more_until
        if not queue.zone:
            found = self._reader.planned_domains(after, last, _SEARCHED)
            return [(row, self._lane(domain, source)) for row, domain, source in found]
        claims = self._reader.claim_planned(after, _SEARCHED)
        return [(each.row, self._turns.zone_of(each)) for each in claims if each.row <= last]
