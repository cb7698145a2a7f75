"""A server 50 ms away: how well the wait for replies is used.

    python -m bench.distance [--messages N] [--rounds N]

Ten connections to bench/wire_server.py, which holds everything back for 25 ms each way.  One
message per round trip and connection is what a client can reach that waits for each dot's reply
before it sends the next text.
"""

from __future__ import annotations

from bench.corpus import write_campaign
from bench.options import Options, main
from bench.rows import Row, by_turns
from bench.senders import fresh, send, smtp_source, wire_size
from bench.servers import wire_server
from bench.watching import Course

WAY_MS = 25.0
CONNECTIONS = 10
MESSAGES = 2_000
SOURCE_MESSAGES = 400  # it is four times slower


def measure(options: Options) -> list[Row]:
    """Messages per round trip and connection."""
    count = options.messages or MESSAGES
    with wire_server(way_ms=WAY_MS) as server:
        folder = write_campaign(fresh("distance"), count, server.port, connections=CONNECTIONS)
        size = wire_size(folder)
        found = by_turns(
            options.rounds,
            {
                "campaign": lambda: send(folder, server, count),
                "smtp-source": lambda: smtp_source(
                    server, SOURCE_MESSAGES, size, sessions=CONNECTIONS
                ),
            },
        )

    def per_trip(course: Course) -> float:
        return course.steady_rate * 2 * WAY_MS / 1000 / CONNECTIONS

    return [
        Row("distance", "campaign, messages per round trip and connection",
            [per_trip(one) for one in found["campaign"]], "/trip", at_least=0.8,
            note=f"round trip {2 * WAY_MS:.0f} ms, {CONNECTIONS} connections, while sending"),
        Row("distance", "smtp-source, messages per round trip and connection",
            [per_trip(one) for one in found["smtp-source"]], "/trip"),
    ]  # fmt: skip


if __name__ == "__main__":
    main(measure)
