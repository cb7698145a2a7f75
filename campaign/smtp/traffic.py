"""Letters over one open connection: the round of the postman.

In: bytes and events of an asyncio transport, letters from a `Courier`.  Out: bytes to the
transport; what became of each letter, told to the courier.  Touches: the transport it is given.

Everything here is a plain callback; no task, no future per reply.
"""

from __future__ import annotations

import asyncio
import socket
import sys
from contextlib import suppress
from typing import TYPE_CHECKING, Protocol, cast

from campaign.records import Reply, Stage, Verdict
from campaign.smtp.deadline import FOREVER, Deadline
from campaign.smtp.endpoint import Courier, Endpoint, Timeouts
from campaign.smtp.extensions import Extensions
from campaign.smtp.protocol import Client, Phase
from campaign.smtp.transcript import Transcript
from campaign.smtp.verdicts import judge

if TYPE_CHECKING:
    from campaign.smtp.connection import Connection

_TLS_PORT_S = 15.0  # for a greeting in clear text from a port that is known for TLS
LARGE_BODY = 32 * 1024  # smaller bodies wait for the permission and go in one write with the dot
CHUNK = 64 * 1024  # a larger body is given to the transport in such pieces

_FIRST_BEHIND_DOT = (Stage.RSET, Stage.MAIL)  # what is answered first of an envelope behind a dot
_CLOSED = "the server closed the connection"

Ending = tuple[Stage, str, Reply | None]


class Cipher(Protocol):
    """TLS on bytes.  `unseal` raises OSError for what is no TLS."""

    def seal(self, data: bytes | memoryview) -> bytes: ...

    def unseal(self, data: bytes) -> tuple[bytes, bytes]:
        """Plain text received, and bytes to be sent in answer."""

    def farewell(self) -> bytes: ...


