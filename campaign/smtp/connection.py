"""Letters over one open connection.

In: replies from a `Wire`, letters from a `Courier`.  Out: commands and bodies to the wire; what
became of each letter, told to the courier.  Touches: nothing but the wire.
Fails: never by raising; `end` says why a connection is gone.

The files of this room:

    replies/       bytes -> Reply -> Verdict        opening/       `connect`: dial, TLS, EHLO, AUTH
    protocol.py    the session, no socket           extensions.py  reply to EHLO -> Extensions
    commands.py    texts -> lines                   envelopes.py   Letter -> MAIL and RCPT
    endpoint.py    what a connection is told        tls.py         handshake, certificates
    wire.py        socket, TLS, one deadline        deadline.py    one timer for all deadlines
    transcript.py  the session as a text file       inspect.py     what TLS came to
    ends.py        why a connection is gone

Everything here is a plain callback: on a server that pipelines, one `received` brings [reply to dot
k, and to MAIL, RCPT, DATA of k+1], and one write takes away [body of k+1, its dot, the envelope of
k+2].
"""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Protocol

from campaign.records import Letter, Reply, Stage
from campaign.smtp.deadline import FOREVER
from campaign.smtp.endpoint import Endpoint, Timeouts
from campaign.smtp.ends import Condition, End, EndedBy
from campaign.smtp.extensions import Extensions
from campaign.smtp.protocol import Client, Phase
from campaign.smtp.replies.verdicts import judge
from campaign.smtp.tls import TlsSession
from campaign.smtp.wire import CHUNK, Wire

LARGE_BODY = 32 * 1024  # smaller bodies wait for the permission and go in one write with the dot

_FIRST_BEHIND_DOT = (Stage.RSET, Stage.MAIL)  # what is answered first of an envelope behind a dot


class Courier(Protocol):
    """Who hands letters to connections and hears what became of them.

    All methods are called in the event loop, never after `closed`.
    """

    def next_letter(self, connection: Connection) -> Letter | None:
        """The connection can take an envelope.  None: it idles until `connection.wake()`."""

    def permit_dot(self, connection: Connection, letter: Letter, go: Callable[[], None]) -> None:
        """The server waits for this body.  Call `go()` in the loop, once, when it may have it.

        Nothing of the final dot is written before; a `go()` after the connection's end does
        nothing.  Asked only when no other letter of this connection can be in doubt.
        """

    def answered(self, connection: Connection, letter: Letter, stage: Stage, reply: Reply) -> None:
        """The reply that settles this letter: to the dot, or a refusal at any stage."""

    def lost(
        self, connection: Connection, letter: Letter, stage: Stage, dot_written: bool, why: str
    ) -> None:
        """The connection ended with this letter open; in doubt only if `dot_written`."""

    def closed(self, connection: Connection, end: End) -> None:
        """The connection has ended; exactly once, after every `lost`."""


class Line(Protocol):
    """What a pool sees of a connection."""

    endpoint: Endpoint
    session: Client
    end: End | None

    def __hash__(self) -> int: ...
    @property
    def letters(self) -> int: ...
    @property
    def is_idle(self) -> bool: ...
    def carry_at_most(self, letters: int) -> None: ...
    def reset_at_most(self, times: int) -> None: ...
    def wake(self) -> None: ...
    def finish(self) -> None: ...
    def abort(self, why: str) -> None: ...


