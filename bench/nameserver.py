"""A nameserver on loopback that answers every question about mail after a while, fast.

In: port, milliseconds.  Out: MX "mx." in front of the name, A 9.9.9.1, nothing else.
Touches: one UDP socket, until it is killed.

python -m bench.nameserver PORT MILLISECONDS
"""

from __future__ import annotations

import asyncio
import struct
import sys
from typing import cast

_MX, _A = 15, 1
_TTL_S = 3600
_FLAGS = 0x8180  # a reply, recursion asked for and given (RFC 1035, 4.1.1)
_HEAD = struct.Struct("!HHHHHH")
_TO_QUESTION = b"\xc0\x0c"  # a pointer to the name asked for (RFC 1035, 4.1.4)


class Answers(asyncio.DatagramProtocol):
    """Each reply a while after its question, so that many are under way."""

    def __init__(self, delay_s: float) -> None:
        self._delay_s = delay_s

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._loop = asyncio.get_running_loop()

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        reply = answer(data)
        self._loop.call_later(self._delay_s, lambda: self._transport.sendto(reply, peer))


def answer(query: bytes) -> bytes:
    """The reply to one question."""
    end = query.index(b"\0", _HEAD.size) + 5
    kind = int.from_bytes(query[end - 4 : end - 2], "big")
    question = query[_HEAD.size : end]
    data = b""
    if kind == _MX:
        data = b"\0\x0a\x02mx" + _TO_QUESTION  # preference 10
    elif kind == _A:
        data = bytes((9, 9, 9, 1))
    record = b""
    if data:
        record = _TO_QUESTION + struct.pack("!HHIH", kind, 1, _TTL_S, len(data)) + data
    return _HEAD.pack(int.from_bytes(query[:2], "big"), _FLAGS, 1, bool(data), 0, 0) + (
        question + record
    )


async def serve(port: int, delay_s: float) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(lambda: Answers(delay_s), local_addr=("127.0.0.1", port))
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]) / 1000))
