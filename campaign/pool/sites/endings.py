"""What the ends of a site's connections say of its servers.

In: connections that have ended, or are worn out.  Out: how many letters a connection may carry.
Touches: the site's governor, what is known of the host.
Fails: never.

Servers close kept connections when they like, so a single end says little.  Two that come after the
same number of letters say how many the server takes; three that broke in a row ask for a rest.
"""

from __future__ import annotations

from collections.abc import Sized

from campaign.clock import Clock
from campaign.pool.pacing.governor import Ceiling
from campaign.pool.servers.hosts import KnownHost
from campaign.pool.sites.flight import Slot
from campaign.pool.sites.slowing import Slowing
from campaign.records import Stage
from campaign.smtp.connection import Line
from campaign.smtp.ends import End, EndedBy
from campaign.smtp.replies.verdicts import judge

_BREAKS_MAKE_A_REST = 3  # connections that broke in a row: the server is left alone for a while


class Endings:
    """Those of one site."""

    def __init__(self, messages_per_connection: int, slowing: Slowing, clock: Clock) -> None:
        self.messages = Ceiling(messages_per_connection)
        self.breaks = 0  # connections in a row that broke, nothing accepted in between
        self._closed_after = 0  # letters, where a connection was closed behind them without a word
        self._slowing = slowing
        self._clock = clock

    def learn(self, connection: Line, slot: Slot | None, end: End, connections: Sized) -> None:
        """A connection has ended; without a slot it was never the site's.

        `connections`: those that the site still has.
        """
        if slot is None or self._is_break(connection, slot, end, connections):
            self.breaks += 1
            if self.breaks >= _BREAKS_MAKE_A_REST:
                self._slowing.rest()

    def learn_letters(self, host: KnownHost, count: int) -> None:
        """The server takes so many letters over one connection."""
        self.messages.learn(count, self._clock.tick_s())
        host.takes_letters(count)

    def recover(self, now_s: float) -> None:
        """Now and then one letter more is tried."""
        self.messages.recover(now_s)

    def _is_break(self, connection: Line, slot: Slot, end: End, connections: Sized) -> bool:
        """Is it a break that counts, once everything else that it may mean is learned?"""
        host, session = slot.host, connection.session
        if host.left(connection, end):
            return False
        if end.stage is Stage.RSET and end.reply is not None:
            if session.resets > 1:
                host.takes_resets(session.resets - 1)
            return False
        if end.reply is not None:
            self._slowing.told(judge(end.stage, end.reply), end.reply, connections)
        before = connection.letters - 1
        is_close = end.cause is EndedBy.BREAK and session.sent is None and before > 0
        if slot.is_broken and is_close:
            # Behind a reply, without a word.  Twice after the same number of letters: that many it
            # takes over one connection.
            if before == self._closed_after:
                self.learn_letters(host, before)
            self._closed_after = before
            return False
        return slot.is_broken
