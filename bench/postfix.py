"""Into a real Postfix, which queues with fsync, beside smtp-source into the same one.

    python -m bench.postfix [--messages N] [--rounds N]

Postfix has its own configuration and queue for the time of the run and discards what it
delivers; before each candidate its queue is empty.  Ten sessions each.  Needs root.
"""

from __future__ import annotations

import time
from pathlib import Path

from bench.corpus import write_campaign
from bench.machine import SBIN
from bench.options import Options, main
from bench.postfix_server import postfix, wait_until_delivered
from bench.rows import Row, by_turns
from bench.senders import (
    CAMPAIGN,
    counts,
    fresh,
    none_lost,
    plan,
    smtp_source_command,
    wire_size,
)
from bench.servers import Server
from bench.watching import watch

MESSAGES = 8_000
SESSIONS = 10


def measure(options: Options) -> list[Row]:
    """Rates of acceptance and their ratio."""
    count = options.messages or MESSAGES
    with postfix() as server:
        folder = write_campaign(fresh("postfix"), count, server.port, connections=SESSIONS)
        size = wire_size(folder)
        source = smtp_source_command(server, count, size, sessions=SESSIONS)

        def campaign() -> float:
            plan(folder)
            rate = _accepted(server, count, [str(CAMPAIGN), "run", "--yes"], folder)
            none_lost("campaign", counts(folder)["sent"], count)
            return rate

        found = by_turns(
            options.rounds,
            {"campaign": campaign, "smtp-source": lambda: _accepted(server, count, source)},
        )
    ours, theirs = found["campaign"], found["smtp-source"]
    return [
        Row("postfix", "campaign run into Postfix", ours, "/s",
            note=f"{count:,} messages of {size:,} bytes, {SESSIONS} sessions, start included"),
        Row("postfix", "smtp-source into Postfix", theirs, "/s"),
        Row("postfix", "campaign / smtp-source, into Postfix",
            [a / b for a, b in zip(ours, theirs, strict=True)], at_least=0.95),
    ]  # fmt: skip


def _accepted(server: Server, count: int, command: list[str], folder: Path | None = None) -> float:
    """Messages a second from start to exit of the candidate; then the queue runs empty."""
    before = server.received()
    started_s = time.monotonic()
    watch(command, server.received, cwd=folder, env=SBIN)
    seconds = time.monotonic() - started_s
    wait_until_delivered(server, before + count)
    time.sleep(1)
    none_lost(command[0], server.received() - before, count)
    return count / seconds


if __name__ == "__main__":
    main(measure)
