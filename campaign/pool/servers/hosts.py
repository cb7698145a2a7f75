"""What each server has taught us, and how far ahead of its replies it is spoken to.

In: what became of letters and connections.  Out: the step and the extensions that connections use.
Touches: connections, the memory it is given.

An envelope may go in the same write as the dot of the letter before it.  Four of ten servers that
offer PIPELINING cannot bear that: one crashes when it has already taken the letter, two throw the
envelope away and wait, one refuses it.  So a server climbs to a step only when it has proven that
it can bear it: one connection tries the next step with one letter at stake, while all others to
that server stay below.  What it cannot bear it falls from at once, on all connections.

A loss proves little about a server that was good until then, since servers are restarted: after
the first fall from a proven step one connection tries again once a while has passed.  Every other
fall is kept for later runs, and so are extensions that are done without and the numbers of letters
and of RSETs that the server takes over a connection; what is older than `GOOD_FOR_S` is tried
again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Protocol

from campaign.clock import Clock
from campaign.pool.servers.blame import PIPELINING, blamed
from campaign.records import Letter, Reply, Stage
from campaign.smtp.connection import Line
from campaign.smtp.endpoint import Endpoint
from campaign.smtp.ends import End, EndedBy
from campaign.smtp.protocol import Step

GOOD_FOR_S = 30 * 86400.0
_TRIED_AGAIN_S = 600.0  # after the first fall from a step that was proven
_MOST_KNOWN = 1000  # servers; beyond, those that nobody is connected to are forgotten

_STEP = (
    "step "  # facts, as the memory keeps them: "step 1", "without SIZE", "letters 5", "resets 9"
)
_WITHOUT = "without "
_LETTERS = "letters "
_RESETS = "resets "

_FALLS = {
    Step.BEHIND_DOT: "an envelope in the same write as the end of the letter before it: from now"
    " on each envelope waits for that reply",
    Step.TOGETHER: "MAIL, RCPT and DATA in one write: from now on they go one by one",
}


class HostMemory(Protocol):
    """What earlier runs have learned about servers.  Neither method raises or blocks for long."""

    def get(self, host: str) -> Mapping[str, float]:
        """Facts about `host`, a name and a port, each with the Unix time it was learned."""

    def learned(self, host: str, what: str, at: float) -> None:
        """One fact more, or a known one anew; durable when this returns."""


class NoMemory:
    """A `HostMemory` that keeps nothing."""

    def get(self, host: str) -> Mapping[str, float]:
        return {}

    def learned(self, host: str, what: str, at: float) -> None:
        pass


class KnownHost:
    """One server, with all connections to it, whichever site they belong to."""

    def __init__(
        self, name: str, memory: HostMemory, clock: Clock, say: Callable[[str], None]
    ) -> None:
        self.name = name
        self.step = Step.SINGLY  # proven: every connection may use it
        self.letters_per_connection = 0  # after so many it ends a connection; 0: not known
        self._resets = 0  # the next RSET after so many is refused; 0: not known
        self.connections: dict[Line, None] = {}
        self._most = Step.BEHIND_DOT  # not known to do harm
        self._tries_step: Line | None = None  # alone uses the step above `step`
        self._has_fallen = False  # from a proven step, in this run
        self._again_s = float("inf")  # when the step it fell from is tried again
        self._again = Step.SINGLY  # that step
        self._without: frozenset[str] = frozenset()
        self._works = False  # a letter was accepted
        self._memory = memory
        self._clock = clock
        self._say = say
        self._recall(memory.get(name))

    def _recall(self, facts: Mapping[str, float]) -> None:
        oldest = self._clock.now_s() - GOOD_FOR_S
        for what, at in facts.items():
            kind, _, value = what.partition(" ")
            if at < oldest:
                continue
            if kind == _STEP.strip() and value in ("0", "1"):
                self._most = min(self._most, Step(int(value)))
            elif kind == _WITHOUT.strip():
                self._without = self._without.union((value,))
            elif kind == _LETTERS.strip() and value.isdecimal():
                self.letters_per_connection = min(
                    self.letters_per_connection or int(value), int(value)
                )

            elif kind == _RESETS.strip() and value.isdecimal():
                self._resets = int(value)

    # -- connections ---------------------------------------------------------------------------

    def joined(self, connection: Line) -> None:
        """A new connection, before its first letter."""
        self.connections[connection] = None
        connection.session.do_without(self._without)
        connection.session.step = self.step
        if self._resets:
            connection.reset_at_most(self._resets)
        self._let_one_climb()

    def left(self, connection: Line, end: End) -> bool:
        """A connection has ended, every letter that was on it has been told of.

        Was it for having spoken too far ahead?
        """
        del self.connections[connection]
        step = self._to_blame(connection, end)
        if step:
            self._fall(step, end.why)
        if self._tries_step is connection:
            self._tries_step = None
            self._let_one_climb()
        return step > Step.SINGLY

    def _to_blame(self, connection: Line, end: End) -> Step:
        """The step for which a connection may have broken; SINGLY: none."""
        session = connection.session
        if end.cause not in (EndedBy.BREAK, EndedBy.SILENCE):
            return Step.SINGLY
        if session.led_astray_by:
            return session.led_astray_by
        if session.is_ride_unanswered and end.dot_left:
            # A server that is known to bear it may close behind a reply when it has had enough.
            is_close = session.sent is None and end.cause is EndedBy.BREAK
            if not (is_close and self.step is Step.BEHIND_DOT):
                return Step.BEHIND_DOT
        return Step.SINGLY

    def recover(self, now_s: float) -> None:
        """The step it fell from, if that is long enough ago, is tried by one connection."""
        if now_s >= self._again_s:
            self._again_s = float("inf")
            self._most = self._again
            self._let_one_climb()

    @property
    def is_plain(self) -> bool:
        """Nobody is connected to it."""
        return not self.connections

    # -- letters -------------------------------------------------------------------------------

    def answered(self, connection: Line, stage: Stage, *, accepted: bool) -> None:
        """A letter was settled, and no extension was to blame for it."""
        if accepted:
            self._works = True
        if connection is self._tries_step and stage is not Stage.MAIL:
            used = connection.session.step_used(stage)
            if used > self.step:
                self._climb(used)

    def is_to_blame(self, connection: Line, letter: Letter, stage: Stage, reply: Reply) -> bool:
        """After a protocol error: does the server not keep to what it offers?"""
        step = connection.session.step_used(stage)
        used = connection.session.parameters_used(letter)
        if step:
            used = used.union((PIPELINING,))
        guilty = blamed(stage, reply, used, works=self._works)
        if not guilty:
            return False
        if PIPELINING in guilty:
            self._fall(step, str(reply))
        else:
            self._give_up(guilty, str(reply))
        return True

    # -- the ladder ----------------------------------------------------------------------------

    def _let_one_climb(self) -> None:
        """One connection tries the next step, if there is one that is not known to do harm."""
        if self.step < self._most and self._tries_step is None and self.connections:
            self._tries_step = next(iter(self.connections))
            self._tries_step.session.step = Step(self.step + 1)

    def _climb(self, step: Step) -> None:
        """Proven."""
        self.step = step
        self._tries_step = None
        for connection in self.connections:
            connection.session.step = step
        self._let_one_climb()

    def _fall(self, step: Step, why: str) -> None:
        """This step does harm: one down, on every connection."""
        if step > self._most:
            return  # a connection that had used it before that was known
        was_proven = step <= self.step
        self._most = Step(step - 1)
        self.step = min(self.step, self._most)
        self._tries_step = None
        for connection in self.connections:
            connection.session.step = self.step
        self._let_one_climb()
        self._say(f"{self.name} offers PIPELINING but cannot bear {_FALLS[step]} ({why})")
        if was_proven and not self._has_fallen:
            self._has_fallen = True
            self._again = step
            self._again_s = self._clock.tick_s() + _TRIED_AGAIN_S
        else:
            self._remember(f"{_STEP}{self._most.value}")

    # -- the rest ------------------------------------------------------------------------------

    def _give_up(self, extensions: frozenset[str], why: str) -> None:
        """From now on; connections that still use them finish what they have."""
        new = extensions - self._without
        if not new:
            return
        self._without = self._without.union(new)
        names = " and ".join(sorted(new))
        self._say(
            f"{self.name} offers {names} but does not keep to it ({why}): done without from now on"
        )
        for name in sorted(new):
            self._remember(f"{_WITHOUT}{name}")
        for connection in list(self.connections):
            connection.finish()

    def takes_letters(self, count: int) -> None:
        """It was seen to end a connection after so many."""
        if count != self.letters_per_connection:
            self.letters_per_connection = count
            self._remember(f"{_LETTERS}{count}")

    def takes_resets(self, count: int) -> None:
        """It was seen to refuse the next RSET after so many over one connection."""
        if count != self._resets:
            self._resets = count
            self._remember(f"{_RESETS}{count}")
            for connection in self.connections:
                connection.reset_at_most(count)

    def _remember(self, what: str) -> None:
        self._memory.learned(self.name, what, self._clock.now_s())


class KnownHosts:
    """All servers of a run."""

    def __init__(self, memory: HostMemory, clock: Clock, say: Callable[[str], None]) -> None:
        self._memory = memory
        self._clock = clock
        self._say = say
        self._known: dict[str, KnownHost] = {}

    def of(self, endpoint: Endpoint) -> KnownHost:
        """The server at an endpoint."""
        name = f"{endpoint.host}:{endpoint.port}"
        host = self._known.get(name)
        if host is None:
            if len(self._known) >= _MOST_KNOWN:
                self._known = {
                    known.name: known for known in self._known.values() if not known.is_plain
                }
            host = self._known[name] = KnownHost(name, self._memory, self._clock, self._say)
        return host

    def recover(self, now_s: float) -> None:
        """Now and then."""
        for host in self._known.values():
            host.recover(now_s)
