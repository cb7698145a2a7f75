"""Real brokers, each message delivered three times: one letter each.

The long form, 10,000 letters, is `make broker-repeats`.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path

import aio_pika
import nats
import pytest
import redis
import stomp
from confluent_kafka import Producer

from campaign.config.loader import Campaign
from campaign.intake.queues.deadletters import dead_letters
from fakes.prepared.open_campaigns import open_campaign
from fakes.processes.consuming import Consuming, until
from fakes.servers import brokers

COUNT = int(os.environ.get("BROKER_LETTERS", "20"))
Send = Callable[[list[tuple[str, bytes]]], None]


def letters(count: int = COUNT) -> list[tuple[str, bytes]]:
    """Ids and messages, one of them poison."""
    made = [
        (
            f"id-{n}",
            json.dumps(
                {"template": "code", "to": f"person{n}@example.com", "data": {"code": str(n)}}
            ).encode(),
        )
        for n in range(count)
    ]
    return [*made, ("id-bad", b'{"template": "code", "to": "ada@example.com"}')]


def kept(campaign: Campaign) -> list[str]:
    """Read only: `Arrivals.open` would hold up whoever writes."""
    file = campaign.folder / "state/journal.sqlite.intake"
    if not file.exists() or not file.stat().st_size:
        return []
    with closing(sqlite3.connect(f"file:{file}?mode=ro", uri=True, timeout=30)) as connection:
        return sorted(found[0] for found in connection.execute("SELECT address FROM arrivals"))


@pytest.mark.parametrize("scheme", ["amqp", "redis", "nats", "kafka", "stomp"])
def test_a_broker_that_is_away_is_told_of_in_our_sentences_alone(
    tmp_path: Path, scheme: str
) -> None:
    campaign = open_campaign(tmp_path)
    with closing(socket.create_server(("127.0.0.1", 0))) as taken:
        port = taken.getsockname()[1]  # of nobody, once it is closed
    consuming = Consuming(campaign, f"{scheme}://127.0.0.1:{port}/?queue=letters")
    until(lambda: sum("tried again" in line for line in consuming.said) >= 2)
    assert consuming.end() == 0
    others = [line for line in consuming.said if not line.startswith(f"{scheme}://")]
    assert others == []


@pytest.fixture
def shop(tmp_path: Path) -> Campaign:
    campaign = open_campaign(tmp_path / "shop")
    (tmp_path / "broker").mkdir()
    return campaign


def everything_once(
    campaign: Campaign, url: str, send: Send, broker: brokers.Broker | None = None
) -> None:
    """Each three times, the consumer killed in between, the broker too where it can be."""
    wanted = sorted(f"person{n}@example.com" for n in range(COUNT))
    send(letters())
    consuming = Consuming(campaign, url)
    until(lambda: len(kept(campaign)) >= 3)
    consuming.end(signal.SIGKILL)
    send(letters())
    consuming = Consuming(campaign, url)
    until(lambda: kept(campaign) == wanted)
    if broker:
        broker.kill()
        until(lambda: any("tried again" in line for line in consuming.said))
        broker.start()
        until(lambda: any("there again" in line for line in consuming.said))
    send(letters())
    send([("last", letters(1)[0][1])])
    until(lambda: len(kept(campaign)) == COUNT + 1)
    assert consuming.end() == 0
    assert kept(campaign) == sorted([*wanted, "person0@example.com"])
    (dead,) = dead_letters(*campaign.journal)
    assert dead.id == "id-bad"
    assert "'code' is undefined" in dead.reason


def test_redis(shop: Campaign, tmp_path: Path) -> None:
    with brokers.redis(tmp_path / "broker") as broker:

        def send(messages: list[tuple[str, bytes]]) -> None:
            with redis.Redis(port=broker.port) as client:
                for id_, body in messages:
                    client.xadd("letters", {"body": body, "Idempotency-Key": id_})

        url = f"redis://127.0.0.1:{broker.port}/?queue=letters"
        everything_once(shop, url, send, broker)


def test_nats(shop: Campaign, tmp_path: Path) -> None:
    with brokers.nats(tmp_path / "broker") as broker:

        def send(messages: list[tuple[str, bytes]]) -> None:
            async def main() -> None:
                client = await nats.connect(f"nats://127.0.0.1:{broker.port}")
                stream = client.jetstream()
                await stream.add_stream(name="LETTERS", subjects=["letters"])
                for id_, body in messages:
                    await stream.publish("letters", body, headers={"Idempotency-Key": id_})
                await client.close()

            asyncio.run(main())

        url = f"nats://127.0.0.1:{broker.port}/?queue=letters"
        everything_once(shop, url, send, broker)


def test_kafka(shop: Campaign, tmp_path: Path) -> None:
    with brokers.kafka(tmp_path / "broker") as broker:

        def send(messages: list[tuple[str, bytes]]) -> None:
            producer = Producer({"bootstrap.servers": f"127.0.0.1:{broker.port}"})
            for id_, body in messages:
                producer.produce("letters", body, headers={"Idempotency-Key": id_})
            assert producer.flush(60) == 0

        url = f"kafka://127.0.0.1:{broker.port}/?queue=letters"
        # Killed, the mock cluster forgets its log, and the consumer's place in it means nothing: it
        # is noticed only where it lies beyond the new end, as it does after a few messages.
        everything_once(shop, url, send, broker if COUNT < 100 else None)


def test_rabbitmq(shop: Campaign, tmp_path: Path) -> None:
    with brokers.rabbitmq(tmp_path / "broker") as broker:
        url = f"amqp://guest:guest@127.0.0.1:{broker.port}/"

        def send(messages: list[tuple[str, bytes]]) -> None:
            async def main() -> None:
                connection = await aio_pika.connect(url)
                channel = await connection.channel()
                await channel.declare_queue("letters", durable=True)
                for id_, body in messages:
                    sent = aio_pika.Message(body, message_id=id_, delivery_mode=2)
                    await channel.default_exchange.publish(sent, "letters")
                await connection.close()

            asyncio.run(main())

        everything_once(shop, f"{url}?queue=letters", send)


@pytest.fixture
def activemq(tmp_path: Path) -> Iterator[tuple[brokers.Broker, int]]:
    folder = tmp_path / "activemq"
    folder.mkdir()
    with brokers.activemq(folder) as found:
        yield found


def test_activemq_by_stomp(shop: Campaign, activemq: tuple[brokers.Broker, int]) -> None:
    broker, _ = activemq

    def send(messages: list[tuple[str, bytes]]) -> None:
        connection = stomp.Connection12([("127.0.0.1", broker.port)], auto_content_length=False)
        connection.connect(wait=True)
        for id_, body in messages:
            headers = {"persistent": "true", "Idempotency-Key": id_, "receipt": id_}
            connection.send("/queue/letters", body.decode(), headers=headers)
        connection.disconnect()

    everything_once(shop, f"stomp://127.0.0.1:{broker.port}/?queue=letters", send)
