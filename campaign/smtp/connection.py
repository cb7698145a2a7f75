"""One connection to one server: the socket, its deadlines, its TLS.

In: `Endpoint`, letters from a `Courier`.  Out: what became of each letter, told to the courier.
Touches: one socket.

The wire half of this room:

    replies.py     bytes -> Reply                   verdicts.py    Reply -> Verdict
    protocol.py    the session, no socket           auth.py        the login mechanisms
    commands.py    texts -> lines                   extensions.py  reply to EHLO -> Extensions
    envelopes.py   Letter -> MAIL and RCPT
    endpoint.py    what a connection is told, and the Courier it tells
    dial.py        addresses -> connected socket    greeting.py    greeting, EHLO, STARTTLS, AUTH
    traffic.py     the letters, by callbacks        deadline.py    one timer for all deadlines
    connection.py  opening, the socket              tls.py         handshake, certificates
    transcript.py  the session as a text file

`connect` is a coroutine, for it is rare.  Letters run on plain callbacks: on a server that
pipelines, one `data_received` brings [reply to dot k, and to MAIL, RCPT, DATA of k+1], and one
write takes away [body of k+1, its dot, the envelope of k+2].
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import cast

from campaign.errors import RelayError
from campaign.records import Reply, Stage
from campaign.smtp.deadline import FOREVER
from campaign.smtp.dial import dial as dial_endpoint
from campaign.smtp.endpoint import (
    ConnectRefused,
    Courier,
    Endpoint,
    LoginRefused,
    Security,
    Timeouts,
)
from campaign.smtp.extensions import Extensions
from campaign.smtp.greeting import greet
from campaign.smtp.tls import NoTls, Tls, tls_context, tls_trouble
from campaign.smtp.traffic import Traffic
from campaign.smtp.transcript import Transcript

__all__ = [
    "ConnectRefused",
    "Connection",
    "Courier",
    "Endpoint",
    "LoginRefused",
    "Security",
    "Timeouts",
    "connect",
]

Dial = Callable[[Endpoint, float], Awaitable[socket.socket]]


async def connect(
    endpoint: Endpoint,
    courier: Courier,
    *,
    limit: int,
    timeouts: Timeouts | None = None,
    transcript: Transcript | None = None,
    dial: Dial = dial_endpoint,
) -> Connection:
    """A connection ready for its first envelope; it idles until `wake()`.

    `limit`: letters it carries before it says QUIT (less, where the server's LIMITS say so).
    Raises ConnectRefused (try elsewhere or later), LoginRefused (never again), RelayError
    (this endpoint cannot be used as configured).  The courier hears of none of these.
    """
    timeouts = timeouts or Timeouts()
    with _closed_on_failure(transcript):
        try:
            return await _open(endpoint, courier, limit, timeouts, transcript, dial)
        except NoTls:
            if endpoint.security != "opportunistic":
                raise
            clear = replace(endpoint, security="none")
            return await _open(clear, courier, limit, timeouts, transcript, dial)


@contextmanager
def _closed_on_failure(transcript: Transcript | None) -> Iterator[None]:
    """No connection may have come to be that would close it."""
    try:
        yield
    except BaseException as error:
        if transcript:
            transcript.close(str(error) or "given up")
        raise


async def _open(
    endpoint: Endpoint,
    courier: Courier,
    limit: int,
    timeouts: Timeouts,
    transcript: Transcript | None,
    dial: Dial,
) -> Connection:
    if endpoint.security != "none":
        tls_context(endpoint)  # faults of the config before anything is dialled
    sock = await dial(endpoint, timeouts.connect)
    connection = Connection(endpoint, courier, limit, timeouts, transcript, sock)
    try:
        await asyncio.get_running_loop().create_connection(lambda: connection, sock=sock)
        if endpoint.security == "tls":
            await connection.encrypted()
        connection.start(await greet(connection, endpoint))
    except BaseException:
        connection.abort("given up")
        raise
    return connection


class Connection(Traffic):
    """Letters over one connection, and how it is opened; made by `connect` only."""

    _waiter: asyncio.Future[Reply] | None = None  # for the reply to `ask`
    _stage = Stage.CONNECT  # of the opening
    _tls: Tls | None = None
    _shaken: asyncio.Future[None] | None = None  # done when the handshake is

    def start(self, extensions: Extensions) -> None:
        """The opening is through: letters from now on."""
        self._refuse_if_ended()
        most = extensions.letters_per_connection
        self._limit = min(self._limit, most) if most else self._limit
        self._client.extensions = extensions
        self._is_open = True
        self._watch()

    # What the opening (greeting.Talk) needs.

    @property
    def is_encrypted(self) -> bool:
        return self._cipher is not None and not self._is_shaking

    @property
    def local_address(self) -> str:
        return str(self._transport.get_extra_info("sockname")[0])

    @property
    def is_loopback(self) -> bool:
        peer = str(self._transport.get_extra_info("peername")[0]).partition("%")[0]
        return ipaddress.ip_address(peer).is_loopback

    async def greeting(self) -> Reply:
        return await cast("asyncio.Future[Reply]", self._waiter)

    async def ask(self, stage: Stage, line: bytes, shown: str = "") -> Reply:
        self._refuse_if_ended()
        self._waiter = self._loop.create_future()
        self._stage = stage
        self._client.ask(stage)
        if self._transcript:
            self._transcript.client(f"{shown}\r\n".encode() if shown else line)
        self._transport.write(line if self._cipher is None else self._cipher.seal(line))
        self._watch()
        return await self._waiter

    async def encrypt(self) -> None:
        if not self._client.is_quiet:
            raise ConnectRefused(
                f"{self.endpoint.host} sent clear text behind its consent to STARTTLS:"
                " somebody may be tampering with the connection",
                Stage.STARTTLS,
            )
        self._refuse_if_ended()
        self._begin_tls()
        await self.encrypted()

    async def encrypted(self) -> None:
        """Wait for the end of the handshake."""
        await cast("asyncio.Future[None]", self._shaken)
        if self._transcript:
            self._transcript.note("TLS begins")
        self._watch()

    def _begin_tls(self) -> None:
        self._cipher = self._tls = Tls(tls_context(self.endpoint), self.endpoint.host)
        self._shaken = self._loop.create_future()
        self._deadline.set(self._loop.time() + self._timeouts.starttls)
        self._shake(b"")

    def _shake(self, data: bytes) -> None:
        """A step of the handshake."""
        assert self._tls
        assert self._shaken
        try:
            is_done, answer = self._tls.shake(data)
        except OSError as error:
            self._transport.write(self._tls.outgoing())  # the alert, for their log
            self._fail_tls(tls_trouble(self.endpoint, error))
            return
        self._transport.write(answer)
        if is_done:
            self._deadline.at = FOREVER
            self._shaken.set_result(None)
            self.data_received(b"")  # what came with the end of the handshake

    def _fail_tls(self, error: RelayError) -> None:
        assert self._shaken
        if not self._shaken.done():
            self._shaken.set_exception(error)
        if self._waiter:
            self._waiter.cancel()  # nobody asks for the greeting any more
        if self._transcript and self.endpoint.security == "opportunistic":
            self._transcript.note(str(error))
            self._transcript = None  # the second attempt, in clear, goes on with it
        self._end(Stage.STARTTLS, str(error))

    @property
    def _is_shaking(self) -> bool:
        return self._shaken is not None and not self._shaken.done()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._waiter = self._loop.create_future()
        self._stage = Stage.GREETING
        self._client.ask(Stage.GREETING)
        if self.endpoint.security == "tls":
            self._begin_tls()
        else:
            self._watch()

    def _unsealed(self, data: bytes) -> bytes:
        if self._is_shaking:
            self._shake(data)
            return b""
        return super()._unsealed(data)

    def connection_lost(self, exc: Exception | None) -> None:
        if self._is_shaking:
            self._fail_tls(tls_trouble(self.endpoint, OSError("the connection was closed")))
        super().connection_lost(exc)
        if self._waiter and not self._waiter.done():
            self._waiter.set_exception(self._refusal())

    def _deadline_passed(self) -> None:
        if self._is_shaking:
            why = f"no end of the handshake within {self._timeouts.starttls:g} s"
            self._fail_tls(tls_trouble(self.endpoint, OSError(why)))
        else:
            super()._deadline_passed()

    def _hear(self, stage: Stage, reply: Reply) -> None:
        if self._waiter and not self._waiter.done() and stage is not Stage.QUIT:
            self._waiter.set_result(reply)
            self._deadline.at = FOREVER
        else:
            super()._hear(stage, reply)

    def _refuse_if_ended(self) -> None:
        if self._ending:
            raise self._refusal()

    def _refusal(self) -> ConnectRefused:
        _, why, reply = self._ending or (None, "", None)
        is_clear = self.endpoint.security in ("starttls", "none")
        if self._stage is Stage.GREETING and reply is None and is_clear:
            # A port for TLS waits for us to begin, and may say in TLS that we did not.
            why += ' (if this port speaks TLS from the first byte, say security = "tls")'
        return ConnectRefused(f"{self.endpoint.host}: {why}", self._stage, reply)
