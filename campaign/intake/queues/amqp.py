"""RabbitMQ and other brokers of AMQP 0-9-1; the door of aio_pika.

In: a `QueueAddress`.  Out: messages of a queue that is there already.  Touches: the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import aio_pika
from aio_pika.exceptions import AMQPError, ChannelNotFoundEntity

from campaign.intake.queues.addresses import QueueAddress
from campaign.intake.queues.source import ANSWER_S, PREFETCH, BrokerLost, QueueMessage, key_of

CONNECT_S = 15.0


class AmqpSource:
    """One queue."""

    def __init__(self, address: QueueAddress) -> None:
        self._address = address
        self._connection: Any = None
        self._coming: asyncio.Queue[Any] = asyncio.Queue()

    async def open(self) -> None:
        address = self._address
        self._coming = asyncio.Queue()
        try:
            self._connection = await aio_pika.connect(
                address.server,
                login=address.user or "guest",
                password=address.password or "guest",
                timeout=CONNECT_S,
                heartbeat=int(ANSWER_S),
            )
            self._connection.close_callbacks.add(self._closed)
            channel = await self._connection.channel()
            await channel.set_qos(prefetch_count=PREFETCH)
            queue = await channel.get_queue(address.queue)  # as it is: it is not ours to make
            await queue.consume(self._coming.put)
        except ChannelNotFoundEntity:
            raise BrokerLost(f"there is no queue '{address.queue}'") from None
        except (AMQPError, OSError, TimeoutError) as error:
            raise BrokerLost(f"it cannot be reached: {str(error) or repr(error)}") from error

    def _closed(self, _: object, error: BaseException | None = None) -> None:
        self._coming.put_nowait(BrokerLost(f"the broker has gone: {error}"))

    async def messages(self) -> AsyncIterator[QueueMessage]:
        while True:
            raw = await self._coming.get()
            if isinstance(raw, BrokerLost):
                raise raw
            key = key_of(raw.headers, raw.message_id)
            yield QueueMessage(raw.body, key, bool(raw.redelivered), raw)

    async def acknowledge(self, message: QueueMessage) -> None:
        try:
            await message.handle.ack()
        except (AMQPError, OSError, RuntimeError) as error:
            raise BrokerLost(f"the broker has gone: {error}") from error

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            connection.close_callbacks.discard(self._closed)
            await asyncio.gather(connection.close(), return_exceptions=True)
