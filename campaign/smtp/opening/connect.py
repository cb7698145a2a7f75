"""How a connection comes to be: dialled, encrypted, greeted, logged in.

In: `Endpoint`, a `Courier`.  Out: a `Connection` ready for its first envelope.
Touches: one socket.  Fails: with ConnectRefused, LoginRefused or RelayError.

`connect` is a coroutine, for it is rare; the letters then run on plain callbacks.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace

from campaign.errors import RelayError
from campaign.records import Reply, Stage
from campaign.smtp.connection import Connection, Courier
from campaign.smtp.endpoint import ConnectRefused, Endpoint, Timeouts
from campaign.smtp.opening.dial import dial as dial_endpoint
from campaign.smtp.opening.greeting import greet
from campaign.smtp.protocol import Client
from campaign.smtp.tls import NoTls, TlsSession, tls_context, tls_trouble
from campaign.smtp.transcript import Transcript
from campaign.smtp.wire import Wire

Dial = Callable[[Endpoint, float], Awaitable[socket.socket]]

# Asked here, they belong to no letter: their replies are heard as those of the opening are.
_OF_A_LETTER = frozenset({Stage.MAIL, Stage.RCPT, Stage.RSET})
_TLS_PORT_S = 15.0  # for a greeting in clear text from a port that is known for TLS


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
    opening = await opened(endpoint, timeouts, transcript, dial)
    return Connection(opening.wire, opening.client, endpoint, courier, limit, timeouts)


async def opened(
    endpoint: Endpoint,
    timeouts: Timeouts,
    transcript: Transcript | None = None,
    dial: Dial = dial_endpoint,
) -> Opening:
    """A session through its EHLO and AUTH.  ConnectRefused, LoginRefused or RelayError, NoTls
    among them."""
    if endpoint.security != "none":
        tls_context(endpoint)  # faults of the config before anything is dialled
    sock = await dial(endpoint, timeouts.connect)
    opening = Opening(endpoint, timeouts, sock, transcript)
    wire = opening.wire
    try:
        await wire.loop.create_connection(lambda: wire, sock=sock)
        if endpoint.security == "tls":
            await opening.encrypted()
        opening.wait()
        opening.client.extensions = await greet(opening, endpoint)
        opening.refuse_if_ended()
    except BaseException:
        wire.abort()
        raise
    return opening


class Opening:
    """Greeting to AUTH as question and answer; implements `greeting.Talk` and `wire.Receiver`."""

    def __init__(
        self,
        endpoint: Endpoint,
        timeouts: Timeouts,
        sock: socket.socket,
        transcript: Transcript | None,
    ) -> None:
        tls = (
            TlsSession(tls_context(endpoint), endpoint.host) if endpoint.security == "tls" else None
        )
        self.wire = Wire(self, sock, transcript, tls)
        self.client = Client(endpoint.notifications)
        self._endpoint = endpoint
        self._timeouts = timeouts
        self._waits = timeouts.by_stage()
        self._stage = Stage.GREETING
        self._answer: asyncio.Future[Reply] = self.wire.loop.create_future()
        self._why = ""  # it has ended
        self._farewell: Reply | None = None  # that ended it
        self.client.ask(Stage.GREETING)  # the server speaks first

    def __repr__(self) -> str:
        return f"<Opening {self._endpoint.name} at {self._stage}{self._why and ': '}{self._why}>"

    def wait(self) -> None:
        """For the answer, if it has not come yet."""
        if not self._answer.done():
            self.wire.wait(self._patience_s)

    # -- greeting.Talk -------------------------------------------------------------------------

    @property
    def is_encrypted(self) -> bool:
        return self.wire.cipher is not None and not self.wire.is_shaking

    @property
    def local_address(self) -> str:
        return self.wire.address("sockname")

    @property
    def is_loopback(self) -> bool:
        return ipaddress.ip_address(self.wire.address("peername").partition("%")[0]).is_loopback

    async def greeting(self) -> Reply:
        return await self._answer

    async def ask(self, stage: Stage, line: bytes, shown: str = "") -> Reply:
        self.refuse_if_ended()
        self._answer = self.wire.loop.create_future()
        self._stage = stage
        self.client.ask(Stage.EHLO if stage in _OF_A_LETTER else stage)
        if self.wire.transcript:
            self.wire.transcript.client(f"{shown}\r\n".encode() if shown else line)
        self.wire.write([line])
        self.wait()
        return await self._answer

    async def encrypt(self) -> None:
        if not self.client.is_quiet:
            raise ConnectRefused(
                f"{self._endpoint.host} sent clear text behind its consent to STARTTLS:"
                " somebody may be tampering with the connection",
                Stage.STARTTLS,
            )
        self.refuse_if_ended()
        self.wire.encrypt(TlsSession(tls_context(self._endpoint), self._endpoint.host))
        await self.encrypted()

    async def encrypted(self) -> None:
        """Wait for the end of the handshake.  Raises NoTls or RelayError."""
        assert self.wire.shaken is not None
        if self.wire.is_shaking:
            self.wire.wait(self._timeouts.starttls)
        try:
            await self.wire.shaken
        except OSError as error:
            raise self._without_tls(tls_trouble(self._endpoint, error)) from error
        if self.wire.transcript:
            self.wire.transcript.note("TLS begins")

    def _without_tls(self, trouble: RelayError) -> RelayError:
        if self.wire.transcript and self._endpoint.security == "opportunistic":
            self.wire.transcript.note(str(trouble))
            self.wire.transcript = None  # the second attempt, in clear, goes on with it
        return trouble

    def refuse_if_ended(self) -> None:
        """Raises ConnectRefused where the connection is gone."""
        if self._why:
            raise self._refusal()

    def _refusal(self) -> ConnectRefused:
        why = self._why
        is_clear = self._endpoint.security in ("starttls", "none")
        if self._stage is Stage.GREETING and self._farewell is None and is_clear:
            # A port for TLS waits for us to begin, and may say in TLS that we did not.
            why += ' (if this port speaks TLS from the first byte, say security = "tls")'
        return ConnectRefused(f"{self._endpoint.host}: {why}", self._stage, self._farewell)

    @property
    def _patience_s(self) -> float:
        wait_s = self._waits[self._stage]
        if self._stage is Stage.GREETING and self._endpoint.is_for_tls:
            return min(wait_s, _TLS_PORT_S)
        return wait_s

    # -- wire.Receiver -------------------------------------------------------------------------

    def received(self, data: bytes) -> None:
        for _, _, reply in self.client.receive(data):
            if not self._answer.done():
                self._answer.set_result(reply)
                self.wire.wait_no_more()
            else:
                self._end(f"the server closes the connection: {reply}", reply)
        if self.client.broken:
            self._end(self.client.broken)

    def is_late(self) -> None:
        if self.wire.is_shaking:
            seconds = self._timeouts.starttls
            self.wire.fail_handshake(OSError(f"no end of the handshake within {seconds:g} s"))
            return
        what = "greeting" if self._stage is Stage.GREETING else f"reply to {self._stage.upper()}"
        self._end(f"no {what} within {self._patience_s:g} s")

    def broke(self, why: str) -> None:
        self._end(why or "the server closed the connection")

    def may_write(self) -> None:
        pass

    def ended(self) -> None:
        if not self._answer.done():
            self._answer.set_exception(self._refusal())
            self._answer.exception()  # nobody may be waiting for it

    def _end(self, why: str, farewell: Reply | None = None) -> None:
        if not self._why:
            self._why, self._farewell = why, farewell
            self.wire.abort()