class Traffic(asyncio.Protocol):
    """A connection once it is open; `Connection` adds how it is opened."""

    _transport: asyncio.Transport

    def __init__(
        self,
        endpoint: Endpoint,
        courier: Courier,
        limit: int,
        timeouts: Timeouts,
        transcript: Transcript | None,
        sock: socket.socket,
    ) -> None:
        self.endpoint = endpoint
        self._courier = courier
        self._limit = limit
        self._most_resets = sys.maxsize
        self._timeouts = timeouts
        self._waits = timeouts.by_stage()
        self._transcript = transcript
        self._sock = sock
        self._loop = asyncio.get_running_loop()
        self._client = Client(endpoint.notifications)
        self._deadline = Deadline(self._loop, self._deadline_passed)
        self._dot_deadline = FOREVER
        self._has_transport = False
        self._cipher: Cipher | None = None
        self._is_open = False  # handed to the courier
        self._finishing = False
        self._ending: Ending | None = None  # decided; only connection_lost is still to come
        self._permitted = False  # to write the dot of the open letter
        self._paused = False
        self._rest: memoryview | None = None  # of a large body
        self._since_dot = 0  # bytes handed to the transport from the last end of data on
        self._dot_written = True  # unless seen otherwise
        self.was_silent = False  # ended because a reply did not come in time

    # What the pool sees.

    @property
    def letters(self) -> int:
        """Envelopes begun on this connection."""
        return self._client.letters

    @property
    def is_idle(self) -> bool:
        """Open, with no letter under way and no QUIT."""
        client = self._client
        return (
            self._is_open
            and not self._ending
            and client.awaits is None
            and client.phase is Phase.NONE
        )

    @property
    def was_dot_written(self) -> bool:
        """Once it has ended: did the last final dot leave our buffers?"""
        return self._dot_written

    def carry_at_most(self, letters: int) -> None:
        """QUIT after so many, if it was to carry more."""
        self._limit = min(self._limit, letters)

    def reset_at_most(self, times: int) -> None:
        """QUIT where more RSETs were needed."""
        self._most_resets = times

    @property
    def extensions(self) -> Extensions:
        return self._client.extensions

    @property
    def session(self) -> Client:
        """What was said so far."""
        return self._client

    def wake(self) -> None:
        """Letters may be had again."""
        if self._is_open and not self._ending and self._client.can_take:
            self._advance()

    def finish(self) -> None:
        """QUIT after the letters already taken."""
        self._finishing = True
        if self.is_idle:
            self._quit()

    def abort(self, why: str) -> None:
        """Cut the connection; `lost` and `closed` follow from the loop, not from here."""
        self._end(self._client.awaits or Stage.QUIT, why)

    # What the loop calls.

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        self._has_transport = True

    def data_received(self, data: bytes) -> None:
        if self._ending:
            return
        self._settle(data if self._cipher is None else self._unsealed(data))
        self._proceed()

    def eof_received(self) -> None:
        self._end(*self._end_of_stream(_CLOSED))

    def pause_writing(self) -> None:
        self._paused = True

    def resume_writing(self) -> None:
        self._paused = False
        if self._rest is not None and not self._ending:
            self._pump()

    def connection_lost(self, exc: Exception | None) -> None:
        self._deadline.cancel()
        client = self._client
        if not self._ending and exc is not None:
            self._read_what_is_there()
        if not self._ending:
            self._ending = self._end_of_stream(f"connection lost: {exc}" if exc else _CLOSED)
        stage, why, reply = self._ending
        if self._transcript:
            self._transcript.close(why)
        if not self._is_open:
            return
        connection = cast("Connection", self)
        for letter, missing in client.under_way():
            dot_written = missing is Stage.DOT and self._dot_written
            self._courier.lost(connection, letter, missing, dot_written, why)
        self._courier.closed(connection, stage, why, reply)

    # Inside.

    def _end_of_stream(self, why: str) -> Ending:
        stage = self._client.awaits or Stage.MAIL
        return stage, "finished" if stage is Stage.QUIT else why, None

    def _unsealed(self, data: bytes) -> bytes:
        assert self._cipher is not None
        try:
            plain, answer = self._cipher.unseal(data)
        except OSError as error:
            self._end(self._client.awaits or Stage.MAIL, f"TLS is broken: {error}")
            return b""
        if answer:
            self._transport.write(answer)
        return plain

    def _settle(self, data: bytes) -> None:
        """Take in replies, tell what they settle; end the connection where they ask for it."""
        if self._transcript and data:
            self._transcript.server(data)
        client = self._client
        for letter, stage, reply in client.receive(data):
            if letter is None:
                self._hear(stage, reply)
                continue
            self._courier.answered(cast("Connection", self), letter, stage, reply)
            if reply.code >= 400 and self._judge(stage, reply).drops_connection:
                if reply.code != 421 and self.is_idle:
                    self.finish()
                else:
                    self._end(stage, f"after {reply}")
        if client.broken:
            self._end(client.awaits or Stage.MAIL, client.broken)

    def _judge(self, stage: Stage, reply: Reply) -> Verdict:
        return judge(stage, reply, has_carried=self._client.letters > 1)

    def _proceed(self) -> None:
        """On to the next step, if a reply was completed that does not end the connection."""
        if self._is_open and not self._ending and self._client.progressed:
            self._advance()

    def _hear(self, stage: Stage, reply: Reply) -> None:
        """A reply that is about no letter: to QUIT, a refusal of RSET, or a farewell."""
        if stage is Stage.RSET:  # RFC 5321, 4.1.1.5 knows none: this connection has carried enough
            self._end(stage, f"RSET is refused: {reply}", reply)
        elif reply.code == 421 and not self._finishing:
            self._end(Stage.MAIL, f"the server closes the connection: {reply}", reply)
        else:
            self._end(stage, "finished")

    def _advance(self) -> None:
        """Whatever the session allows next, in one write."""
        client = self._client
        if client.phase is Phase.BODY:
            self._begin_body()
            return
        if client.can_take:
            self._take()
        self._flush()
        self._watch()

    def _begin_body(self) -> None:
        """The server waits for the body: ask whether its dot may go; begin with a large one."""
        letter = self._client.open
        assert letter is not None
        self._permitted = False
        if len(letter.wire) >= LARGE_BODY:
            self._rest = memoryview(letter.wire)
            self._pump()
        if self._rest is None:
            self._deadline.at = FOREVER  # while we ourselves are at work
        self._courier.permit_dot(cast("Connection", self), letter, self._go)

    def _go(self) -> None:
        """Permission for the end of the data."""
        if not self._ending and self._client.phase is Phase.BODY:
            self._permitted = True
            if self._rest is None:
                self._end_body()

    def _end_body(self) -> None:
        """The dot, what is still held back of the body before it, the next envelope behind it."""
        client = self._client
        letter = client.open
        assert letter is not None
        body = letter.wire if len(letter.wire) < LARGE_BODY else b""
        client.end_data()
        if client.can_take:
            self._take()
        if self._transcript and body:
            self._transcript.body(body)
        self._since_dot = 0
        self._write(body)
        self._watch()

    def _take(self) -> None:
        """The next envelope, if there is one; QUIT if there will be none."""
        client = self._client
        while not self._finishing and client.letters < self._limit and not self._is_worn:
            if self._ending:
                return
            letter = self._courier.next_letter(cast("Connection", self))
            if letter is None:
                return
            refusal = client.envelope(letter)
            if refusal is None:
                return
            self._courier.answered(cast("Connection", self), letter, *refusal)
        self._finishing = True
        if self.is_idle:
            self._quit()

    @property
    def _is_worn(self) -> bool:
        """The next envelope would need a RSET that the server is known to refuse."""
        return self._client.needs_reset and self._client.resets >= self._most_resets

    def _pump(self) -> None:
        """As much of a large body as the transport takes."""
        while self._rest is not None and not self._paused:
            chunk = self._rest[:CHUNK]
            self._transport.write(chunk if self._cipher is None else self._cipher.seal(chunk))
            self._rest = self._rest[CHUNK:] or None
            if self._transport.is_closing():  # that write failed; connection_lost comes
                return
        if self._rest is not None:
            self._deadline.set(self._loop.time() + self._timeouts.block)
            return
        self._deadline.at = FOREVER
        if self._transcript and self._client.open:
            self._transcript.body(self._client.open.wire)
        if self._permitted:
            self._end_body()

    def _flush(self) -> None:
        if self._client.out:
            self._write(b"")

    def _write(self, body: bytes) -> None:
        """A body, and behind it whatever the session has to say."""
        out = self._client.out
        if self._transcript:
            for line in out:
                self._transcript.client(line)
        if self._cipher is None:
            data = b"".join((body, *out))
            self._since_dot += len(data) - len(body)
        else:
            head = self._cipher.seal(body) if body else b""
            tail = self._cipher.seal(b"".join(out)) if out else b""  # the dot begins a record
            data = head + tail
            self._since_dot += len(tail)
        out.clear()
        self._transport.write(data)

    def _quit(self) -> None:
        self._finishing = True
        self._client.ask(Stage.QUIT, b"QUIT\r\n")
        self._flush()
        self._watch()

    def _end(self, stage: Stage, why: str, reply: Reply | None = None) -> None:
        """Nothing more is read or written; `connection_lost` tells what is lost."""
        if self._ending:
            return
        self._ending = stage, why, reply
        if not self._has_transport:
            self._sock.close()
            return
        # What still waits in our own buffer has not been sent, the dot perhaps among it.
        self._dot_written = self._transport.get_write_buffer_size() < self._since_dot
        if stage is not Stage.QUIT or self._transport.get_write_buffer_size():
            self._transport.abort()
            return
        if self._cipher:
            self._transport.write(self._cipher.farewell())
        self._transport.close()

    def _read_what_is_there(self) -> None:
        """A server that refuses early and closes makes our write fail before we have read why."""
        with suppress(OSError):
            while data := self._sock.recv(CHUNK, socket.MSG_DONTWAIT):
                self._settle(data if self._cipher is None else self._unsealed(data))

    def _watch(self) -> None:
        """The deadline of the reply, or of the idleness, that begins now (RFC 5321, 4.5.3.2)."""
        stage = self._client.awaits
        if stage is Stage.DOT:
            # The first look is at whether the body left at all; then the rest of the wait.
            now = self._loop.time()
            self._dot_deadline = now + self._timeouts.dot
            self._deadline.set(now + min(self._timeouts.block, self._timeouts.dot))
        elif stage is not None:
            self._deadline.set(self._loop.time() + self._patience_s(stage))
        elif self.is_idle:
            self._deadline.set(self._loop.time() + self._timeouts.idle)

    def _patience_s(self, stage: Stage) -> float:
        """How long the reply may take."""
        wait_s = self._waits[stage]
        if stage is Stage.GREETING and self.endpoint.is_for_tls:
            return min(wait_s, _TLS_PORT_S)
        if stage in _FIRST_BEHIND_DOT and self._client.is_ride_unanswered:
            return min(wait_s, self._timeouts.behind_dot)
        return wait_s

    def _deadline_passed(self) -> None:
        if self._ending:
            return
        stage = self._client.awaits
        stuck = self._transport.get_write_buffer_size() > 0
        if stage is None and self._rest is None:
            self._quit()
        elif stage is None or (stage is Stage.DOT and stuck):
            self._end(Stage.DATA, f"the server took nothing for {self._timeouts.block:g} s")
        elif stage is Stage.DOT and self._deadline.at < self._dot_deadline:
            self._deadline.set(self._dot_deadline)
        else:
            what = "greeting" if stage is Stage.GREETING else f"reply to {stage.upper()}"
            self.was_silent = True
            self._end(stage, f"no {what} within {self._patience_s(stage):g} s")
