"""One place mail goes to: its connections, its rates, and what its replies teach.

In: letters from the lanes, replies from connections.  Out: verdicts to the ledger.
Touches: connections.

A site is the courier of its connections: they ask it for letters and tell it what became of
them.  It decides who may go, never waits itself, and writes nothing: the ledger does.
"""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from typing import Protocol

from tenacity import AsyncRetrying, RetryCallState, retry_if_exception_type
from tenacity.wait import wait_base

from campaign.clock import Clock
from campaign.errors import CampaignError, Interrupted, LoginError, RelayError
from campaign.records import Letter, Reply, ReplyClass, Stage, State, Verdict
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import ConnectRefused
from campaign.smtp.governor import Breaker, Governor
from campaign.smtp.lanes import Lanes
from campaign.smtp.pacing import Pacing
from campaign.smtp.verdicts import judge
from campaign.units import Rate, show_duration

ACCEPTED = Verdict(ReplyClass.ACCEPTED, State.SENT)
_FIRST_TRIES = 5  # a relay never reached is given up after this many
_OUTAGE_S = 1800.0  # a relay that worked before is waited for this long
_LANES_MAKE_A_SITE = 3  # so many throttled providers at once: it is the relay that is throttled


class Ledger(Protocol):
    """Who writes down what became of letters."""

    def permit(self, letter: Letter, relay: str, go: Callable[[], None]) -> None:
        """Make `sending` durable, then call `go`."""

    def settled(self, letter: Letter, relay: str, verdict: Verdict, reply: Reply) -> None:
        """A complete reply decided."""

    def lost(self, letter: Letter, relay: str, stage: Stage, dot_written: bool, why: str) -> None:
        """The connection ended with this letter open."""

    def parked(self, letters: list[Letter], wait_s: float, why: str) -> None:
        """Letters of a provider that rests; they were not tried."""

    def want_letters(self) -> None:
        """The lanes run low."""

    def must_stop(self, error: CampaignError) -> None:
        """Nothing more can or may be sent."""


Dial = Callable[["Site", int], Awaitable[Connection]]


