"""Keeps the lanes filled: claims rows, renders them, hands letters to the outlet.

In: the journal's claimable rows.  Out: letters in the outlet.
Touches: a journal reader, render workers, the suppression lists.

What is in memory is bounded by bytes, whatever the list's length: a slow server fills the window
and the feed waits.  `rows` says who is next; a row whose lane has no room is left behind there.
"""

from __future__ import annotations

import asyncio
import math
from collections import defaultdict
from collections.abc import Callable, Coroutine, Iterable
from functools import partial
from itertools import islice
from operator import attrgetter

from campaign.delivery.beginning.staleness import RunClock
from campaign.delivery.feeding.rows import Rows
from campaign.delivery.feeding.suppression import SuppressionLookup
from campaign.delivery.ledger import JournalLedger
from campaign.delivery.policies import SendingPolicies
from campaign.journal.reading.claiming import ClaimReader
from campaign.planning.timing.turns import Turns
from campaign.pool.outlet import Outlet
from campaign.records import Claim, Job, Letter, Message, State
from campaign.schedule.timetable import Turn
from campaign.workers.pool import RenderPool

_MOST_LETTERS = 2000  # claimed and not yet settled
_MOST_BYTES = 32_000_000  # rendered and waiting
_BATCH = 100
_BATCH_BYTES = 1_000_000
_FIRST_GUESS_BYTES = 100_000  # of a message, until the first ones are rendered
_SHOWN = 20  # lanes that are looked at for the progress line
_KEPT = 10  # a tenth of the window is for letters that do not go first
_LANE_SHARE = 4  # one provider may fill a quarter of the window, the rest is for others


