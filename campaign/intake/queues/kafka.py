"""Topics of Kafka; the door of aiokafka.

In: a `QueueAddress`.  Out: records of a topic.  Touches: the network.

Kafka acknowledges no single record but a place in each partition.  So records are read in batches,
and the place is moved on when every one of a batch is a letter or a dead letter.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import aiokafka  # type: ignore[import-untyped]
from aiokafka.errors import KafkaError  # type: ignore[import-untyped]

from campaign.intake.queues.addresses import QueueAddress
from campaign.intake.queues.source import ANSWER_S, PREFETCH, BrokerLost, QueueMessage, key_of

_POLL_MS = 1_000
_LOOK_EVERY = 5  # polls that bring nothing: the library does not say that the brokers are gone


def _consumer(address: QueueAddress) -> Any:
    login: dict[str, Any] = {}
    if address.user:
        login = {
            "security_protocol": "SASL_PLAINTEXT",
            "sasl_mechanism": "SCRAM-SHA-256",
            "sasl_plain_username": address.user,
            "sasl_plain_password": address.password,
        }
    return aiokafka.AIOKafkaConsumer(
        address.queue,
        bootstrap_servers=f"{address.host}:{address.port}",
        group_id=address.group,
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        **login,
    )


class KafkaSource:
    """One topic; `make` gives the consumer of the library."""

    def __init__(
        self,
        address: QueueAddress,
        make: Callable[[QueueAddress], Any] = _consumer,
        *,
        answer_s: float = ANSWER_S,
    ) -> None:
        self._address = address
        self._make = make
        self._answer_s = answer_s
        self._consumer: Any = None
        self._open: set[str] = set()  # keys of the batch that are not done yet
        self._is_done = asyncio.Event()
        self._seen: set[int] = set()

    async def open(self) -> None:
        self._open.clear()
        self._seen.clear()
        try:
            self._consumer = self._make(self._address)
            await self._answered(self._consumer.start())
        except (KafkaError, OSError) as error:
            raise BrokerLost(f"it cannot be reached: {str(error) or repr(error)}") from error

    async def messages(self) -> AsyncIterator[QueueMessage]:
        idle = 0
        while True:
            try:
                found = await self._consumer.getmany(timeout_ms=_POLL_MS, max_records=PREFETCH)
                batch = [record for records in found.values() for record in records]
                if not batch:
                    idle += 1
                    if idle % _LOOK_EVERY == 0:
                        await self._answered(self._consumer.topics())
                    continue
                idle = 0
                self._is_done.clear()
                self._open = {_number(record) for record in batch}
                for record in batch:
                    yield self._message(record)
                await self._is_done.wait()
                await self._answered(self._consumer.commit())
            except (KafkaError, OSError) as error:
                raise BrokerLost(f"the broker has gone: {str(error) or repr(error)}") from error

    async def _answered(self, asked: Awaitable[object]) -> None:
        """Wait for it; the library would for ever.  Raises TimeoutError where none comes."""
        try:
            async with asyncio.timeout(self._answer_s):
                await asked
        except TimeoutError:
            raise TimeoutError(f"no answer within {self._answer_s:g} s") from None

    def _message(self, record: Any) -> QueueMessage:
        number = _number(record)
        # The first of a partition may be one that we had when we were killed.
        is_again = record.partition not in self._seen
        self._seen.add(record.partition)
        return QueueMessage(
            record.value or b"", key_of(dict(record.headers), number), is_again, number
        )

    async def acknowledge(self, message: QueueMessage) -> None:
        self._open.discard(message.handle)
        if not self._open:
            self._is_done.set()

    async def close(self) -> None:
        consumer, self._consumer = self._consumer, None
        if consumer:
            await asyncio.gather(consumer.stop(), return_exceptions=True)


def _number(record: Any) -> str:
    return f"{record.topic}:{record.partition}:{record.offset}"
