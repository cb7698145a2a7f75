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

from campaign.clock import Clock
from campaign.errors import CampaignError, SenderRefused
from campaign.pool.allowance import Allowance
from campaign.pool.governor import Ceiling
from campaign.pool.hosts import Host, Hosts
from campaign.pool.lanes import Lanes
from campaign.pool.openings import Openings
from campaign.pool.terms import Ledger, Patience, counts_connections, refused_as_sender
from campaign.records import Letter, Reply, ReplyClass, Stage, State, Verdict
from campaign.smtp.connection import Connection
from campaign.smtp.endpoint import ConnectRefused
from campaign.smtp.verdicts import VERDICTS, judge

ACCEPTED = Verdict(ReplyClass.ACCEPTED, State.SENT)
_EXCUSED = VERDICTS[ReplyClass.CONNECTION]  # no attempt used up, whatever the reply says
# Whatever the server dislikes about MAIL, it is not the recipient.
_SENDER_REFUSED = replace(VERDICTS[ReplyClass.POLICY], drops_connection=True)
_PACED = (ReplyClass.THROTTLE, ReplyClass.QUOTA)
_BREAKS_MAKE_A_REST = 3  # connections that broke in a row: the server is left alone for a while
_LIVELY_S = 0.25  # a relay whose last letter is longer ago does not keep up
_LOW_WATER = 400  # letters ready; below it more are asked for
_LANES_MAKE_A_SITE = 3  # so many throttled providers at once: it is the relay that is throttled


Dial = Callable[["Site", int], Awaitable[Connection]]
Failed = Callable[["Site", CampaignError], None]


