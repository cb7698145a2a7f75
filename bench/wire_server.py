"""A mail server that throws everything away, with STARTTLS and with a long way to it.

    python -m bench.wire_server --counter FILE [--certificate PEM] [--way-ms 25]
        [--throttle-each 3000 --throttle-s 12]

In: options.  Out: its port as the first line of stdout; the number of messages taken as eight
bytes at the start of FILE.  Touches: a port on loopback, that file.

smtp-sink(1) has neither TLS nor distance; this stands in for it where a row needs one of them.
`--way-ms` holds back what arrives and what is answered, each that long, in order: a round trip
lasts twice that.  `--throttle-each` so many messages, recipients meet 451 4.7.1 for a while.
"""

from __future__ import annotations

import argparse
import asyncio
import mmap
import ssl
import struct
import time
from collections import deque
from pathlib import Path
from typing import cast

import uvloop

_END = b"\r\n.\r\n"


class Counter:
    """A number that another process can read while we count."""

    def __init__(self, path: Path) -> None:
        path.write_bytes(b"\0" * 8)
        with path.open("r+b") as file:
            self._map = mmap.mmap(file.fileno(), 8)
        self._count = 0

    def add(self) -> None:
        self._count += 1
        struct.pack_into("<Q", self._map, 0, self._count)


class Throttle:
    """Says "slow down" for a while after each so many messages."""

    def __init__(self, each: int, for_s: float) -> None:
        self._each = each
        self._for_s = for_s
        self._taken = 0
        self._until_s = 0.0

    def took(self) -> None:
        self._taken += 1
        if self._each and self._taken % self._each == 0:
            self._until_s = time.monotonic() + self._for_s

    @property
    def is_on(self) -> bool:
        return time.monotonic() < self._until_s


class Session(asyncio.Protocol):
    """One connection: takes commands in any number at once (RFC 2920), answers in one write."""

    def __init__(
        self, counter: Counter, throttle: Throttle, tls: ssl.SSLContext | None, way_s: float
    ) -> None:
        self._counter = counter
        self._throttle = throttle
        self._has_recipient = False
        self._tls = tls
        self._way_s = way_s
        self._buffer = b""
        self._in_data = False
        self._encrypted = False
        self._transport: asyncio.Transport
        self._arriving: deque[bytes] = deque()
        self._leaving: deque[bytes] = deque()
        self._loop = asyncio.get_running_loop()
        self._upgrade: asyncio.Task[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)
        if not self._encrypted:
            self._answer(b"220 wire.example ESMTP\r\n")

    def data_received(self, data: bytes) -> None:
        if self._way_s:
            self._arriving.append(data)
            self._loop.call_later(self._way_s, lambda: self._take(self._arriving.popleft()))
        else:
            self._take(data)

    def _answer(self, data: bytes) -> None:
        if self._way_s:
            self._leaving.append(data)
            self._loop.call_later(self._way_s, self._leave)
        else:
            self._transport.write(data)

    def _leave(self) -> None:
        data = self._leaving.popleft()
        if not self._transport.is_closing():
            self._transport.write(data)

    def _take(self, data: bytes) -> None:
        buffer = self._buffer + data if self._buffer else data
        replies: list[bytes] = []
        start = 0
        while True:
            if self._in_data:
                end = buffer.find(_END, start)
                if end < 0:
                    break
                start = end + len(_END)
                self._in_data = False
                self._counter.add()
                self._throttle.took()
                replies.append(b"250 2.0.0 Ok\r\n")
                continue
            end = buffer.find(b"\r\n", start)
            if end < 0:
                break
            command = buffer[start : start + 4].upper()
            start = end + 2
            replies.append(self._reply(command))
            if replies[-1].startswith(b"354"):
                # the CRLF before the dot may be the one that ends DATA
                start -= 2
            elif command == b"STAR" and self._tls:
                self._transport.write(replies.pop())
                self._upgrade = self._loop.create_task(self._encrypt(self._tls))
                self._buffer = b""
                return
        self._buffer = buffer[start:]
        if replies:
            self._answer(b"".join(replies))

    def _reply(self, command: bytes) -> bytes:
        if command == b"EHLO":
            offers = [b"wire.example", b"PIPELINING", b"8BITMIME", b"SMTPUTF8", b"SIZE 0"]
            if self._tls and not self._encrypted:
                offers.append(b"STARTTLS")
            offers.append(b"ENHANCEDSTATUSCODES")
            lines = [b"250-" + offer for offer in offers[:-1]] + [b"250 " + offers[-1]]
            return b"\r\n".join(lines) + b"\r\n"
        if command == b"RCPT":
            self._has_recipient = not self._throttle.is_on
            if not self._has_recipient:
                return b"451 4.7.1 Slow down, try again later\r\n"
        if command == b"DATA":
            if not self._has_recipient:
                return b"554 5.5.1 No valid recipients\r\n"
            self._in_data, self._has_recipient = True, False
            return b"354 go on\r\n"
        if command == b"STAR":
            return b"220 2.0.0 go on\r\n"
        if command == b"QUIT":
            self._loop.call_later(2 * self._way_s + 0.01, self._transport.close)
            return b"221 2.0.0 Bye\r\n"
        return b"250 2.0.0 Ok\r\n"

    async def _encrypt(self, tls: ssl.SSLContext) -> None:
        self._encrypted = True
        transport = await self._loop.start_tls(self._transport, self, tls, server_side=True)
        self._transport = cast(asyncio.Transport, transport)


async def serve(
    counter: Counter, throttle: Throttle, tls: ssl.SSLContext | None, way_s: float
) -> None:
    """Until the process is stopped."""
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: Session(counter, throttle, tls, way_s), "127.0.0.1", 0, backlog=500
    )
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--counter", type=Path, required=True)
    parser.add_argument("--certificate", type=Path, help="PEM with certificate and key")
    parser.add_argument("--way-ms", type=float, default=0.0)
    parser.add_argument("--throttle-each", type=int, default=0)
    parser.add_argument("--throttle-s", type=float, default=0.0)
    options = parser.parse_args()
    tls = None
    if options.certificate:
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(options.certificate)
    throttle = Throttle(options.throttle_each, options.throttle_s)
    uvloop.run(serve(Counter(options.counter), throttle, tls, options.way_ms / 1000))


if __name__ == "__main__":
    main()
