"""One place mail goes to: its connections, its rates, and what its replies teach.

In: letters from the lanes, replies from connections.  Out: verdicts to the ledger.
Touches: connections.

A site is the courier of its connections: they ask it for letters and tell it what became of
them.  It decides who may go, never waits itself, and writes nothing: the ledger does.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import replace
from functools import partial
from typing import Protocol

from campaign.errors import CampaignError, SenderRefused
from campaign.pool.lanes import Lanes
from campaign.pool.pacing.allowance import Allowance
from campaign.pool.sites.endings import Endings
from campaign.pool.sites.flight import Flight, Slot
from campaign.pool.sites.openings import Openings
from campaign.pool.sites.slowing import PACED, Slowing
from campaign.pool.terms import Terms, refused_as_sender
from campaign.records import Letter, Reply, ReplyClass, Stage, State, Verdict
from campaign.smtp.connection import Connection, Line
from campaign.smtp.endpoint import ConnectRefused
from campaign.smtp.ends import End, EndedBy
from campaign.smtp.replies.verdicts import VERDICTS, judge

ACCEPTED = Verdict(ReplyClass.ACCEPTED, State.SENT)
_EXCUSED = VERDICTS[ReplyClass.CONNECTION]  # no attempt used up, whatever the reply says
# Whatever the server dislikes about MAIL, it is not the recipient.
_SENDER_REFUSED = replace(VERDICTS[ReplyClass.POLICY], drops_connection=True)
_LIVELY_S = 0.25  # a relay whose last letter is longer ago does not keep up
_LOW_WATER = 400  # letters ready; below it more are asked for


Dial = Callable[["Site", int], Awaitable[Connection]]
Failed = Callable[["Site", CampaignError], None]


class Siblings(Protocol):
    """The sites that empty the same lanes."""

    def may_take(self, site: Site) -> bool:
        """Is the next letter this site's, or another one's?"""

    def elsewhere_s(self, site: Site, now_s: float) -> float | None:
        """Seconds that all other addresses of ours have to rest; None: there is none."""


class Site:
    """A relay, or the hosts of a domain."""

    def __init__(
        self,
        name: str,
        lanes: Lanes,
        dial: Dial,
        allowance: Allowance,
        terms: Terms,
        *,
        messages_per_connection: int,
        siblings: Siblings,
        on_failure: Failed,
        source: str = "",
    ) -> None:
        """`source`: our address that its letters leave from; "": whichever the system chooses."""
        self.name = name
        self.source = source
        self.allowance = allowance
        self.connections: dict[Line, Slot] = {}
        self.is_stopping = False
        self.failure: CampaignError | None = None  # why nothing more goes this way
        self.taken = 0  # letters, for weights
        self._taken_s = 0.0  # when the last one was
        self._lanes = lanes
        self._ledger = terms.ledger
        self._dial = dial
        self._clock = terms.clock
        self._hosts = terms.hosts
        self._slowing = Slowing(allowance, lanes, partial(siblings.elsewhere_s, self), terms.clock)
        self.endings = Endings(messages_per_connection, self._slowing, terms.clock)
        self._siblings = siblings
        self._on_failure = on_failure
        self._say = terms.say
        self._idle: dict[Line, None] = {}  # in the order they became idle
        self._flights: dict[int, Flight] = {}  # by row
        self._under_way = 0  # letters taken and not settled
        self._timer: asyncio.TimerHandle | None = None
        self._openings = Openings(
            name,
            self._connect,
            allowance,
            self.connections,
            clock=terms.clock,
            patience=terms.patience,
            opened=self._opened,
            refused=self._refused,
            failed=self._fail,
        )

    # -- what connections ask ------------------------------------------------------------------

    def next_letter(self, connection: Line) -> Letter | None:
        """The courier's first duty; None leaves the connection idle until it is woken."""
        now_s = self._clock.tick_s()
        letter = None
        if self.allowance.is_overdrawn:
            self.connections[connection].is_surplus = True
            self.allowance.leaving += 1
            connection.finish()
        elif self._is_open and self._may_go(now_s) and self._siblings.may_take(self):
            letter = self._lanes.take(now_s, connection, connection.session.sent)
        if self._lanes.ready < _LOW_WATER:
            self._lanes.on_low()
        if letter is None:
            self._idle[connection] = None
            self._arm(now_s)
            return None
        self.allowance.pacing.take(now_s)
        self.taken += 1
        self._taken_s = now_s
        self._under_way += 1
        self._idle.pop(connection, None)
        if letter.row not in self._flights:
            self._flights[letter.row] = Flight()
        return letter

    def permit_dot(self, connection: Line, letter: Letter, go: Callable[[], None]) -> None:
        if isinstance(self.failure, SenderRefused):  # while the envelope was under way
            connection.abort(str(self.failure))
            return
        flight = self._flights[letter.row]
        flight.is_permitted = self._ledger.permit(letter, self.name, go)
        if not flight.is_permitted:  # after DATA only an end of the connection takes it back
            flight.is_called_back = True
            connection.abort("the recipient's window has closed")

    def answered(self, connection: Line, letter: Letter, stage: Stage, reply: Reply) -> None:
        """A complete reply settles the letter."""
        lane = self._lanes.done(letter, connection)
        self._under_way -= 1
        was_on_trial = self.allowance.breaker.is_on_trial
        if stage is Stage.DOT and 200 <= reply.code < 300:
            del self._flights[letter.row]
            self.endings.breaks = 0
            self.connections[connection].host.answered(connection, stage, accepted=True)
            now_s = self._clock.tick_s()
            self.allowance.governor.accepted(now_s)
            lane.governor.accepted(now_s)
            self.allowance.note(ACCEPTED, "")
            self._ledger.settled(letter, self.name, ACCEPTED, reply, wait_s=None)
        else:
            self._refused_letter(connection, letter, stage, reply)
        if was_on_trial:
            self.wake()

    def lost(
        self, connection: Line, letter: Letter, stage: Stage, dot_written: bool, why: str
    ) -> None:
        """The connection ended with this letter open."""
        self._lanes.done(letter, connection)
        self._under_way -= 1
        slot, flight, end = self.connections[connection], self._flights[letter.row], connection.end
        is_broken = end is not None and end.cause in (EndedBy.BREAK, EndedBy.SILENCE)
        slot.is_broken |= is_broken
        if flight.is_called_back:
            del self._flights[letter.row]
            self._lanes.give_back([letter])
            return
        if not flight.is_permitted:
            if not is_broken or connection.letters > 1:
                # It ended over the letter before this one; or the server had had enough, for
                # servers close kept connections when they like.  Neither says anything of this one.
                self._lanes.put([letter])
                return
            if not flight.was_retried:
                # Once, so that a letter which kills every connection does not go round forever.
                flight.was_retried = True
                self._lanes.put([letter])
                return
        del self._flights[letter.row]
        self._ledger.lost(letter, self.name, stage, dot_written, why)

    def closed(self, connection: Line, end: End) -> None:
        """Exactly once, after every `lost`."""
        slot = self.connections.pop(connection, None)
        self._idle.pop(connection, None)
        if slot is not None:
            self.allowance.connections -= 1
            self.allowance.leaving -= slot.is_surplus
        self.endings.learn(connection, slot, end, self.connections)
        self.wake()

    # -- what the pool asks --------------------------------------------------------------------

    def wake(self) -> None:
        """Letters came, a rest is over, a place is free: use what we have, then open more."""
        if not self._is_open:
            return
        now_s = self._clock.tick_s()
        if not self._may_go(now_s):
            self._arm(now_s)
            return
        for connection in list(self._idle)[: self._lanes.ready]:
            if connection in self._idle and connection.is_idle:
                connection.wake()
        self._open_more()

    def recover(self, now_s: float) -> None:
        """What replies taught is not for ever: now and then a little more is tried."""
        self.allowance.governor.recover(now_s)
        self.endings.recover(now_s)

    def try_again(self) -> None:
        """It was out of the run; one attempt to connect decides whether it is back."""
        self.failure = None
        self._openings.is_trial = True
        self.wake()

    def stop(self) -> None:
        """No new letters; what is on the wire is finished."""
        self.is_stopping = True
        self._openings.cancel()
        for connection in list(self.connections):
            connection.finish()

    def abort(self, why: str) -> None:
        """Cut every connection now."""
        self.stop()
        for connection in list(self.connections):
            connection.abort(why)

    @property
    def has_free_hand(self) -> bool:
        """Could it take a letter at this moment?"""
        return bool(self._is_open and self._idle and self._may_go(self._clock.tick_s()))

    @property
    def is_able(self) -> bool:
        """Could it take a letter at this moment, or begin to connect for one?"""
        has_way = bool(self._idle) or (self.allowance.has_place and self._openings.is_over)
        return self._is_open and has_way and self._may_go(self._clock.tick_s())

    def keeps_up(self, now_s: float) -> bool:
        """Does it take letters as they come, or would it?"""
        is_busy = bool(self.connections) and now_s - self._taken_s < _LIVELY_S
        return self._is_open and (is_busy or self.has_free_hand)

    @property
    def places(self) -> int:
        """Connections it may have; none while it cannot be reached."""
        is_out = self.failure is not None or (self._openings.trouble and not self.connections)
        return 0 if is_out else self.allowance.governor.connections

    @property
    def is_closed(self) -> bool:
        return not self.connections and self._openings.is_over

    def waiting_for(self, tick_s: float, now_s: float, kind: str) -> str:
        """One phrase for the progress line; "" when nothing holds the site up."""
        if self._openings.trouble and not self.connections:
            return self._openings.trouble
        return self.allowance.waiting_for(tick_s, now_s, kind)

    # -- inside --------------------------------------------------------------------------------

    @property
    def _is_open(self) -> bool:
        return not self.is_stopping and self.failure is None

    def _may_go(self, now_s: float) -> bool:
        """Is one more letter allowed now?  While the breaker is half open, one at a time."""
        on_trial = self.allowance.breaker.is_on_trial and self._under_way
        return not on_trial and self.allowance.wait_s(now_s) <= 0

    def _fail(self, error: CampaignError) -> None:
        """No further letter goes this way in this run."""
        self.failure = error
        self._on_failure(self, error)

    def _refused_letter(self, connection: Line, letter: Letter, stage: Stage, reply: Reply) -> None:
        """Whose fault is it: the server's manners, the connection's age, the sender's, theirs?"""
        verdict = judge(stage, reply, has_carried=connection.letters > 1)
        flight, host = self._flights[letter.row], self.connections[connection].host
        if verdict.class_ is ReplyClass.PROTOCOL:
            is_to_blame = host.is_to_blame(connection, letter, stage, reply)
            if is_to_blame and not flight.was_excused:
                flight.was_excused = True
                self._go_again(connection, letter, reply)
                return
            if stage is Stage.MAIL:
                verdict = _SENDER_REFUSED
        else:
            host.answered(connection, stage, accepted=False)
        is_worn = verdict.class_ is ReplyClass.RECONNECT and connection.letters > 1
        if is_worn and not flight.is_permitted:
            self.endings.learn_letters(host, connection.letters - 1)
            self._go_again(connection, letter, reply)
            return
        del self._flights[letter.row]
        self._refuse(connection, letter, stage, reply, verdict)

    def _go_again(self, connection: Line, letter: Letter, reply: Reply) -> None:
        """At once, over another connection, without using up an attempt."""
        connection.finish()
        if self._flights[letter.row].is_permitted:
            self._flights[letter.row].is_permitted = False
            self._ledger.settled(letter, self.name, _EXCUSED, reply, wait_s=0.0)
        else:
            self._lanes.put([letter])

    def _refuse(
        self, connection: Line, letter: Letter, stage: Stage, reply: Reply, verdict: Verdict
    ) -> None:
        """The letter is settled; what that says of the site is learned."""
        slot, wait_s = self.connections[connection], None
        if verdict.class_ is ReplyClass.RECONNECT and connection.letters > 1:
            self.endings.learn_letters(slot.host, connection.letters - 1)
            wait_s = 0.0
        elif verdict.class_ is ReplyClass.RECONNECT:  # not even one: no number to be learned
            self._slowing.rest()
        elif verdict.class_ in PACED:
            wait_s = self._slowing.throttled(letter, stage, verdict)
        if verdict.drops_connection:
            slot.is_broken = verdict.class_ in (ReplyClass.CONNECTION, ReplyClass.PROTOCOL)
            connection.finish()
        settle = partial(self._ledger.settled, letter, self.name, reply=reply, wait_s=wait_s)
        domain = letter.claim.domain
        if verdict.class_ is ReplyClass.RECIPIENT_GONE:
            for ramp in (*self._lanes.lane(domain).pacing.ramps, *self.allowance.pacing.ramps):
                ramp.bounced()
        self.allowance.refusals.heard(verdict, domain, settle)
        self.allowance.note(verdict, str(reply), row=letter.row, domain=domain)
        if self.allowance.is_refused and self._is_open:
            self._fail(refused_as_sender(self.name, str(reply)))

    def _arm(self, now_s: float) -> None:
        """One timer: the moment something held up by time may go."""
        waits = [self.allowance.wait_s(now_s), self._lanes.next_wait_s(now_s)]
        due = [wait_s for wait_s in waits if wait_s]
        if not due or self._timer is not None:
            return
        self._timer = asyncio.get_running_loop().call_later(min(due), self._ring)

    def _ring(self) -> None:
        self._timer = None
        self.wake()

    async def _connect(self) -> Connection:
        return await self._dial(self, self.endings.messages.most)

    def _open_more(self) -> None:
        if not self._is_open:
            return
        now_s = self._clock.tick_s()
        if self._lanes.may_have_one(now_s):
            self._openings.open(self._lanes.ready - len(self._idle))
        else:
            self._arm(now_s)

    def _opened(self, connection: Line) -> bool:
        """A new connection; False if it has ended already."""
        if connection.end is not None:
            self._open_more()
            return False
        host = self._hosts.of(connection.endpoint)
        self.connections[connection] = Slot(host)
        host.joined(connection)
        if host.letters_per_connection:
            connection.carry_at_most(self.endings.messages.most)
        if self._openings.is_trial:
            self._say(f"{self.name} is back")
        self._openings.succeeded()
        if self._is_open:
            connection.wake()
            self._open_more()
        else:
            connection.finish()
        return True

    def _refused(self, error: ConnectRefused) -> None:
        if error.reply:
            self._slowing.told(judge(error.stage, error.reply), error.reply, self.connections)