class Site:
    """A relay, or the hosts of a domain."""

    def __init__(
        self,
        name: str,
        lanes: Lanes,
        ledger: Ledger,
        dial: Dial,
        allowance: Allowance,
        *,
        clock: Clock,
        hosts: Hosts,
        messages_per_connection: int,
        patience: Patience,
        may_take: Callable[[Site], bool],
        on_failure: Failed,
        say: Callable[[str], None],
    ) -> None:
        self.name = name
        self.allowance = allowance
        self.messages_per_connection = Ceiling(messages_per_connection)
        self.connections: set[Connection] = set()
        self.is_stopping = False
        self.failure: CampaignError | None = None  # why nothing more goes this way
        self.taken = 0  # letters, for weights
        self._taken_s = 0.0  # when the last one was
        self._lanes = lanes
        self._ledger = ledger
        self._dial = dial
        self._clock = clock
        self._may_take = may_take
        self._on_failure = on_failure
        self._say = say
        self._idle: dict[Connection, None] = {}  # in the order they became idle
        self._stillborn: set[Connection] = set()  # ended before `_opened` took them over
        self._openings = Openings(
            name,
            self._connect,
            allowance,
            self.connections,
            clock=clock,
            patience=patience,
            opened=self._opened,
            refused=self._refused,
            failed=self._fail,
        )
        self._hosts = hosts
        self._host_of: dict[Connection, Host] = {}  # of each that is open
        self._closed_after = 0  # letters, where a connection was closed behind them without a word
        self._retried: set[int] = set()  # rows given one silent second chance
        self._permitted: set[int] = set()  # rows whose `sending` was asked of the journal
        self._under_way = 0  # letters taken and not settled
        self._parted: set[Connection] = set()  # ended by a reply: what rides along is innocent
        self._leaving: set[Connection] = set()  # one too many
        self._broken: set[Connection] = set()  # ended as no connection should
        self._breaks = 0  # connections in a row that did, nothing accepted in between
        self._timer: asyncio.TimerHandle | None = None

    # -- what connections ask ------------------------------------------------------------------

    def next_letter(self, connection: Connection) -> Letter | None:
        """The courier's first duty; None leaves the connection idle until it is woken."""
        now_s = self._clock.tick_s()
        letter = None
        if self.allowance.is_overdrawn:
            self._leaving.add(connection)
            self.allowance.leaving += 1
            connection.finish()
        elif self._is_open and self._may_go(now_s) and self._may_take(self):
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
        return letter

    def permit_dot(self, connection: Connection, letter: Letter, go: Callable[[], None]) -> None:
        if isinstance(self.failure, SenderRefused):  # while the envelope was under way
            self._parted.add(connection)
            connection.abort(str(self.failure))
            return
        self._permitted.add(letter.row)
        self._ledger.permit(letter, self.name, go)

    def answered(self, connection: Connection, letter: Letter, stage: Stage, reply: Reply) -> None:
        """A complete reply settles the letter."""
        lane = self._lanes.done(letter, connection)
        was_permitted = letter.row in self._permitted
        self._permitted.discard(letter.row)
        self._retried.discard(letter.row)
        self._under_way -= 1
        was_on_trial = self.allowance.breaker.is_on_trial
        if stage is Stage.DOT and 200 <= reply.code < 300:
            self._breaks = 0
            self._host_of[connection].answered(connection, stage, accepted=True)
            now_s = self._clock.tick_s()
            self.allowance.governor.accepted(now_s)
            lane.governor.accepted(now_s)
            self.allowance.note(ACCEPTED, "")
            self._ledger.settled(letter, self.name, ACCEPTED, reply, wait_s=None)
        else:
            verdict = judge(stage, reply, has_carried=connection.letters > 1)
            host = self._host_of[connection]
            if verdict.class_ is ReplyClass.PROTOCOL:
                if host.excuses(connection, letter, stage, reply):
                    self._excuse(connection, letter, reply, was_permitted)
                    return
                if stage is Stage.MAIL:
                    verdict = _SENDER_REFUSED
            else:
                host.answered(connection, stage, accepted=False)
            if (
                verdict.class_ is ReplyClass.RECONNECT
                and not was_permitted
                and connection.letters > 1
            ):
                self._learn_letters(host, connection.letters - 1)
                self._excuse(connection, letter, reply, was_permitted)
            else:
                self._refuse(connection, letter, stage, reply, verdict)
        if was_on_trial:
            self.wake()

    def lost(
        self, connection: Connection, letter: Letter, stage: Stage, dot_written: bool, why: str
    ) -> None:
        """The connection ended with this letter open."""
        self._lanes.done(letter, connection)
        self._under_way -= 1
        if connection not in self._parted:
            self._broken.add(connection)
        if letter.row in self._permitted:
            self._permitted.remove(letter.row)
        elif connection in self._parted or connection.letters > 1:
            # It ended over the letter before this one; or the server had had enough, for servers
            # close kept connections when they like.  Neither says anything of this letter.
            self._lanes.put([letter])
            return
        elif letter.row not in self._retried:
            # Once per letter, so that one which kills every connection does not go round forever.
            self._retried.add(letter.row)
            self._lanes.put([letter])
            return
        self._retried.discard(letter.row)
        self._ledger.lost(letter, self.name, stage, dot_written, why)

    def closed(self, connection: Connection, stage: Stage, why: str, reply: Reply | None) -> None:
        """Exactly once, after every `lost`."""
        if connection in self.connections:
            self.connections.remove(connection)
            self.allowance.connections -= 1
        else:
            self._stillborn.add(connection)
            self._broken.add(connection)
        self._idle.pop(connection, None)
        if connection in self._leaving:
            self._leaving.remove(connection)
            self.allowance.leaving -= 1
        is_ours = connection in self._parted or reply is not None or self.is_stopping
        host = self._host_of.pop(connection, None)
        if host and host.left(connection, why, is_broken=not is_ours):
            self._broken.discard(connection)
        elif host and not is_ours and connection in self._broken:
            self._learn_from_close(connection, host)
        self._parted.discard(connection)
        if stage is Stage.RSET and reply is not None:
            self._broken.discard(connection)
            if host and connection.session.resets > 1:
                host.takes_resets(connection.session.resets - 1)
        elif reply is not None:
            self._slow_down(judge(stage, reply), reply)
        if connection in self._broken:
            self._broken.remove(connection)
            self._breaks += 1
            if self._breaks >= _BREAKS_MAKE_A_REST:
                self.allowance.governor.throttled(self._clock.tick_s(), 0.0)
        self.wake()

    def _learn_from_close(self, connection: Connection, host: Host) -> None:
        """It broke with a letter open.  Twice after the same number of others, without a word and
        with nothing unanswered: the server takes so many over one connection."""
        session, before = connection.session, connection.letters - 1
        if before < 1 or session.sent is not None or connection.was_silent:
            return
        self._broken.discard(connection)
        if before == self._closed_after:
            self._learn_letters(host, before)
        self._closed_after = before

    def _learn_letters(self, host: Host, count: int) -> None:
        """The server takes so many letters over one connection."""
        self.messages_per_connection.learn(count, self._clock.tick_s())
        host.takes_letters(count)

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
        self._hosts.recover(now_s)
        self.messages_per_connection.recover(now_s)

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

    def _excuse(
        self, connection: Connection, letter: Letter, reply: Reply, was_permitted: bool
    ) -> None:
        """It goes again at once, without using up an attempt."""
        self._parted.add(connection)
        connection.finish()
        if was_permitted:
            self._ledger.settled(letter, self.name, _EXCUSED, reply, wait_s=0.0)
        else:
            self._lanes.put([letter])

    def _refuse(
        self, connection: Connection, letter: Letter, stage: Stage, reply: Reply, verdict: Verdict
    ) -> None:
        wait_s = self._learn(connection, letter, stage, reply, verdict)
        self._ledger.settled(letter, self.name, verdict, reply, wait_s=wait_s)
        domain = letter.claim.domain
        self.allowance.note(verdict, str(reply), row=letter.row, domain=domain)
        if self.allowance.is_refused and self._is_open:
            self._fail(refused_as_sender(self.name, str(reply)))

    def _learn(
        self, connection: Connection, letter: Letter, stage: Stage, reply: Reply, verdict: Verdict
    ) -> float | None:
        """What a refusal says of the site, and when its letter may go again (None: by schedule)."""
        now_s, wait_s = self._clock.tick_s(), None
        if verdict.drops_connection:
            self._parted.add(connection)
            if verdict.class_ in (ReplyClass.CONNECTION, ReplyClass.PROTOCOL):
                self._broken.add(connection)
        if verdict.class_ is ReplyClass.RECONNECT:
            if connection.letters > 1:
                self._learn_letters(self._host_of[connection], connection.letters - 1)
                wait_s = 0.0
            else:  # not even one: that is not a number to be learned
                self.allowance.governor.throttled(now_s, 0.0)
        if verdict.class_ in _PACED and stage is Stage.MAIL:  # about the site, not the provider
            self.allowance.governor.throttled(now_s, verdict.pause_s)
            wait_s = self.allowance.governor.wait_s(now_s)
        elif verdict.class_ in _PACED:
            lane = self._lanes.lane(letter.claim.domain)
            lane.governor.throttled(now_s, verdict.pause_s)
            if (
                verdict.class_ is ReplyClass.QUOTA
                or self._lanes.lonely
                or len(self._lanes.resting(now_s)) >= _LANES_MAKE_A_SITE
            ):
                self.allowance.governor.throttled(now_s, verdict.pause_s)
            wait_s = max(lane.governor.wait_s(now_s), self.allowance.governor.wait_s(now_s))
            self._lanes.rest(lane, wait_s)
        if verdict.drops_connection:
            connection.finish()
        return wait_s

    def _slow_down(self, verdict: Verdict, reply: Reply | None) -> None:
        """A reply that was about no letter: the site's pace, or its number of connections."""
        if verdict.class_ not in _PACED and not verdict.pause_s:
            return
        if reply and counts_connections(reply) and self.connections:
            self.allowance.governor.learn_limit(len(self.connections), self._clock.tick_s())
        else:
            self.allowance.governor.throttled(self._clock.tick_s(), verdict.pause_s)

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
        return await self._dial(self, self.messages_per_connection.most)

    def _open_more(self) -> None:
        if not self._is_open:
            return
        now_s = self._clock.tick_s()
        if self._lanes.may_have_one(now_s):
            self._openings.open(self._lanes.ready - len(self._idle))
        else:
            self._arm(now_s)

    def _opened(self, connection: Connection) -> bool:
        """A new connection; False if it has ended already."""
        if connection in self._stillborn:
            self._stillborn.remove(connection)
            self._open_more()
            return False
        self.connections.add(connection)
        host = self._host_of[connection] = self._hosts.of(connection.endpoint)
        host.joined(connection)
        if host.letters_per_connection:
            connection.carry_at_most(self.messages_per_connection.most)
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
            self._slow_down(judge(error.stage, error.reply), error.reply)
