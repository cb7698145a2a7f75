"""One POST to an endpoint, over HTTP/1.1, to an address that was looked at before.

In: a url, header fields, a body.  Out: `HookReply`, or `PostError` in a sentence.
Touches: the name service, TCP.

Whoever may write campaign.toml could name a machine that only this host reaches (CWE-918).  So
a name is looked up here, each of its addresses is judged, and what is connected to is an address
that was found public: nobody can answer otherwise a moment later.  Redirects are not followed, a
proxy of the environment is not used, and of an answer no more than its beginning is read.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from contextlib import suppress
from typing import Any, NamedTuple
from urllib.parse import urlsplit

from campaign import __version__
from campaign.routing.guard import is_public

POST_WITHIN_S = 15.0  # the Standard Webhooks: "15-30 s"
_HEAD_BYTES = 32 * 1024
_BODY_BYTES = 64 * 1024  # read for the sake of the connection, which is kept
_SHOWN_BYTES = 200
_MOST_ADDRESSES = 4
_IDLE_KEPT = 8  # connections


class PostError(Exception):
    """There was no answer; says why."""


class HookReply(NamedTuple):
    """What an endpoint said."""

    status: int
    retry_after_s: float = 0.0
    said: str = ""  # the beginning of its body, on one line

    @property
    def is_taken(self) -> bool:
        return 200 <= self.status < 300


class Target(NamedTuple):
    """Where an endpoint is."""

    is_tls: bool
    host: str
    port: int
    path: str  # with the query

    @classmethod
    def of(cls, url: str) -> Target:
        parts = urlsplit(url)
        is_tls = parts.scheme == "https"
        path = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        return cls(is_tls, parts.hostname or "", parts.port or (443 if is_tls else 80), path)

    @property
    def authority(self) -> str:
        """What stands in Host (RFC 9110, 7.2)."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == (443 if self.is_tls else 80) else f"{host}:{self.port}"


class Poster:
    """Posts to one endpoint; connections are kept while it lets them.

    context: an ssl.SSLContext where the system's store of certificates will not do
    """

    def __init__(
        self,
        url: str,
        *,
        allow_private: bool = False,
        context: Any = True,
        within_s: float = POST_WITHIN_S,
    ) -> None:
        self._target = Target.of(url)
        self._allow_private = allow_private
        self._context = context
        self._within_s = within_s
        self._idle: list[_Connection] = []

    async def post(self, fields: Mapping[str, str], body: bytes) -> HookReply:
        """Raises PostError where no complete answer comes."""
        request = self._request(fields, body)
        try:
            async with asyncio.timeout(self._within_s):
                while self._idle:  # one that the server closed meanwhile says nothing at all
                    answer = await self._ask(self._idle.pop(), request, is_old=True)
                    if answer:
                        return answer
                answer = await self._ask(await self._connect(), request)
                assert answer is not None
                return answer
        except TimeoutError:
            raise PostError(f"it gave no answer within {self._within_s:g} s") from None
        except (OSError, asyncio.IncompleteReadError, asyncio.LimitOverrunError) as error:
            raise PostError(_why(error)) from error

    def close(self) -> None:
        while self._idle:
            self._idle.pop().close()

    async def _ask(
        self, connection: _Connection, request: bytes, *, is_old: bool = False
    ) -> HookReply | None:
        """None where a connection that was kept had ended before it answered."""
        is_kept = False
        try:
            answer, is_kept = await connection.ask(request)
            return answer
        except (ConnectionError, asyncio.IncompleteReadError) as error:
            if is_old and not getattr(error, "partial", b""):
                return None
            raise
        finally:
            if is_kept and len(self._idle) < _IDLE_KEPT:
                self._idle.append(connection)
            else:
                connection.close()

    async def _connect(self) -> _Connection:
        target = self._target
        why: OSError | None = None
        for address in await self._addresses():
            try:
                reader, writer = await asyncio.open_connection(
                    address,
                    target.port,
                    ssl=self._context if target.is_tls else None,
                    server_hostname=target.host if target.is_tls else None,
                    limit=_HEAD_BYTES,
                )
                return _Connection(reader, writer)
            except OSError as error:
                why = error
        assert why is not None
        raise why

    async def _addresses(self) -> list[str]:
        """Those that may be connected to.  Raises PostError without any."""
        target = self._target
        try:
            found = await asyncio.get_running_loop().getaddrinfo(
                target.host, target.port, type=socket.SOCK_STREAM
            )
        except (socket.gaierror, UnicodeError) as error:
            said = getattr(error, "strerror", None) or error
            raise PostError(f"the name {target.host} is not found: {said}") from None
        there = list(dict.fromkeys(str(entry[4][0]) for entry in found))
        usable = [
            address
            for address in there
            if self._allow_private or is_public(address.partition("%")[0])
        ]
        if not usable:
            raise PostError(
                f"{target.host} is {', '.join(there[:3])}, which is no public address"
                " (allow_private = true allows it)"
            )
        return usable[:_MOST_ADDRESSES]

    def _request(self, fields: Mapping[str, str], body: bytes) -> bytes:
        head = {
            "Host": self._target.authority,
            "User-Agent": f"campaign/{__version__}",
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "Accept": "*/*",
            **fields,
        }
        lines = [f"POST {self._target.path} HTTP/1.1", *(f"{k}: {v}" for k, v in head.items())]
        return "\r\n".join([*lines, "", ""]).encode("ascii") + body


