"""librdkafka's own mock cluster, which speaks Kafka's protocol on loopback, as a process.

In: a port to be known by.  Out: one line with its address.  Touches: loopback, until it is killed.

The cluster chooses its port anew each time, so a pipe for bytes stands at the port that clients
know; what they hear there leads them to the cluster itself.
"""

from __future__ import annotations

import asyncio
import sys

from confluent_kafka import Producer


async def serve(port: int) -> None:
    cluster = Producer({"test.mock.num.brokers": 1, "bootstrap.servers": "none", "log_level": 0})
    (broker,) = cluster.list_topics(timeout=30).brokers.values()

    async def pipe(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while part := await reader.read(65536):
                writer.write(part)
                await writer.drain()
        except OSError:
            pass
        finally:
            writer.close()

    async def connect(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        there, back = await asyncio.open_connection(broker.host, broker.port)
        await asyncio.gather(pipe(reader, back), pipe(there, writer))

    async with await asyncio.start_server(connect, "127.0.0.1", port) as server:
        await server.serve_forever()


if __name__ == "__main__":
    asyncio.run(serve(int(sys.argv[1])))
