"""NATS with JetStream; the door of nats.

In: a `QueueAddress`.  Out: messages of a subject that a stream keeps.  Touches: the network.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import Any

import nats
from nats.errors import Error as NatsError
from nats.js.errors import NotFoundError

from campaign.intake.queues.addresses import QueueAddress
from campaign.intake.queues.source import ANSWER_S, PREFETCH, BrokerLost, QueueMessage, key_of

_FETCH_S = 1.0
_CONNECT_S = 15
_PINGS = 3  # without an answer, then the broker has gone


class NatsSource:
    """One subject, by a durable consumer with the name of the group."""

    def __init__(self, address: QueueAddress, *, answer_s: float = ANSWER_S) -> None:
        self._address = address
        self._answer_s = answer_s
        self._connection: Any = None
        self._subscription: Any = None

    async def open(self) -> None:
        address = self._address
        try:
            async with asyncio.timeout(_CONNECT_S):  # nats itself would try for ever
                self._connection = await nats.connect(
                    address.server,
                    user=address.user or None,
                    password=address.password or None,
                    allow_reconnect=False,  # whoever consumes waits, and says so
                    max_reconnect_attempts=1,
                    reconnect_time_wait=0.5,
                    error_cb=_unheard,
                    ping_interval=self._answer_s / _PINGS,
                    max_outstanding_pings=_PINGS,
                )
            self._subscription = await self._connection.jetstream().pull_subscribe(
                address.queue, durable=address.group
            )
        except NotFoundError:
            raise BrokerLost(f"no stream keeps the subject '{address.queue}'") from None
        except (NatsError, OSError, TimeoutError) as error:
            raise BrokerLost(f"it cannot be reached: {str(error) or 'no answer'}") from error

    async def messages(self) -> AsyncIterator[QueueMessage]:
        while True:
            try:
                found = await self._subscription.fetch(PREFETCH, timeout=_FETCH_S)
            except TimeoutError:  # nothing came; nats raises its own kind of it
                if not self._connection.is_connected:
                    raise BrokerLost("the broker has gone") from None
                continue
            except (NatsError, OSError) as error:
                raise BrokerLost(f"the broker has gone: {error}") from error
            for raw in found:
                headers = raw.headers or {}
                told = raw.metadata
                number = f"{told.stream}:{told.sequence.stream}"
                key = key_of(headers, headers.get("Nats-Msg-Id") or number)
                yield QueueMessage(raw.data, key, told.num_delivered > 1, raw)

    async def acknowledge(self, message: QueueMessage) -> None:
        try:
            await message.handle.ack_sync()
        except (NatsError, OSError, TimeoutError) as error:
            raise BrokerLost(f"the broker has gone: {error}") from error

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            await asyncio.gather(connection.close(), return_exceptions=True)


async def _unheard(_: Exception) -> None:
    """Errors come to whoever asks next."""