class Feed:
    """One run's supply."""

    def __init__(
        self,
        reader: ClaimReader,
        ledger: JournalLedger,
        outlet: Outlet,
        rendering: RenderPool,
        suppression: SuppressionLookup,
        turns: Turns,
        clock: RunClock,
        *,
        sender_of: Callable[[int], str],
        most: int | None,
        expire_after_s: float,
        policies: SendingPolicies,
        spawn: Callable[[Coroutine[None, None, None]], object],
    ) -> None:
        self._rows = Rows(reader, ledger, outlet, turns, clock, expire_after_s, policies)
        self._has_lanes = bool(policies.first_sources)
        self._adapt(_FIRST_GUESS_BYTES)
        self._ledger = ledger
        self._outlet = outlet
        self._rendering = rendering
        self._suppression = suppression
        self._turns = turns
        self._clock = clock
        self._closes_s = math.inf  # when the first window closes of those with letters in memory
        self._sender_of = sender_of
        self._left = most  # how many more recipients may be claimed; None = all
        self._expire_after_s = expire_after_s
        self._spawn = spawn
        self._backlog = self._rows.backlog
        self.is_stopping = False

    async def fill(self) -> None:
        """Claim and start to render as much as fits now."""
        if self._clock.now_s() >= self._closes_s:
            self._call_back()
        while not self.is_stopping and self._left != 0:
            await self._rows.look_for_first()
            goes_first = self._rows.has_first and self._has_room_for_first
            if not goes_first and not self.has_room:
                return
            if self._outlet.rest_s(self._clock.tick_s()):
                return
            if self._turns.wait_s(self._clock.now_s()):
                return
            if not goes_first and not self._rows.ahead:
                await self._rows.read_on(self._batch, self._share)
            if not (goes_first or self._rows.ahead) or not await self._suppression.are_known():
                return
            batch = await self._admit(
                await self._rows.read_first(min(self._batch, self._left or self._batch))
                if goes_first
                else self._next_ahead()
            )
            if batch:
                self._spawn(self._render(batch))
            else:
                await asyncio.sleep(0)  # a long stretch of rows was left behind: connections first

    def _adapt(self, size_bytes: int) -> None:
        """The window and the batches for messages of this size."""
        self.window = max(64, min(_MOST_LETTERS, _MOST_BYTES // size_bytes))
        self._batch = max(1, min(_BATCH, _BATCH_BYTES // size_bytes, self.window // 4))
        self._share = self.window // _LANE_SHARE
        self._rows.kept = max(1, self.window // _KEPT)
        # A whole batch pays; but what is kept for letters that do not go first may be less.
        least = max(1, self._rows.kept // 2) if self._has_lanes else self._batch
        self._least = min(self._batch, least)

    def rewind(self) -> None:
        """Read everything from the start again: the journal says that some are left."""
        self._rows.rewind()

    def forget_ahead(self) -> None:
        """What was read and not claimed may belong to somebody else now."""
        self._rows.ahead.clear()

    def look_again(self, until: int, first: Iterable[int] = ()) -> None:
        """Rows have come into the journal, as `Rows.look_again`."""
        self._rows.look_again(until, first)

    def look_back(self, due_s: float) -> None:
        """Somebody became due who was not to be seen when others due then were read."""
        self._rows.look_back(due_s)

    @property
    def has_room(self) -> bool:
        """A further batch may be claimed."""
        return self._room >= self._least

    @property
    def _room(self) -> int:
        """For how many letters; of lanes a quarter is kept for letters that go first, which in turn
        leave a tenth to the others."""
        if not self._has_lanes:
            return self.window - len(self._ledger.open)
        shared = self.window * 3 // 4 - len(self._ledger.open)
        return max(shared, self._rows.kept - self._ledger.open_bulk)

    @property
    def _has_room_for_first(self) -> bool:
        claimed = len(self._ledger.open)
        of_first = claimed - self._ledger.open_bulk
        return claimed < self.window and of_first < self.window - self._rows.kept

    @property
    def is_used_up(self) -> bool:
        """The number of recipients asked for was claimed."""
        return self._left == 0

    @property
    def behind(self) -> list[str]:
        """A domain of each lane that has rows left behind; of the first lanes, if they are many."""
        return [queue.domain for queue in islice(self._backlog, _SHOWN) if not queue.zone]

    @property
    def closed_zones(self) -> list[str]:
        """The zones whose rows wait for their window."""
        return [queue.zone for queue in self._backlog if queue.zone]

    @property
    def wait_s(self) -> float | None:
        """Seconds until rows that wait for a limit, a quota, a rest or a window may go; None: none
        does."""
        tick_s = self._clock.tick_s()
        rest_s, look_s = self._outlet.rest_s(tick_s), self._backlog.next_look_s
        rest_s = max(rest_s, self._turns.wait_s(self._clock.now_s()))
        if look_s is None:
            return rest_s or None
        return max(rest_s, look_s - tick_s, 0.0)

    def take_back(self, letters: list[Letter]) -> None:
        """Letters that would have to wait too long in memory: their rows wait in the journal."""
        if self._left is not None:
            self._left += len(letters)
        self._ledger.release([letter.row for letter in letters])
        lanes: dict[str, list[Claim]] = defaultdict(list)
        for letter in letters:
            lanes[self._rows.lane_of(letter.claim)].append(letter.claim)
        for lane, claims in lanes.items():
            claims.sort(key=attrgetter("row"))
            self._backlog.put_back(lane, claims, self._rows.look_at_s(claims[0].domain))

    def _call_back(self) -> None:
        """Letters in memory whose window has closed go back to the journal."""
        now_s = self._clock.now_s()
        self._closes_s = math.inf
        if letters := self._outlet.call_back(partial(self._is_closed, now_s)):
            self.take_back(letters)

    def _is_closed(self, now_s: float, letter: Letter) -> bool:
        answer = self._turns.at_dot(letter.claim, now_s)
        if answer.turn is not Turn.NOW:
            return True
        self._closes_s = min(self._closes_s, answer.until_s)
        return False

    # -- admitting -----------------------------------------------------------------------------

    def _next_ahead(self) -> list[Claim]:
        """The next batch of those that were read."""
        count = min(self._batch, self._room, len(self._rows.ahead), self._left or self._batch)
        return [self._rows.ahead.popleft() for _ in range(count)]

    async def _admit(self, taken: list[Claim]) -> list[Claim]:
        """A batch; rows that may not go now are settled or left behind on the way."""
        over = {} if self._turns.is_empty else self._sort_by_turn(taken)
        taken = self._without_those_behind(taken)
        self._ledger.claim(taken)
        suppressed = await self._suppression.among([claim.key for claim in taken]) if taken else {}
        if suppressed is None:  # it cannot be known, and the run stops for it
            self._ledger.release(claim.row for claim in taken)
            return []
        now_s, tick_s = self._clock.now_s(), self._clock.tick_s()
        expired_s = now_s - self._expire_after_s - self._clock.asleep_s
        batch, refused = [], []
        for claim in taken:
            if why := suppressed.get(claim.key):
                self._ledger.settle_unsent(claim, State.SKIPPED, why)
            elif why := over.get(claim.row):
                self._ledger.settle_unsent(claim, State.EXPIRED, why)
            elif claim.expires_s and now_s >= claim.expires_s:
                self._ledger.settle_unsent(claim, State.EXPIRED, "its time was over")
            elif claim.first_at and self._has_expired(claim, expired_s, now_s):
                self._ledger.settle_unsent(claim, State.EXPIRED, "no try was left in its time")
            elif self._rows.returning and self._rows.is_given_up:
                self._ledger.settle_unsent(claim, State.EXPIRED, "its servers put off everything")
            elif self._has_place(claim, tick_s):
                self._outlet.expect(claim.domain)
                batch.append(claim)
            else:
                refused.append(claim)
        if self._left is not None:
            self._left -= len(taken) - len(refused)
        self._leave(refused)
        return batch

    def _has_place(self, claim: Claim, tick_s: float) -> bool:
        if self._outlet.room(claim.domain, tick_s, self._share):
            return True
        return self._rows.may_push(claim, tick_s)

    def _has_expired(self, claim: Claim, expired_s: float, now_s: float) -> bool:
        """Whether no try is left in its time, in which closed windows do not count."""
        if claim.first_at >= expired_s:
            return False
        return claim.first_at + self._turns.closed_s(claim, claim.first_at, now_s) < expired_s

    def _sort_by_turn(self, claims: list[Claim]) -> dict[int, str]:
        """Leave those behind whose window is not open; why the time of others is over, by row."""
        now_s, over, now = self._clock.now_s(), {}, []
        for claim in claims:
            answer = self._turns.ask(claim, now_s)
            if answer.turn is Turn.NEVER:
                over[claim.row] = answer.why
            elif answer.turn is Turn.LATER:
                self._wait_for_window(claim, self._rows.opening_s(answer.until_s))
                continue
            elif answer.until_s < self._closes_s:
                self._closes_s = answer.until_s
            now.append(claim)
        claims[:] = now
        return over

    def _wait_for_window(self, claim: Claim, look_s: float) -> None:
        zone = self._turns.zone_of(claim)
        name = f"{zone} hours"  # no domain has a space
        self._backlog.leave(name, claim, look_s, zone)

    def _without_those_behind(self, claims: list[Claim]) -> list[Claim]:
        """Rows whose lane has others left behind stand behind those."""
        if not self._backlog:
            return claims
        taken = []
        for claim in claims:
            lane = self._rows.lane_of(claim)
            if lane in self._backlog and lane != self._rows.returning:
                self._backlog.leave(lane, claim, 0.0)
            else:
                taken.append(claim)
        return taken

    def _leave(self, refused: list[Claim]) -> None:
        """Claimed rows for which there is no room after all."""
        self._ledger.release([claim.row for claim in refused])
        returned = []
        for claim in refused:
            lane = self._rows.lane_of(claim)
            if lane == self._rows.returning:
                returned.append(claim)
            else:
                self._backlog.leave(lane, claim, self._rows.look_at_s(claim.domain))
        if returned:
            at_s = self._rows.look_at_s(returned[0].domain)
            self._backlog.put_back(self._rows.returning, returned, at_s)

    # -- rendering -----------------------------------------------------------------------------

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
