"""A nameserver on loopback that answers every question about mail after a while, fast.

In: port, milliseconds, perhaps a JSON file of texts by name.  Out: MX "mx." in front of the name,
A 9.9.9.1, these texts, nothing else.  Touches: that file, one UDP socket, until it is killed.

python -m bench.nameserver PORT MILLISECONDS [TEXTS]
"""

from __future__ import annotations

import asyncio
import json
import struct
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import cast

_A, _MX, _TXT = 1, 15, 16
_TTL_S = 3600
_FLAGS = 0x8180  # a reply, recursion asked for and given (RFC 1035, 4.1.1)
_HEAD = struct.Struct("!HHHHHH")
_TO_QUESTION = b"\xc0\x0c"  # a pointer to the name asked for (RFC 1035, 4.1.4)


class Answers(asyncio.DatagramProtocol):
    """Each reply a while after its question, so that many are under way."""

    def __init__(self, delay_s: float, texts: Mapping[str, str]) -> None:
        self._delay_s = delay_s
        self._texts = texts

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.DatagramTransport, transport)
        self._loop = asyncio.get_running_loop()

    def datagram_received(self, data: bytes, peer: tuple[str, int]) -> None:
        reply = answer(data, self._texts)
        self._loop.call_later(self._delay_s, lambda: self._transport.sendto(reply, peer))


def answer(query: bytes, texts: Mapping[str, str]) -> bytes:
    """The reply to one question; `texts` by name in lower case, without the dot at its end."""
    end = query.index(b"\0", _HEAD.size) + 5
    kind = int.from_bytes(query[end - 4 : end - 2], "big")
    question = query[_HEAD.size : end]
    data = b""
    if kind == _MX:
        data = b"\0\x0a\x02mx" + _TO_QUESTION  # preference 10
    elif kind == _A:
        data = bytes((9, 9, 9, 1))
    elif kind == _TXT and texts:
        text = texts.get(_name(question), "").encode()
        parts = (text[at : at + 255] for at in range(0, len(text), 255))
        data = b"".join(bytes((len(part),)) + part for part in parts)
    record = b""
    if data:
        record = _TO_QUESTION + struct.pack("!HHIH", kind, 1, _TTL_S, len(data)) + data
    return _HEAD.pack(int.from_bytes(query[:2], "big"), _FLAGS, 1, bool(data), 0, 0) + (
        question + record
    )


def _name(question: bytes) -> str:
    labels, at = [], 0
    while size := question[at]:
        labels.append(question[at + 1 : at + 1 + size].decode("ascii", "replace").lower())
        at += 1 + size
    return ".".join(labels)


async def serve(port: int, delay_s: float, texts: Mapping[str, str]) -> None:
    loop = asyncio.get_running_loop()
    await loop.create_datagram_endpoint(
        lambda: Answers(delay_s, texts), local_addr=("127.0.0.1", port)
    )
    await asyncio.Event().wait()


if __name__ == "__main__":
    told = json.loads(Path(sys.argv[3]).read_text()) if len(sys.argv) > 3 else {}
    asyncio.run(serve(int(sys.argv[1]), int(sys.argv[2]) / 1000, told))
