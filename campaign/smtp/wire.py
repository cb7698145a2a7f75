"""The socket under a session: bytes in and out, TLS, one deadline, the transcript.

In: a connected socket, what is to be written.  Out: plain text and events to a `Receiver`.
Touches: one socket.  Fails: never by raising; the receiver hears how the connection ended.

The receiver is first the `Opening`, then the `Connection` that comes of it.  Everything here is a
plain callback; no task, no future per reply.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Sequence
from contextlib import suppress
from typing import Protocol, cast

from campaign.smtp.deadline import FOREVER, Deadline
from campaign.smtp.tls import TlsSession
from campaign.smtp.transcript import Transcript

CHUNK = 64 * 1024  # a larger body is given to the transport in such pieces


class Receiver(Protocol):
    """Who uses the wire."""

    def received(self, data: bytes) -> None:
        """Plain text."""

    def may_write(self) -> None:
        """The transport has room again."""

    def is_late(self) -> None:
        """The deadline has passed."""

    def broke(self, why: str) -> None:
        """Nothing more can be read: `close` or `abort` the wire."""

    def ended(self) -> None:
        """The connection is gone; the last call."""


class Wire(asyncio.Protocol):
    """One TCP connection."""

    def __init__(
        self,
        receiver: Receiver,
        sock: socket.socket,
        transcript: Transcript | None,
        tls: TlsSession | None = None,
    ) -> None:
        """With `tls` the handshake comes before everything else."""
        self.receiver = receiver
        self.transcript = transcript
        self.is_paused = False  # the transport has enough for now
        self.cipher = tls
        self.loop = asyncio.get_running_loop()
        self.deadline = Deadline(self.loop, self._is_late)
        self._is_cut = False  # nothing more is read or written
        self._is_lost = False
        self._sock = sock
        self._transport: asyncio.Transport | None = None
        self.shaken: asyncio.Future[None] | None = None  # the handshake; OSError where it fails

    # -- what the receiver asks ----------------------------------------------------------------

    @property
    def unsent(self) -> int:
        """Bytes that still wait in our own buffer."""
        if self._transport is None or self._is_lost:
            return 0
        return self._transport.get_write_buffer_size()

    @property
    def is_closing(self) -> bool:
        """A write failed; `ended` comes."""
        return self._transport is None or self._transport.is_closing()

    def address(self, which: str) -> str:
        """The IP address of "sockname" or "peername"."""
        assert self._transport is not None
        return str(self._transport.get_extra_info(which)[0])

    def write(self, lines: Sequence[bytes], body: bytes | memoryview = b"") -> int:
        """A body and commands behind it, in one write.  How many bytes the commands became."""
        assert self._transport is not None
        if self.cipher is None:
            data = b"".join((body, *lines))
            self._transport.write(data)
            return len(data) - len(body)
        head = self.cipher.seal(body) if body else b""
        tail = self.cipher.seal(b"".join(lines)) if lines else b""  # the dot begins a record
        self._transport.write(head + tail)
        return len(tail)

    def encrypt(self, tls: TlsSession) -> None:
        """Begin the handshake."""
        self.cipher = tls
        self.shaken = self.loop.create_future()
        self._shake(b"")

    @property
    def is_shaking(self) -> bool:
        """The handshake has begun and is not done."""
        return self.shaken is not None and not self.shaken.done()

    def fail_handshake(self, error: OSError) -> None:
        if self.shaken is not None and not self.shaken.done():
            self.shaken.set_exception(error)

    def wait(self, seconds: float) -> None:
        """`is_late` after so long, unless something else is set before."""
        self.deadline.set(self.loop.time() + seconds)

    def wait_no_more(self) -> None:
        self.deadline.at = FOREVER

    def close(self) -> None:
        """Politely, as far as that is possible at once."""
        if self.unsent:
            self.abort()
        elif self._cut() and self._transport is not None:
            if self.cipher:
                self._transport.write(self.cipher.farewell())
            self._transport.close()

    def abort(self) -> None:
        """Now."""
        if self._cut() and self._transport is not None:
            self._transport.abort()

    def _cut(self) -> bool:
        """Was it whole until now?"""
        was_whole, self._is_cut = not self._is_cut, True
        if self._transport is None:
            self._sock.close()
        return was_whole

    # -- what the loop calls -------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if self.cipher is not None:
            self.encrypt(self.cipher)

    def data_received(self, data: bytes) -> None:
        if not self._is_cut:
            self._take_in(data)

    def eof_received(self) -> None:
        self.receiver.broke("")

    def pause_writing(self) -> None:
        self.is_paused = True

    def resume_writing(self) -> None:
        self.is_paused = False
        if not self._is_cut:
            self.receiver.may_write()

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_lost = True
        self.deadline.cancel()
        self.fail_handshake(OSError("the connection was closed"))
        if not self._is_cut:
            if exc is not None:
                self._read_what_is_there()
            self.receiver.broke(f"connection lost: {exc}" if exc else "")
        self._is_cut = True
        self.receiver.ended()

    def _shake(self, data: bytes) -> None:
        """A step of the handshake."""
        assert self.cipher is not None
        assert self.shaken is not None
        assert self._transport is not None
        try:
            is_done, answer = self.cipher.shake(data)
        except OSError as error:
            self._transport.write(self.cipher.outgoing())  # the alert, for their log
            self.fail_handshake(error)
            return
        self._transport.write(answer)
        if is_done:
            self.wait_no_more()
            self.shaken.set_result(None)
            self._take_in(b"")  # what came with the end of the handshake

    def _take_in(self, data: bytes) -> None:
        if self.is_shaking:
            self._shake(data)
            return
        if self.cipher is not None:
            try:
                data, answer = self.cipher.unseal(data)
            except OSError as error:
                self.receiver.broke(f"TLS is broken: {error}")
                return
            if answer and self._transport is not None:
                self._transport.write(answer)
            if not data:
                return
        if self.transcript:
            self.transcript.server(data)
        self.receiver.received(data)

    def _read_what_is_there(self) -> None:
        """A server that refuses early and closes makes our write fail before we have read why."""
        with suppress(OSError):
            while not self._is_cut and (data := self._sock.recv(CHUNK, socket.MSG_DONTWAIT)):
                self._take_in(data)

    def _is_late(self) -> None:
        if not self._is_cut:
            self.receiver.is_late()
