"""Which source speaks to a broker, by the scheme of its url.

In: a `QueueAddress`.  Out: a `QueueSource`.  Touches: the loggers of the brokers' libraries.
Fails with MissingExtraError where the library of that broker is not installed.
"""

from __future__ import annotations

import logging
from importlib import import_module

from campaign.errors import MissingExtraError
from campaign.extras import pip_line
from campaign.intake.queues.addresses import QueueAddress
from campaign.intake.queues.source import QueueSource

_SOURCES = {
    "amqp": ("amqp", "AmqpSource"),
    "amqps": ("amqp", "AmqpSource"),
    "redis": ("redis_streams", "RedisSource"),
    "rediss": ("redis_streams", "RedisSource"),
    "nats": ("jetstream", "NatsSource"),
    "tls": ("jetstream", "NatsSource"),
    "stomp": ("jms", "StompSource"),
    "stomps": ("jms", "StompSource"),
    "kafka": ("kafka", "KafkaSource"),
}
# Of the libraries behind the doors.  A logger without a handler writes warnings to stderr.
_LOGGERS = ("aio_pika", "aiormq", "aiokafka", "nats", "redis", "stomp.py")


def source_of(address: QueueAddress) -> QueueSource:
    """Raises MissingExtraError.

    What a library logs is not shown beside our sentences, which say the same once; a program that
    has given logging a handler of its own still gets it.
    """
    for name in _LOGGERS:
        logger = logging.getLogger(name)
        if not logger.handlers:
            logger.addHandler(logging.NullHandler())
    module, name = _SOURCES[address.scheme]
    try:
        found = import_module(f"campaign.intake.queues.{module}")
    except ModuleNotFoundError as error:
        raise MissingExtraError(
            f"{address.scheme}:// needs {error.name}, which is not there", remedy=pip_line("queues")
        ) from None
    source: QueueSource = getattr(found, name)(address)
    return source
