"""A question to a nameserver in one datagram, and the reply; with `resolver` the door to dnspython.

In: a name, a type, a nameserver.  Out: its reply.  Touches: UDP sockets.
"""

from __future__ import annotations

import secrets
import socket
import struct
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from ipaddress import ip_address
from typing import Any, Protocol

import dns.asyncbackend
import dns.exception
import dns.flags
import dns.inet
import dns.message
import dns.name
from dns.rdatatype import RdataType

PAYLOAD = 1232  # dnsflagday.net/2020: what passes without fragments
_INTERNET = 1  # class IN
_EDNS = struct.pack("!BHHIH", 0, RdataType.OPT, PAYLOAD, 0, 0)
_USES = 50  # questions through one socket


class UdpSocket(Protocol):
    """As dnspython opens one; a timeout ends in dns.exception.Timeout."""

    async def sendto(self, what: bytes, destination: Any, timeout: float | None) -> int: ...
    async def recvfrom(self, size: int, timeout: float | None) -> tuple[bytes, Any]: ...
    async def close(self) -> None: ...


async def ask_by_udp(
    used: UdpSocket,
    address: str,
    port: int,
    name: dns.name.Name,
    kind: RdataType,
    timeout_s: float,
) -> dns.message.Message:
    """The reply to one question; whatever else arrives must not end the wait for it.

    Raises dns.exception.Timeout, OSError.

    Why fast: the question is written here (RFC 1035, 4.1; RFC 6891, 6.1).  A `Message` for it, and
    the comparison of two of them, take as long as reading the reply.
    """
    question = (name.to_wire() or b"") + struct.pack("!HH", kind, _INTERNET)
    identity = secrets.randbits(16)
    head = struct.pack("!6H", identity, dns.flags.RD | dns.flags.AD, 1, 0, 0, 1)
    until_s = time.monotonic() + timeout_s
    await used.sendto(head + question + _EDNS, (address, port), timeout_s)
    while True:
        data, (host, from_port, *_) = await used.recvfrom(65535, until_s - time.monotonic())
        is_ours = from_port == port and data[:2] == head[:2] and _is_same(host, address)
        if not is_ours or data[12 : 12 + len(question)].lower() != question.lower():
            continue
        try:
            reply = dns.message.from_wire(data)
        except dns.exception.DNSException:
            continue
        if reply.flags & dns.flags.QR:
            return reply


def _is_same(host: str, address: str) -> bool:
    return host == address or ip_address(host) == ip_address(address)


class QuestionSockets:
    """UDP sockets, each for one question at a time, kept while others wait to ask.

    Why fast: to open one for each question takes a third of what a question costs us
    (`make bench ROW=verify`).  Who forges an answer must guess port and id: so none is used long.
    """

    def __init__(self) -> None:
        self._free: dict[int, list[tuple[UdpSocket, int]]] = {}

    @asynccontextmanager
    async def one_for(
        self, address: str, *, is_waited_for: Callable[[], bool]
    ) -> AsyncIterator[UdpSocket]:
        """One that nobody else uses; after an error it is not used again."""
        family = dns.inet.af_for_address(address)
        free = self._free.setdefault(family, [])
        used, times = free.pop() if free else (await self._opened(family), 0)
        is_good = False
        try:
            yield used
            is_good = True
        finally:
            if is_good and times < _USES and is_waited_for():
                free.append((used, times + 1))
            else:
                await used.close()
                if not is_waited_for():
                    await self._close_all()

    async def _opened(self, family: int) -> UdpSocket:
        backend = dns.asyncbackend.get_default_backend()
        opened: UdpSocket = await backend.make_socket(  # type: ignore[no-untyped-call]
            family, socket.SOCK_DGRAM
        )
        return opened

    async def _close_all(self) -> None:
        """Nobody waits: who asks next may be of another event loop."""
        for free in self._free.values():
            while free:
                await free.pop()[0].close()