class Connection:
    """A `Line`; implements `wire.Receiver`; made by `opening.connect` only."""

    def __init__(
        self,
        wire: Wire,
        client: Client,
        endpoint: Endpoint,
        courier: Courier,
        limit: int,
        timeouts: Timeouts,
    ) -> None:
        self.endpoint = endpoint
        self.session = client  # what was said so far
        self.condition = Condition.IDLE
        self.end: End | None = None  # once it is gone
        self._wire = wire
        self._courier = courier
        self._limit = limit
        self._most_resets = sys.maxsize
        self._timeouts = timeouts
        self._waits = timeouts.by_stage()
        self._dot_deadline = FOREVER
        self._permitted = False  # to write the dot of the open letter
        self._rest: memoryview | None = None  # of a large body
        self._since_dot = 0  # bytes handed to the wire from the last end of data on
        most = client.extensions.letters_per_connection
        self.carry_at_most(most or limit)
        wire.receiver = self
        self._watch()

    def __repr__(self) -> str:
        said = f", {self.end.cause.value}: {self.end.why}" if self.end else ""
        return f"<Connection {self.endpoint.name}, {self.condition.value}, {self.letters}{said}>"

    # -- what the pool sees --------------------------------------------------------------------

    @property
    def letters(self) -> int:
        """Envelopes begun on this connection."""
        return self.session.letters

    @property
    def is_idle(self) -> bool:
        return self.condition is Condition.IDLE

    @property
    def extensions(self) -> Extensions:
        return self.session.extensions

    @property
    def tls(self) -> TlsSession | None:
        """None in clear text."""
        return self._wire.cipher

    def carry_at_most(self, letters: int) -> None:
        """QUIT after so many, if it was to carry more."""
        self._limit = min(self._limit, letters)

    def reset_at_most(self, times: int) -> None:
        """QUIT where more RSETs were needed."""
        self._most_resets = times

    def wake(self) -> None:
        """Letters may be had again."""
        if self.end is None and self.session.can_take:
            self._advance()

    def finish(self) -> None:
        """QUIT after the letters already taken."""
        if self.condition in (Condition.IDLE, Condition.BUSY):
            self.condition = Condition.FINISHING
            self._quit_if_done()

    def abort(self, why: str) -> None:
        """Cut the connection; `lost` and `closed` follow from the loop, not from here."""
        self._end(EndedBy.US, self.session.awaits or Stage.QUIT, why)

    # -- wire.Receiver -------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        """Replies: tell what they settle, end where they ask for it, else go on."""
        client = self.session
        for letter, stage, reply in client.receive(data):
            if letter is None:
                self._hear(stage, reply)
                continue
            self._courier.answered(self, letter, stage, reply)
            if reply.code >= 400:
                self._end_if_asked(stage, reply)
        if client.broken:
            self._end(EndedBy.BREAK, client.awaits or Stage.MAIL, client.broken)
        if self.end is None and client.progressed:
            self._advance()

    def may_write(self) -> None:
        if self._rest is not None:
            self._pump()

    def is_late(self) -> None:
        stage = self.session.awaits
        if stage is None and self._rest is None:
            self.condition = Condition.FINISHING
            self._quit_if_done()
        elif stage is None or (stage is Stage.DOT and self._wire.unsent):
            why = f"the server took nothing for {self._timeouts.block:g} s"
            self._end(EndedBy.SILENCE, Stage.DATA, why)
        elif stage is Stage.DOT and self._wire.deadline.at < self._dot_deadline:
            self._wire.deadline.set(self._dot_deadline)
        else:
            why = f"no reply to {stage.upper()} within {self._patience_s(stage):g} s"
            self._end(EndedBy.SILENCE, stage, why)

    def broke(self, why: str) -> None:
        stage = self.session.awaits or Stage.MAIL
        if stage is Stage.QUIT:
            self._end(EndedBy.QUIT, stage, "finished")
        else:
            self._end(EndedBy.BREAK, stage, why or "the server closed the connection")

    def ended(self) -> None:
        end = self.end
        assert end is not None
        if self._wire.transcript:
            self._wire.transcript.close(end.why)
        for letter, missing in self.session.under_way():
            dot_written = missing is Stage.DOT and end.dot_left
            self._courier.lost(self, letter, missing, dot_written, end.why)
        self._courier.closed(self, end)

    # -- inside --------------------------------------------------------------------------------

    def _end_if_asked(self, stage: Stage, reply: Reply) -> None:
        """After a refusal."""
        if judge(stage, reply, has_carried=self.letters > 1).drops_connection:
            if reply.code != 421 and self.session.is_at_rest:
                self.finish()
            else:
                self._end(EndedBy.REPLY, stage, f"after {reply}")

    def _hear(self, stage: Stage, reply: Reply) -> None:
        """A reply that is about no letter: to QUIT, a refusal of RSET, or a farewell."""
        if stage is Stage.RSET:  # RFC 5321, 4.1.1.5 knows none: this connection has carried enough
            self._end(EndedBy.REPLY, stage, f"RSET is refused: {reply}", reply)
        elif reply.code == 421 and self.condition is not Condition.FINISHING:
            why = f"the server closes the connection: {reply}"
            self._end(EndedBy.REPLY, Stage.MAIL, why, reply)
        else:
            self._end(EndedBy.QUIT, stage, "finished")

    def _advance(self) -> None:
        """Whatever the session allows next, in one write."""
        client = self.session
        if client.phase is Phase.BODY:
            self._begin_body()
            return
        if client.can_take:
            self._take()
        if client.out:
            self._write(b"")
        self._watch()

    def _take(self) -> None:
        """The next envelope, if there is one; QUIT if there will be none."""
        client = self.session
        while self._may_take:
            letter = self._courier.next_letter(self)
            if letter is None:
                return
            refusal = client.envelope(letter)
            if refusal is None:
                self.condition = Condition.BUSY
                return
            self._courier.answered(self, letter, *refusal)
        if self.end is None:
            self.condition = Condition.FINISHING
            self._quit_if_done()

    @property
    def _may_take(self) -> bool:
        """Is it to carry another letter?  Not where that needs a RSET known to be refused."""
        client = self.session
        return (
            self.condition in (Condition.IDLE, Condition.BUSY)
            and client.letters < self._limit
            and not (client.needs_reset and client.resets >= self._most_resets)
        )

    def _begin_body(self) -> None:
        """The server waits for the body: ask whether its dot may go; begin with a large one."""
        letter = self.session.open
        assert letter is not None
        self._permitted = False
        if len(letter.wire) >= LARGE_BODY:
            self._rest = memoryview(letter.wire)
            self._pump()
        if self._rest is None:
            self._wire.wait_no_more()  # while we ourselves are at work
        self._courier.permit_dot(self, letter, self._go)

    def _go(self) -> None:
        """Permission for the end of the data."""
        if self.end is None and self.session.phase is Phase.BODY:
            self._permitted = True
            if self._rest is None:
                self._end_body()

    def _pump(self) -> None:
        """As much of a large body as the wire takes."""
        wire = self._wire
        while self._rest is not None and not wire.is_paused:
            wire.write((), self._rest[:CHUNK])
            self._rest = self._rest[CHUNK:] or None
            if wire.is_closing:  # that write failed; `ended` comes
                return
        if self._rest is not None:
            wire.wait(self._timeouts.block)
            return
        wire.wait_no_more()
        if wire.transcript and self.session.open:
            wire.transcript.body(self.session.open.wire)
        if self._permitted:
            self._end_body()

    def _end_body(self) -> None:
        """The dot, what is still held back of the body before it, the next envelope behind it."""
        client = self.session
        letter = client.open
        assert letter is not None
        body = letter.wire if len(letter.wire) < LARGE_BODY else b""
        client.end_data()
        if client.can_take:
            self._take()
        if self._wire.transcript and body:
            self._wire.transcript.body(body)
        self._since_dot = 0
        self._write(body)
        self._watch()

    def _write(self, body: bytes) -> None:
        """A body, and behind it whatever the session has to say."""
        out = self.session.out
        if self._wire.transcript:
            for line in out:
                self._wire.transcript.client(line)
        self._since_dot += self._wire.write(out, body)
        out.clear()

    def _quit_if_done(self) -> None:
        if self.session.is_at_rest and self.end is None:
            self.session.ask(Stage.QUIT, b"QUIT\r\n")
            self._write(b"")
            self._watch()

    def _end(self, cause: EndedBy, stage: Stage, why: str, reply: Reply | None = None) -> None:
        """Nothing more is read or written; `ended` tells what is lost."""
        if self.end is not None:
            return
        wire = self._wire
        # What still waits in our own buffer has not been sent, the dot perhaps among it.
        self.end = End(cause, stage, why, reply, dot_left=wire.unsent < self._since_dot)
        self.condition = Condition.GONE
        if stage is Stage.QUIT:
            wire.close()
        else:
            wire.abort()

    def _watch(self) -> None:
        """The deadline of the reply, or of the idleness, that begins now (RFC 5321, 4.5.3.2)."""
        stage = self.session.awaits
        if stage is Stage.DOT:
            # The first look is at whether the body left at all; then the rest of the wait.
            now = self._wire.loop.time()
            self._dot_deadline = now + self._timeouts.dot
            self._wire.deadline.set(now + min(self._timeouts.block, self._timeouts.dot))
        elif stage is not None:
            self._wire.wait(self._patience_s(stage))
        elif self.session.is_at_rest and self.end is None:
            if self.condition is Condition.BUSY:
                self.condition = Condition.IDLE
            self._wire.wait(self._timeouts.idle)

    def _patience_s(self, stage: Stage) -> float:
        """How long the reply may take."""
        wait_s = self._waits[stage]
        if stage in _FIRST_BEHIND_DOT and self.session.is_ride_unanswered:
            return min(wait_s, self._timeouts.behind_dot)
        return wait_s