class _Connection:
    """One connection, with one request at a time."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._reader = reader
        self._writer = writer

    async def ask(self, request: bytes) -> tuple[HookReply, bool]:
        """The answer, and whether the connection can be used again."""
        self._writer.write(request)
        while True:
            head = await self._reader.readuntil(b"\r\n\r\n")
            version, status, fields = _read_head(head)
            if status >= 200:  # 1xx only announce an answer (RFC 9110, 15.2)
                break
        length = fields.get("content-length", "")
        chunked = "transfer-encoding" in fields
        body, is_kept = b"", False
        if status == 204:
            is_kept = True
        elif not chunked and length.isdecimal() and int(length) <= _BODY_BYTES:
            body = await self._reader.readexactly(int(length))
            is_kept = True
        if version != "HTTP/1.1" or fields.get("connection", "").lower() == "close":
            is_kept = False
        shown = " ".join(body[:_SHOWN_BYTES].decode("utf-8", "replace").split())
        return HookReply(status, _seconds(fields.get("retry-after", "")), shown), is_kept

    def close(self) -> None:
        with suppress(OSError, RuntimeError):
            self._writer.close()


def _read_head(head: bytes) -> tuple[str, int, dict[str, str]]:
    first, *lines = head.decode("latin-1").split("\r\n")
    version, _, rest = first.partition(" ")
    code = rest[:3]
    if not version.startswith("HTTP/1.") or not code.isdecimal() or len(code) != 3:
        raise PostError("what it answers is not HTTP/1.1")
    fields = {}
    for line in lines:
        name, colon, value = line.partition(":")
        if colon:
            fields[name.strip().lower()] = value.strip()
    return version, int(code), fields


def _seconds(text: str) -> float:
    """Of Retry-After; a date there is not read, the endpoint rests by its own schedule then."""
    return float(text) if text.isdecimal() and len(text) < 8 else 0.0


def _why(error: BaseException) -> str:
    if isinstance(error, asyncio.IncompleteReadError):
        return "it closed the connection before it had answered"
    if isinstance(error, asyncio.LimitOverrunError):
        return f"the head of its answer is longer than {_HEAD_BYTES // 1024} KB"
    message = getattr(error, "verify_message", "")
    if message:
        return f"its certificate cannot be verified: {message}"
    return str(getattr(error, "strerror", None) or error)
