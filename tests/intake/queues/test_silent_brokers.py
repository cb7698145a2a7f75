"""A broker that falls silent without ending its connection, as a host without power, has gone."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import nats
import pytest

from campaign.intake.queues.addresses import QueueAddress, read_queue_url
from campaign.intake.queues.jetstream import NatsSource
from campaign.intake.queues.redis_streams import RedisSource
from campaign.intake.queues.source import BrokerLost, QueueSource
from fakes.servers import brokers

ANSWER_S = 0.6


async def _stream_for_nats(port: int) -> None:
    client = await nats.connect(f"nats://127.0.0.1:{port}")
    await client.jetstream().add_stream(name="LETTERS", subjects=["letters"])
    await client.close()


async def _nothing(_: int) -> None:
    """Redis makes a stream for whoever reads it."""


def _redis(address: QueueAddress) -> QueueSource:
    return RedisSource(address, answer_s=ANSWER_S)


def _nats(address: QueueAddress) -> QueueSource:
    return NatsSource(address, answer_s=ANSWER_S)


@pytest.mark.parametrize(
    ("start", "make", "prepare"),
    [
        pytest.param(brokers.redis, _redis, _nothing, id="redis"),
        pytest.param(brokers.nats, _nats, _stream_for_nats, id="nats"),
    ],
)
def test_a_broker_that_falls_silent_is_said_to_have_gone(
    tmp_path: Path,
    start: Callable[[Path], AbstractContextManager[brokers.Broker]],
    make: Callable[[QueueAddress], QueueSource],
    prepare: Callable[[int], object],
) -> None:
    with start(tmp_path) as broker:

        async def main() -> None:
            await prepare(broker.port)  # type: ignore[misc]
            scheme = make.__name__.strip("_")
            source = make(read_queue_url(f"{scheme}://127.0.0.1:{broker.port}/?queue=letters"))
            await source.open()
            coming = asyncio.ensure_future(anext(source.messages()))
            await asyncio.sleep(0)
            broker.halt()
            try:
                with pytest.raises(BrokerLost, match="has gone"):
                    await asyncio.wait_for(coming, 30.0)
                async with asyncio.timeout(30.0):
                    await source.close()
            finally:
                broker.go_on()

        asyncio.run(main())
