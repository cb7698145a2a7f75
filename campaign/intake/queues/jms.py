"""Brokers of JMS (ActiveMQ, Artemis) by STOMP 1.2; the door of stomp.py.

In: a `QueueAddress`.  Out: messages of a queue.  Touches: the network, a thread of stomp.py.

Of a JMS TextMessage the broker sends the text, of its properties the headers; `message-id` is the
JMSMessageID, the same at each delivery.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import suppress
from typing import Any

import stomp  # type: ignore[import-untyped]
from stomp.exception import StompException  # type: ignore[import-untyped]

from campaign.intake.queues.addresses import QueueAddress
from campaign.intake.queues.source import PREFETCH, BrokerLost, QueueMessage, key_of

_SUBSCRIPTION = "1"
_CONNECT_S = 15.0


class StompSource:
    """One queue; a name without a slash is that of a queue: "letters" is "/queue/letters"."""

    def __init__(self, address: QueueAddress) -> None:
        self._address = address
        self._connection: Any = None
        self._coming: asyncio.Queue[Any] = asyncio.Queue()

    async def open(self) -> None:
        self._coming = asyncio.Queue()
        try:
            await asyncio.to_thread(self._connect, asyncio.get_running_loop())
        except (StompException, OSError) as error:
            raise BrokerLost(
                f"it cannot be reached: {str(error) or type(error).__name__}"
            ) from error

    def _connect(self, loop: asyncio.AbstractEventLoop) -> None:
        address = self._address
        place = [(address.host, address.port)]
        connection = stomp.Connection12(
            place,
            auto_content_length=False,
            auto_decode=False,
            reconnect_attempts_max=1,
            timeout=_CONNECT_S,
            heartbeats=(10_000, 10_000),
        )
        if address.scheme == "stomps":
            connection.set_ssl(for_hosts=place)
        connection.set_listener("", _Listener(loop, self._coming))
        self._connection = connection
        connection.connect(address.user or None, address.password or None, wait=True)
        queue = address.queue if address.queue.startswith("/") else f"/queue/{address.queue}"
        connection.subscribe(
            queue,
            id=_SUBSCRIPTION,
            ack="client-individual",
            headers={"activemq.prefetchSize": str(PREFETCH)},
        )

    async def messages(self) -> AsyncIterator[QueueMessage]:
        while True:
            found = await self._coming.get()
            if isinstance(found, BrokerLost):
                raise found
            headers, body = found.headers, found.body
            raw = body if isinstance(body, bytes) else body.encode()
            is_again = headers.get("redelivered") == "true"
            yield QueueMessage(raw, key_of(headers, headers.get("message-id")), is_again, headers)

    async def acknowledge(self, message: QueueMessage) -> None:
        try:
            await asyncio.to_thread(self._connection.ack, message.handle["ack"])
        except (StompException, OSError) as error:
            raise BrokerLost(f"the broker has gone: {error}") from error

    async def close(self) -> None:
        connection, self._connection = self._connection, None
        if connection:
            await asyncio.to_thread(_leave, connection)


class _Listener(stomp.ConnectionListener):  # type: ignore[misc]
    """Calls of stomp.py's thread, carried into the event loop."""

    def __init__(self, loop: asyncio.AbstractEventLoop, coming: asyncio.Queue[Any]) -> None:
        self._loop = loop
        self._coming = coming

    def on_message(self, frame: Any) -> None:
        self._put(frame)

    def on_error(self, frame: Any) -> None:
        said = frame.headers.get("message", "") or str(frame.body)
        self._put(BrokerLost(f"the broker says: {said}"))

    def on_disconnected(self) -> None:
        self._put(BrokerLost("the broker has gone"))

    def on_heartbeat_timeout(self) -> None:
        self._put(BrokerLost("the broker has fallen silent"))

    def _put(self, found: Any) -> None:
        with suppress(RuntimeError):  # the loop has ended
            self._loop.call_soon_threadsafe(self._coming.put_nowait, found)


def _leave(connection: Any) -> None:
    with suppress(StompException, OSError):
        connection.disconnect()