class Site:
    """A relay, or the hosts of a domain."""

    def __init__(
        self,
        name: str,
        lanes: Lanes,
        ledger: Ledger,
        dial: Dial,
        *,
        clock: Clock,
        connections: int,
        messages_per_connection: int,
        rates: tuple[Rate, ...],
        connect_wait: wait_base,
        low_water: int,
    ) -> None:
        self.name = name
        self.pacing = Pacing(rates)
        self.governor = Governor(connections)
        self.breaker = Breaker()
        self.messages_per_connection = messages_per_connection
        self.connections: set[Connection] = set()
        self.is_stopping = False
        self.trouble = ""  # why no connection can be had at the moment
        self._lanes = lanes
        self._ledger = ledger
        self._dial = dial
        self._clock = clock
        self._connect_wait = connect_wait
        self._low_water = low_water
        self._idle: dict[Connection, None] = {}  # in the order they became idle
        self._openings: set[asyncio.Task[None]] = set()
        self._proven = False  # a login succeeded; before that only one connection is tried
        self._retried: set[int] = set()  # rows given one silent second chance
        self._permitted: set[int] = set()  # rows whose `sending` was asked of the journal
        self._timer: asyncio.TimerHandle | None = None

    # -- what connections ask ------------------------------------------------------------------

    def next_letter(self, connection: Connection) -> Letter | None:
        """The courier's first duty; None leaves the connection idle until it is woken."""
        now_s = self._clock.tick_s()
        letter = None
        if len(self.connections) > self.governor.connections:
            connection.finish()
        elif not self.is_stopping and self._wait_s(now_s) <= 0:
            letter = self._lanes.take(now_s)
        if self._lanes.ready < self._low_water:
            self._ledger.want_letters()
        if letter is None:
            self._idle[connection] = None
            self._arm(now_s)
            return None
        self.pacing.take(now_s)
        self._idle.pop(connection, None)
        return letter

    def permit_dot(self, connection: Connection, letter: Letter, go: Callable[[], None]) -> None:
        self._permitted.add(letter.row)
        self._ledger.permit(letter, self.name, go)

    def answered(self, connection: Connection, letter: Letter, stage: Stage, reply: Reply) -> None:
        """A complete reply settles the letter."""
        lane = self._lanes.done(letter)
        self._permitted.discard(letter.row)
        if stage is Stage.DOT and 200 <= reply.code < 300:
            self.governor.accepted()
            lane.governor.accepted()
            self.breaker.note(ACCEPTED, "")
            self._ledger.settled(letter, self.name, ACCEPTED, reply)
            return
        verdict = judge(stage, reply)
        self._learn(connection, letter, stage, reply, verdict)
        self._ledger.settled(letter, self.name, verdict, reply)
        self.breaker.note(verdict, str(reply))
        if self.breaker.is_open:
            self._ledger.must_stop(refused_as_sender(self.name, self.breaker.why))

    def lost(
        self, connection: Connection, letter: Letter, stage: Stage, dot_written: bool, why: str
    ) -> None:
        """The connection ended with this letter open."""
        self._lanes.done(letter)
        if letter.row in self._permitted:
            self._permitted.remove(letter.row)
        elif letter.row not in self._retried:
            # Servers close kept connections when they like: that says nothing of the letter.
            # Once per letter, so that one which kills every connection does not go round forever.
            self._retried.add(letter.row)
            self._lanes.put([letter])
            return
        self._ledger.lost(letter, self.name, stage, dot_written, why)

    def closed(self, connection: Connection, stage: Stage, why: str, reply: Reply | None) -> None:
        """Exactly once, after every `lost`."""
        self.connections.discard(connection)
        self._idle.pop(connection, None)
        if reply is not None and judge(stage, reply).class_ is ReplyClass.THROTTLE:
            self.governor.throttled(self._clock.tick_s(), judge(stage, reply).pause_s)
        self.wake()

    # -- what the pool asks --------------------------------------------------------------------

    def wake(self) -> None:
        """Letters came, a rest is over, a place is free: use what we have, then open more."""
        if self.is_stopping:
            return
        now_s = self._clock.tick_s()
        if self._wait_s(now_s) > 0:
            self._arm(now_s)
            return
        for connection in list(self._idle)[: self._lanes.ready]:
            if connection in self._idle and connection.is_idle:
                connection.wake()
        self._open_more()

    def stop(self) -> None:
        """No new letters; what is on the wire is finished."""
        self.is_stopping = True
        for opening in self._openings:
            opening.cancel()
        for connection in list(self.connections):
            connection.finish()

    def abort(self, why: str) -> None:
        """Cut every connection now."""
        self.stop()
        for connection in list(self.connections):
            connection.abort(why)

    @property
    def is_closed(self) -> bool:
        return not self.connections and not self._openings

    def waiting_for(self, now_s: float) -> str:
        """One phrase for the progress line; "" when nothing holds the site up."""
        rest_s = self.governor.wait_s(now_s)
        if rest_s > 0:
            return f"{self.name} cools down {show_duration(rest_s)}"
        if self.trouble and not self.connections:
            return self.trouble
        pace_s = self.pacing.wait_s(now_s)
        return f"{self.name} rate: next in {show_duration(pace_s)}" if pace_s > 2 else ""

    # -- inside --------------------------------------------------------------------------------

    def _wait_s(self, now_s: float) -> float:
        return max(self.governor.wait_s(now_s), self.pacing.wait_s(now_s))

    def _learn(
        self, connection: Connection, letter: Letter, stage: Stage, reply: Reply, verdict: Verdict
    ) -> None:
        now_s = self._clock.tick_s()
        if verdict.class_ is ReplyClass.RECONNECT and connection.letters > 1:
            self.messages_per_connection = min(self.messages_per_connection, connection.letters - 1)
        if verdict.class_ in (ReplyClass.THROTTLE, ReplyClass.QUOTA):
            lane = self._lanes.lane(letter.claim.domain)
            about_site = verdict.class_ is ReplyClass.QUOTA or stage is Stage.MAIL
            lane.governor.throttled(now_s, verdict.pause_s)
            if about_site or len(self._lanes.resting(now_s)) >= _LANES_MAKE_A_SITE:
                self.governor.throttled(now_s, verdict.pause_s)
            rest_s = lane.governor.wait_s(now_s)
            self._ledger.parked(
                self._lanes.withdraw(lane), rest_s, f"{lane.name} cools down: {reply}"
            )
        if verdict.drops_connection:
            connection.finish()

    def _arm(self, now_s: float) -> None:
        """One timer: the moment something held up by time may go."""
        waits = [self._wait_s(now_s), self._lanes.next_wait_s(now_s)]
        due = [wait_s for wait_s in waits if wait_s]
        if not due or self._timer is not None:
            return
        self._timer = asyncio.get_running_loop().call_later(min(due), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.wake()

    def _open_more(self) -> None:
        allowed = self.governor.connections if self._proven else 1
        if self.trouble:
            allowed = min(allowed, len(self.connections) + 1)
        demand = self._lanes.ready - len(self._idle)
        while demand > 0 and len(self.connections) + len(self._openings) < allowed:
            opening = asyncio.get_running_loop().create_task(self._open())
            self._openings.add(opening)
            demand -= 1

    async def _open(self) -> None:
        task = asyncio.current_task()
        assert task is not None
        try:
            retrying = AsyncRetrying(
                retry=retry_if_exception_type(ConnectRefused),
                wait=self._connect_wait,
                stop=self._gives_up,
                before_sleep=self._note_trouble,
                reraise=True,
            )
            connection: Connection = await retrying(
                self._dial, self, self.messages_per_connection
            )
        except asyncio.CancelledError:
            return
        except (RelayError, LoginError) as error:
            self._ledger.must_stop(error)
            return
        finally:
            self._openings.discard(task)
        self.trouble = ""
        self._proven = True
        if self.is_stopping:
            connection.finish()
            return
        self.connections.add(connection)
        connection.wake()
        self._open_more()

    def _gives_up(self, state: RetryCallState) -> bool:
        if self._proven:
            return (state.seconds_since_start or 0.0) > _OUTAGE_S
        return state.attempt_number >= _FIRST_TRIES

    def _note_trouble(self, state: RetryCallState) -> None:
        error = state.outcome.exception() if state.outcome else None
        self.trouble = f"waiting for {self.name}: {error}"
        if isinstance(error, ConnectRefused) and error.errno in (errno.EMFILE, errno.ENFILE):
            # Out of file descriptors: the connections we have are the most this machine gives.
            self.governor.limit = max(1, len(self.connections))
            self.governor.connections = self.governor.limit


def refused_as_sender(site: str, reply: str) -> Interrupted:
    """The breaker's one clear sentence."""
    return Interrupted(
        f"{site} refuses this sender, not single recipients: {reply!r}; stopped before more harm",
        remedy="mend what the reply names, then `campaign resume`: nobody was marked failed for it",
    )
