"""Streams of Redis, with a group of consumers; the door of redis.

In: a `QueueAddress`.  Out: entries of a stream.  Touches: the network.

An entry has a field `body` with the JSON, and perhaps `idempotency-key`.  What a consumer was
handed and did not acknowledge is handed to it again when it is back, or to another one after a
minute.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator
from typing import Any

import redis.asyncio as redis
from redis.exceptions import RedisError, ResponseError

from campaign.intake.queues.addresses import QueueAddress
from campaign.intake.queues.source import ANSWER_S, PREFETCH, BrokerLost, QueueMessage, key_of

_BLOCK_MS = 1_000
_LEFT_MS = 60_000  # by a consumer that is gone
_LOOK_EVERY = 30  # reads
_CONNECT_S = 15.0


class RedisSource:
    """One stream."""

    def __init__(self, address: QueueAddress, *, answer_s: float = ANSWER_S) -> None:
        self._address = address
        self._answer_s = answer_s
        self._consumer = f"campaign-{socket.gethostname()}"
        self._client: Any = None

    async def open(self) -> None:
        address = self._address
        self._client = redis.from_url(
            address.server,
            username=address.user or None,
            password=address.password or None,
            socket_connect_timeout=_CONNECT_S,
            socket_timeout=_BLOCK_MS / 1000 + self._answer_s,
        )
        try:
            await self._client.xgroup_create(address.queue, address.group, id="0", mkstream=True)
        except ResponseError as error:
            if "BUSYGROUP" not in str(error):
                raise BrokerLost(str(error)) from error
        except (RedisError, OSError) as error:
            raise BrokerLost(f"it cannot be reached: {error}") from error

    async def messages(self) -> AsyncIterator[QueueMessage]:
        """Its own that were left first, then new ones, now and then those that others left."""
        try:
            last = "0"
            while entries := await self._read(last):
                for entry in entries:
                    yield _message(entry, is_again=True)
                last = entries[-1][0]
            while True:
                for _ in range(_LOOK_EVERY):
                    for entry in await self._read(">"):
                        yield _message(entry, is_again=False)
                for entry in await self._left_by_others():
                    yield _message(entry, is_again=True)
        except (RedisError, OSError) as error:
            raise BrokerLost(f"the broker has gone: {error}") from error

    async def _read(self, last: Any) -> list[Any]:
        found = await self._client.xreadgroup(
            self._address.group,
            self._consumer,
            {self._address.queue: last},
            count=PREFETCH,
            block=_BLOCK_MS,
        )
        entries = found[0][1] if found else []
        return [entry for entry in entries if entry[1]]  # one that was deleted has no fields

    async def _left_by_others(self) -> list[Any]:
        found = await self._client.xautoclaim(
            self._address.queue, self._address.group, self._consumer, _LEFT_MS, count=PREFETCH
        )
        return [entry for entry in found[1] if entry[1]]

    async def acknowledge(self, message: QueueMessage) -> None:
        try:
            await self._client.xack(self._address.queue, self._address.group, message.handle)
        except (RedisError, OSError) as error:
            raise BrokerLost(f"the broker has gone: {error}") from error

    async def close(self) -> None:
        client, self._client = self._client, None
        if client:
            await asyncio.gather(client.aclose(), return_exceptions=True)


def _message(entry: tuple[bytes, dict[bytes, bytes]], *, is_again: bool) -> QueueMessage:
    id_, raw = entry
    fields = {name.decode("utf-8", "replace").lower(): value for name, value in raw.items()}
    return QueueMessage(fields.get("body", b""), key_of(fields, id_), is_again, id_)
